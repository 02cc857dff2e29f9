/*
 * core/guc.h
 *		Settings: a reloption as fallback for a GUC, by the GUC's source, and the one setting
 *		that all modules share.
 *
 * Precedence, as upstream: the GUC is used whenever its source is not the built-in default (SET,
 * ALTER ROLE, ALTER DATABASE, ALTER SYSTEM, postgresql.conf, even with the same value), else the
 * index's reloption.
 */
#ifndef VC_CORE_GUC_H
#define VC_CORE_GUC_H

#include "utils/guc.h"

#include "core/options.h"

/* A GUC of ours, found once after it was defined.  Static variable of the module. */
typedef struct VcGuc
{
	const char *name;
	struct config_generic *record;
} VcGuc;

/* Looks the GUC up; call from _PG_init after DefineCustom...Variable.  elog if there is none. */
extern void vc_guc_init(VcGuc *guc, const char *name);

/* Where its value comes from; of two sources the greater one is closer to the session. */
extern GucSource vc_guc_source(const VcGuc *guc);

/* Is its source anything but the built-in default? */
extern bool vc_guc_is_set(const VcGuc *guc);

/*
 * The value to use: `value` (of the GUC) if the GUC is set or no reloption was given, else the
 * reloption's.  `key` is the option's index in its schema, `options` is from vc_options_native().
 */
extern int vc_guc_choose_int(const VcGuc *guc, int value, const void *options, int key,
							 int reloption);
extern double vc_guc_choose_real(const VcGuc *guc, double value, const void *options, int key,
								 double reloption);
extern bool vc_guc_choose_bool(const VcGuc *guc, bool value, const void *options, int key,
							   bool reloption);

/*
 * The same for probes: parses the GUC's text (which its check hook has accepted) or copies the
 * reloption's list.  Returns true if either was given: an explicit cap (D11); an explicit empty
 * text counts as given with n = 0.
 */
extern bool vc_guc_choose_probes(const VcGuc *guc, const char *value, const void *options, int key,
								 const VcOptList *reloption, VcOptList *ret_probes);

/* Check hook of a GUC that holds probes. */
extern bool vc_guc_check_probes(char **newval, void **extra, GucSource source);

/*
 * vchord.simd_level (superuser): caps the instruction sets of the kernels.  Several modules of ours may
 * be loaded, in any order, each with kernels of its own: the first defines the setting, all are told of
 * its value through a list in a rendezvous variable.  So this struct must stay as it is, unless the
 * variable gets a new name.
 */
typedef struct VcSimdUser
{
	void (*refill)(int level); /* cap the level, fill the kernel tables again; cannot fail */
	struct VcSimdUser *next;
} VcSimdUser;

/*
 * Call from _PG_init, before MarkGUCPrefixReserved("vchord").  Calls user->refill now and whenever the
 * setting changes.  user and levels are static variables of the module; all modules give the same levels.
 */
extern void vc_guc_simd_level(VcSimdUser *user, const struct config_enum_entry *levels, int boot);

#endif
