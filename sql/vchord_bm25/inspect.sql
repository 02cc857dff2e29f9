-- Looking inside a bm25 index.  These show what is on pages, or run index expressions over the whole table.
CREATE FUNCTION bm25_catalog.bm25_page_inspect(index regclass, blkno integer) RETURNS text
    AS '$libdir/vchord_bm25', 'bm25_page_inspect'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION bm25_catalog.bm25_page_inspect(regclass, integer) IS
    'what is on a block of a bm25 index, as JSON; safe on damaged pages';
REVOKE ALL ON FUNCTION bm25_catalog.bm25_page_inspect(regclass, integer) FROM PUBLIC;

CREATE FUNCTION bm25_catalog.bm25_index_check(index regclass, heapallindexed boolean DEFAULT false)
    RETURNS TABLE (block bigint, message text)
    AS '$libdir/vchord_bm25', 'bm25_index_check'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION bm25_catalog.bm25_index_check(regclass, boolean) IS
    'findings about a bm25 index, none if it is sound; heapallindexed: compare with the table';
REVOKE ALL ON FUNCTION bm25_catalog.bm25_index_check(regclass, boolean) FROM PUBLIC;
