/*
 * vchord_bm25/query_type.c
 *		The SQL type bm25query: constructors, text and binary form, accessors; opening the index it names.
 *
 * Text: a JSON object with the members "index" (name of the index, or null), one of "vector", "tsvector",
 * "tsquery" and "text" (the payload in the text form of its type, or null), "column" if the query is meant for
 * one column of the index, and "min_score" if it is not 0.  The index is kept by OID and shown by name, the column
 * by number and shown by name.
 *
 * Binary: version (one byte, 1), kind, flags, column (int16), name of the index (counted text), min_score
 * (float8), payload (counted, in the binary form of its type; count -1 if null).
 */
#include "postgres.h"

#include "vchord_bm25/query.h"

#include <math.h>

#include "access/amapi.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "core/attrs.h"
#include "core/compat.h"

#include "vchord_bm25/am.h"

#define BINARY_VERSION 1

static const char *const kind_names[] = {
	[BM25_QUERY_VECTOR] = "vector",
	[BM25_QUERY_TSVECTOR] = "tsvector",
	[BM25_QUERY_TSQUERY] = "tsquery",
	[BM25_QUERY_TEXT] = "text",
};

VC_FUNCTION(bm25query_in);
VC_FUNCTION(bm25query_out);
VC_FUNCTION(bm25query_recv);
VC_FUNCTION(bm25query_send);
VC_FUNCTION(bm25_query_from_vector);
VC_FUNCTION(bm25_query_from_tsvector);
VC_FUNCTION(bm25_query_from_tsquery);
VC_FUNCTION(bm25_query_from_text);
VC_FUNCTION(bm25_query_from_names);
VC_FUNCTION(bm25query_index);
VC_FUNCTION(bm25query_kind);
VC_FUNCTION(bm25query_payload);
VC_FUNCTION(bm25query_min_score);
VC_FUNCTION(bm25query_column);

/* payload: not toasted, NULL if null */
static Bm25QueryData *
make_query(Bm25QueryKind kind, const struct varlena *payload, Oid index, uint8 flags,
		   double min_score)
{
	Size head = MAXALIGN(sizeof(Bm25QueryData));
	Size size = head + (payload == NULL ? 0 : VARSIZE(payload));
	Bm25QueryData *data;

	if (isnan(min_score) || isinf(min_score) || min_score < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("min_score of a bm25query must be finite and not negative")));
	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("bm25query is too large")));
	data = palloc0(size);
	SET_VARSIZE(data, size);
	data->kind = (uint8) kind;
	data->flags = flags;
	data->index = index;
	/* no -0: equal queries shall print alike */
	data->min_score = min_score == 0 ? 0 : min_score;
	if (payload == NULL)
		data->flags |= BM25_QUERY_NULL_PAYLOAD;
	else
	{
		data->payload = (uint32) head;
		memcpy((char *) data + head, payload, VARSIZE(payload));
	}
	return data;
}

/* a payload from its type's text form */
static struct varlena *
payload_from_text(Bm25QueryKind kind, char *text)
{
	switch (kind)
	{
		case BM25_QUERY_VECTOR:
			return (struct varlena *) bm25_vector_parse(text);
		case BM25_QUERY_TSVECTOR:
			return PG_DETOAST_DATUM(DirectFunctionCall1(tsvectorin, CStringGetDatum(text)));
		case BM25_QUERY_TSQUERY:
			return PG_DETOAST_DATUM(DirectFunctionCall1(tsqueryin, CStringGetDatum(text)));
		case BM25_QUERY_TEXT:
			return (struct varlena *) cstring_to_text(text);
	}
	elog(ERROR, "unknown kind of bm25query: %d", (int) kind);
}

static char *
payload_to_text(const Bm25QueryData *data)
{
	struct varlena *payload = bm25_query_payload(data);

	switch ((Bm25QueryKind) data->kind)
	{
		case BM25_QUERY_VECTOR:
			return bm25_vector_print((Bm25Vector *) payload);
		case BM25_QUERY_TSVECTOR:
			return DatumGetCString(DirectFunctionCall1(tsvectorout, PointerGetDatum(payload)));
		case BM25_QUERY_TSQUERY:
			return DatumGetCString(DirectFunctionCall1(tsqueryout, PointerGetDatum(payload)));
		case BM25_QUERY_TEXT:
			return text_to_cstring((text *) payload);
	}
	elog(ERROR, "unknown kind of bm25query: %d", (int) data->kind);
}

