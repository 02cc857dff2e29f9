-- head << 32 | directory
CREATE FUNCTION vc_test_tape_write(rel regclass, n int, incarnation int DEFAULT 3) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_tape_append(rel regclass, head bigint, writer int, n int) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_tape_count(rel regclass, head bigint, writer int DEFAULT -1) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_tape_hint(rel regclass, head bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_tape_free(rel regclass, head bigint, directory boolean) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION vc_test_tape_close(rel regclass, n int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C VOLATILE STRICT;
