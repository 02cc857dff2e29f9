/*
 * vchord_bm25/vector_type.c
 *		The SQL type bm25vector: text and binary form, casts, constructors, equality.
 *
 * Text: {id:frequency, ...}, ids ascending.  Blanks between tokens, a + before a number and a comma before the
 * closing brace are accepted; positions in messages count bytes from 1.
 *
 * Binary: little endian number of ids, sum of frequencies, ids, frequencies.  What an older version sent, big
 * endian number of ids, ids, frequencies, is accepted, too: its length is never a multiple of 8.
 */
#include "postgres.h"

#include "vchord_bm25/query.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/compat.h"

#include "vchord_bm25/tokenize.h"

#define MAX_DIGITS 48 /* upstream's limit, leading zeros included */

VC_FUNCTION(_bm25catalog_bm25vector_in);
VC_FUNCTION(_bm25catalog_bm25vector_out);
VC_FUNCTION(_bm25catalog_bm25vector_recv);
VC_FUNCTION(_bm25catalog_bm25vector_send);
VC_FUNCTION(_bm25catalog_bm25vector_operator_eq);
VC_FUNCTION(_bm25catalog_bm25vector_operator_neq);
VC_FUNCTION(_vchord_bm25_cast_array_to_bm25vector);
VC_FUNCTION(_vchord_bm25_cast_bm25vector_to_array);
VC_FUNCTION(bm25_vector_from_tsvector);
VC_FUNCTION(bm25_vector_from_arrays);

/* An all-zero vector of n terms. */
static Bm25Vector *
allocate(size_t n)
{
	size_t size = offsetof(Bm25Vector, data) + n * 2 * sizeof(uint32);
	Bm25Vector *vector;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("bm25vector has too many terms: %zu", n)));
	vector = palloc0(size);
	SET_VARSIZE(vector, size);
	vector->n = (uint32) n;
	return vector;
}

static void
check_sum(uint64 sum)
{
	if (sum > PG_UINT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("The sum of term frequencies is exceeding u32::MAX.")));
}

static int
compare_entries(const void *a, const void *b)
{
	uint32 x = ((const Bm25VectorEntry *) a)->id;
	uint32 y = ((const Bm25VectorEntry *) b)->id;

	return (x > y) - (x < y);
}

Bm25Vector *
bm25_vector_make(Bm25VectorEntry *entries, size_t n)
{
	Bm25Vector *vector;
	size_t distinct = 0;
	uint64 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += entries[i].tf;
	check_sum(sum);
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n; i++)
	{
		if (distinct > 0 && entries[distinct - 1].id == entries[i].id)
			entries[distinct - 1].tf += entries[i].tf;
		else
			entries[distinct++] = entries[i];
	}
	vector = allocate(distinct);
	vector->length = (uint32) sum;
	for (size_t i = 0; i < distinct; i++)
	{
		vector->data[i] = entries[i].id;
		vector->data[distinct + i] = entries[i].tf;
	}
	return vector;
}

/*----- text -----*/

typedef struct Parser
{
	const char *start;
	const char *at;
} Parser;

static int
position(const Parser *parser)
{
	return (int) (parser->at - parser->start) + 1;
}

static void
skip_blanks(Parser *parser)
{
	while (*parser->at != '\0' && strchr(" \t\n\r\f\v", *parser->at) != NULL)
		parser->at++;
}

/* Complains about the character here, which fits nothing. */
pg_noreturn static void
bad_character(const Parser *parser)
{
	char c = *parser->at;

	if (c == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("Bad parsing at position %d", position(parser)),
						errdetail("The text ends before its closing brace.")));
	if (c == '{' || c == '}')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("Bad parentheses character '%c' at position %d", c, position(parser))));
	if (c == ':')
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("Bad colon at position %d", position(parser))));
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("Bad character at position %d", position(parser))));
}

static uint32
take_number(Parser *parser)
{
	uint64 value = 0;
	int digits = 0;
	int start = position(parser);

	if (*parser->at == '+')
		parser->at++;
	while (*parser->at >= '0' && *parser->at <= '9')
	{
		if (++digits > MAX_DIGITS)
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("Too long number at position %d", start)));
		value = value * 10 + (uint64) (*parser->at++ - '0');
		/* stays out of range, without overflow */
		if (value > PG_UINT32_MAX)
			value = (uint64) PG_UINT32_MAX + 1;
	}
	if (digits == 0 && strchr(",:}", *parser->at) != NULL && *parser->at != '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("Too short number at position %d", start)));
	if (digits == 0)
		bad_character(parser);
	if (value > PG_UINT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("Bad parsing at position %d", start),
						errdetail("Numbers are less than 4294967296.")));
	return (uint32) value;
}

