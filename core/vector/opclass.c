/*
 * core/vector/opclass.c
 *		What an operator class of a vector access method means.
 */
#include "postgres.h"

#include "core/vector/opclass.h"

#include "access/genam.h"
#include "fmgr.h"
#include "utils/builtins.h"

/* support function that names the operator class */
#define NAME_PROC 1

static const struct
{
	const char *name;
	VcvType type;
} types[] = {
	{"vector", VCV_VECTOR},
	{"halfvec", VCV_HALFVEC},
	{"rabitq8", VCV_RABITQ8},
	{"rabitq4", VCV_RABITQ4},
};

static const struct
{
	const char *name;
	VcvMetric metric;
	bool maxsim;
} metrics[] = {
	{"l2", VCV_L2, false},
	{"ip", VCV_IP, false},
	{"cosine", VCV_COSINE, false},
	{"maxsim", VCV_IP, true},
};

bool
vcv_opclass_parse(const char *text, const char *am, VcvOpclass *ret_opclass)
{
	char expected[NAMEDATALEN];

	for (size_t t = 0; t < lengthof(types); t++)
	{
		for (size_t m = 0; m < lengthof(metrics); m++)
		{
			snprintf(expected, sizeof(expected), "%s_%s_%s_ops", am, types[t].name,
					 metrics[m].name);
			if (strcmp(text, expected) == 0)
			{
				ret_opclass->type = types[t].type;
				ret_opclass->metric = metrics[m].metric;
				ret_opclass->maxsim = metrics[m].maxsim;
				return true;
			}
		}
	}
	return false;
}

void
vcv_opclass_of(Relation index, const char *am, VcvOpclass *ret_opclass)
{
	FmgrInfo *proc;
	char *name;

	if (!OidIsValid(index_getprocid(index, 1, NAME_PROC)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
						errmsg("support function %d is not found", NAME_PROC),
						errdetail("Index \"%s\" uses an operator class without it.",
								  RelationGetRelationName(index))));
	proc = index_getprocinfo(index, 1, NAME_PROC);
	name = TextDatumGetCString(FunctionCall0Coll(proc, InvalidOid));
	if (!vcv_opclass_parse(name, am, ret_opclass))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("unknown operator class"),
				 errdetail("Support function %d of index \"%s\" returned \"%s\".", NAME_PROC,
						   RelationGetRelationName(index), name)));
	pfree(name);
}

uint32
vcv_opclass_dim(Relation index)
{
	int32 typmod = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;

	if (typmod < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("Dimensions type modifier of a vector column is needed for building "
							   "the index."),
						errhint("Declare the dimension, for example vector(768), or cast to it in "
								"an index expression.")));
	/* pgvector's types have their own, lower limit in their type modifiers */
	if (typmod > VCV_MAX_INDEX_DIM)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column cannot have more than %d dimensions", VCV_MAX_INDEX_DIM)));
	return (uint32) typmod;
}
