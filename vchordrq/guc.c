/*
 * vchordrq/guc.c
 *		Session settings of vchordrq.
 *
 * All may be set by anyone, but those of sampling.c.  Probes, epsilon and the MaxSim settings give way to the index's
 * reloption of that name as long as they have their built-in default (core/guc.h).
 */
#include "postgres.h"

#include "vchordrq/am.h"

#include "utils/guc.h"

#include "core/guc.h"
#include "core/stream.h"

bool rq_enable_scan = true;
bool rq_all_lists = false;
char *rq_probes = NULL;
double rq_epsilon = 1.9;
int rq_max_scan_tuples = -1;
int rq_maxsim_refine = 0;
int rq_maxsim_threshold = 0;
int rq_prefilter = RQ_PREFILTER_AUTO;
int rq_io_search = VC_STREAM_AUTO;
int rq_io_rerank = VC_STREAM_AUTO;

VcGuc rq_guc_probes;
VcGuc rq_guc_epsilon;
VcGuc rq_guc_maxsim_refine;
VcGuc rq_guc_maxsim_threshold;

/*
 * Two names of one setting.  Assign hooks that write one variable would not do: the end of a SET LOCAL
 * of one name would undo the SET of the other.  So the value is derived from both whenever it is asked for.
 */
static int order = RQ_ORDER_RELAXED;
static int scan_order = RQ_ORDER_RELAXED;
static VcGuc guc_order;
static VcGuc guc_scan_order;

/* upstream's is a boolean, so everything that the server takes for one: words and their beginnings */
static const struct config_enum_entry prefilter_values[] = {{"off", RQ_PREFILTER_OFF, false},
															{"on", RQ_PREFILTER_ON, false},
															{"auto", RQ_PREFILTER_AUTO, false},
															{"of", RQ_PREFILTER_OFF, true},
															{"1", RQ_PREFILTER_ON, true},
															{"0", RQ_PREFILTER_OFF, true},
															{"true", RQ_PREFILTER_ON, true},
															{"tru", RQ_PREFILTER_ON, true},
															{"tr", RQ_PREFILTER_ON, true},
															{"t", RQ_PREFILTER_ON, true},
															{"yes", RQ_PREFILTER_ON, true},
															{"ye", RQ_PREFILTER_ON, true},
															{"y", RQ_PREFILTER_ON, true},
															{"false", RQ_PREFILTER_OFF, true},
															{"fals", RQ_PREFILTER_OFF, true},
															{"fal", RQ_PREFILTER_OFF, true},
															{"fa", RQ_PREFILTER_OFF, true},
															{"f", RQ_PREFILTER_OFF, true},
															{"no", RQ_PREFILTER_OFF, true},
															{"n", RQ_PREFILTER_OFF, true},
															{NULL, 0, false}};

static const struct config_enum_entry order_values[] = {
	{"relaxed", RQ_ORDER_RELAXED, false}, {"strict", RQ_ORDER_STRICT, false}, {NULL, 0, false}};

RqOrder
rq_order(void)
{
	bool other = vc_guc_source(&guc_order) > vc_guc_source(&guc_scan_order);

	return (RqOrder) (other ? order : scan_order);
}

/* SHOW of either name tells what counts */
static const char *
show_order(void)
{
	for (const struct config_enum_entry *e = order_values; e->name != NULL; e++)
	{
		if (e->val == (int) rq_order())
			return e->name;
	}
	pg_unreachable();
}

static void
define_order(const char *name, int *variable, VcGuc *guc)
{
	DefineCustomEnumVariable(
		name, "Order of rows found by later rounds of a scan.",
		"relaxed may return a row nearer than one already returned; strict drops it.", variable,
		RQ_ORDER_RELAXED, order_values, PGC_USERSET, 0, NULL, NULL, show_order);
	vc_guc_init(guc, name);
}

static void
define_int(const char *name, const char *desc, const char *detail, int *variable, int boot, int min,
		   int max)
{
	DefineCustomIntVariable(name, desc, detail, variable, boot, min, max, PGC_USERSET, 0, NULL,
							NULL, NULL);
}

static void
define_enum(const char *name, const char *desc, const char *detail, int *variable, int boot,
			const struct config_enum_entry *values)
{
	DefineCustomEnumVariable(name, desc, detail, variable, boot, values, PGC_USERSET, 0, NULL, NULL,
							 NULL);
}