static char *
index_to_text(const Bm25QueryData *data)
{
	return DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(data->index)));
}

static Oid
index_from_text(char *name)
{
	return DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));
}

/*----- constructors -----*/

/*
 * to_bm25query(index_oid regclass, query_vector bm25vector, min_score double precision) returns bm25query
 */
Datum
bm25_query_from_vector(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_query(BM25_QUERY_VECTOR, PG_DETOAST_DATUM(PG_GETARG_DATUM(1)),
								 PG_GETARG_OID(0), 0, PG_GETARG_FLOAT8(2)));
}

/*
 * to_bm25query(query tsvector, index regclass, min_score double precision) returns bm25query; not strict: a
 * null is kept, and is an error when the query is used
 */
Datum
bm25_query_from_tsvector(PG_FUNCTION_ARGS)
{
	struct varlena *payload = PG_ARGISNULL(0) ? NULL : PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	Oid index = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	double min_score = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);

	PG_RETURN_POINTER(make_query(BM25_QUERY_TSVECTOR, payload, index,
								 PG_ARGISNULL(1) ? BM25_QUERY_NULL_INDEX : 0, min_score));
}

/*
 * to_bm25query(query tsquery, index regclass, min_score double precision) returns bm25query
 */
Datum
bm25_query_from_tsquery(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_query(BM25_QUERY_TSQUERY, PG_DETOAST_DATUM(PG_GETARG_DATUM(0)),
								 PG_GETARG_OID(1), 0, PG_GETARG_FLOAT8(2)));
}

/*
 * to_bm25query(query text, index regclass, min_score double precision) returns bm25query
 */
Datum
bm25_query_from_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_query(BM25_QUERY_TEXT, PG_DETOAST_DATUM(PG_GETARG_DATUM(0)),
								 PG_GETARG_OID(1), 0, PG_GETARG_FLOAT8(2)));
}

/* Is this our access method?  Another one may bear its name. */
static bool
is_ours(Oid am)
{
	IndexAmRoutine *routine = OidIsValid(am) ? GetIndexAmRoutineByAmId(am, true) : NULL;

	return routine != NULL && routine->ambeginscan == bm25_ambeginscan;
}

/*
 * The bm25 index of a name as regclass would read it, InvalidOid if there is none.  Any text may come,
 * so nothing is raised for one that is no name.
 */
static Oid
find_index(const char *name)
{
	List *parts;
	List *names = NIL;
	RangeVar *range;
	ListCell *cell;
	Oid oid;
	HeapTuple tuple;
	Oid am = InvalidOid;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) || parts == NIL ||
		list_length(parts) > 3)
		return InvalidOid;
	foreach (cell, parts)
		names = lappend(names, makeString((char *) lfirst(cell)));
	range = makeRangeVarFromNameList(names);
	if (range->catalogname != NULL &&
		strcmp(range->catalogname, get_database_name(MyDatabaseId)) != 0)
		return InvalidOid;
	oid = RangeVarGetRelid(range, NoLock, true);
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind == RELKIND_INDEX || form->relkind == RELKIND_PARTITIONED_INDEX)
			am = form->relam;
		ReleaseSysCache(tuple);
	}
	return is_ours(am) ? oid : InvalidOid;
}

/* The kind of query that an untyped literal means for an index. */
static Bm25QueryKind
kind_for_index(Oid index)
{
	switch (bm25_key_type(get_atttype(index, 1)))
	{
		case BM25_TYPE_VECTOR:
			return BM25_QUERY_VECTOR;
		case BM25_TYPE_TSVECTOR:
			return BM25_QUERY_TSVECTOR;
		case BM25_TYPE_TEXT:
		case BM25_TYPE_TEXT_ARRAY:
			break;
	}
	return BM25_QUERY_TEXT;
}

/*
 * to_bm25query(first text, second text, min_score double precision) returns bm25query: one of the two names
 * an index, in the order of either generation; the other is the query, as the column's type reads it.
 */
