-- The access method and its operator class: one polymorphic class, because a class is found by its name and
-- both generations call it bm25_ops.  The build refuses a column of a type that has no <&>.
CREATE FUNCTION bm25_catalog._bm25_amhandler(internal) RETURNS index_am_handler
    AS '$libdir/vchord_bm25', 'bm25_amhandler'
    LANGUAGE C;
CREATE FUNCTION bm25_catalog.bm25_amhandler(internal) RETURNS index_am_handler
    AS '$libdir/vchord_bm25', 'bm25_amhandler'
    LANGUAGE C;

CREATE ACCESS METHOD bm25 TYPE INDEX HANDLER bm25_catalog._bm25_amhandler;
COMMENT ON ACCESS METHOD bm25 IS 'inverted index ranked by BM25';

CREATE OPERATOR FAMILY pg_catalog.bm25_ops USING bm25;
CREATE OPERATOR CLASS pg_catalog.bm25_ops DEFAULT FOR TYPE anyelement USING bm25 FAMILY pg_catalog.bm25_ops AS
    OPERATOR 1 pg_catalog.<&> (text, pg_catalog.bm25query) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 pg_catalog.@@ (text, pg_catalog.bm25query);
ALTER OPERATOR FAMILY pg_catalog.bm25_ops USING bm25 ADD
    OPERATOR 1 pg_catalog.<&> (bm25_catalog.bm25vector, pg_catalog.bm25query) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 1 pg_catalog.<&> (tsvector, pg_catalog.bm25query) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 1 pg_catalog.<&> (text[], pg_catalog.bm25query) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 1 pg_catalog.<&> (varchar[], pg_catalog.bm25query) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 pg_catalog.@@ (bm25_catalog.bm25vector, pg_catalog.bm25query),
    OPERATOR 2 pg_catalog.@@ (text[], pg_catalog.bm25query),
    OPERATOR 2 pg_catalog.@@ (varchar[], pg_catalog.bm25query),
    OPERATOR 3 pg_catalog.@@ (tsvector, tsquery);
