/*
 * tests/modules/toy.h
 *		What the parts of the test module share.
 */
#ifndef VC_TESTS_MODULES_TOY_H
#define VC_TESTS_MODULES_TOY_H

#include "access/amapi.h"

#include "core/options.h"

/* options of the toy, in the order of the schema's keys; test_options.c */
typedef struct ToyOptions
{
	VcOptHead head;
	bool flag;
	int32 number;
	double ratio;
	int32 pin;
	VcOptList lists;
	VcOptList probes;
	char table[32];
} ToyOptions;

typedef enum ToyKey
{
	TOY_BUILD,
	TOY_DEFAULT,
	TOY_INTERNAL,
	TOY_LISTS,
	TOY_EXTERNAL,
	TOY_TABLE,
	TOY_PIN,
	TOY_FLAG,
	TOY_NUMBER,
	TOY_RATIO,
	TOY_PROBES
} ToyKey;

extern const VcOptSchema toy_schema;

/* _PG_init calls these */
extern void toy_options_init(void);
extern void toy_am_init(void);

extern bytea *toy_amoptions(Datum reloptions, bool validate);

#endif
