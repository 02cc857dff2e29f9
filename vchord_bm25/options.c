/*
 * vchord_bm25/options.c
 *		Index options: the schema of the TOML document and of the native reloptions, and how they rank
 *		beside settings.
 *
 * Precedence: a setting that is set anywhere (SET, ALTER ROLE, ALTER DATABASE, configuration), else the
 * reloption, else the default.  limit, prefilter, growing_limit and merge_fanout count at once when altered; the
 * others are written into the index by its build, so a change needs REINDEX.
 */
#include "postgres.h"

#include "vchord_bm25/am.h"

#include <math.h>

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_ts_config.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/guc.h"
#include "core/options.h"

#include "vchord_bm25/settings.h"

#define WEIGHTS_BYTES 512
#define NORMS_BYTES   16
/* upstream's k1 ends at 2, pg_textsearch's at 10; any value >= 0 has a meaning */
#define K1_MAX     10
#define WEIGHT_MAX 1e6
/* as neighbours in an LSM tree: with 2 all is rewritten all the time, with 64 a search visits too many */
#define FANOUT_DEFAULT 8
#define FANOUT_MAX     64

typedef struct Bm25Options
{
	VcOptHead head;
	bool prefilter;
	bool positions;
	int32 limit;
	int32 default_limit;
	int32 growing_limit;
	int32 merge_fanout;
	double k1;
	double b;
	char norms[NORMS_BYTES];
	char weights[WEIGHTS_BYTES];
	char text_config[BM25_CONFIG_BYTES];
} Bm25Options;

/* places in option_keys */
typedef enum Bm25OptionKey
{
	KEY_K1,
	KEY_B,
	KEY_BUILD,
	KEY_LIMIT,
	KEY_DEFAULT_LIMIT,
	KEY_PREFILTER,
	KEY_TEXT_CONFIG,
	KEY_POSITIONS,
	KEY_NORMS,
	KEY_WEIGHTS,
	KEY_GROWING_LIMIT,
	KEY_MERGE_FANOUT,
	KEY_COUNT
} Bm25OptionKey;

#define AT(member) offsetof(Bm25Options, member)

static const VcOptKey option_keys[KEY_COUNT] = {
	[KEY_K1] = {"k1", "k1", VC_OPT_REAL, AT(k1), .min = 0, .max = K1_MAX,
				.desc = "How slowly repetitions of a term saturate"},
	[KEY_B] = {"b", "b", VC_OPT_REAL, AT(b), .min = 0, .max = 1,
			   .desc = "How much long documents are held down"},
	[KEY_BUILD] = {"build", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_LIMIT] = {NULL, "limit", VC_OPT_INT, AT(limit), .min = BM25_LIMIT_ALL,
				   .max = BM25_LIMIT_MAX,
				   .desc = "Rows a scan returns at most, used where bm25.limit is not set"},
	[KEY_DEFAULT_LIMIT] = {NULL, "default_limit", VC_OPT_INT, AT(default_limit),
						   .min = BM25_LIMIT_ALL, .max = BM25_LIMIT_MAX,
						   .desc = "Another name of limit"},
	[KEY_PREFILTER] = {NULL, "prefilter", VC_OPT_BOOL, AT(prefilter),
					   .desc = "Used where bm25.prefilter is not set"},
	[KEY_TEXT_CONFIG] = {NULL, "text_config", VC_OPT_STRING, AT(text_config), BM25_CONFIG_BYTES,
						 .desc = "Text search configuration for text columns and text queries"},
	[KEY_POSITIONS] = {NULL, "positions", VC_OPT_BOOL, AT(positions),
					   .desc = "Keep positions of terms, for phrases"},
	[KEY_NORMS] = {NULL, "norms", VC_OPT_STRING, AT(norms), NORMS_BYTES,
				   .desc = "Lengths of documents as scores see them: quantised or exact"},
	[KEY_WEIGHTS] =
		{NULL, "weights", VC_OPT_STRING, AT(weights), WEIGHTS_BYTES,
		 .desc = "Weight of each column in the score, or of each element of an array, separated by "
				 "commas"},
	[KEY_GROWING_LIMIT] = {NULL, "growing_limit", VC_OPT_INT, AT(growing_limit), .min = 1,
						   .max = BM25_GROWING_LIMIT_MAX,
						   .desc = "Pages of unsealed rows at which an insert seals them"},
	[KEY_MERGE_FANOUT] = {NULL, "merge_fanout", VC_OPT_INT, AT(merge_fanout), .min = 2,
						  .max = FANOUT_MAX, .desc = "Segments of one size that are merged"},
};

