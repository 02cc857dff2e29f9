/*
 * vchord_bm25/guc.c
 *		Settings of the module, in the spellings of both generations of the extension.
 *
 * Two names of one setting are two variables, and what counts is derived from both whenever it is asked for
 * (assign hooks that write one variable would not do: the end of a SET LOCAL of one name would undo the SET of
 * the other).  Of two names that are both set, the one whose source is closer to the session counts; of two
 * that were set alike, the name that begins with "bm25.".  Reloptions of the same meaning are used as long as
 * neither name is set (core/guc.h).
 */
#include "postgres.h"

#include "vchord_bm25/am.h"

#include "utils/guc.h"

#include "core/guc.h"
#include "core/stream.h"

#include "vchord_bm25/search.h"
#include "vchord_bm25/settings.h"

int bm25_algorithm = BM25_ALGORITHM_AUTO;
int bm25_io = VC_STREAM_AUTO;

static bool enable_scan = true;
static bool enable_index = true;
static int limit_value = BM25_LIMIT_AUTOMATIC;
static int old_limit_value = BM25_LIMIT_AUTOMATIC;
static int prefilter = BM25_PREFILTER_AUTO;
static int old_prefilter = BM25_PREFILTER_AUTO;
static int growing_limit = BM25_GROWING_LIMIT_DEFAULT;
static int old_growing_limit = BM25_GROWING_LIMIT_DEFAULT;
static bool strict_index_match = false;

static VcGuc guc_limit;
static VcGuc guc_old_limit;
static VcGuc guc_prefilter;
static VcGuc guc_old_prefilter;
static VcGuc guc_growing_limit;
static VcGuc guc_old_growing_limit;

static const struct config_enum_entry prefilter_values[] = {
	{"off", BM25_PREFILTER_OFF, false},   {"on", BM25_PREFILTER_ON, false},
	{"auto", BM25_PREFILTER_AUTO, false}, {"false", BM25_PREFILTER_OFF, true},
	{"true", BM25_PREFILTER_ON, true},    {"no", BM25_PREFILTER_OFF, true},
	{"yes", BM25_PREFILTER_ON, true},     {"0", BM25_PREFILTER_OFF, true},
	{"1", BM25_PREFILTER_ON, true},       {NULL, 0, false}};

static const struct config_enum_entry algorithm_values[] = {
	{"auto", BM25_ALGORITHM_AUTO, false},
	{"wand", BM25_ALGORITHM_WAND, false},
	{"maxscore", BM25_ALGORITHM_MAXSCORE, false},
	{"exhaustive", BM25_ALGORITHM_EXHAUSTIVE, false},
	{NULL, 0, false}};

bool
bm25_scan_enabled(void)
{
	return enable_scan && enable_index;
}

bool
bm25_guc_strict_match(void)
{
	return strict_index_match;
}

/* The spelling that counts, or BM25_SPELLING_NONE. */
static Bm25Spelling
spelling(const VcGuc *guc, const VcGuc *old)
{
	if (vc_guc_source(old) > vc_guc_source(guc))
		return BM25_SPELLING_OLD;
	return vc_guc_is_set(guc) ? BM25_SPELLING_NEW : BM25_SPELLING_NONE;
}

Bm25Spelling
bm25_guc_limit(int *ret_limit)
{
	Bm25Spelling which = spelling(&guc_limit, &guc_old_limit);

	*ret_limit = which == BM25_SPELLING_OLD ? old_limit_value : limit_value;
	return which;
}

Bm25Spelling
bm25_guc_prefilter(int *ret_prefilter)
{
	Bm25Spelling which = spelling(&guc_prefilter, &guc_old_prefilter);

	*ret_prefilter = which == BM25_SPELLING_OLD ? old_prefilter : prefilter;
	return which;
}