Datum
bm25_query_from_names(PG_FUNCTION_ARGS)
{
	char *first = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *second = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid index_first = find_index(first);
	Oid index_second = find_index(second);
	Oid index = OidIsValid(index_first) ? index_first : index_second;
	Bm25QueryKind kind;

	if (OidIsValid(index_first) && OidIsValid(index_second))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("both \"%s\" and \"%s\" name a bm25 index", first, second),
						errhint("Cast the one that is the index to regclass and the other one to "
								"the type of the query.")));
	if (!OidIsValid(index))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("neither \"%s\" nor \"%s\" names a bm25 index", first, second),
						errhint("Name an index that exists and is found with the present "
								"search_path.")));
	kind = kind_for_index(index);
	PG_RETURN_POINTER(make_query(kind,
								 payload_from_text(kind, OidIsValid(index_first) ? second : first),
								 index, 0, PG_GETARG_FLOAT8(2)));
}

/*----- text -----*/

/* the column that a query is meant for; its number, if the index is no more */
static char *
column_name(const Bm25QueryData *data)
{
	char *name = get_attname(data->index, (AttrNumber) data->field, true);

	return name != NULL ? name : psprintf("%u", data->field);
}

static uint16
column_from_name(Oid index, const char *name)
{
	AttrNumber column = get_attnum(index, name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("index \"%s\" has no key column \"%s\"", get_rel_name(index), name)));
	return (uint16) column;
}

Datum
bm25query_out(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "{\"index\": ");
	if (data->flags & BM25_QUERY_NULL_INDEX)
		appendStringInfoString(&text, "null");
	else
		escape_json(&text, index_to_text(data));
	appendStringInfo(&text, ", \"%s\": ", kind_names[data->kind]);
	if (data->flags & BM25_QUERY_NULL_PAYLOAD)
		appendStringInfoString(&text, "null");
	else
		escape_json(&text, payload_to_text(data));
	if (data->field != 0)
	{
		appendStringInfoString(&text, ", \"column\": ");
		escape_json(&text, column_name(data));
	}
	if (data->min_score != 0)
		appendStringInfo(&text, ", \"min_score\": %s", float8out_internal(data->min_score));
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

pg_noreturn static void
bad_text(const char *detail)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid text form of bm25query"),
		 errdetail_internal("%s", detail),
		 errhint("It is a JSON object: {\"index\": ..., \"text\": ...}, where vector, tsvector or "
				 "tsquery may stand for text, and min_score may follow.")));
}

/* a string of the JSON, or NULL for null */
static char *
json_string(const JsonbValue *value)
{
	if (value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		bad_text("A member is not a string.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
key_is(const JsonbValue *key, const char *name)
{
	return (size_t) key->val.string.len == strlen(name) &&
		   memcmp(key->val.string.val, name, strlen(name)) == 0;
}

Datum
bm25query_in(PG_FUNCTION_ARGS)
{
	Jsonb *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, PG_GETARG_DATUM(0)));
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;
	int kind = 0;
	char *payload = NULL;
	char *index = NULL;
	char *column = NULL;
	bool has_index = false;
	double min_score = 0;
	Bm25QueryData *data;

	if (!JB_ROOT_IS_OBJECT(json))
		bad_text("It is not an object.");
	iterator = JsonbIteratorInit(&json->root);
	(void) JsonbIteratorNext(&iterator, &key, false);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		int found = 0;

		(void) JsonbIteratorNext(&iterator, &value, true);
		for (int i = BM25_QUERY_VECTOR; i <= BM25_QUERY_TEXT; i++)
		{
			if (key_is(&key, kind_names[i]))
				found = i;
		}
		if (found != 0 && kind != 0)
			bad_text("There is more than one query.");
		if (found != 0)
		{
			kind = found;
			payload = json_string(&value);
		}
		else if (key_is(&key, "index"))
		{
			has_index = true;
			index = json_string(&value);
		}
		else if (key_is(&key, "column"))
			column = json_string(&value);
		else if (key_is(&key, "min_score") && value.type == jbvNumeric)
			min_score = DatumGetFloat8(
				DirectFunctionCall1(numeric_float8, NumericGetDatum(value.val.numeric)));
		else
			bad_text("A member has an unknown name or a wrong type.");
	}
	if (kind == 0 || !has_index)
		bad_text("The index or the query is missing.");
	if (column != NULL && index == NULL)
		bad_text("There is a column without an index.");
	data = make_query((Bm25QueryKind) kind,
					  payload == NULL ? NULL : payload_from_text((Bm25QueryKind) kind, payload),
					  index == NULL ? InvalidOid : index_from_text(index),
					  index == NULL ? BM25_QUERY_NULL_INDEX : 0, min_score);
	if (column != NULL)
		data->field = column_from_name(data->index, column);
	PG_RETURN_POINTER(data);
}

