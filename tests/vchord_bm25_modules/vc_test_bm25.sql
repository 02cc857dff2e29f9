CREATE FUNCTION vc_test_bm25_segment(rel regclass, sink text, seed bigint, docs int, fields int,
        flags int, small int)
    RETURNS bigint AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_abandon(rel regclass, pages int, step int, full_header bool)
    RETURNS bigint AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_make(rel regclass, seed bigint, docs int, fields int, flags int)
    RETURNS int AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_damage(rel regclass, seed bigint) RETURNS bigint
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_restore(rel regclass) RETURNS void
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_read(rel regclass) RETURNS bigint
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_bm25_bench(rel regclass, docs int, terms int) RETURNS text
    AS '$libdir/vc_test_bm25' LANGUAGE C VOLATILE STRICT;
