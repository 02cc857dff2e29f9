/*
 * vchordrq/options.c
 *		Index options: the schema of the TOML document and of the native reloptions.
 *
 * One flat struct holds all options; core/options fills it from both sources.  Search parameters are
 * read from rd_options without parsing, the rest only by a build.
 */
#include "postgres.h"

#include "vchordrq/am.h"

#include "utils/builtins.h"

#include "core/guc.h"
#include "core/options.h"
#include "core/vector/types.h"

/* schema.table, each part as long as a name may be, with room to tell that it is too long */
#define EXTERNAL_TABLE_BYTES (2 * NAMEDATALEN + 2)

typedef struct RqOptions
{
	VcOptHead head;
	bool residual;
	bool in_table;
	bool spherical;
	int32 chains;
	int32 sampling_factor;
	int32 kmeans_iterations;
	int32 build_threads;
	int32 kmeans_dimension;
	int32 pin;
	int32 maxsim_refine;
	int32 maxsim_threshold;
	double epsilon;
	VcOptList lists;
	VcOptList probes;
	char external_table[EXTERNAL_TABLE_BYTES];
} RqOptions;

/* places in option_keys */
typedef enum RqOptionKey
{
	KEY_RESIDUAL,
	KEY_IN_TABLE,
	KEY_CHAINS,
	KEY_DEFAULT,
	KEY_INTERNAL,
	KEY_LISTS,
	KEY_SPHERICAL,
	KEY_SAMPLING_FACTOR,
	KEY_KMEANS_ITERATIONS,
	KEY_BUILD_THREADS,
	KEY_KMEANS_DIMENSION,
	KEY_ALGORITHM,
	KEY_LLOYD,
	KEY_HIERARCHICAL,
	KEY_EXTERNAL,
	KEY_EXTERNAL_TABLE,
	KEY_PIN,
	KEY_PROBES,
	KEY_EPSILON,
	KEY_MAXSIM_REFINE,
	KEY_MAXSIM_THRESHOLD,
	KEY_BUILD_STRATEGY,
	KEY_COUNT
} RqOptionKey;

#define AT(member) offsetof(RqOptions, member)

static const VcOptKey option_keys[KEY_COUNT] = {
	[KEY_RESIDUAL] = {"residual_quantization", "residual_quantization", VC_OPT_BOOL, AT(residual),
					  .desc = "Code rows relative to the centroid of their list"},
	[KEY_IN_TABLE] = {"rerank_in_table", "rerank_in_table", VC_OPT_BOOL, AT(in_table),
					  .desc = "Keep no vectors in the index; rerank from the table"},
	[KEY_CHAINS] = {"degree_of_parallelism", "degree_of_parallelism", VC_OPT_INT, AT(chains),
					.min = 1, .max = RQ_MAX_CHAINS,
					.desc = "Number of places where vectors are inserted independently"},
	[KEY_DEFAULT] = {"build.default", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_INTERNAL] = {"build.internal", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_LISTS] = {"build.internal.lists", "lists", VC_OPT_LIST, AT(lists), .min = 0,
				   .max = PG_UINT32_MAX, .desc = "Number of lists, from the root to the leaves"},
	[KEY_SPHERICAL] = {"build.internal.spherical_centroids", "spherical_centroids", VC_OPT_BOOL,
					   AT(spherical), .desc = "Scale centroids to unit length"},
	[KEY_SAMPLING_FACTOR] = {"build.internal.sampling_factor", "sampling_factor", VC_OPT_INT,
							 AT(sampling_factor), .min = 1, .max = 1024,
							 .desc = "Rows sampled per list for clustering"},
	[KEY_KMEANS_ITERATIONS] = {"build.internal.kmeans_iterations", "kmeans_iterations", VC_OPT_INT,
							   AT(kmeans_iterations), .min = 0, .max = 1024,
							   .desc = "Iterations of clustering"},
	[KEY_BUILD_THREADS] = {"build.internal.build_threads", "build_threads", VC_OPT_INT,
						   AT(build_threads), .min = 1, .max = 255,
						   .desc = "Threads of clustering"},
	[KEY_KMEANS_DIMENSION] = {"build.internal.kmeans_dimension", "kmeans_dimension", VC_OPT_INT,
							  AT(kmeans_dimension), .min = 1, .max = VCV_MAX_DIM,
							  .desc = "Clustering looks at so many rotated dimensions"},
	[KEY_ALGORITHM] = {"build.internal.kmeans_algorithm", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_LLOYD] = {"build.internal.kmeans_algorithm.lloyd", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_HIERARCHICAL] = {"build.internal.kmeans_algorithm.hierarchical", NULL, VC_OPT_TABLE,
						  .desc = NULL},
	[KEY_EXTERNAL] = {"build.external", NULL, VC_OPT_TABLE, .desc = NULL},
	[KEY_EXTERNAL_TABLE] = {"build.external.table", NULL, VC_OPT_STRING, AT(external_table),
							EXTERNAL_TABLE_BYTES, .desc = NULL},
	[KEY_PIN] = {"build.pin", "pin", VC_OPT_BOOL_INT, AT(pin), .min = -1, .max = 2,
				 .desc = "Accepted for compatibility: workers always share the centroids"},
	[KEY_PROBES] = {NULL, "probes", VC_OPT_PROBES, AT(probes),
					.desc = "Lists to search, used where vchordrq.probes is not set"},
	[KEY_EPSILON] = {NULL, "epsilon", VC_OPT_REAL, AT(epsilon), .min = 0, .max = 4,
					 .desc = "Width of the error bound, used where vchordrq.epsilon is not set"},
	[KEY_MAXSIM_REFINE] = {NULL, "maxsim_refine", VC_OPT_INT, AT(maxsim_refine), .min = 0,
						   .max = PG_INT32_MAX,
						   .desc = "Used where vchordrq.maxsim_refine is not set"},
	[KEY_MAXSIM_THRESHOLD] = {NULL, "maxsim_threshold", VC_OPT_INT, AT(maxsim_threshold), .min = 0,
							  .max = PG_INT32_MAX,
							  .desc = "Used where vchordrq.maxsim_threshold is not set"},
	/* old notes have it */
	[KEY_BUILD_STRATEGY] = {"build_strategy", "build_strategy", VC_OPT_ABSENT,
							.desc = "Give \"lists\" to build the lists from the table, or "
									"build.external.table in \"options\" to take them from another "
									"one; without either the build chooses."},
};

