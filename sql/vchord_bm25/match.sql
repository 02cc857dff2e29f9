-- @@: whether a value matches a query: its Boolean form if it has one, else any term; and min_score.
-- tsvector has no such operator: beside core's @@ (tsvector, tsquery) it would make
-- "tsvector @@ 'untyped literal'" ambiguous in the whole database.
CREATE FUNCTION bm25_catalog.bm25_match_selectivity(internal, oid, internal, integer) RETURNS double precision
    AS '$libdir/vchord_bm25'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION bm25_catalog.bm25_match(bm25_catalog.bm25vector, pg_catalog.bm25query) RETURNS boolean
    AS '$libdir/vchord_bm25', 'bm25_match_vector'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.@@ (
    FUNCTION = bm25_catalog.bm25_match, LEFTARG = bm25_catalog.bm25vector, RIGHTARG = pg_catalog.bm25query,
    RESTRICT = bm25_catalog.bm25_match_selectivity, JOIN = tsmatchjoinsel);
CREATE FUNCTION bm25_catalog.bm25_match(text, pg_catalog.bm25query) RETURNS boolean
    AS '$libdir/vchord_bm25', 'bm25_match_text'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.@@ (
    FUNCTION = bm25_catalog.bm25_match, LEFTARG = text, RIGHTARG = pg_catalog.bm25query,
    RESTRICT = bm25_catalog.bm25_match_selectivity, JOIN = tsmatchjoinsel);
CREATE FUNCTION bm25_catalog.bm25_match(text[], pg_catalog.bm25query) RETURNS boolean
    AS '$libdir/vchord_bm25', 'bm25_match_text_array'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.@@ (
    FUNCTION = bm25_catalog.bm25_match, LEFTARG = text[], RIGHTARG = pg_catalog.bm25query,
    RESTRICT = bm25_catalog.bm25_match_selectivity, JOIN = tsmatchjoinsel);
CREATE FUNCTION bm25_catalog.bm25_match(varchar[], pg_catalog.bm25query) RETURNS boolean
    AS '$libdir/vchord_bm25', 'bm25_match_text_array'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
CREATE OPERATOR pg_catalog.@@ (
    FUNCTION = bm25_catalog.bm25_match, LEFTARG = varchar[], RIGHTARG = pg_catalog.bm25query,
    RESTRICT = bm25_catalog.bm25_match_selectivity, JOIN = tsmatchjoinsel);
