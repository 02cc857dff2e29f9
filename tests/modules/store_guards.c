/*
 * tests/modules/store_guards.c
 *		SQL functions that take guards and leave them in every way there is.
 */
#include "postgres.h"

#include "store.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/page.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

VC_FUNCTION(vc_test_put);
VC_FUNCTION(vc_test_page);
VC_FUNCTION(vc_test_spoil);
VC_FUNCTION(vc_test_leave);
VC_FUNCTION(vc_test_pair);
VC_FUNCTION(vc_test_lockable);
VC_FUNCTION(vc_test_deaf);
VC_FUNCTION(vc_test_wait_pinned);
VC_FUNCTION(vc_test_degrade);
VC_FUNCTION(vc_test_increment);
VC_FUNCTION(vc_test_try);

static void
store_text(char *page, const text *value)
{
	Size len = VARSIZE_ANY_EXHDR(value);

	memcpy(vc_page_body(page), VARDATA_ANY(value), len);
	vc_page_set_used(page, len);
}

/* Sets the body of a page, in a record of its own. */
Datum
vc_test_put(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	VcPageWrite w = vc_page_write(index, PG_GETARG_INT64(1), VC_PAGE_ANY);

	store_text(w.page, PG_GETARG_TEXT_PP(2));
	vc_page_write_commit(&w);
	store_close(index, heap);
	PG_RETURN_VOID();
}

/* What is on a page, whatever its state. */
Datum
vc_test_page(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	VcPageRead r = vc_page_read_raw(index, PG_GETARG_INT64(1), NULL);
	char *result;

	if (vc_page_is_new(r.page))
		result = pstrdup("new");
	else if (vc_page_problem(r.page) != NULL)
		result = pstrdup(vc_page_problem(r.page));
	else
	{
		const VcPageOpaque *o = vc_page_opaque_read(r.page);
		VcSpan body = vc_page_contents(r.page);

		result = psprintf("kind %u%s, owner %u.%u, '%s'", o->kind & VC_PAGE_KIND_MASK,
						  vc_page_is_free(r.page) ? " free" : "", o->owner, o->incarnation,
						  pnstrdup(body.data, Min(body.len, 20)));
	}
	vc_page_read_drop(&r);
	store_close(index, NULL);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* Sets a byte of a page in its buffer, past all checks, as damage does. */
Datum
vc_test_spoil(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	int offset = PG_GETARG_INT32(2);
	VcPageRead r = vc_page_read_raw(index, PG_GETARG_INT64(1), NULL);

	if (offset < 0 || offset >= BLCKSZ)
		elog(ERROR, "offset %d", offset);
	unconstify(char *, r.page)[offset] = (char) PG_GETARG_INT32(3);
	vc_page_read_drop(&r);
	store_close(index, NULL);
	PG_RETURN_VOID();
}

/*
 * Takes a guard of some type, edits if it can, and leaves: by `error`, by early return with the scoped
 * drop, or by a break out of a loop.
 */
static bool
leave_read(Relation index, BlockNumber blkno, const char *way)
{
	for (;;)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, blkno, STORE_DATA);

		if (strcmp(way, "error") == 0)
			elog(ERROR, "left by error");
		if (strcmp(way, "break") == 0)
			break;
		return true;
	}
	return false;
}

static bool
leave_write(Relation index, BlockNumber blkno, const char *way, const text *value, bool cleanup)
{
	for (;;)
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = cleanup ? vc_page_write_cleanup(index, blkno, STORE_DATA)
								: vc_page_write(index, blkno, STORE_DATA);

		store_text(w.page, value);
		if (strcmp(way, "error") == 0)
			elog(ERROR, "left by error");
		if (strcmp(way, "break") == 0)
			break;
		if (strcmp(way, "commit") == 0)
			vc_page_write_commit(&w);
		return true;
	}
	return false;
}

static bool
leave_pin(Relation index, BlockNumber blkno, const char *way)
{
	for (;;)
	{
		VC_SCOPED(vc_page_pin_drop) VcPagePin p = vc_page_pin(index, blkno);

		if (strcmp(way, "error") == 0)
			elog(ERROR, "left by error");
		if (strcmp(way, "break") == 0)
			break;
		return true;
	}
	return false;
}

Datum
vc_test_leave(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	BlockNumber blkno = PG_GETARG_INT64(1);
	char *guard = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char *way = text_to_cstring(PG_GETARG_TEXT_PP(3));
	text *value = cstring_to_text("edited");
	VC_GUARDS_ENTER();

	if (strcmp(guard, "read") == 0)
		leave_read(index, blkno, way);
	else if (strcmp(guard, "pin") == 0)
		leave_pin(index, blkno, way);
	else
		leave_write(index, blkno, way, value, strcmp(guard, "cleanup") == 0);
	VC_GUARDS_LEAVE();
	store_close(index, heap);
	PG_RETURN_VOID();
}

