/*
 * vchord_bm25/evaluate.c
 *		The operators <&> and @@ on a value: the path of every plan that is no scan of the index.
 *
 * A call site resolves its query once, against the index that the query names and the view of the statement
 * (stats.h), and keeps that as long as query and snapshot stay the same.  A row then costs its tokens.
 *
 * Columns.  The operator scores its operand as a value of one column of the index: the one whose type is the
 * operand's.  If several columns of the index have this type, the query must say which
 * (bm25_field(query, 'column')).  The score over several columns is the sum of their operators, written as such:
 * (title <&> q) + (body <&> q); an index over just these columns gives this order, too (sum_path.c).
 *
 * Elements.  An index can have one column of arrays whose elements are its fields (Bm25Fields.elements).  Then the operand
 * is the array of them, ARRAY[title, body] <&> q, and the score is the weighted sum over the fields that are
 * not null.  An array in which all is null is not in the index: score 0, and no match.
 */
#include "postgres.h"

#include "access/genam.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/attrs.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/phrase.h"
#include "vchord_bm25/score.h"

typedef struct CallSite
{
	MemoryContext context; /* of everything below; reset with the query */
	Bm25QueryData *data;   /* NULL: nothing resolved */
	Bm25Moment moment;
	Bm25Query query;
	Bm25Scorer scorer;
	int column; /* of the index, from 0, and its fields */
	Bm25FieldSpan span;
	/* outlives a change of the query, as its caches of tokens are worth something */
	MemoryContext maker_context;
	Bm25Fields fields;
	Bm25DocumentMaker *maker;
} CallSite;

static const char *
type_name(Bm25KeyType type)
{
	switch (type)
	{
		case BM25_TYPE_VECTOR:
			return "bm25vector";
		case BM25_TYPE_TSVECTOR:
			return "tsvector";
		case BM25_TYPE_TEXT:
			return "text";
		case BM25_TYPE_TEXT_ARRAY:
			return "text[]";
	}
	return "unknown";
}

/* the column of the index that an operand of this type is a value of */
static int
find_column(Relation index, const Bm25Fields *fields, const Bm25QueryData *data, Bm25KeyType type)
{
	int found = -1;

	if (data->field == BM25_ALL_FIELDS)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the operator <&> scores one column"),
						errhint("The score over several columns is the sum of their operators.")));
	if (data->field > 0)
	{
		found = data->field - 1;
		if (found >= bm25_columns(fields) || bm25_column_type(fields, found) != type)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("column %d of index \"%s\" is not of type %s", data->field,
								   RelationGetRelationName(index), type_name(type))));
		return found;
	}
	for (int i = 0; i < bm25_columns(fields); i++)
	{
		if (bm25_column_type(fields, i) != type)
			continue;
		if (found >= 0)
			ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
							errmsg("several columns of index \"%s\" are of type %s",
								   RelationGetRelationName(index), type_name(type)),
							errhint("Say which one is meant: bm25_field(query, 'column').")));
		found = i;
	}
	if (found < 0)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("no column of index \"%s\" is of type %s",
							   RelationGetRelationName(index), type_name(type))));
	return found;
}

static CallSite *
make_site(MemoryContext parent)
{
	CallSite *site = MemoryContextAllocZero(parent, sizeof(CallSite));

	site->context = AllocSetContextCreate(parent, "vchord_bm25 operator", ALLOCSET_SMALL_SIZES);
	site->maker_context =
		AllocSetContextCreate(parent, "vchord_bm25 operator documents", ALLOCSET_SMALL_SIZES);
	return site;
}

static void
resolve(CallSite *site, const Bm25QueryData *data, const Bm25Moment *moment, Bm25KeyType type,
		bool positions)
{
	MemoryContext caller;
	Bm25QueryData *copy;
	Bm25Fields fields;
	Bm25View *view;
	Relation index;

	site->data = NULL;
	MemoryContextReset(site->context);
	caller = MemoryContextSwitchTo(site->context);
	copy = palloc(VARSIZE(data));
	memcpy(copy, data, VARSIZE(data));
	bm25_query_check_nulls(copy);

	index = bm25_query_open_index(copy->index);
	view = bm25_view_get(index, NULL, site->context);
	fields = view->fields;
	site->column = find_column(index, &fields, copy, type);
	site->span = bm25_column_fields(&fields, site->column);
	bm25_query_resolve(copy, &fields, &site->query);
	bm25_scorer_init(&site->scorer, view, &site->query, site->span);
	index_close(index, NoLock);

	fields.positions = positions;
	if (site->maker == NULL || memcmp(&site->fields, &fields, sizeof(fields)) != 0)
	{
		site->maker = NULL;
		MemoryContextReset(site->maker_context);
		MemoryContextSwitchTo(site->maker_context);
		site->maker = bm25_document_maker_create(&fields);
		site->fields = fields;
	}
	MemoryContextSwitchTo(caller);
	site->moment = *moment;
	site->data = copy;
}

