-- Storage parts of core: an access method without content, and functions over its pages.
CREATE FUNCTION vc_test_am_handler(internal) RETURNS index_am_handler
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE ACCESS METHOD vc_test_am TYPE INDEX HANDLER vc_test_am_handler;
CREATE OPERATOR CLASS vc_test_ops DEFAULT FOR TYPE int4 USING vc_test_am AS STORAGE int4;

CREATE FUNCTION vc_test_put(regclass, bigint, text) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_page(regclass, bigint) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_spoil(regclass, bigint, offset_in_page int, value int) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_leave(regclass, bigint, guard text, way text) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_pair(regclass, bigint, bigint, text, way text) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_lockable(regclass, bigint) RETURNS boolean
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_deaf(regclass, bigint, text, milliseconds int) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_wait_pinned(regclass, bigint) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_degrade(regclass, bigint, text) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_increment(regclass, bigint, n int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_try(regclass, bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;

CREATE FUNCTION vc_test_items(regclass, seed bigint, rounds int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_damage(regclass, field text) RETURNS boolean
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_tids(seed bigint) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_alloc(regclass, n int, owner int, incarnation int) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_free(regclass, first bigint, n int, owner int, incarnation int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_sweep(regclass) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_map(regclass, bigint) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_map_set(regclass, bigint, n int) RETURNS void
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_owned(regclass, first bigint, n int, owner int, incarnation int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_write(regclass, n int, mode text) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_verify(regclass, first bigint, n int) RETURNS int
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_redirect(regclass, length int, max_length int, free boolean) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_stream(regclass, mode int, n int, step int) RETURNS bigint[]
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_bench(regclass, blocks int, n int, rounds int, mode int, lines int)
    RETURNS float8 AS '$libdir/vc_test_core' LANGUAGE C STRICT;