/* Takes `{ id:tf, ... }` of the text, into ids and tfs if these are given; returns how many. */
static size_t
parse(const char *text, uint32 *ids, uint32 *tfs, uint64 *ret_sum)
{
	Parser parser = {text, text};
	uint32 last = 0;
	uint64 sum = 0;
	size_t n = 0;

	skip_blanks(&parser);
	if (*parser.at == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("The input string is empty.")));
	if (*parser.at != '{')
		bad_character(&parser);
	parser.at++;
	for (skip_blanks(&parser); *parser.at != '}'; skip_blanks(&parser))
	{
		int start = position(&parser);
		uint32 id = take_number(&parser);
		uint32 tf;

		if (n > 0 && id <= last)
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("Indexes are not increasing at position %d", start)));
		last = id;
		skip_blanks(&parser);
		if (*parser.at == ',' || *parser.at == '}')
			ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("Missing colon at position %d", position(&parser))));
		if (*parser.at != ':')
			bad_character(&parser);
		parser.at++;
		skip_blanks(&parser);
		start = position(&parser);
		tf = take_number(&parser);
		if (tf == 0)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("Term frequency is zero at position %d", start)));
		sum += tf;
		if (ids != NULL)
		{
			ids[n] = id;
			tfs[n] = tf;
		}
		n++;
		skip_blanks(&parser);
		if (*parser.at == ',')
			parser.at++;
		else if (*parser.at != '}')
			bad_character(&parser);
	}
	parser.at++;
	skip_blanks(&parser);
	if (*parser.at != '\0')
		bad_character(&parser);
	*ret_sum = sum;
	return n;
}

Bm25Vector *
bm25_vector_parse(const char *text)
{
	uint64 sum;
	size_t n = parse(text, NULL, NULL, &sum);
	Bm25Vector *vector;

	check_sum(sum);
	vector = allocate(n);
	vector->length = (uint32) sum;
	(void) parse(text, vector->data, vector->data + n, &sum);
	return vector;
}

char *
bm25_vector_print(const Bm25Vector *vector)
{
	const uint32 *ids = bm25_vector_ids(vector);
	const uint32 *tfs = bm25_vector_tfs(vector);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (uint32 i = 0; i < vector->n; i++)
		appendStringInfo(&text, "%s%u:%u", i == 0 ? "" : ", ", ids[i], tfs[i]);
	appendStringInfoChar(&text, '}');
	return text.data;
}

Datum
_bm25catalog_bm25vector_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(bm25_vector_parse(PG_GETARG_CSTRING(0)));
}

Datum
_bm25catalog_bm25vector_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(bm25_vector_print(DatumGetBm25Vector(PG_GETARG_DATUM(0))));
}

/*----- binary -----*/

static uint32
little_endian(const char *p)
{
	const uint8 *b = (const uint8 *) p;

	return b[0] | (uint32) b[1] << 8 | (uint32) b[2] << 16 | (uint32) b[3] << 24;
}

static uint32
big_endian(const char *p)
{
	const uint8 *b = (const uint8 *) p;

	return b[3] | (uint32) b[2] << 8 | (uint32) b[1] << 16 | (uint32) b[0] << 24;
}

static void
put_little_endian(char **p, uint32 value)
{
	for (int i = 0; i < 4; i++)
		*(*p)++ = (char) (value >> (8 * i));
}

pg_noreturn static void
bad_binary(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					errmsg("invalid binary form of bm25vector"), errdetail_internal("%s", detail)));
}

Bm25Vector *
bm25_vector_from_bytes(const char *data, int len)
{
	bool older = len % 8 == 4;
	int head = older ? 4 : 8;
	Bm25Vector *vector;
	uint64 sum = 0;
	uint32 n;

	if (len < head || len % 4 != 0)
		bad_binary("The length is wrong.");
	n = older ? big_endian(data) : little_endian(data);
	if ((uint64) len != (uint64) head + (uint64) n * 8)
		bad_binary("The length does not fit the number of terms.");
	vector = allocate(n);
	for (size_t i = 0; i < (size_t) n * 2; i++)
	{
		const char *p = data + head + i * 4;

		vector->data[i] = older ? big_endian(p) : little_endian(p);
		if (i > 0 && i < n && vector->data[i] <= vector->data[i - 1])
			bad_binary("Ids are not increasing.");
		if (i >= n && vector->data[i] == 0)
			bad_binary("A term frequency is zero.");
		if (i >= n)
			sum += vector->data[i];
	}
	check_sum(sum);
	if (!older && sum != little_endian(data + 4))
		bad_binary("The length of the document is not the sum of the frequencies.");
	vector->length = (uint32) sum;
	return vector;
}

bytea *
bm25_vector_to_bytes(const Bm25Vector *vector)
{
	size_t n = (size_t) vector->n * 2;
	bytea *bytes = palloc(VARHDRSZ + 8 + n * 4);
	char *p = VARDATA(bytes);

	SET_VARSIZE(bytes, VARHDRSZ + 8 + n * 4);
	put_little_endian(&p, vector->n);
	put_little_endian(&p, vector->length);
	for (size_t i = 0; i < n; i++)
		put_little_endian(&p, vector->data[i]);
	return bytes;
}

Datum
_bm25catalog_bm25vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int len = message->len - message->cursor;

	PG_RETURN_POINTER(bm25_vector_from_bytes(pq_getmsgbytes(message, len), len));
}

Datum
_bm25catalog_bm25vector_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(bm25_vector_to_bytes(DatumGetBm25Vector(PG_GETARG_DATUM(0))));
}

