-- Options, GUC fallback, probes.
CREATE FUNCTION vc_test_options(text) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_index_options(regclass) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_fallback(regclass) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE FUNCTION vc_test_phase(bigint) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;

-- The toy access method: rows by |value - query|, even values first, then odd ones.
CREATE FUNCTION vc_test_toy_handler(internal) RETURNS index_am_handler
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
CREATE ACCESS METHOD toy TYPE INDEX HANDLER vc_test_toy_handler;
CREATE FUNCTION vc_test_distance(integer, integer) RETURNS float8
    AS '$libdir/vc_test_core' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR <~> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = vc_test_distance, COMMUTATOR = <~>);
CREATE OPERATOR CLASS toy_ops DEFAULT FOR TYPE integer USING toy AS
    OPERATOR 1 <~> (integer, integer) FOR ORDER BY float_ops;
CREATE FUNCTION vc_test_toy_scan() RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_toy_selectivity() RETURNS float8
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_toy_begun() RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_toy_build() RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_toy_check(regclass, OUT block bigint, OUT message text) RETURNS SETOF record
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_toy_block(regclass, bigint) RETURNS bigint
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_keyset(n integer, budget_kb integer, expected float8) RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
CREATE FUNCTION vc_test_build_cache(regclass) RETURNS integer
    AS '$libdir/vc_test_core' LANGUAGE C STRICT VOLATILE;
