/*
 * core/vector/sql/rabitq_io.c
 *		rabitq8 and rabitq4 as SQL types: text, binary, type modifier.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "nodes/nodes.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/vector/datum.h"
#include "core/vector/quant_text.h"

/* longest part of wrong input that is shown */
#define SHOWN 32

/* "123, ": what a code takes at most */
#define CODE_BYTES 5

VC_FUNCTION(_vchord_rabitq8_in);
VC_FUNCTION(_vchord_rabitq8_out);
VC_FUNCTION(_vchord_rabitq8_recv);
VC_FUNCTION(_vchord_rabitq8_send);
VC_FUNCTION(_vchord_rabitq8_typmod_in);
VC_FUNCTION(_vchord_rabitq8_cast);
VC_FUNCTION(_vchord_rabitq4_in);
VC_FUNCTION(_vchord_rabitq4_out);
VC_FUNCTION(_vchord_rabitq4_recv);
VC_FUNCTION(_vchord_rabitq4_send);
VC_FUNCTION(_vchord_rabitq4_typmod_in);
VC_FUNCTION(_vchord_rabitq4_cast);
VC_FUNCTION(_vchord_rabitq_typmod_out);

/* an empty value of the dimension; rows are not cleared */
static VcvQuantData *
new_value(VcvType type, uint32 dim)
{
	const Size size = offsetof(VcvQuantData, head) + vcv_row_bytes(type, dim);
	VcvQuantData *value = palloc(size);

	SET_VARSIZE(value, size);
	value->dim = (uint16) dim;
	value->unused = 0;
	return value;
}

/* raises, or tells a caller that wants no error */
static bool
check_dim(int32 typmod, uint32 dim, Node *escontext)
{
	if (typmod == -1 || (uint32) typmod == dim)
		return true;
	ereturn(
		escontext, false,
		(errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %u", typmod, dim)));
}

/* a wrong part of the text, cut to what helps */
static char *
shown(const char *at, size_t len)
{
	return pnstrdup(at, pg_mbcliplen(at, (int) Min(len, INT_MAX), SHOWN));
}

static Datum
complain(VcvType type, VcvQuantError error, const char *at, size_t len, Node *escontext)
{
	const char *name = vcv_type_name(type);

	switch (error)
	{
		case VCV_QUANT_EMPTY:
			ereturn(
				escontext, (Datum) 0,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("vector must have at least 1 dimension")));
		case VCV_QUANT_LARGE:
			ereturn(escontext, (Datum) 0,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("vector cannot have more than %d dimensions", VCV_MAX_QUANT_DIM)));
		case VCV_QUANT_NUMBER:
			ereturn(escontext, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("failed to parse number \"%s\"", shown(at, len)),
					 errdetail("A %s value has four numbers in parentheses and integers in "
							   "brackets.",
							   name)));
		case VCV_QUANT_HEAD:
			ereturn(escontext, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("failed to parse number \"%s\"", shown(at, len)),
					 errdetail("Numbers in the parentheses of a %s value are finite and not "
							   "negative.",
							   name)));
		case VCV_QUANT_CODE:
			ereturn(escontext, (Datum) 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("failed to parse number \"%s\"", shown(at, len)),
					 errdetail("A code of %s is an integer from 0 to %u.", name,
							   (1u << vcv_element_bits(type)) - 1)));
		case VCV_QUANT_OK:
		case VCV_QUANT_SIZE:
		case VCV_QUANT_STRUCTURE:
			break;
	}
	ereturn(escontext, (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("incorrect vector"),
			 len > 0 ? errdetail("A %s value looks like \"(1, 2, 3, 4)[5, 6]\"; it goes wrong at "
								 "\"%s\".",
								 name, shown(at, len))
					 : errdetail("A %s value looks like \"(1, 2, 3, 4)[5, 6]\"; the text ends too "
								 "early.",
								 name)));
}

static Datum
value_in(VcvType type, FunctionCallInfo fcinfo)
{
	const char *text = PG_GETARG_CSTRING(0);
	const int32 typmod = PG_GETARG_INT32(2);
	VcvQuantData *value = new_value(type, vcv_quant_text_bound(text));
	uint32 dim;
	const char *at;
	size_t len;
	VcvQuantError error = vcv_quant_parse(type, text, &value->head, &dim, &at, &len);

	if (error != VCV_QUANT_OK)
		return complain(type, error, at, len, fcinfo->context);
	if (!check_dim(typmod, dim, fcinfo->context))
		return (Datum) 0;
	SET_VARSIZE(value, offsetof(VcvQuantData, head) + vcv_row_bytes(type, dim));
	value->dim = (uint16) dim;
	return PointerGetDatum(value);
}

static char *
put_float(char *at, float value)
{
	return at + float_to_shortest_decimal_bufn(value, at);
}

static char *
put_code(char *at, unsigned int code)
{
	if (code >= 100)
		*at++ = (char) ('0' + code / 100);
	if (code >= 10)
		*at++ = (char) ('0' + code / 10 % 10);
	*at++ = (char) ('0' + code % 10);
	return at;
}