static const char *const build_members[] = {"build.default", "build.internal", "build.external",
											NULL};
static const char *const algorithm_members[] = {
	"build.internal.kmeans_algorithm.lloyd", "build.internal.kmeans_algorithm.hierarchical", NULL};
static const VcOptGroup option_groups[] = {
	{"build", build_members, true},
	{"build.internal.kmeans_algorithm", algorithm_members, true},
};

static const RqOptions option_defaults = {
	.chains = 32,
	.sampling_factor = 256,
	.kmeans_iterations = 10,
	.pin = -1,
	.epsilon = 1.9,
};

static void validate_options(const void *options);

static const VcOptSchema option_schema = {
	.keys = option_keys,
	.nkeys = KEY_COUNT,
	.groups = option_groups,
	.ngroups = lengthof(option_groups),
	.size = sizeof(RqOptions),
	.defaults = &option_defaults,
	.validate = validate_options,
};

static relopt_kind option_kind;

/* [A-Za-z_][A-Za-z0-9_$]*, short enough for a name; *text moves behind it */
static bool
take_identifier(const char **text)
{
	const char *start = *text;
	const char *p = start;

	if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_'))
		return false;
	while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
		   *p == '_' || *p == '$')
		p++;
	*text = p;
	return p - start < NAMEDATALEN;
}

static bool
table_name_ok(const char *text)
{
	if (!take_identifier(&text))
		return false;
	if (*text == '.')
	{
		text++;
		if (!take_identifier(&text))
			return false;
	}
	return *text == '\0';
}

static void
validate_options(const void *options)
{
	const RqOptions *o = options;

	for (int i = 0; i < o->lists.n; i++)
	{
		if (o->lists.v[i] < 1 || o->lists.v[i] > RQ_MAX_LISTS)
			vc_options_invalid("A level has 1 to 16777216 lists.", "list is too long or too short");
		if (i > 0 && o->lists.v[i] < o->lists.v[i - 1])
			vc_options_invalid("Levels are listed from the root to the leaves.",
							   "`lists` should be in ascending order");
	}
	if (vc_options_given(o, KEY_EXTERNAL) && !vc_options_given(o, KEY_EXTERNAL_TABLE))
		vc_options_invalid(NULL, "`build.external` needs `table`");
	if (vc_options_given(o, KEY_EXTERNAL_TABLE) && !table_name_ok(o->external_table))
		vc_options_invalid("Write table or schema.table, without quotes.",
						   "table name is not well-formed");
}

