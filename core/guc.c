/*
 * core/guc.c
 *		Source of a GUC, reloptions as fallback, and the cap of kernels.
 *
 * The record of a custom GUC stays at its address for the life of the process (only the server's table
 * of pointers is rebuilt), so it is looked up once, after the definition.
 */
#include "postgres.h"

#include "core/guc.h"

#include "fmgr.h"
#include "utils/guc_tables.h"

#include "core/compat.h"

void
vc_guc_init(VcGuc *guc, const char *name)
{
	guc->name = name;
	guc->record = find_option(name, false, true, ERROR);
	if (guc->record == NULL)
		elog(ERROR, "configuration parameter \"%s\" is not defined", name);
}

GucSource
vc_guc_source(const VcGuc *guc)
{
	Assert(guc->record != NULL);
	return guc->record->source;
}

bool
vc_guc_is_set(const VcGuc *guc)
{
	return vc_guc_source(guc) != PGC_S_DEFAULT;
}

static bool
use_reloption(const VcGuc *guc, const void *options, int key)
{
	return !vc_guc_is_set(guc) && vc_options_given(options, key);
}

int
vc_guc_choose_int(const VcGuc *guc, int value, const void *options, int key, int reloption)
{
	return use_reloption(guc, options, key) ? reloption : value;
}

double
vc_guc_choose_real(const VcGuc *guc, double value, const void *options, int key, double reloption)
{
	return use_reloption(guc, options, key) ? reloption : value;
}

bool
vc_guc_choose_bool(const VcGuc *guc, bool value, const void *options, int key, bool reloption)
{
	return use_reloption(guc, options, key) ? reloption : value;
}

bool
vc_guc_choose_probes(const VcGuc *guc, const char *value, const void *options, int key,
					 const VcOptList *reloption, VcOptList *ret_probes)
{
	char message[128];

	if (use_reloption(guc, options, key))
	{
		*ret_probes = *reloption;
		return true;
	}
	ret_probes->n = 0;
	if (value != NULL &&
		vc_probes_parse(value, ret_probes, message, sizeof(message)) != VC_PROBES_OK)
		elog(ERROR, "%s", message); /* the check hook has let it pass */
	return vc_guc_is_set(guc);
}

bool
vc_guc_check_probes(char **newval, void **extra pg_attribute_unused(),
					GucSource source pg_attribute_unused())
{
	VcOptList list;
	char message[128];

	if (*newval == NULL ||
		vc_probes_parse(*newval, &list, message, sizeof(message)) == VC_PROBES_OK)
		return true;
	GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
	GUC_check_errmsg("%s", message);
	GUC_check_errhint("Give one number for each level of lists, separated by commas, or nothing.");
	return false;
}

/*----- vchord.simd_level -----*/

#define SIMD_LEVEL "vchord.simd_level"
#define SIMD_USERS "vchord_simd_users_1"

static int simd_level;

static void
assign_simd_level(int newval, void *extra)
{
	VcSimdUser *user = *(VcSimdUser **) find_rendezvous_variable(SIMD_USERS);

	(void) extra;
	for (; user != NULL; user = user->next)
		user->refill(newval);
}

void
vc_guc_simd_level(VcSimdUser *user, const struct config_enum_entry *levels, int boot)
{
	VcSimdUser **users = (VcSimdUser **) find_rendezvous_variable(SIMD_USERS);
	bool first = *users == NULL;
	const char *value;

	user->next = *users;
	*users = user;
	if (first)
	{
		/* calls the assign hook */
		DefineCustomEnumVariable(SIMD_LEVEL, "Highest instruction set used by kernels.",
								 "A level that this CPU does not have is no limit.", &simd_level,
								 boot, levels, PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL,
								 assign_simd_level, NULL);
		return;
	}
	value = GetConfigOption(SIMD_LEVEL, false, false);
	for (const struct config_enum_entry *level = levels; level->name != NULL; level++)
	{
		if (strcmp(level->name, value) == 0)
			user->refill(level->val);
	}
}