Bm25Spelling
bm25_guc_growing_limit(int *ret_pages)
{
	Bm25Spelling which = spelling(&guc_growing_limit, &guc_old_growing_limit);

	*ret_pages = which == BM25_SPELLING_OLD ? old_growing_limit : growing_limit;
	return which;
}

static void
define_int(const char *name, const char *desc, const char *detail, int *variable, VcGuc *guc,
		   int boot, int min, int max)
{
	DefineCustomIntVariable(name, desc, detail, variable, boot, min, max, PGC_USERSET, 0, NULL,
							NULL, NULL);
	vc_guc_init(guc, name);
}

static void
define_bool(const char *name, const char *desc, const char *detail, bool *variable)
{
	DefineCustomBoolVariable(name, desc, detail, variable, *variable, PGC_USERSET, 0, NULL, NULL,
							 NULL);
}

static void
define_prefilter(const char *name, int *variable, VcGuc *guc)
{
	DefineCustomEnumVariable(name, "Evaluates a query's filter inside the index scan.",
							 "auto decides by the filter's selectivity and cost.", variable,
							 BM25_PREFILTER_AUTO, prefilter_values, PGC_USERSET, 0, NULL, NULL,
							 NULL);
	vc_guc_init(guc, name);
}

void
bm25_guc_init(void)
{
	const char *limit_desc = "Rows that an index scan returns at most, before other conditions.";
	const char *limit_detail = "-2 returns as many as the query takes; -1 returns all matches.";
	const char *growing_desc = "Pages of unsealed rows at which an insert seals them.";

	define_bool("bm25.enable_scan", "Lets the planner use bm25 indexes.", NULL, &enable_scan);
	define_bool("bm25_catalog.enable_index", "Lets the planner use bm25 indexes.",
				"Both this and bm25.enable_scan must be on.", &enable_index);
	define_int("bm25.limit", limit_desc, limit_detail, &limit_value, &guc_limit,
			   BM25_LIMIT_AUTOMATIC, BM25_LIMIT_AUTOMATIC, BM25_LIMIT_MAX);
	define_int("bm25_catalog.bm25_limit", limit_desc, limit_detail, &old_limit_value,
			   &guc_old_limit, BM25_LIMIT_AUTOMATIC, BM25_LIMIT_AUTOMATIC, BM25_LIMIT_MAX);
	define_prefilter("bm25.prefilter", &prefilter, &guc_prefilter);
	define_prefilter("bm25_catalog.enable_prefilter", &old_prefilter, &guc_old_prefilter);
	define_int("bm25.growing_limit", growing_desc, NULL, &growing_limit, &guc_growing_limit,
			   BM25_GROWING_LIMIT_DEFAULT, 1, BM25_GROWING_LIMIT_MAX);
	define_int("bm25_catalog.segment_growing_max_page_size", growing_desc, NULL, &old_growing_limit,
			   &guc_old_growing_limit, BM25_GROWING_LIMIT_DEFAULT, 1, BM25_GROWING_LIMIT_MAX);
	define_bool("bm25.strict_index_match",
				"A scan of an index other than the one named in the query is an error.",
				"Off: the query is answered by the index it names.", &strict_index_match);
	DefineCustomEnumVariable("bm25.algorithm", "How an index is searched.",
							 "All give the same answer; auto takes the fastest.", &bm25_algorithm,
							 BM25_ALGORITHM_AUTO, algorithm_values, PGC_USERSET, 0, NULL, NULL,
							 NULL);

	DefineCustomEnumVariable("bm25.io", "How pages of an index are read.",
							 "auto reads ahead from the first page that is not in memory on.",
							 &bm25_io, VC_STREAM_AUTO, vc_stream_modes, PGC_USERSET, 0, NULL, NULL,
							 NULL);

	MarkGUCPrefixReserved("bm25");
	MarkGUCPrefixReserved("bm25_catalog");
	MarkGUCPrefixReserved("vchord_bm25");
	MarkGUCPrefixReserved("vchord");
}