/*----- binary -----*/

/* a payload in its type's binary form */
static bytea *
payload_to_bytes(const Bm25QueryData *data)
{
	Datum payload = PointerGetDatum(bm25_query_payload(data));

	switch ((Bm25QueryKind) data->kind)
	{
		case BM25_QUERY_VECTOR:
			return bm25_vector_to_bytes((Bm25Vector *) DatumGetPointer(payload));
		case BM25_QUERY_TSVECTOR:
			return DatumGetByteaP(DirectFunctionCall1(tsvectorsend, payload));
		case BM25_QUERY_TSQUERY:
			return DatumGetByteaP(DirectFunctionCall1(tsquerysend, payload));
		case BM25_QUERY_TEXT:
			return DatumGetByteaP(DirectFunctionCall1(textsend, payload));
	}
	elog(ERROR, "unknown kind of bm25query: %d", (int) data->kind);
}

/* takes len bytes of the message */
static struct varlena *
payload_from_bytes(Bm25QueryKind kind, StringInfo message, int len)
{
	struct varlena *payload = NULL;
	int start = message->cursor;
	char *string;

	switch (kind)
	{
		case BM25_QUERY_VECTOR:
			payload = (struct varlena *) bm25_vector_from_bytes(pq_getmsgbytes(message, len), len);
			break;
		case BM25_QUERY_TSVECTOR:
			payload = PG_DETOAST_DATUM(DirectFunctionCall1(tsvectorrecv, PointerGetDatum(message)));
			break;
		case BM25_QUERY_TSQUERY:
			payload = PG_DETOAST_DATUM(DirectFunctionCall1(tsqueryrecv, PointerGetDatum(message)));
			break;
		case BM25_QUERY_TEXT:
			string = pq_getmsgtext(message, len, &len);
			return (struct varlena *) cstring_to_text_with_len(string, len);
	}
	if (message->cursor - start != len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary form of bm25query"),
						errdetail("The length of the query is wrong.")));
	return payload;
}

static void
send_counted(StringInfo message, const bytea *bytes)
{
	int len = (int) (VARSIZE(bytes) - VARHDRSZ);

	pq_sendint32(message, (uint32) len);
	pq_sendbytes(message, VARDATA(bytes), len);
}

Datum
bm25query_send(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));
	StringInfoData message;
	char *index = index_to_text(data);

	pq_begintypsend(&message);
	pq_sendbyte(&message, BINARY_VERSION);
	pq_sendbyte(&message, data->kind);
	pq_sendbyte(&message, data->flags);
	pq_sendint16(&message, data->field);
	send_counted(&message, DatumGetByteaP(DirectFunctionCall1(
							   textsend, PointerGetDatum(cstring_to_text(index)))));
	pq_sendfloat8(&message, data->min_score);
	if (data->flags & BM25_QUERY_NULL_PAYLOAD)
		pq_sendint32(&message, PG_UINT32_MAX);
	else
		send_counted(&message, payload_to_bytes(data));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
bm25query_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int version = pq_getmsgbyte(message);
	int kind = pq_getmsgbyte(message);
	int flags = pq_getmsgbyte(message);
	unsigned field = pq_getmsgint(message, 2);
	struct varlena *payload = NULL;
	Bm25QueryData *data;
	double min_score;
	char *index;
	int len;

	if (version != BINARY_VERSION || kind < BM25_QUERY_VECTOR || kind > BM25_QUERY_TEXT ||
		(flags & ~(BM25_QUERY_NULL_PAYLOAD | BM25_QUERY_NULL_INDEX)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary form of bm25query"),
						errdetail("Version, kind or flags are unknown.")));
	len = (int) pq_getmsgint(message, 4);
	index = pq_getmsgtext(message, len, &len);
	min_score = pq_getmsgfloat8(message);
	len = (int) pq_getmsgint(message, 4);
	if ((len < 0) != ((flags & BM25_QUERY_NULL_PAYLOAD) != 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary form of bm25query"),
						errdetail("The length of the query is wrong.")));
	if (len >= 0)
		payload = payload_from_bytes((Bm25QueryKind) kind, message, len);
	data = make_query((Bm25QueryKind) kind, payload,
					  (flags & BM25_QUERY_NULL_INDEX) ? InvalidOid : index_from_text(index),
					  flags & BM25_QUERY_NULL_INDEX, min_score);
	data->field = (uint16) field;
	PG_RETURN_POINTER(data);
}

