/*
 * vchordrq/opclass.c
 *		What an index is over: the column, and support function 1 of each operator class.
 *
 * Support functions take nothing and return the text "vchordrq_<type>_<metric>_ops", by which the
 * access method knows element type and metric (core/vector/opclass.h).
 */
#include "postgres.h"

#include "vchordrq/am.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/vector/opclass.h"

#define SUPPORT_FUNCTION(opclass)                                                                  \
	VC_FUNCTION(_vchordrq_support_##opclass);                                                      \
	Datum _vchordrq_support_##opclass(PG_FUNCTION_ARGS)                                            \
	{                                                                                              \
		(void) fcinfo;                                                                             \
		PG_RETURN_TEXT_P(cstring_to_text("vchordrq_" #opclass));                                   \
	}

SUPPORT_FUNCTION(vector_l2_ops)
SUPPORT_FUNCTION(vector_ip_ops)
SUPPORT_FUNCTION(vector_cosine_ops)
SUPPORT_FUNCTION(vector_maxsim_ops)
SUPPORT_FUNCTION(halfvec_l2_ops)
SUPPORT_FUNCTION(halfvec_ip_ops)
SUPPORT_FUNCTION(halfvec_cosine_ops)
SUPPORT_FUNCTION(halfvec_maxsim_ops)
SUPPORT_FUNCTION(rabitq8_l2_ops)
SUPPORT_FUNCTION(rabitq8_ip_ops)
SUPPORT_FUNCTION(rabitq8_cosine_ops)
SUPPORT_FUNCTION(rabitq8_maxsim_ops)
SUPPORT_FUNCTION(rabitq4_l2_ops)
SUPPORT_FUNCTION(rabitq4_ip_ops)
SUPPORT_FUNCTION(rabitq4_cosine_ops)
SUPPORT_FUNCTION(rabitq4_maxsim_ops)

void
rq_column_check(Relation index, uint32 *ret_dim, VcvOpclass *ret_opclass)
{
	if (IndexRelationGetNumberOfKeyAttributes(index) < 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("indexing on no columns is not supported")));
	if (IndexRelationGetNumberOfAttributes(index) > 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("multicolumn index is not supported")));
	vcv_opclass_of(index, RQ_AM_NAME, ret_opclass);
	*ret_dim = vcv_opclass_dim(index);
}
