/*
 * core/options.h
 *		Index options: a TOML document in the reloption `options`, and native reloptions beside it,
 *		into one flat C struct that the access method describes by a table.
 *
 * The struct starts with VcOptHead and is what rd_options points at, so it holds no pointer:
 * strings are char arrays, lists are VcOptList.  Every native reloption is registered as a string
 * and read by this module, so that "not given" is always known and a value given both natively and
 * in the document can be refused (D13).
 *
 * Two moments:
 *	amoptions	vc_options_reloptions() checks native values and, with validate, the document too,
 *so that CREATE INDEX and ALTER INDEX refuse a bad one at once.  The result holds native values
 *over defaults, and the text of the document.
 *	ambuild		vc_options_read() gives the whole: defaults, document, native values.
 * A scan that wants a native value reads rd_options through vc_options_native(): no parsing.
 *
 * Errors are ERRCODE_INVALID_PARAMETER_VALUE (22023).  Syntax, types and unknown keys say "failed
 *to parse options: ..." with line and column; ranges and contradictions say "error while validating
 * options: ...".
 */
#ifndef VC_CORE_OPTIONS_H
#define VC_CORE_OPTIONS_H

#include "access/reloptions.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/probes.h"

/* most keys of a schema: presence is a bit of a uint64 */
#define VC_OPT_KEYS_MAX 64

/* First member of an option struct. */
typedef struct VcOptHead
{
	int32 vl_len_; /* varlena header, set by this module */
	int32 text;    /* offset of the TOML document from the start of the struct, 0 = none */
	uint64 native; /* bit i: key i was given as a reloption */
	uint64 given;  /* bit i: key i was given at all (a table: something in it was) */
} VcOptHead;

typedef struct VcOptReals
{
	int32 n;
	double v[VC_OPT_LIST_MAX];
} VcOptReals;

typedef enum VcOptType
{
	VC_OPT_BOOL,     /* bool */
	VC_OPT_INT,      /* int32, min..max */
	VC_OPT_REAL,     /* double, min..max; TOML integers are accepted */
	VC_OPT_LIST,     /* VcOptList, each min..max; native form '1000' or '100,10000' */
	VC_OPT_REALS,    /* VcOptReals, each min..max; native form '1.0,1.2' */
	VC_OPT_PROBES,   /* VcOptList in the grammar of core/probes.h; a string in TOML */
	VC_OPT_STRING,   /* char[size], terminated */
	VC_OPT_TABLE,    /* no value: the table of this name was given; keys below it may exist */
	VC_OPT_BOOL_INT, /* int32 min..max; true and false stand for 1 and -1 */
	VC_OPT_ABSENT    /* no option, though users look for it: `desc` is the hint of the error */
} VcOptType;

/* One option.  `key` (dotted) or `native` may be NULL, not both. */
typedef struct VcOptKey
{
	const char *key;    /* in the document */
	const char *native; /* as a reloption */
	VcOptType type;
	int offset; /* in the option struct; 0 for VC_OPT_TABLE */
	int size;   /* VC_OPT_STRING: bytes of the array */
	double min;
	double max;
	const char *desc; /* for the reloption */
} VcOptKey;

/*
 * At most one of the members (dotted keys of the schema, NULL-terminated) may be given.  If the
 * document names the table `parent` but no member is given in any form, that is an error when
 * `required`.
 */
typedef struct VcOptGroup
{
	const char *parent;
	const char *const *members;
	bool required;
} VcOptGroup;

/* Describes an option struct; static const data of the access method. */
typedef struct VcOptSchema
{
	const VcOptKey *keys;
	int nkeys;
	const VcOptGroup *groups;
	int ngroups;
	int size;             /* of the option struct */
	const void *defaults; /* an option struct with a zero head */

	/*
	 * Checks between values; called on a complete struct.  Raises through vc_options_invalid().
	 * NULL = none.
	 */
	void (*validate)(const void *options);
} VcOptSchema;

/*
 * Registers the reloption `options` and all native ones for an own reloption kind; call from
 * _PG_init once per access method.  Changing any needs AccessExclusiveLock.
 */
extern relopt_kind vc_options_register(const VcOptSchema *schema);

/*
 * Body of amoptions.  The struct (palloc'd, a varlena, NULL if no option was given) goes to
 * rd_options.  Without validate, as when the relcache loads, bad values are left at their defaults
 * and nothing is raised.
 */
extern bytea *vc_options_reloptions(const VcOptSchema *schema, relopt_kind kind, Datum reloptions,
									bool validate);

/*
 * All options of an index, the document included and everything checked, into *ret_options
 * (schema->size bytes of the caller's; head.text is 0).  For builds.
 */
extern void vc_options_read(const VcOptSchema *schema, Relation index, void *ret_options);

/* The same from a text and the struct of native values (NULL = none), for tests and inspection. */
extern void vc_options_parse(const VcOptSchema *schema, const char *text, const void *native,
							 void *ret_options);

/*
 * rd_options of an index, or the schema's defaults if it has none: native values and defaults, the
 * document not looked at.  Valid until the relcache entry is rebuilt.
 */
extern const void *vc_options_native(const VcOptSchema *schema, Relation index);

/* Was the key with this index of the schema given (native, or in a struct from vc_options_read)? */
static inline bool
vc_options_given(const void *options, int key)
{
	return (((const VcOptHead *) options)->given & (UINT64CONST(1) << key)) != 0;
}

/* Raises "error while validating options: ..." with a hint (NULL = none). */
pg_noreturn extern void vc_options_invalid(const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
