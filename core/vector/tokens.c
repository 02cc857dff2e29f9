/*
 * core/vector/tokens.c
 *		The vectors of a row: those of an array, or a single value.
 */
#include "postgres.h"

#include "core/vector/tokens.h"

#include "access/tupmacs.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

void
vcv_tokens_begin(VcvTokens *tokens, Datum value, bool is_array)
{
	ArrayType *array;
	int16 length;
	bool by_value;

	memset(tokens, 0, sizeof(*tokens));
	if (!is_array)
	{
		tokens->n = 1;
		tokens->single = value;
		return;
	}
	array = DatumGetArrayTypeP(value);
	if ((Pointer) array != DatumGetPointer(value))
		tokens->detoasted = array;
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("array of vectors must not contain nulls")));
	tokens->n = (uint32) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (tokens->n > VCV_MAX_TOKENS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("array of %u vectors is too large", tokens->n),
						errdetail("At most %d vectors are supported.", VCV_MAX_TOKENS)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &tokens->align);
	if (length != -1)
		elog(ERROR, "elements of type %u are no vectors", ARR_ELEMTYPE(array));
	tokens->at = ARR_DATA_PTR(array);
}

bool
vcv_tokens_next(VcvTokens *tokens, Datum *ret_token)
{
	if (tokens->next == tokens->n)
		return false;
	tokens->next++;
	if (tokens->at == NULL)
	{
		*ret_token = tokens->single;
		return true;
	}
	*ret_token = PointerGetDatum(tokens->at);
	tokens->at = att_addlength_pointer(tokens->at, -1, tokens->at);
	tokens->at = (const char *) att_align_nominal(tokens->at, tokens->align);
	return true;
}

void
vcv_tokens_end(VcvTokens *tokens)
{
	if (tokens->detoasted != NULL)
		pfree(tokens->detoasted);
	tokens->detoasted = NULL;
	tokens->n = tokens->next = 0;
}

uint32
vcv_tokens_count(Datum value)
{
	/* an array's head without its varlena header: ndim, data offset, element type, then dimensions */
	ArrayType *head = (ArrayType *) PG_DETOAST_DATUM_SLICE(
		value, 0, sizeof(ArrayType) - VARHDRSZ + MAXDIM * sizeof(int));
	uint32 n = 0;

	if (VARSIZE(head) >= sizeof(ArrayType) && ARR_NDIM(head) >= 0 && ARR_NDIM(head) <= MAXDIM &&
		VARSIZE(head) >= sizeof(ArrayType) + ARR_NDIM(head) * sizeof(int))
		n = (uint32) ArrayGetNItems(ARR_NDIM(head), ARR_DIMS(head));
	if ((Pointer) head != DatumGetPointer(value))
		pfree(head);
	return n;
}
