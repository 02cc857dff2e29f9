-- Looking inside a vchordg index.
CREATE FUNCTION vchordg_prewarm(index regclass, mode text DEFAULT 'codes') RETURNS text
    AS '$libdir/vchordg', 'vchordg_prewarm'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordg_prewarm IS 'read an index into shared buffers; mode ''all'' also tells of rows and other pages';

CREATE FUNCTION vchordg_index_info(
    index regclass,
    OUT vertices bigint,
    OUT rows bigint,
    OUT duplicates bigint,
    OUT dying bigint,
    OUT m integer,
    OUT bits integer,
    OUT dim integer,
    OUT type text,
    OUT metric text,
    OUT pages bigint,
    OUT pages_by_kind jsonb,
    OUT bytes_per_row double precision,
    OUT mean_degree double precision,
    OUT entries integer,
    OUT labels integer,
    OUT options jsonb)
    AS '$libdir/vchordg', 'vchordg_index_info'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordg_index_info IS 'vertices, rows and degrees of an index, pages by kind, options of its build';

-- These show what is on pages, or run index expressions over the whole table.
CREATE FUNCTION vchordg_page_inspect(index regclass, block bigint) RETURNS jsonb
    AS '$libdir/vchordg', 'vchordg_page_inspect'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordg_page_inspect IS 'what is on a block of an index; safe on damaged pages';
REVOKE ALL ON FUNCTION vchordg_page_inspect FROM PUBLIC;

CREATE FUNCTION vchordg_index_check(index regclass, heapallindexed boolean DEFAULT false)
    RETURNS TABLE (block bigint, message text)
    AS '$libdir/vchordg', 'vchordg_index_check'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordg_index_check IS 'findings about an index, none if it is sound; heapallindexed: compare with the table';
REVOKE ALL ON FUNCTION vchordg_index_check FROM PUBLIC;