static Datum
value_out(VcvType type, FunctionCallInfo fcinfo)
{
	VcvView view;
	const VcvQuantHead *head;
	const uint8 *codes;
	char *text;
	char *at;

	vcv_read(type, PG_GETARG_DATUM(0), &view);
	head = view.x;
	codes = (const uint8 *) (head + 1);
	text = at = palloc(4 * (FLOAT_SHORTEST_DECIMAL_LEN + 2) + (Size) view.dim * CODE_BYTES +
					   sizeof("()[]"));
	*at++ = '(';
	at = put_float(at, head->norm2);
	*at++ = ',';
	*at++ = ' ';
	at = put_float(at, head->lattice_norm);
	*at++ = ',';
	*at++ = ' ';
	at = put_float(at, head->code_sum);
	*at++ = ',';
	*at++ = ' ';
	at = put_float(at, head->abs_sum);
	*at++ = ')';
	*at++ = '[';
	for (uint32 i = 0; i < view.dim; i++)
	{
		if (i > 0)
		{
			*at++ = ',';
			*at++ = ' ';
		}
		at = put_code(at, type == VCV_RABITQ8 ? codes[i] : (codes[i / 2] >> (i % 2 * 4)) & 15);
	}
	*at++ = ']';
	*at = '\0';
	PG_RETURN_CSTRING(text);
}

static Datum
value_recv(VcvType type, FunctionCallInfo fcinfo)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	const int32 typmod = PG_GETARG_INT32(2);
	const uint8 *wire = (const uint8 *) message->data + message->cursor;
	VcvQuantData *value;
	uint32 dim;
	VcvQuantError error =
		vcv_quant_wire_dim(type, wire, (size_t) (message->len - message->cursor), &dim);

	if (error == VCV_QUANT_EMPTY || error == VCV_QUANT_LARGE)
		complain(type, error, NULL, 0, NULL);
	if (error != VCV_QUANT_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("detect data corruption"),
				 errdetail("The size of a %s value does not agree with its dimension.",
						   vcv_type_name(type))));
	check_dim(typmod, dim, NULL);
	value = new_value(type, dim);
	if (vcv_quant_from_wire(type, wire, dim, &value->head) != VCV_QUANT_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("detect data corruption"),
				 errdetail("A %s value has four finite numbers that are not negative, and bits "
						   "beyond its codes are zero.",
						   vcv_type_name(type))));
	message->cursor = message->len;
	return PointerGetDatum(value);
}

static Datum
value_send(VcvType type, FunctionCallInfo fcinfo)
{
	VcvView view;
	bytea *wire;
	Size size;

	vcv_read(type, PG_GETARG_DATUM(0), &view);
	size = VARHDRSZ + VCV_QUANT_WIRE_HEAD + vcv_row_bytes(type, view.dim) - sizeof(VcvQuantHead);
	wire = palloc(size);
	SET_VARSIZE(wire, size);
	vcv_quant_to_wire(type, view.x, view.dim, (uint8 *) VARDATA(wire));
	PG_RETURN_BYTEA_P(wire);
}

/* the one integer of a type modifier */
static Datum
typmod_in(VcvType type, FunctionCallInfo fcinfo)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum *words;
	int n;
	char *end;
	long long dim;

	deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR, &words, NULL, &n);
	errno = 0;
	dim = n == 1 ? strtoll(DatumGetCString(words[0]), &end, 10) : 0;
	if (n != 1 || end == DatumGetCString(words[0]) || *end != '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier"),
						errhint("Write the number of dimensions: %s(768).", vcv_type_name(type))));
	if (dim < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type %s must be at least 1", vcv_type_name(type))));
	if (dim > VCV_MAX_QUANT_DIM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("dimensions for type %s cannot exceed %d", vcv_type_name(type),
							   VCV_MAX_QUANT_DIM)));
	PG_RETURN_INT32((int32) dim);
}

/* the same value, if it has the dimension of the type modifier */
static Datum
value_cast(VcvType type, FunctionCallInfo fcinfo)
{
	Datum value = PG_GETARG_DATUM(0);
	const int32 typmod = PG_GETARG_INT32(1);
	VcvView view;

	if (typmod != -1)
	{
		vcv_read(type, value, &view);
		check_dim(typmod, view.dim, NULL);
	}
	return value;
}

/* text (and binary) -> value; the second argument is not used, the third is the type modifier */
Datum
_vchord_rabitq8_in(PG_FUNCTION_ARGS)
{
	return value_in(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_in(PG_FUNCTION_ARGS)
{
	return value_in(VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq8_out(PG_FUNCTION_ARGS)
{
	return value_out(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_out(PG_FUNCTION_ARGS)
{
	return value_out(VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq8_recv(PG_FUNCTION_ARGS)
{
	return value_recv(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_recv(PG_FUNCTION_ARGS)
{
	return value_recv(VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq8_send(PG_FUNCTION_ARGS)
{
	return value_send(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_send(PG_FUNCTION_ARGS)
{
	return value_send(VCV_RABITQ4, fcinfo);
}

/* cstring[] -> integer */
Datum
_vchord_rabitq8_typmod_in(PG_FUNCTION_ARGS)
{
	return typmod_in(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_typmod_in(PG_FUNCTION_ARGS)
{
	return typmod_in(VCV_RABITQ4, fcinfo);
}

/* integer -> cstring */
Datum
_vchord_rabitq_typmod_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(psprintf("(%d)", PG_GETARG_INT32(0)));
}

/* value, type modifier, is it an explicit cast -> value */
Datum
_vchord_rabitq8_cast(PG_FUNCTION_ARGS)
{
	return value_cast(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_cast(PG_FUNCTION_ARGS)
{
	return value_cast(VCV_RABITQ4, fcinfo);
}