void
rq_options_init(void)
{
	option_kind = vc_options_register(&option_schema);
}

bytea *
rq_amoptions(Datum reloptions, bool validate)
{
	return vc_options_reloptions(&option_schema, option_kind, reloptions, validate);
}

/*
 * Did the document ask for the internal build?  A native option of it alone does not: then the
 * number of lists is still for the build to choose.
 */
static bool
internal_in_document(const RqOptions *o)
{
	uint64 keys = 0;

	if (!vc_options_given(o, KEY_INTERNAL))
		return false;
	for (int key = KEY_LISTS; key <= KEY_HIERARCHICAL; key++)
		keys |= UINT64CONST(1) << key;
	/* something in it that is not native, or an empty table */
	return (o->head.given & ~o->head.native & keys) != 0 || (o->head.given & keys) == 0;
}

void
rq_build_options(Relation index, RqBuildOptions *ret_options)
{
	RqOptions o;
	RqBuildOptions *ret = ret_options;

	vc_options_read(&option_schema, index, &o);
	memset(ret, 0, sizeof(*ret));
	if (vc_options_given(&o, KEY_EXTERNAL_TABLE))
		ret->external_table = pstrdup(o.external_table);
	ret->automatic_lists = !vc_options_given(&o, KEY_LISTS) && ret->external_table == NULL &&
						   !internal_in_document(&o);
	ret->nlists = o.lists.n;
	memcpy(ret->lists, o.lists.v, sizeof(ret->lists));
	ret->residual = vc_options_given(&o, KEY_RESIDUAL) ? (o.residual ? 1 : 0) : -1;
	ret->rerank_in_table = vc_options_given(&o, KEY_IN_TABLE) ? (o.in_table ? 1 : 0) : -1;
	ret->spherical = vc_options_given(&o, KEY_SPHERICAL) ? (o.spherical ? 1 : 0) : -1;
	ret->chains = (uint32) o.chains;
	ret->sampling_factor = (uint32) o.sampling_factor;
	ret->kmeans_iterations = (uint32) o.kmeans_iterations;
	ret->build_threads = (uint32) o.build_threads;
	ret->kmeans_algorithm_given =
		vc_options_given(&o, KEY_LLOYD) || vc_options_given(&o, KEY_HIERARCHICAL);
	ret->hierarchical = vc_options_given(&o, KEY_HIERARCHICAL);
	ret->kmeans_dimension = (uint32) o.kmeans_dimension;
	ret->pin = o.pin;
}

void
rq_search_params(Relation index, RqSearchParams *ret_params)
{
	const RqOptions *o = vc_options_native(&option_schema, index);
	VcOptList probes;

	memset(ret_params, 0, sizeof(*ret_params));
	/* an empty text, wherever it was given, asks for the automatic way */
	ret_params->automatic =
		!vc_guc_choose_probes(&rq_guc_probes, rq_probes, o, KEY_PROBES, &o->probes, &probes) ||
		probes.n == 0;
	if (rq_all_lists)
	{
		ret_params->automatic = false;
		ret_params->all = true;
		memset(ret_params->probes, 0xff, sizeof(ret_params->probes));
	}
	else if (!ret_params->automatic)
	{
		ret_params->nprobes = (uint32) probes.n;
		memcpy(ret_params->probes, probes.v, probes.n * sizeof(uint32));
	}
	ret_params->epsilon =
		vc_guc_choose_real(&rq_guc_epsilon, rq_epsilon, o, KEY_EPSILON, o->epsilon);
	ret_params->epsilon_given = vc_guc_is_set(&rq_guc_epsilon) || vc_options_given(o, KEY_EPSILON);
	ret_params->max_scan_tuples = rq_max_scan_tuples;
	ret_params->maxsim_refine = vc_guc_choose_int(&rq_guc_maxsim_refine, rq_maxsim_refine, o,
												  KEY_MAXSIM_REFINE, o->maxsim_refine);
	ret_params->maxsim_refine_given =
		vc_guc_is_set(&rq_guc_maxsim_refine) || vc_options_given(o, KEY_MAXSIM_REFINE);
	ret_params->maxsim_threshold = vc_guc_choose_int(&rq_guc_maxsim_threshold, rq_maxsim_threshold,
													 o, KEY_MAXSIM_THRESHOLD, o->maxsim_threshold);
}
