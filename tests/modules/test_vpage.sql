CREATE FUNCTION vc_test_vpage_exercise(rel regclass, boundary text, steps int, seed bigint)
    RETURNS bigint AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_create(rel regclass, boundary text) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_stream(rel regclass, root bigint, n bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_verify(rel regclass, root bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_truncate(rel regclass, root bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_free(rel regclass, root bigint) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_read(rel regclass, root bigint, at bigint, len int)
    RETURNS bytea AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_vpage_relink(rel regclass, root bigint, entry int, block bigint)
    RETURNS void AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_files_sweep(rel regclass) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
