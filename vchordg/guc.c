/*
 * vchordg/guc.c
 *		Session settings of vchordg.
 *
 * All may be set by anyone.  ef_search gives way to the index's reloption of that name as long as it has its
 * built-in default (core/guc.h).
 */
#include "postgres.h"

#include "vchordg/am.h"

#include "utils/guc.h"

#include "core/guc.h"
#include "core/stream.h"

bool vg_enable_scan = true;
int vg_ef_search = 64;
int vg_beam_search = 1;
int vg_max_scan_tuples = -1;
double vg_scan_mem_multiplier = 1;
int vg_prefilter = VG_PREFILTER_AUTO;
int vg_io_search = VC_STREAM_AUTO;
int vg_io_rerank = VC_STREAM_AUTO;
int vg_order = VG_ORDER_RELAXED;

VcGuc vg_guc_ef_search;

static const struct config_enum_entry prefilter_values[] = {
	{"off", VG_PREFILTER_OFF, false},   {"on", VG_PREFILTER_ON, false},
	{"auto", VG_PREFILTER_AUTO, false}, {"false", VG_PREFILTER_OFF, true},
	{"true", VG_PREFILTER_ON, true},    {"no", VG_PREFILTER_OFF, true},
	{"yes", VG_PREFILTER_ON, true},     {"0", VG_PREFILTER_OFF, true},
	{"1", VG_PREFILTER_ON, true},       {NULL, 0, false}};

static const struct config_enum_entry order_values[] = {
	{"relaxed", VG_ORDER_RELAXED, false}, {"strict", VG_ORDER_STRICT, false}, {NULL, 0, false}};

/* read_stream exists everywhere: an older server prefetches instead */
static const struct config_enum_entry io_values[] = {{"auto", VC_STREAM_AUTO, false},
													 {"read_buffer", VC_STREAM_PLAIN, false},
													 {"prefetch_buffer", VC_STREAM_PREFETCH, false},
													 {"read_stream", VC_STREAM_READ, false},
													 {NULL, 0, false}};

bool
vg_order_strict(void)
{
	return vg_order == VG_ORDER_STRICT;
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

void
vg_guc_init(void)
{
	DefineCustomBoolVariable("vchordg.enable_scan", "Lets the planner use vchordg indexes.", NULL,
							 &vg_enable_scan, true, PGC_USERSET, 0, NULL, NULL, NULL);
	define_int("vchordg.ef_search", "Nearest vectors that a search keeps in mind.",
			   "Where neither this nor the index's ef_search is set, a search takes what it needs.",
			   &vg_ef_search, 64, 1, 65535);
	define_int("vchordg.beam_search", "Vertices whose pages are asked for together.", NULL,
			   &vg_beam_search, 1, 1, 65535);
	define_int("vchordg.max_scan_tuples", "Rows that an index scan returns at most.",
			   "-1 is no limit.", &vg_max_scan_tuples, -1, -1, PG_INT32_MAX);
	DefineCustomRealVariable("vchordg.scan_mem_multiplier",
							 "Memory of a search, as a multiple of work_mem.", NULL,
							 &vg_scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	define_enum("vchordg.prefilter", "Evaluates a query's filter inside the index scan.",
				"auto decides by the filter's selectivity and cost.", &vg_prefilter,
				VG_PREFILTER_AUTO, prefilter_values);
	define_enum("vchordg.order", "Order of rows found by later rounds of a scan.",
				"relaxed may return a row nearer than one already returned; strict drops it.",
				&vg_order, VG_ORDER_RELAXED, order_values);
	define_enum("vchordg.io_search", "How pages of vertices are read.",
				"auto reads ahead from the first page that is not in memory on.", &vg_io_search,
				VC_STREAM_AUTO, io_values);
	define_enum("vchordg.io_rerank", "How pages of the vertices of a label are read.",
				"auto reads ahead from the first page that is not in memory on.", &vg_io_rerank,
				VC_STREAM_AUTO, io_values);
	vc_guc_init(&vg_guc_ef_search, "vchordg.ef_search");
	MarkGUCPrefixReserved("vchordg");
}
