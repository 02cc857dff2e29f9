-- Core tests callable from SQL; one file per topic, joined by the build.
CREATE FUNCTION vc_test_core_name() RETURNS text
    AS '$libdir/vc_test_core' LANGUAGE C STRICT;
