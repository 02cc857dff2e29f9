/*
 * tests/modules/test_options.c
 *		Options, GUC fallback and probes, called from SQL.
 */
#include "postgres.h"

#include "tests/modules/toy.h"

#include "access/genam.h"
#include "access/relation.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/attrs.h"
#include "core/guc.h"
#include "core/progress.h"

static const VcOptKey keys[] = {
	[TOY_BUILD] = {"build", NULL, VC_OPT_TABLE, 0, 0, 0, 0, NULL},
	[TOY_DEFAULT] = {"build.default", NULL, VC_OPT_TABLE, 0, 0, 0, 0, NULL},
	[TOY_INTERNAL] = {"build.internal", NULL, VC_OPT_TABLE, 0, 0, 0, 0, NULL},
	[TOY_LISTS] = {"build.internal.lists", "lists", VC_OPT_LIST, offsetof(ToyOptions, lists), 0, 1,
				   1 << 24, "Lists of each level."},
	[TOY_EXTERNAL] = {"build.external", NULL, VC_OPT_TABLE, 0, 0, 0, 0, NULL},
	[TOY_TABLE] = {"build.external.table", "centroids", VC_OPT_STRING, offsetof(ToyOptions, table),
				   sizeof(((ToyOptions *) 0)->table), 0, 0, "Table of centroids."},
	[TOY_PIN] = {"build.pin", "pin", VC_OPT_BOOL_INT, offsetof(ToyOptions, pin), 0, -1, 2,
				 "Pages to copy."},
	[TOY_FLAG] = {"flag", "flag", VC_OPT_BOOL, offsetof(ToyOptions, flag), 0, 0, 0, "A flag."},
	[TOY_NUMBER] = {"number", "number", VC_OPT_INT, offsetof(ToyOptions, number), 0, 1, 256,
					"A number."},
	[TOY_RATIO] = {"ratio", "ratio", VC_OPT_REAL, offsetof(ToyOptions, ratio), 0, 0, 4, "A ratio."},
	[TOY_PROBES] = {NULL, "probes", VC_OPT_PROBES, offsetof(ToyOptions, probes), 0, 0, 0,
					"Lists to visit."},
};

static const char *const sources[] = {"build.default", "build.internal", "build.external", NULL};

static const VcOptGroup groups[] = {{"build", sources, true}};

static const ToyOptions defaults = {.number = 32, .ratio = 1.9, .pin = -1};

static void
validate(const void *options)
{
	const ToyOptions *toy = (const ToyOptions *) options;

	for (int i = 1; i < toy->lists.n; i++)
	{
		if (toy->lists.v[i] < toy->lists.v[i - 1])
			vc_options_invalid("Sort them.", "`lists` should be in ascending order");
	}
}

const VcOptSchema toy_schema = {
	keys, lengthof(keys), groups, lengthof(groups), sizeof(ToyOptions), &defaults, validate};

static relopt_kind kind;

static char *toy_probes;
static double toy_ratio;
static VcGuc guc_probes;
static VcGuc guc_ratio;

void
toy_options_init(void)
{
	kind = vc_options_register(&toy_schema);
	DefineCustomStringVariable("vc_test.probes", "Lists to visit.", NULL, &toy_probes, "",
							   PGC_USERSET, 0, vc_guc_check_probes, NULL, NULL);
	DefineCustomRealVariable("vc_test.ratio", "A ratio.", NULL, &toy_ratio, 1.9, 0, 4, PGC_USERSET,
							 0, NULL, NULL, NULL);
	vc_guc_init(&guc_probes, "vc_test.probes");
	vc_guc_init(&guc_ratio, "vc_test.ratio");
}

bytea *
toy_amoptions(Datum reloptions, bool validate)
{
	return vc_options_reloptions(&toy_schema, kind, reloptions, validate);
}

static void
append_list(StringInfo out, const char *name, const VcOptList *list)
{
	appendStringInfo(out, " %s=[", name);
	for (int i = 0; i < list->n; i++)
		appendStringInfo(out, "%s%u", i > 0 ? "," : "", list->v[i]);
	appendStringInfoChar(out, ']');
}

static text *
describe(const ToyOptions *toy)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "flag=%d number=%d ratio=%g pin=%d table='%s'", toy->flag, toy->number,
					 toy->ratio, toy->pin, toy->table);
	append_list(&out, "lists", &toy->lists);
	append_list(&out, "probes", &toy->probes);
	appendStringInfoString(&out, " given:");
	for (int i = 0; i < toy_schema.nkeys; i++)
	{
		if (vc_options_given(toy, i))
			appendStringInfo(&out, " %s", keys[i].key != NULL ? keys[i].key : keys[i].native);
	}
	return cstring_to_text_with_len(out.data, out.len);
}

/* vc_test_options(text): the document alone */
VC_FUNCTION(vc_test_options);
Datum
vc_test_options(PG_FUNCTION_ARGS)
{
	ToyOptions toy;

	vc_options_parse(&toy_schema, text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL, &toy);
	PG_RETURN_TEXT_P(describe(&toy));
}

/* vc_test_index_options(regclass): all of an index */
VC_FUNCTION(vc_test_index_options);
Datum
vc_test_index_options(PG_FUNCTION_ARGS)
{
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	ToyOptions toy;

	vc_options_read(&toy_schema, index, &toy);
	index_close(index, AccessShareLock);
	PG_RETURN_TEXT_P(describe(&toy));
}

/* vc_test_fallback(regclass): what a scan would use */
VC_FUNCTION(vc_test_fallback);
Datum
vc_test_fallback(PG_FUNCTION_ARGS)
{
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	const ToyOptions *toy = (const ToyOptions *) vc_options_native(&toy_schema, index);
	StringInfoData out;
	VcOptList probes;
	bool given;

	given = vc_guc_choose_probes(&guc_probes, toy_probes, toy, TOY_PROBES, &toy->probes, &probes);
	initStringInfo(&out);
	appendStringInfo(&out, "ratio=%g",
					 vc_guc_choose_real(&guc_ratio, toy_ratio, toy, TOY_RATIO, toy->ratio));
	append_list(&out, "probes", &probes);
	appendStringInfoString(&out, given ? " given" : " automatic");
	index_close(index, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* vc_test_phase(bigint): name of a progress number */
VC_FUNCTION(vc_test_phase);
Datum
vc_test_phase(PG_FUNCTION_ARGS)
{
	static const VcProgressPhase phases[] = {{"initializing", false}, {"clustering", true}};
	char *name = vc_progress_name(phases, lengthof(phases), PG_GETARG_INT64(0));

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