/*
 * Old notes name settings that never were.  SET of an unknown name under a reserved prefix fails without
 * a hint, so these are known, and refuse every value.  The boot value is NULL.
 */
static char *absent_k = NULL;
static char *absent_rerank_limit = NULL;

static bool
refuse(const char *name, const char *hint)
{
	GUC_check_errcode(ERRCODE_UNDEFINED_OBJECT);
	GUC_check_errmsg("unrecognized configuration parameter \"%s\"", name);
	GUC_check_errhint("%s", hint);
	return false;
}

static bool
refuse_k(char **newval, void **extra, GucSource source)
{
	(void) extra;
	(void) source;
	return *newval == NULL ||
		   refuse("vchordrq.k", "The query's LIMIT says how many rows are wanted; "
								"vchordrq.max_scan_tuples is a cap of what a scan returns.");
}

static bool
refuse_rerank_limit(char **newval, void **extra, GucSource source)
{
	(void) extra;
	(void) source;
	return *newval == NULL ||
		   refuse("vchordrq.rerank_limit",
				  "vchordrq.epsilon decides how many rows are reranked: a smaller one, fewer.");
}

static void
define_absent(const char *name, char **variable, GucStringCheckHook check)
{
	DefineCustomStringVariable(name, "Does not exist.", NULL, variable, NULL, PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, check,
							   NULL, NULL);
}

void
rq_guc_init(void)
{
	define_absent("vchordrq.k", &absent_k, refuse_k);
	define_absent("vchordrq.rerank_limit", &absent_rerank_limit, refuse_rerank_limit);
	DefineCustomBoolVariable("vchordrq.enable_scan", "Lets the planner use vchordrq indexes.", NULL,
							 &rq_enable_scan, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"vchordrq.probes", "Lists to search, one number per level.",
		"An empty text searches as many lists as the query turns out to need.", &rq_probes, "",
		PGC_USERSET, 0, vc_guc_check_probes, NULL, NULL);
	DefineCustomRealVariable("vchordrq.epsilon",
							 "How many standard deviations wide the error bound of a code is.",
							 "0 trusts the estimate; 4 is practically exact inside searched lists.",
							 &rq_epsilon, 1.9, 0, 4, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		RQ_GUC_ALL_LISTS, "Searches every list, whatever probes say.",
		"vchordrq_evaluate_query_recall sets it while it looks for the true answer.", &rq_all_lists,
		false, PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	define_int("vchordrq.max_scan_tuples", "Rows that an index scan returns at most.",
			   "-1 is no limit.", &rq_max_scan_tuples, -1, -1, PG_INT32_MAX);
	define_int("vchordrq.maxsim_refine", "Rows per query token whose distance is made exact.", NULL,
			   &rq_maxsim_refine, 0, 0, PG_INT32_MAX);
	define_int("vchordrq.maxsim_threshold",
			   "Rows per query token that the estimate of missing tokens looks at.", NULL,
			   &rq_maxsim_threshold, 0, 0, PG_INT32_MAX);
	define_enum("vchordrq.prefilter", "Evaluates a query's filter inside the index scan.",
				"auto decides by the filter's selectivity and cost.", &rq_prefilter,
				RQ_PREFILTER_AUTO, prefilter_values);
	define_order("vchordrq.order", &order, &guc_order);
	define_order("vchordrq.scan_order", &scan_order, &guc_scan_order);
	define_enum("vchordrq.io_search", "How list pages are read.",
				"auto reads ahead from the first page that is not in memory on.", &rq_io_search,
				VC_STREAM_AUTO, vc_stream_modes);
	define_enum("vchordrq.io_rerank", "How pages with vectors are read.",
				"auto reads ahead from the first page that is not in memory on.", &rq_io_rerank,
				VC_STREAM_AUTO, vc_stream_modes);

	vc_guc_init(&rq_guc_probes, "vchordrq.probes");
	vc_guc_init(&rq_guc_epsilon, "vchordrq.epsilon");
	vc_guc_init(&rq_guc_maxsim_refine, "vchordrq.maxsim_refine");
	vc_guc_init(&rq_guc_maxsim_threshold, "vchordrq.maxsim_threshold");

	/* "vchordg" belongs to a module of its own, which may be loaded later than this one */
	MarkGUCPrefixReserved("vchordrq");
	MarkGUCPrefixReserved("vchord");
}