static const Bm25Options option_defaults = {
	.growing_limit = BM25_GROWING_LIMIT_DEFAULT,
	.merge_fanout = FANOUT_DEFAULT,
	.k1 = 1.2,
	.b = 0.75,
	.norms = "quantised",
};

static void validate_options(const void *options);

static const VcOptSchema option_schema = {
	.keys = option_keys,
	.nkeys = KEY_COUNT,
	.size = sizeof(Bm25Options),
	.defaults = &option_defaults,
	.validate = validate_options,
};

static relopt_kind option_kind;

/* Numbers separated by commas; returns how many, or -1. */
static int
parse_weights(const char *text, double *ret_weight)
{
	int n = 0;

	for (;;)
	{
		char *end;
		double value = strtod(text, &end);

		if (end == text || n == BM25_MAX_FIELDS || !(value > 0 && value <= WEIGHT_MAX))
			return -1;
		ret_weight[n++] = value;
		text = end + strspn(end, " ");
		if (*text == '\0')
			return n;
		if (*text++ != ',')
			return -1;
	}
}

static Oid
find_config(const char *text)
{
	List *name = stringToQualifiedNameList(text, NULL);
	Oid config = get_ts_config_oid(name, false);
	HeapTuple tuple;

	/* a dump is restored with an empty search_path */
	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	if (HeapTupleIsValid(tuple))
	{
		Oid schema = ((Form_pg_ts_config) GETSTRUCT(tuple))->cfgnamespace;

		ReleaseSysCache(tuple);
		if (list_length(name) == 1 && schema != PG_CATALOG_NAMESPACE)
			vc_options_invalid(
				psprintf("Write %s.", quote_qualified_identifier(get_namespace_name(schema),
																 strVal(linitial(name)))),
				"`text_config` does not say the schema of \"%s\"", text);
	}
	return config;
}

static void
validate_options(const void *options)
{
	const Bm25Options *o = options;
	double weight[BM25_MAX_FIELDS];

	if (vc_options_given(o, KEY_LIMIT) && vc_options_given(o, KEY_DEFAULT_LIMIT))
		vc_options_invalid(NULL, "`limit` and `default_limit` are one option, give one of them");
	if (strcmp(o->norms, "quantised") != 0 && strcmp(o->norms, "quantized") != 0 &&
		strcmp(o->norms, "exact") != 0)
		vc_options_invalid("It is quantised or exact.", "unknown value of `norms`: \"%s\"",
						   o->norms);
	if (vc_options_given(o, KEY_WEIGHTS) && parse_weights(o->weights, weight) < 0)
		vc_options_invalid("Give a positive number for each column, or for each element of "
						   "the arrays, separated by commas.",
						   "`weights` is not a list of weights: \"%s\"", o->weights);
	if (vc_options_given(o, KEY_TEXT_CONFIG))
		(void) find_config(o->text_config);
}

void
bm25_options_init(void)
{
	option_kind = vc_options_register(&option_schema);
}

bytea *
bm25_amoptions(Datum reloptions, bool validate)
{
	return vc_options_reloptions(&option_schema, option_kind, reloptions, validate);
}

/* The qualified name of a configuration, as it is kept in the index. */
static void
config_name(Oid config, char *ret_name)
{
	HeapTuple tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	Form_pg_ts_config form;
	char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search configuration %u", config);
	form = (Form_pg_ts_config) GETSTRUCT(tuple);
	name =
		quote_qualified_identifier(get_namespace_name(form->cfgnamespace), NameStr(form->cfgname));
	if (strlen(name) >= BM25_CONFIG_BYTES)
		ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG),
						errmsg("name of text search configuration %s is too long", name)));
	strcpy(ret_name, name);
	ReleaseSysCache(tuple);
}

