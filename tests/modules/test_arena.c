/*
 * tests/modules/test_arena.c
 *		Arenas in a backend: what an error, a cancel or a savepoint leaves behind.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/arena.h"
#include "core/attrs.h"

VC_FUNCTION(vc_test_arena_total);
VC_FUNCTION(vc_test_arena_fill);
VC_FUNCTION(vc_test_arena_source);

/* Bytes held by all arenas of this backend. */
Datum
vc_test_arena_total(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_INT64((int64) vc_arena_total_bytes());
}

Datum
vc_test_arena_source(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(vc_arena_source()));
}

/*
 * (kb, budget_kb, how): fills an arena of the statement with kb and touches all of it; then
 * 'return' leaves it to the context, 'destroy' frees it, 'error' raises one, 'wait' waits for a
 * cancel.  Returns the bytes held before leaving.
 */
Datum
vc_test_arena_fill(PG_FUNCTION_ARGS)
{
	int32 kb = PG_GETARG_INT32(0);
	int32 budget_kb = PG_GETARG_INT32(1);
	char *how = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Size budget = budget_kb < 0 ? VC_ARENA_UNLIMITED : (Size) budget_kb * 1024;
	VcArena *arena = vc_arena_create(CurrentMemoryContext, "test arena", budget);
	int64 held;

	for (int32 i = 0; i < kb; i++)
		memset(vc_arena_alloc(arena, 1024), 0x55, 1024);
	held = (int64) vc_arena_total_bytes();
	if (strcmp(how, "error") == 0)
		elog(ERROR, "as asked, with %s", held >= (int64) kb * 1024 ? "everything held" : "a hole");
	while (strcmp(how, "wait") == 0)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
	if (strcmp(how, "destroy") == 0)
		vc_arena_destroy(arena);
	PG_RETURN_INT64(held);
}
