CREATE FUNCTION vc_test_arena_total() RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_arena_source() RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_arena_fill(kb int, budget_kb int, how text) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