/*
 * A configuration that the index was built with cannot be dropped without it.  The dependency stays until
 * the index goes, also when another build used another configuration.
 */
static void
depend_on_config(Relation index, Oid config)
{
	Oid oid = RelationGetRelid(index);
	ObjectAddress depender;
	ObjectAddress referenced;

	ObjectAddressSet(depender, RelationRelationId, oid);
	ObjectAddressSet(referenced, TSConfigRelationId, config);
	/* of an earlier build */
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, oid, DEPENDENCY_NORMAL,
											  TSConfigRelationId, config);
	recordDependencyOn(&depender, &referenced, DEPENDENCY_NORMAL);
}

void
bm25_build_options(Relation index, int ncolumns, const Bm25KeyType *types,
				   Bm25BuildOptions *ret_options)
{
	Bm25Options o;
	Bm25BuildOptions *ret = ret_options;
	bool has_text = false;

	for (int i = 0; i < ncolumns; i++)
		has_text |= types[i] == BM25_TYPE_TEXT || types[i] == BM25_TYPE_TEXT_ARRAY;
	vc_options_read(&option_schema, index, &o);
	memset(ret, 0, sizeof(*ret));
	ret->k1 = o.k1;
	ret->b = o.b;
	ret->positions = o.positions;
	ret->exact_norms = strcmp(o.norms, "exact") == 0;
	ret->nfields = ncolumns;
	for (int i = 0; i < ncolumns; i++)
		ret->weight[i] = 1;
	if (vc_options_given(&o, KEY_WEIGHTS))
	{
		int n = parse_weights(o.weights, ret->weight);

		ret->elements = ncolumns == 1 && types[0] == BM25_TYPE_TEXT_ARRAY && n > 1;
		if (ret->elements)
			ret->nfields = n;
		else if (n != ncolumns)
			vc_options_invalid(NULL, "number of `weights` (%d) is not the number of columns (%d)",
							   n, ncolumns);
	}
	if (vc_options_given(&o, KEY_TEXT_CONFIG) || has_text)
	{
		Oid config = vc_options_given(&o, KEY_TEXT_CONFIG) ? find_config(o.text_config)
														   : getTSCurrentConfig(true);

		config_name(config, ret->text_config);
		depend_on_config(index, config);
	}
}

uint32
bm25_growing_limit(Relation index)
{
	const Bm25Options *o = vc_options_native(&option_schema, index);
	int pages;

	if (bm25_guc_growing_limit(&pages) == BM25_SPELLING_NONE)
		pages = o->growing_limit;
	return (uint32) pages;
}

uint32
bm25_merge_fanout(Relation index)
{
	const Bm25Options *o = vc_options_native(&option_schema, index);

	return (uint32) o->merge_fanout;
}

void
bm25_scan_settings(Relation index, Bm25ScanSettings *ret_settings)
{
	const Bm25Options *o = vc_options_native(&option_schema, index);
	int limit;
	int prefilter;
	Bm25Spelling limit_from = bm25_guc_limit(&limit);

	if (limit_from == BM25_SPELLING_NONE)
	{
		if (vc_options_given(o, KEY_LIMIT))
			limit = o->limit;
		else if (vc_options_given(o, KEY_DEFAULT_LIMIT))
			limit = o->default_limit;
	}
	if (bm25_guc_prefilter(&prefilter) == BM25_SPELLING_NONE)
	{
		/*
		 * With a cap, the filter's place decides how many rows there are: the generation of each
		 * spelling has its own default.
		 */
		if (vc_options_given(o, KEY_PREFILTER))
			prefilter = o->prefilter ? BM25_PREFILTER_ON : BM25_PREFILTER_OFF;
		else if (limit == BM25_LIMIT_AUTOMATIC || limit == BM25_LIMIT_ALL)
			prefilter = BM25_PREFILTER_AUTO;
		else
			prefilter = limit_from == BM25_SPELLING_OLD ? BM25_PREFILTER_ON : BM25_PREFILTER_OFF;
	}
	ret_settings->limit = limit;
	ret_settings->zero_is_error = limit_from != BM25_SPELLING_OLD;
	ret_settings->prefilter = prefilter;
	ret_settings->strict_match = bm25_guc_strict_match();
}
