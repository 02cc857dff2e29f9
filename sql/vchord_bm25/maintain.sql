-- Upkeep by hand, and what an index holds.
CREATE FUNCTION bm25_catalog.bm25_flush(index regclass) RETURNS boolean
    AS '$libdir/vchord_bm25', 'bm25_flush'
    LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION bm25_catalog.bm25_flush(regclass) IS
    'makes the rows inserted since the last time a segment of a bm25 index; false if there are none';

CREATE FUNCTION bm25_catalog.bm25_merge(index regclass, "full" boolean DEFAULT false) RETURNS integer
    AS '$libdir/vchord_bm25', 'bm25_merge'
    LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION bm25_catalog.bm25_merge(regclass, boolean) IS
    'merges segments of a bm25 index as VACUUM would, or all of them into one; returns the number of merges';

-- terms: summed over segments, so a term counts in each of them.  average_length: by key column.
CREATE FUNCTION bm25_catalog.bm25_stats(index regclass,
    OUT documents bigint, OUT dead_documents bigint, OUT growing_documents bigint, OUT segments integer,
    OUT terms bigint, OUT postings bigint, OUT average_length double precision[],
    OUT growing_bytes bigint, OUT bytes bigint)
    AS '$libdir/vchord_bm25', 'bm25_stats'
    LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION bm25_catalog.bm25_stats(regclass) IS
    'what a bm25 index holds: living and dead documents, segments, terms, average lengths, size';
