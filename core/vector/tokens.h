/*
 * core/vector/tokens.h
 *		The vectors of a row: those of an array (a document's or a query's tokens), or a single value.
 *
 * An array's shape is ignored: its elements are the tokens, in storage order.  Nothing is copied; a token
 * is a Datum that points into the array.
 */
#ifndef VC_CORE_VECTOR_TOKENS_H
#define VC_CORE_VECTOR_TOKENS_H

/* tokens of one array are numbered in 16 bits */
#define VCV_MAX_TOKENS 65536

typedef struct VcvTokens
{
	uint32 n;        /* of all tokens */
	uint32 next;     /* the one that comes next */
	const char *at;  /* its place in the array */
	char align;      /* of elements */
	Datum single;    /* where there is no array */
	void *detoasted; /* to free, or NULL */
} VcvTokens;

/*
 * Begin with a value that is not NULL: an array whose elements are varlenas, or one such value.  Detoasts
 * the array in the current memory context.  Errors: null_value_not_allowed for a NULL element,
 * program_limit_exceeded for more than VCV_MAX_TOKENS.
 */
extern void vcv_tokens_begin(VcvTokens *tokens, Datum value, bool is_array);

/* the next token, or false */
extern bool vcv_tokens_next(VcvTokens *tokens, Datum *ret_token);

/* Free what was detoasted: tokens become invalid. */
extern void vcv_tokens_end(VcvTokens *tokens);

/* Number of tokens of an array, from its head alone: a toasted one is not fetched as a whole. */
extern uint32 vcv_tokens_count(Datum value);

#endif
