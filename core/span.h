/*
 * core/span.h
 *		Bounds-checked view of bytes that came from a page.
 *
 * Sizes, offsets and counts found on disk are untrusted.  A span carries the length that is known
 *to be readable; every accessor checks against it (in release builds too), with arithmetic that
 *cannot overflow, and returns NULL or false instead of a wild pointer.  The caller turns that into
 * vc_corrupt() with what it knows about the place.
 */
#ifndef VC_CORE_SPAN_H
#define VC_CORE_SPAN_H

typedef struct VcSpan
{
	const char *data;
	Size len;
} VcSpan;

static inline VcSpan
vc_span(const void *data, Size len)
{
	return (VcSpan){(const char *) data, len};
}

/* Do n bytes at offset lie inside? */
static inline bool
vc_span_has(VcSpan span, uint64 offset, uint64 n)
{
	return offset <= span.len && n <= span.len - offset;
}

/* n bytes at offset, or NULL. */
static inline const void *
vc_span_at(VcSpan span, uint64 offset, uint64 n)
{
	return vc_span_has(span, offset, n) ? span.data + offset : NULL;
}

/* An array of count elements of the given size (not 0) at offset, or NULL.  Alignment is the
 * caller's. */
static inline const void *
vc_span_array(VcSpan span, uint64 offset, uint64 count, Size size)
{
	if (offset > span.len || count > (span.len - offset) / size)
		return NULL;
	return span.data + offset;
}

/* The part [offset, offset + n); data is NULL if it is not inside. */
static inline VcSpan
vc_span_sub(VcSpan span, uint64 offset, uint64 n)
{
	return vc_span_has(span, offset, n) ? vc_span(span.data + offset, n) : vc_span(NULL, 0);
}

/* Copies n bytes at offset out, for values whose alignment is not known; false and untouched if not
 * inside. */
static inline bool
vc_span_copy(VcSpan span, uint64 offset, void *ret_value, Size n)
{
	if (!vc_span_has(span, offset, n))
		return false;
	memcpy(ret_value, span.data + offset, n);
	return true;
}

/* Takes n bytes off the front; NULL and unchanged if there are fewer. */
static inline const void *
vc_span_take(VcSpan *span, uint64 n)
{
	const char *front = span->data;

	if (n > span->len)
		return NULL;
	span->data += n;
	span->len -= n;
	return front;
}

/* Typed pointer to a struct at offset, or NULL. */
#define VC_SPAN_AS(span, offset, type) ((const type *) vc_span_at((span), (offset), sizeof(type)))

#endif
