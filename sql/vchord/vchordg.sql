-- The graph access method and its operator classes.
CREATE FUNCTION vchordg_amhandler(internal) RETURNS index_am_handler
    AS '$libdir/vchordg', 'vchordg_amhandler'
    LANGUAGE C;

CREATE ACCESS METHOD vchordg TYPE INDEX HANDLER vchordg_amhandler;
COMMENT ON ACCESS METHOD vchordg IS 'graph (DiskANN) for vector search';

-- What an operator class means, as text: the access method calls these (support function 1).
CREATE FUNCTION _vchordg_support_vector_l2_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_vector_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_vector_ip_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_vector_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_vector_cosine_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_vector_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_halfvec_l2_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_halfvec_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_halfvec_ip_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_halfvec_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_halfvec_cosine_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_halfvec_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq8_l2_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq8_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq8_ip_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq8_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq8_cosine_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq8_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq4_l2_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq4_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq4_ip_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq4_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordg_support_rabitq4_cosine_ops() RETURNS text
    AS '$libdir/vchordg', '_vchordg_support_rabitq4_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l2_ops FOR TYPE vector USING vchordg AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordg_support_vector_l2_ops();

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING vchordg AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordg_support_vector_ip_ops();

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING vchordg AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordg_support_vector_cosine_ops();

CREATE OPERATOR CLASS halfvec_l2_ops FOR TYPE halfvec USING vchordg AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordg_support_halfvec_l2_ops();

CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING vchordg AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordg_support_halfvec_ip_ops();

CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING vchordg AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordg_support_halfvec_cosine_ops();

CREATE OPERATOR CLASS rabitq8_l2_ops FOR TYPE rabitq8 USING vchordg AS
    OPERATOR 1 <-> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq8_l2_ops();

CREATE OPERATOR CLASS rabitq8_ip_ops FOR TYPE rabitq8 USING vchordg AS
    OPERATOR 1 <#> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq8_ip_ops();

CREATE OPERATOR CLASS rabitq8_cosine_ops FOR TYPE rabitq8 USING vchordg AS
    OPERATOR 1 <=> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq8_cosine_ops();

CREATE OPERATOR CLASS rabitq4_l2_ops FOR TYPE rabitq4 USING vchordg AS
    OPERATOR 1 <-> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq4_l2_ops();

CREATE OPERATOR CLASS rabitq4_ip_ops FOR TYPE rabitq4 USING vchordg AS
    OPERATOR 1 <#> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq4_ip_ops();

CREATE OPERATOR CLASS rabitq4_cosine_ops FOR TYPE rabitq4 USING vchordg AS
    OPERATOR 1 <=> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordg_support_rabitq4_cosine_ops();

-- Labels: the second column.  Classes are defaults, so that naming the column is enough.
CREATE OPERATOR CLASS int2_label_ops DEFAULT FOR TYPE smallint USING vchordg AS
    OPERATOR 4 = (smallint, smallint) FOR SEARCH;

CREATE OPERATOR CLASS int4_label_ops DEFAULT FOR TYPE integer USING vchordg AS
    OPERATOR 4 = (integer, integer) FOR SEARCH;

CREATE OPERATOR CLASS int2_array_label_ops DEFAULT FOR TYPE smallint[] USING vchordg AS
    OPERATOR 3 && (anyarray, anyarray) FOR SEARCH,
    OPERATOR 4 = (anyarray, anyarray) FOR SEARCH;

CREATE OPERATOR CLASS int4_array_label_ops DEFAULT FOR TYPE integer[] USING vchordg AS
    OPERATOR 3 && (anyarray, anyarray) FOR SEARCH,
    OPERATOR 4 = (anyarray, anyarray) FOR SEARCH;