/*----- accessors -----*/

Datum
bm25query_index(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));

	if (data->flags & BM25_QUERY_NULL_INDEX)
		PG_RETURN_NULL();
	PG_RETURN_OID(data->index);
}

Datum
bm25query_kind(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));

	PG_RETURN_TEXT_P(cstring_to_text(kind_names[data->kind]));
}

Datum
bm25query_payload(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));

	if (data->flags & BM25_QUERY_NULL_PAYLOAD)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(payload_to_text(data)));
}

Datum
bm25query_min_score(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(data->min_score);
}

Datum
bm25query_column(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));

	if (data->field == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(column_name(data)));
}

/*----- use -----*/

void
bm25_query_check_nulls(const Bm25QueryData *data)
{
	if (data->flags & BM25_QUERY_NULL_PAYLOAD)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("bm25query contains a null vector")));
	if (data->flags & BM25_QUERY_NULL_INDEX)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("bm25query contains a null index")));
}

/*
 * A score tells about all rows of an index, so it takes the right to read what is indexed: the table, or the
 * indexed columns if there are no expressions among them.
 */
static void
check_rights(Relation index)
{
	Oid table = index->rd_index->indrelid;
	Oid user = GetUserId();

	if (pg_class_aclcheck(table, user, ACL_SELECT) == ACLCHECK_OK)
		return;
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber column = index->rd_index->indkey.values[i];

		if (column == 0 || pg_attribute_aclcheck(table, column, user, ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
	}
}

/*
 * Has REINDEX CONCURRENTLY put another index in the place of this one?  It makes the new one valid and the old one
 * invalid in one transaction, and nothing else changes two indexes of which one stays invalid.  The old one
 * is kept up until nobody is left who may have looked its name up before: it answers as it did.
 */
static bool
was_exchanged(Relation index)
{
	bool found = false;
	HeapTuple own;
	Relation table;
	ListCell *lc;
	List *others;

	if (index->rd_rel->relkind != RELKIND_INDEX || !index->rd_index->indislive ||
		!index->rd_index->indisready)
		return false;
	table = try_relation_open(index->rd_index->indrelid, AccessShareLock);
	own = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(RelationGetRelid(index)));
	if (table == NULL || !HeapTupleIsValid(own))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the relation does not exist")));
	others = RelationGetIndexList(table);
	foreach (lc, others)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= ((Form_pg_index) GETSTRUCT(tuple))->indisvalid &&
				 HeapTupleHeaderGetRawXmin(tuple->t_data) == HeapTupleHeaderGetRawXmin(own->t_data);
		ReleaseSysCache(tuple);
	}
	list_free(others);
	ReleaseSysCache(own);
	relation_close(table, NoLock);
	return found;
}

Relation
bm25_query_open_index(Oid oid)
{
	Relation index = try_relation_open(oid, AccessShareLock);

	if (index == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the relation does not exist")));
	/* a partitioned one stands for all its parts: statistics are summed (stats.c) */
	if (index->rd_rel->relkind != RELKIND_INDEX &&
		index->rd_rel->relkind != RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the relation \"%s\" is not an index", RelationGetRelationName(index))));
	if (index->rd_indam->ambeginscan != bm25_ambeginscan)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the index \"%s\" is not a bm25 index", RelationGetRelationName(index))));
	check_rights(index);
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot access temporary indexes of other sessions")));
	if (!index->rd_index->indisvalid && !was_exchanged(index))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the index \"%s\" is not valid", RelationGetRelationName(index)),
						errhint("It is being built, or its build failed: REINDEX it.")));
	return index;
}
