-- bm25vector: term ids with frequencies.
CREATE TYPE bm25_catalog.bm25vector;

CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_in(cstring) RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_out(bm25_catalog.bm25vector) RETURNS cstring
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_recv(internal) RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_send(bm25_catalog.bm25vector) RETURNS bytea
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE bm25_catalog.bm25vector (
    INPUT = bm25_catalog._bm25catalog_bm25vector_in,
    OUTPUT = bm25_catalog._bm25catalog_bm25vector_out,
    RECEIVE = bm25_catalog._bm25catalog_bm25vector_recv,
    SEND = bm25_catalog._bm25catalog_bm25vector_send,
    STORAGE = external,
    ALIGNMENT = double
);
COMMENT ON TYPE bm25_catalog.bm25vector IS 'term ids with frequencies: {id:frequency, ...}';

-- Casts.
CREATE FUNCTION bm25_catalog._vchord_bm25_cast_array_to_bm25vector(integer[], integer, boolean)
    RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', '_vchord_bm25_cast_array_to_bm25vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (integer[] AS bm25_catalog.bm25vector)
    WITH FUNCTION bm25_catalog._vchord_bm25_cast_array_to_bm25vector(integer[], integer, boolean) AS IMPLICIT;
CREATE FUNCTION bm25_catalog._vchord_bm25_cast_bm25vector_to_array(bm25_catalog.bm25vector, integer, boolean)
    RETURNS integer[]
    AS '$libdir/vchord_bm25', '_vchord_bm25_cast_bm25vector_to_array'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (bm25_catalog.bm25vector AS integer[])
    WITH FUNCTION bm25_catalog._vchord_bm25_cast_bm25vector_to_array(bm25_catalog.bm25vector, integer, boolean)
    AS ASSIGNMENT;

-- Constructors.
CREATE FUNCTION bm25_catalog.bm25_vector(tsvector) RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', 'bm25_vector_from_tsvector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_catalog.bm25_vector(tsvector) IS 'ids are hashes of the lexemes, as bm25_tokenize makes them';
CREATE FUNCTION bm25_catalog.bm25_vector(ids integer[], tfs integer[]) RETURNS bm25_catalog.bm25vector
    AS '$libdir/vchord_bm25', 'bm25_vector_from_arrays'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_catalog.bm25_vector(integer[], integer[]) IS 'ids in any order, a frequency for each';

-- Equality.  With = (bm25vector, bm25vector) in place, the implicit cast from integer[] would make the
-- operator of every integer[] = integer[] in the database ambiguous.  So the operators take a type of
-- their own, which bm25vector turns into at no cost, and integer[] does not.
CREATE TYPE bm25_catalog.bm25vector_operand;
CREATE FUNCTION bm25_catalog._bm25catalog_operand_in(cstring) RETURNS bm25_catalog.bm25vector_operand
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog._bm25catalog_operand_out(bm25_catalog.bm25vector_operand) RETURNS cstring
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE bm25_catalog.bm25vector_operand (
    INPUT = bm25_catalog._bm25catalog_operand_in,
    OUTPUT = bm25_catalog._bm25catalog_operand_out,
    STORAGE = external,
    ALIGNMENT = double
);
COMMENT ON TYPE bm25_catalog.bm25vector_operand IS 'operand of = and <> of bm25vector; not for columns';
CREATE CAST (bm25_catalog.bm25vector AS bm25_catalog.bm25vector_operand) WITHOUT FUNCTION AS IMPLICIT;

CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_operator_eq(
    bm25_catalog.bm25vector_operand, bm25_catalog.bm25vector_operand) RETURNS boolean
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_operator_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog._bm25catalog_bm25vector_operator_neq(
    bm25_catalog.bm25vector_operand, bm25_catalog.bm25vector_operand) RETURNS boolean
    AS '$libdir/vchord_bm25', '_bm25catalog_bm25vector_operator_neq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR pg_catalog.= (
    FUNCTION = bm25_catalog._bm25catalog_bm25vector_operator_eq,
    LEFTARG = bm25_catalog.bm25vector_operand,
    RIGHTARG = bm25_catalog.bm25vector_operand,
    COMMUTATOR = OPERATOR(pg_catalog.=),
    NEGATOR = OPERATOR(pg_catalog.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel
);
CREATE OPERATOR pg_catalog.<> (
    FUNCTION = bm25_catalog._bm25catalog_bm25vector_operator_neq,
    LEFTARG = bm25_catalog.bm25vector_operand,
    RIGHTARG = bm25_catalog.bm25vector_operand,
    COMMUTATOR = OPERATOR(pg_catalog.<>),
    NEGATOR = OPERATOR(pg_catalog.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
