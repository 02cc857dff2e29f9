-- Looking inside a vchordrq index.
CREATE FUNCTION vchordrq_prewarm(index regclass, height integer DEFAULT 0) RETURNS text
    AS '$libdir/vchordrq', 'vchordrq_prewarm'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_prewarm IS 'read an index into shared buffers, down to a height of the tree (0: lists too)';

CREATE FUNCTION vchordrq_index_info(
    index regclass,
    OUT levels integer,
    OUT lists bigint,
    OUT rows bigint,
    OUT dead_rows bigint,
    OUT appended_rows bigint,
    OUT list_min bigint,
    OUT list_median bigint,
    OUT list_p95 bigint,
    OUT list_max bigint,
    OUT empty_lists bigint,
    OUT dead_share double precision,
    OUT appended_share double precision,
    OUT pages bigint,
    OUT pages_by_kind jsonb,
    OUT bytes_per_row double precision,
    OUT options jsonb)
    AS '$libdir/vchordrq', 'vchordrq_index_info'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_index_info IS 'shape of an index, lengths of its lists, dead and appended rows, pages by kind';

-- These show what is on pages, or run index expressions over the whole table.
CREATE FUNCTION vchordrq_page_inspect(index regclass, block bigint) RETURNS jsonb
    AS '$libdir/vchordrq', 'vchordrq_page_inspect'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_page_inspect IS 'what is on a block of an index; safe on damaged pages';
REVOKE ALL ON FUNCTION vchordrq_page_inspect FROM PUBLIC;

CREATE FUNCTION vchordrq_index_check(index regclass, heapallindexed boolean DEFAULT false)
    RETURNS TABLE (block bigint, message text)
    AS '$libdir/vchordrq', 'vchordrq_index_check'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_index_check IS 'findings about an index, none if it is sound; heapallindexed: compare with the table';
REVOKE ALL ON FUNCTION vchordrq_index_check FROM PUBLIC;