/*
 * The call site, with its query resolved, and the operand as a document.  NULL if it is none: no row with this
 * value is indexed.
 */
static CallSite *
prepare(FunctionCallInfo fcinfo, Bm25KeyType type, bool positions, Bm25Document *ret_document)
{
	CallSite *site = fcinfo->flinfo->fn_extra;
	Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(1));
	Bm25Moment moment = bm25_moment(NULL);
	Datum values[BM25_MAX_FIELDS] = {0};
	bool isnull[BM25_MAX_FIELDS];
	ItemPointerData nowhere;

	if (site == NULL)
	{
		site = make_site(fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = site;
	}
	if (site->data == NULL || !bm25_moment_equal(&site->moment, &moment) ||
		VARSIZE(site->data) != VARSIZE(data) || memcmp(site->data, data, VARSIZE(data)) != 0)
		resolve(site, data, &moment, type, positions);
	PG_FREE_IF_COPY(data, 1);

	memset(isnull, true, sizeof(isnull));
	values[site->column] = PG_GETARG_DATUM(0);
	isnull[site->column] = false;
	ItemPointerSetInvalid(&nowhere);
	return bm25_document_make(site->maker, values, isnull, &nowhere, ret_document) ? site : NULL;
}

static Datum
score(FunctionCallInfo fcinfo, Bm25KeyType type)
{
	Bm25Document document;
	const CallSite *site = prepare(fcinfo, type, false, &document);
	double result = site == NULL ? 0 : bm25_scorer_document(&site->scorer, &document);

	/* never -0 */
	PG_RETURN_FLOAT8(result > 0 ? -result : 0);
}

static Datum
match(FunctionCallInfo fcinfo, Bm25KeyType type)
{
	Bm25Document document;
	const CallSite *site = prepare(fcinfo, type, true, &document);

	PG_RETURN_BOOL(site != NULL && bm25_match_document(&site->query, site->span, &document) &&
				   (site->query.min_score <= 0 ||
					bm25_scorer_document(&site->scorer, &document) >= site->query.min_score));
}

VC_FUNCTION(bm25_score_vector);
VC_FUNCTION(bm25_score_tsvector);
VC_FUNCTION(bm25_score_text);
VC_FUNCTION(bm25_score_text_array);
VC_FUNCTION(bm25_match_vector);
VC_FUNCTION(bm25_match_text);
VC_FUNCTION(bm25_match_text_array);

/* bm25_score(bm25vector, bm25query) returns double precision */
Datum
bm25_score_vector(PG_FUNCTION_ARGS)
{
	return score(fcinfo, BM25_TYPE_VECTOR);
}

/* bm25_score(tsvector, bm25query) returns double precision */
Datum
bm25_score_tsvector(PG_FUNCTION_ARGS)
{
	return score(fcinfo, BM25_TYPE_TSVECTOR);
}

/* bm25_score(text, bm25query) returns double precision */
Datum
bm25_score_text(PG_FUNCTION_ARGS)
{
	return score(fcinfo, BM25_TYPE_TEXT);
}

/* bm25_score(text[], bm25query) returns double precision */
Datum
bm25_score_text_array(PG_FUNCTION_ARGS)
{
	return score(fcinfo, BM25_TYPE_TEXT_ARRAY);
}

/* bm25_match(bm25vector, bm25query) returns boolean */
Datum
bm25_match_vector(PG_FUNCTION_ARGS)
{
	return match(fcinfo, BM25_TYPE_VECTOR);
}

/* bm25_match(text, bm25query) returns boolean */
Datum
bm25_match_text(PG_FUNCTION_ARGS)
{
	return match(fcinfo, BM25_TYPE_TEXT);
}

/* bm25_match(text[], bm25query) returns boolean */
Datum
bm25_match_text_array(PG_FUNCTION_ARGS)
{
	return match(fcinfo, BM25_TYPE_TEXT_ARRAY);
}

/*----- bm25_field -----*/

VC_FUNCTION(bm25_field);

/*
 * bm25_field(bm25query, text) returns bm25query: the query, for the operators on this column of its index.
 */
Datum
bm25_field(PG_FUNCTION_ARGS)
{
	const Bm25QueryData *data = DatumGetBm25Query(PG_GETARG_DATUM(0));
	char *column = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Bm25QueryData *copy = palloc(VARSIZE(data));
	Relation index;
	int field = 0;

	memcpy(copy, data, VARSIZE(data));
	bm25_query_check_nulls(copy);
	index = bm25_query_open_index(copy->index);
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		if (strcmp(NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname), column) == 0)
			field = i + 1;
	}
	if (strcmp(column, BM25_ALL_FIELDS_NAME) == 0 &&
		IndexRelationGetNumberOfKeyAttributes(index) > 1)
		field = BM25_ALL_FIELDS;
	if (field == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("index \"%s\" has no key column \"%s\"",
							   RelationGetRelationName(index), column)));
	index_close(index, NoLock);
	copy->field = (uint16) field;
	PG_RETURN_POINTER(copy);
}
