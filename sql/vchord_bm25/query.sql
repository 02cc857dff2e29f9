-- bm25query: what to look for, and the index whose statistics it is scored with.
CREATE TYPE pg_catalog.bm25query;

CREATE FUNCTION pg_catalog.bm25query_in(cstring) RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25query_in'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.bm25query_out(pg_catalog.bm25query) RETURNS cstring
    AS '$libdir/vchord_bm25', 'bm25query_out'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.bm25query_recv(internal) RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25query_recv'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.bm25query_send(pg_catalog.bm25query) RETURNS bytea
    AS '$libdir/vchord_bm25', 'bm25query_send'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE TYPE pg_catalog.bm25query (
    INPUT = pg_catalog.bm25query_in,
    OUTPUT = pg_catalog.bm25query_out,
    RECEIVE = pg_catalog.bm25query_recv,
    SEND = pg_catalog.bm25query_send,
    STORAGE = extended,
    ALIGNMENT = double
);
COMMENT ON TYPE pg_catalog.bm25query IS 'query for a bm25 index';

-- Constructors.  The last one is where untyped literals end: it finds out which of the two names an
-- index.  min_score: rows whose score (the sign turned) is lower are no matches.
CREATE FUNCTION pg_catalog.to_bm25query(index_oid regclass, query_vector bm25_catalog.bm25vector, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.to_bm25query(query tsvector, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_tsvector'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION pg_catalog.to_bm25query(query tsquery, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_tsquery'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.to_bm25query(query text, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pg_catalog.to_bm25query(first text, second text, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_names'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

-- Twins under the schema of the older generation.  Where both schemas are searched, pg_catalog comes
-- first and these are not seen.
CREATE DOMAIN bm25_catalog.bm25query AS pg_catalog.bm25query;

CREATE FUNCTION bm25_catalog.to_bm25query(index_oid regclass, query_vector bm25_catalog.bm25vector, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.to_bm25query(query tsvector, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_tsvector'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.to_bm25query(query tsquery, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_tsquery'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.to_bm25query(query text, index regclass, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.to_bm25query(first text, second text, min_score double precision DEFAULT 0)
    RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_query_from_names'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

-- Parts of a query.
CREATE FUNCTION bm25_catalog.bm25query_index(pg_catalog.bm25query) RETURNS regclass
    AS '$libdir/vchord_bm25', 'bm25query_index'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25query_kind(pg_catalog.bm25query) RETURNS text
    AS '$libdir/vchord_bm25', 'bm25query_kind'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25query_payload(pg_catalog.bm25query) RETURNS text
    AS '$libdir/vchord_bm25', 'bm25query_payload'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25query_column(pg_catalog.bm25query) RETURNS text
    AS '$libdir/vchord_bm25', 'bm25query_column'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25query_min_score(pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25query_min_score'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- The query, meant for one column of its index: where several columns have the operand's type, <&> and @@ cannot
-- tell by themselves which one it is.
CREATE FUNCTION pg_catalog.bm25_field(query pg_catalog.bm25query, index_column text) RETURNS pg_catalog.bm25query
    AS '$libdir/vchord_bm25', 'bm25_field'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
