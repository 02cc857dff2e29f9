/*
 * vchordg/opclass.c
 *		What an index is over: the columns, and support function 1 of each operator class.
 *
 * The first column is the vector; its class names type and metric (core/vector/opclass.h).  The second, if
 * there is one, has labels; its class has no support function.
 */
#include "postgres.h"

#include "vchordg/am.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/vector/opclass.h"

#define SUPPORT_FUNCTION(opclass)                                                                  \
	VC_FUNCTION(_vchordg_support_##opclass);                                                       \
	Datum _vchordg_support_##opclass(PG_FUNCTION_ARGS)                                             \
	{                                                                                              \
		(void) fcinfo;                                                                             \
		PG_RETURN_TEXT_P(cstring_to_text("vchordg_" #opclass));                                    \
	}

SUPPORT_FUNCTION(vector_l2_ops)
SUPPORT_FUNCTION(vector_ip_ops)
SUPPORT_FUNCTION(vector_cosine_ops)
SUPPORT_FUNCTION(halfvec_l2_ops)
SUPPORT_FUNCTION(halfvec_ip_ops)
SUPPORT_FUNCTION(halfvec_cosine_ops)
SUPPORT_FUNCTION(rabitq8_l2_ops)
SUPPORT_FUNCTION(rabitq8_ip_ops)
SUPPORT_FUNCTION(rabitq8_cosine_ops)
SUPPORT_FUNCTION(rabitq4_l2_ops)
SUPPORT_FUNCTION(rabitq4_ip_ops)
SUPPORT_FUNCTION(rabitq4_cosine_ops)

static VgLabelType
label_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return VG_LABEL_INT2;
		case INT4OID:
			return VG_LABEL_INT4;
		case INT2ARRAYOID:
			return VG_LABEL_INT2_ARRAY;
		case INT4ARRAYOID:
			return VG_LABEL_INT4_ARRAY;
		default:
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("labels cannot be of type %s", format_type_be(type)),
							errhint("The second column of a vchordg index is smallint, integer, or "
									"an array of these.")));
	}
}

void
vg_columns_check(Relation index, uint32 *ret_dim, uint16 *ret_type, uint16 *ret_metric,
				 uint16 *ret_label_type)
{
	VcvOpclass opclass;
	int columns = IndexRelationGetNumberOfKeyAttributes(index);

	if (columns < 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("indexing on no columns is not supported")));
	if (columns > 2)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("multicolumn index is not supported"),
			 errdetail("A vchordg index has a vector column and at most one column of labels.")));
	if (!OidIsValid(index_getprocid(index, 1, 1)) &&
		OidIsValid(columns > 1 ? index_getprocid(index, 2, 1) : InvalidOid))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the first column of a vchordg index must be the vector")));
	vcv_opclass_of(index, VG_AM_NAME, &opclass);
	*ret_dim = vcv_opclass_dim(index);
	*ret_type = (uint16) opclass.type;
	*ret_metric = (uint16) opclass.metric;
	*ret_label_type = VG_LABEL_NONE;
	if (columns > 1)
	{
		if (OidIsValid(index_getprocid(index, 2, 1)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("multicolumn index is not supported"),
					 errdetail("Only the first column of a vchordg index can be a vector.")));
		*ret_label_type = (uint16) label_type(TupleDescAttr(RelationGetDescr(index), 1)->atttypid);
	}
}
