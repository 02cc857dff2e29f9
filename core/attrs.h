/*
 * core/attrs.h
 *		Compiler attributes and the export rule used all over the tree.
 *
 * VC_SCOPED(f) runs f(&var) when the variable's scope ends on a normal path (fall-through, return,
 * break, continue, goto).  It does NOT run on ereport(ERROR), which leaves by siglongjmp: a scoped
 * guard may own only what transaction abort releases anyway (core/README.md, "Guards").
 *
 * VC_FUNCTION(name) declares an SQL-callable function.  Modules are built with hidden visibility,
 * because the server opens them RTLD_GLOBAL and a visible helper of one module would be bound to the
 * homonym of another; PostgreSQL 15's PGDLLEXPORT is empty, so visibility is spelled out here.
 */
#ifndef VC_CORE_ATTRS_H
#define VC_CORE_ATTRS_H

#define VC_SCOPED(fn) __attribute__((cleanup(fn), unused))
#define VC_NODISCARD  __attribute__((warn_unused_result))
#define VC_COLD       __attribute__((cold))
#define VC_EXPORT     __attribute__((visibility("default")))

#define VC_FUNCTION(name)                                                                          \
	extern VC_EXPORT Datum name(PG_FUNCTION_ARGS);                                                 \
	PG_FUNCTION_INFO_V1(name)

#endif
