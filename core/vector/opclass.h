/*
 * core/vector/opclass.h
 *		What an operator class of a vector access method means.
 *
 * Support function 1 of every operator class takes no argument and returns the text
 * "<am>_<type>_<metric>_ops", for example "vchordrq_halfvec_cosine_ops"; metric is l2, ip, cosine or maxsim.
 */
#ifndef VC_CORE_VECTOR_OPCLASS_H
#define VC_CORE_VECTOR_OPCLASS_H

#include "utils/rel.h"

#include "core/vector/distance.h"
#include "core/vector/types.h"

typedef struct VcvOpclass
{
	VcvType type;
	VcvMetric metric;
	bool maxsim; /* over arrays of the type; metric is VCV_IP */
} VcvOpclass;

/*
 * Operator class of the index's first column.  am: the prefix ("vchordrq").  Raises "support
 * function 1 is not found" or "unknown operator class".
 */
extern void vcv_opclass_of(Relation index, const char *am, VcvOpclass *ret_opclass);

/* The text alone; false if it names no operator class. */
extern bool vcv_opclass_parse(const char *text, const char *am, VcvOpclass *ret_opclass);

/*
 * Dimension of the index's first column from its type modifier; raises "Dimensions type modifier of
 * a vector column is needed for building the index." if there is none, or an error if it exceeds
 * what an index may have.
 */
extern uint32 vcv_opclass_dim(Relation index);

#endif
