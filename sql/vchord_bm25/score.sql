-- <&>: the score of a value for a query, negative so that the best come first; 0 if no term is shared.
-- Statistics are taken once per statement and backend, so parallel workers must not run these.
CREATE FUNCTION bm25_catalog.bm25_score(bm25_catalog.bm25vector, pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25_score_vector'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.<&> (
    FUNCTION = bm25_catalog.bm25_score, LEFTARG = bm25_catalog.bm25vector, RIGHTARG = pg_catalog.bm25query);
CREATE FUNCTION bm25_catalog.bm25_score(tsvector, pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25_score_tsvector'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.<&> (
    FUNCTION = bm25_catalog.bm25_score, LEFTARG = tsvector, RIGHTARG = pg_catalog.bm25query);
CREATE FUNCTION bm25_catalog.bm25_score(text, pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25_score_text'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.<&> (
    FUNCTION = bm25_catalog.bm25_score, LEFTARG = text, RIGHTARG = pg_catalog.bm25query);
CREATE FUNCTION bm25_catalog.bm25_score(text[], pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25_score_text_array'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.<&> (
    FUNCTION = bm25_catalog.bm25_score, LEFTARG = text[], RIGHTARG = pg_catalog.bm25query);
-- The cast from varchar[] to text[] is a node of its own, other than that of varchar: it would hide the column from
-- the index.
CREATE FUNCTION bm25_catalog.bm25_score(varchar[], pg_catalog.bm25query) RETURNS double precision
    AS '$libdir/vchord_bm25', 'bm25_score_text_array'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.<&> (
    FUNCTION = bm25_catalog.bm25_score, LEFTARG = varchar[], RIGHTARG = pg_catalog.bm25query);