/*----- equality -----*/

static bool
vectors_equal(FunctionCallInfo fcinfo)
{
	const Bm25Vector *a = DatumGetBm25Vector(PG_GETARG_DATUM(0));
	const Bm25Vector *b = DatumGetBm25Vector(PG_GETARG_DATUM(1));

	return a->n == b->n && a->length == b->length &&
		   memcmp(a->data, b->data, (size_t) a->n * 2 * sizeof(uint32)) == 0;
}

Datum
_bm25catalog_bm25vector_operator_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(vectors_equal(fcinfo));
}

Datum
_bm25catalog_bm25vector_operator_neq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!vectors_equal(fcinfo));
}

/*----- casts and constructors -----*/

/* Elements of an integer array of any shape; none may be null or negative. */
static const int32 *
array_elements(ArrayType *array, int *ret_n)
{
	const int32 *element = (const int32 *) ARR_DATA_PTR(array);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("array of a bm25vector must not contain nulls")));
	for (int i = 0; i < n; i++)
	{
		if (element[i] < 0)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("array of a bm25vector must not contain negative numbers: %d",
								   element[i])));
	}
	*ret_n = n;
	return element;
}

static Bm25VectorEntry *
allocate_entries(int n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(Bm25VectorEntry));
}

/*
 * integer[] to bm25vector: each element is an occurrence of a term.
 */
Datum
_vchord_bm25_cast_array_to_bm25vector(PG_FUNCTION_ARGS)
{
	int n;
	const int32 *id = array_elements(PG_GETARG_ARRAYTYPE_P(0), &n);
	Bm25VectorEntry *entries = allocate_entries(n);
	Bm25Vector *vector;

	for (int i = 0; i < n; i++)
		entries[i] = (Bm25VectorEntry){(uint32) id[i], 1};
	vector = bm25_vector_make(entries, (size_t) n);
	pfree(entries);
	PG_RETURN_POINTER(vector);
}

/*
 * bm25vector to integer[]: each id as often as it occurs.
 */
Datum
_vchord_bm25_cast_bm25vector_to_array(PG_FUNCTION_ARGS)
{
	const Bm25Vector *vector = DatumGetBm25Vector(PG_GETARG_DATUM(0));
	const uint32 *ids = bm25_vector_ids(vector);
	const uint32 *tfs = bm25_vector_tfs(vector);
	ArrayType *array;
	int32 *element;
	size_t size;

	if (vector->n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	if (vector->length > MaxArraySize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("bm25vector is too long for an array: %u occurrences", vector->length)));
	if (ids[vector->n - 1] > PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("id %u of a bm25vector does not fit integer", ids[vector->n - 1])));
	size = ARR_OVERHEAD_NONULLS(1) + (size_t) vector->length * sizeof(int32);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT4OID;
	ARR_DIMS(array)[0] = (int) vector->length;
	ARR_LBOUND(array)[0] = 1;
	element = (int32 *) ARR_DATA_PTR(array);
	for (uint32 i = 0; i < vector->n; i++)
	{
		for (uint32 j = 0; j < tfs[i]; j++)
			*element++ = (int32) ids[i];
	}
	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * bm25_vector(tsvector) returns bm25vector: ids by bm25_lexeme_id, frequencies by counting positions
 */
Datum
bm25_vector_from_tsvector(PG_FUNCTION_ARGS)
{
	TSVector tsvector = PG_GETARG_TSVECTOR(0);
	const WordEntry *entry = ARRPTR(tsvector);
	Bm25VectorEntry *entries = allocate_entries(tsvector->size);
	Bm25Vector *vector;

	for (int i = 0; i < tsvector->size; i++)
	{
		if (!entry[i].haspos)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("tsvector must have positions")));
		entries[i].id = bm25_lexeme_id(STRPTR(tsvector) + entry[i].pos, entry[i].len);
		entries[i].tf = POSDATALEN(tsvector, &entry[i]);
	}
	vector = bm25_vector_make(entries, (size_t) tsvector->size);
	pfree(entries);
	PG_RETURN_POINTER(vector);
}

/*
 * bm25_vector(ids integer[], tfs integer[]) returns bm25vector
 */
Datum
bm25_vector_from_arrays(PG_FUNCTION_ARGS)
{
	int n;
	int ntfs;
	const int32 *id = array_elements(PG_GETARG_ARRAYTYPE_P(0), &n);
	const int32 *tf = array_elements(PG_GETARG_ARRAYTYPE_P(1), &ntfs);
	Bm25VectorEntry *entries = allocate_entries(n);
	Bm25Vector *vector;

	if (n != ntfs)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays of ids and frequencies differ in length: %d and %d", n, ntfs)));
	for (int i = 0; i < n; i++)
	{
		if (tf[i] == 0)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("Term frequency is zero at position %d", i + 1)));
		entries[i] = (Bm25VectorEntry){(uint32) id[i], (uint32) tf[i]};
	}
	vector = bm25_vector_make(entries, (size_t) n);
	pfree(entries);
	PG_RETURN_POINTER(vector);
}
