-- rabitq8 and rabitq4: vectors in 8 and 4 bits a dimension, from and to pgvector's types, and their distances.

CREATE TYPE rabitq8;

CREATE FUNCTION _vchord_rabitq8_in(cstring, oid, integer) RETURNS rabitq8
    AS '$libdir/vchordrq', '_vchord_rabitq8_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_out(rabitq8) RETURNS cstring
    AS '$libdir/vchordrq', '_vchord_rabitq8_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_recv(internal, oid, integer) RETURNS rabitq8
    AS '$libdir/vchordrq', '_vchord_rabitq8_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_send(rabitq8) RETURNS bytea
    AS '$libdir/vchordrq', '_vchord_rabitq8_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_typmod_in(cstring[]) RETURNS integer
    AS '$libdir/vchordrq', '_vchord_rabitq8_typmod_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_typmod_out(integer) RETURNS cstring
    AS '$libdir/vchordrq', '_vchord_rabitq_typmod_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE rabitq8 (
    INPUT = _vchord_rabitq8_in,
    OUTPUT = _vchord_rabitq8_out,
    RECEIVE = _vchord_rabitq8_recv,
    SEND = _vchord_rabitq8_send,
    TYPMOD_IN = _vchord_rabitq8_typmod_in,
    TYPMOD_OUT = _vchord_rabitq8_typmod_out,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE rabitq8 IS 'vector in 8 bits a dimension';

-- holds a value to the dimension of its column
CREATE FUNCTION _vchord_rabitq8_cast(rabitq8, integer, boolean) RETURNS rabitq8
    AS '$libdir/vchordrq', '_vchord_rabitq8_cast'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (rabitq8 AS rabitq8) WITH FUNCTION _vchord_rabitq8_cast(rabitq8, integer, boolean) AS IMPLICIT;

CREATE TYPE rabitq4;

CREATE FUNCTION _vchord_rabitq4_in(cstring, oid, integer) RETURNS rabitq4
    AS '$libdir/vchordrq', '_vchord_rabitq4_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_out(rabitq4) RETURNS cstring
    AS '$libdir/vchordrq', '_vchord_rabitq4_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_recv(internal, oid, integer) RETURNS rabitq4
    AS '$libdir/vchordrq', '_vchord_rabitq4_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_send(rabitq4) RETURNS bytea
    AS '$libdir/vchordrq', '_vchord_rabitq4_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_typmod_in(cstring[]) RETURNS integer
    AS '$libdir/vchordrq', '_vchord_rabitq4_typmod_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_typmod_out(integer) RETURNS cstring
    AS '$libdir/vchordrq', '_vchord_rabitq_typmod_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE rabitq4 (
    INPUT = _vchord_rabitq4_in,
    OUTPUT = _vchord_rabitq4_out,
    RECEIVE = _vchord_rabitq4_recv,
    SEND = _vchord_rabitq4_send,
    TYPMOD_IN = _vchord_rabitq4_typmod_in,
    TYPMOD_OUT = _vchord_rabitq4_typmod_out,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE rabitq4 IS 'vector in 4 bits a dimension';

-- holds a value to the dimension of its column
CREATE FUNCTION _vchord_rabitq4_cast(rabitq4, integer, boolean) RETURNS rabitq4
    AS '$libdir/vchordrq', '_vchord_rabitq4_cast'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (rabitq4 AS rabitq4) WITH FUNCTION _vchord_rabitq4_cast(rabitq4, integer, boolean) AS IMPLICIT;

CREATE FUNCTION quantize_to_rabitq8(vector) RETURNS rabitq8
    AS '$libdir/vchordrq', '_vchord_vector_quantize_to_rabitq8'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION quantize_to_rabitq8(halfvec) RETURNS rabitq8
    AS '$libdir/vchordrq', '_vchord_halfvec_quantize_to_rabitq8'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION quantize_to_rabitq4(vector) RETURNS rabitq4
    AS '$libdir/vchordrq', '_vchord_vector_quantize_to_rabitq4'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION quantize_to_rabitq4(halfvec) RETURNS rabitq4
    AS '$libdir/vchordrq', '_vchord_halfvec_quantize_to_rabitq4'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION dequantize_to_vector(rabitq8) RETURNS vector
    AS '$libdir/vchordrq', '_vchord_rabitq8_dequantize_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dequantize_to_vector(rabitq4) RETURNS vector
    AS '$libdir/vchordrq', '_vchord_rabitq4_dequantize_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dequantize_to_halfvec(rabitq8) RETURNS halfvec
    AS '$libdir/vchordrq', '_vchord_rabitq8_dequantize_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION dequantize_to_halfvec(rabitq4) RETURNS halfvec
    AS '$libdir/vchordrq', '_vchord_rabitq4_dequantize_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION _vchord_rabitq8_operator_l2(rabitq8, rabitq8) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq8_operator_l2'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_operator_ip(rabitq8, rabitq8) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq8_operator_ip'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_operator_cosine(rabitq8, rabitq8) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq8_operator_cosine'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <-> (
    LEFTARG = rabitq8, RIGHTARG = rabitq8, FUNCTION = _vchord_rabitq8_operator_l2, COMMUTATOR = <->
);

CREATE OPERATOR <#> (
    LEFTARG = rabitq8, RIGHTARG = rabitq8, FUNCTION = _vchord_rabitq8_operator_ip, COMMUTATOR = <#>
);

CREATE OPERATOR <=> (
    LEFTARG = rabitq8, RIGHTARG = rabitq8, FUNCTION = _vchord_rabitq8_operator_cosine, COMMUTATOR = <=>
);

CREATE FUNCTION _vchord_rabitq4_operator_l2(rabitq4, rabitq4) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq4_operator_l2'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_operator_ip(rabitq4, rabitq4) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq4_operator_ip'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_operator_cosine(rabitq4, rabitq4) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq4_operator_cosine'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <-> (
    LEFTARG = rabitq4, RIGHTARG = rabitq4, FUNCTION = _vchord_rabitq4_operator_l2, COMMUTATOR = <->
);

CREATE OPERATOR <#> (
    LEFTARG = rabitq4, RIGHTARG = rabitq4, FUNCTION = _vchord_rabitq4_operator_ip, COMMUTATOR = <#>
);

CREATE OPERATOR <=> (
    LEFTARG = rabitq4, RIGHTARG = rabitq4, FUNCTION = _vchord_rabitq4_operator_cosine, COMMUTATOR = <=>
);
