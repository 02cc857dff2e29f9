/*
 * vchordg/options.c
 *		Index options: the schema of the TOML document and of the native reloptions.
 */
#include "postgres.h"

#include "vchordg/am.h"

#include "miscadmin.h"

#include "core/guc.h"
#include "core/options.h"

typedef struct VgOptions
{
	VcOptHead head;
	int32 bits;
	int32 m;
	int32 ef_construction;
	int32 beam_construction;
	int32 ef_search;
	VcOptReals alpha;
} VgOptions;

/* places in option_keys */
typedef enum VgOptionKey
{
	KEY_BITS,
	KEY_M,
	KEY_ALPHA,
	KEY_EF_CONSTRUCTION,
	KEY_BEAM_CONSTRUCTION,
	KEY_EF_SEARCH,
	KEY_COUNT
} VgOptionKey;

#define AT(member) offsetof(VgOptions, member)

static const VcOptKey option_keys[KEY_COUNT] = {
	[KEY_BITS] = {"bits", "bits", VC_OPT_INT, AT(bits), .min = 1, .max = 2,
				  .desc = "Bits per dimension of the codes that a search navigates by"},
	[KEY_M] = {"m", "m", VC_OPT_INT, AT(m), .min = 1, .max = VG_MAX_M,
			   .desc = "Neighbours of a vertex at most"},
	[KEY_ALPHA] = {"alpha", "alpha", VC_OPT_REALS, AT(alpha), .min = 1, .max = 2,
				   .desc = "Factors of pruning, ascending, the first is 1"},
	[KEY_EF_CONSTRUCTION] = {"ef_construction", "ef_construction", VC_OPT_INT, AT(ef_construction),
							 .min = 1, .max = 65535,
							 .desc = "Nearest vectors that an insert keeps in mind"},
	[KEY_BEAM_CONSTRUCTION] = {"beam_construction", "beam_construction", VC_OPT_INT,
							   AT(beam_construction), .min = 1, .max = 65535,
							   .desc = "Vertices whose pages an insert asks for together"},
	[KEY_EF_SEARCH] = {NULL, "ef_search", VC_OPT_INT, AT(ef_search), .min = 1, .max = 65535,
					   .desc = "Used where vchordg.ef_search is not set"},
};

static const VgOptions option_defaults = {
	.ef_construction = 64,
	.beam_construction = 1,
	.ef_search = 64,
	.alpha = {2, {1.0, 1.2}},
};

static void validate_options(const void *options);

static const VcOptSchema option_schema = {
	.keys = option_keys,
	.nkeys = KEY_COUNT,
	.size = sizeof(VgOptions),
	.defaults = &option_defaults,
	.validate = validate_options,
};

static relopt_kind option_kind;

static void
validate_options(const void *options)
{
	const VcOptReals *alpha = &((const VgOptions *) options)->alpha;

	if (alpha->n < 1)
		vc_options_invalid("For example [1.0, 1.2].", "`alpha` needs at least one entry");
	if (alpha->v[0] != 1)
		vc_options_invalid("For example [1.0, 1.2].", "the first entry of `alpha` should be 1.0");
	for (int i = 0; i < alpha->n; i++)
	{
		if (alpha->v[i] >= 2)
			vc_options_invalid(NULL, "entries of `alpha` should be less than 2.0");
		if (i > 0 && alpha->v[i] < alpha->v[i - 1])
			vc_options_invalid(NULL, "`alpha` should be in ascending order");
	}
}

void
vg_options_init(void)
{
	option_kind = vc_options_register(&option_schema);
}

bytea *
vg_amoptions(Datum reloptions, bool validate)
{
	return vc_options_reloptions(&option_schema, option_kind, reloptions, validate);
}

void
vg_build_options(Relation index, VgBuildOptions *ret_options)
{
	VgOptions o;

	vc_options_read(&option_schema, index, &o);
	memset(ret_options, 0, sizeof(*ret_options));
	ret_options->bits = o.bits;
	ret_options->m = o.m;
	ret_options->nalphas = o.alpha.n;
	for (int i = 0; i < o.alpha.n; i++)
		ret_options->alpha[i] = (float) o.alpha.v[i];
	ret_options->ef_construction = (uint32) o.ef_construction;
	ret_options->beam_construction = (uint32) o.beam_construction;
	ret_options->alpha_given = vc_options_given(&o, KEY_ALPHA);
}

void
vg_search_params(Relation index, VgSearchParams *ret_params)
{
	const VgOptions *o = vc_options_native(&option_schema, index);

	ret_params->automatic =
		!vc_guc_is_set(&vg_guc_ef_search) && !vc_options_given(o, KEY_EF_SEARCH);
	ret_params->ef =
		(uint32) vc_guc_choose_int(&vg_guc_ef_search, vg_ef_search, o, KEY_EF_SEARCH, o->ef_search);
	ret_params->beam = (uint32) vg_beam_search;
	ret_params->max_scan_tuples = vg_max_scan_tuples;
	ret_params->memory = (size_t) (work_mem * 1024.0 * vg_scan_mem_multiplier);
}