/* Edits two pages in one record; way: commit, drop, error, twice (the same page added twice). */
Datum
vc_test_pair(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	char *way = text_to_cstring(PG_GETARG_TEXT_PP(4));
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	char *a = vc_xlog_add(&xlog, PG_GETARG_INT64(1), STORE_DATA);
	char *b;

	b = vc_xlog_add(&xlog, PG_GETARG_INT64(strcmp(way, "twice") == 0 ? 1 : 2), STORE_DATA);
	store_text(a, PG_GETARG_TEXT_PP(3));
	store_text(b, PG_GETARG_TEXT_PP(3));
	if (strcmp(way, "error") == 0)
		elog(ERROR, "left by error");
	if (strcmp(way, "damage") == 0)
		((PageHeader) b)->pd_upper = 7;
	if (strcmp(way, "drop") != 0)
		vc_xlog_commit(&xlog);
	store_close(index, heap);
	PG_RETURN_VOID();
}

/* True if nobody holds a lock or a pin on the page: the strongest guard can be had at once. */
Datum
vc_test_lockable(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	VcPageWrite w;
	bool free = vc_page_write_try(index, PG_GETARG_INT64(1), VC_PAGE_ANY, &w);

	if (free)
	{
		vc_page_write_drop(&w);
		w = vc_page_write_cleanup(index, PG_GETARG_INT64(1), VC_PAGE_ANY);
		vc_page_write_drop(&w);
	}
	store_close(index, heap);
	PG_RETURN_BOOL(free);
}

/*
 * Spins for some milliseconds under a write guard, checking for interrupts all the time, then commits:
 * a cancel that comes meanwhile is served after the commit, not under the lock.
 */
Datum
vc_test_deaf(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PG_GETARG_INT32(3));
	VcPageWrite w = vc_page_write(index, PG_GETARG_INT64(1), STORE_DATA);

	store_text(w.page, PG_GETARG_TEXT_PP(2));
	while (GetCurrentTimestamp() < until)
		CHECK_FOR_INTERRUPTS();
	vc_page_write_commit(&w);
	for (;;)
		CHECK_FOR_INTERRUPTS();
	store_close(index, heap);
	PG_RETURN_VOID();
}

/* Waits for ever with a pin only, which can be cancelled. */
Datum
vc_test_wait_pinned(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	VcPagePin p = vc_page_pin(index, PG_GETARG_INT64(1));

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
	vc_page_pin_drop(&p);
	store_close(index, NULL);
	PG_RETURN_VOID();
}

/* Writes, degrades, and returns what the read guard sees; then pin, read again. */
Datum
vc_test_degrade(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	VcPageWrite w;
	VcPageRead r;
	VcPagePin p;
	VcSpan body;
	text *result;
	VC_GUARDS_ENTER();

	w = vc_page_write(index, PG_GETARG_INT64(1), STORE_DATA);
	store_text(w.page, PG_GETARG_TEXT_PP(2));
	r = vc_page_write_degrade(&w);
	p = vc_page_read_to_pin(&r);
	vc_page_read_drop(&r);
	r = vc_page_pin_read(&p, STORE_DATA);
	vc_page_pin_drop(&p);
	body = vc_page_contents(r.page);
	result = cstring_to_text_with_len(body.data, body.len);
	vc_page_read_step(&r, 0, STORE_META);
	vc_page_read_drop(&r);
	VC_GUARDS_LEAVE();
	store_close(index, heap);
	PG_RETURN_TEXT_P(result);
}

/*
 * Adds one to a counter on the page, n times: the value is read under the share lock and used under the
 * exclusive one if the upgrade says that nothing changed.  Returns how often it said so.
 */
Datum
vc_test_increment(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	int32 n = PG_GETARG_INT32(2);
	int32 same_count = 0;

	for (int32 i = 0; i < n; i++)
	{
		VcPageRead r;
		VcPageWrite w;
		uint64 value;
		bool same;

		CHECK_FOR_INTERRUPTS();
		r = vc_page_read(index, PG_GETARG_INT64(1), STORE_DATA);
		if (!vc_span_copy(vc_page_contents(r.page), 0, &value, sizeof(value)))
			value = 0;
		w = vc_page_upgrade(&r, &same);
		if (same)
			same_count++;
		else if (!vc_span_copy(vc_page_contents(w.page), 0, &value, sizeof(value)))
			value = 0;
		value++;
		memcpy(vc_page_body(w.page), &value, sizeof(value));
		vc_page_set_used(w.page, sizeof(value));
		vc_page_write_commit(&w);
	}
	store_close(index, heap);
	PG_RETURN_INT32(same_count);
}

/* The counter of vc_test_increment; or -1 if the page is locked by somebody. */
Datum
vc_test_try(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	VcPageWrite w;
	int64 value = -1;

	if (vc_page_write_try(index, PG_GETARG_INT64(1), STORE_DATA, &w))
	{
		if (!vc_span_copy(vc_page_contents(w.page), 0, &value, sizeof(value)))
			value = 0;
		vc_page_write_drop(&w);
	}
	store_close(index, heap);
	PG_RETURN_INT64(value);
}
