-- The access method and its operator classes.
CREATE FUNCTION vchordrq_amhandler(internal) RETURNS index_am_handler
    AS '$libdir/vchordrq', 'vchordrq_amhandler'
    LANGUAGE C;

CREATE ACCESS METHOD vchordrq TYPE INDEX HANDLER vchordrq_amhandler;
COMMENT ON ACCESS METHOD vchordrq IS 'inverted lists of one-bit codes (IVF + RaBitQ) for vector search';

-- What an operator class means, as text: the access method calls these (support function 1).
CREATE FUNCTION _vchordrq_support_vector_l2_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_vector_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_vector_ip_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_vector_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_vector_cosine_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_vector_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_halfvec_l2_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_halfvec_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_halfvec_ip_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_halfvec_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_halfvec_cosine_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_halfvec_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq8_l2_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq8_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq8_ip_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq8_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq8_cosine_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq8_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq4_l2_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq4_l2_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq4_ip_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq4_ip_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq4_cosine_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq4_cosine_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l2_ops FOR TYPE vector USING vchordrq AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_vector_l2_ops();

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING vchordrq AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_vector_ip_ops();

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING vchordrq AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (vector, sphere_vector) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_vector_cosine_ops();

CREATE OPERATOR CLASS halfvec_l2_ops FOR TYPE halfvec USING vchordrq AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_halfvec_l2_ops();

CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING vchordrq AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_halfvec_ip_ops();

CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING vchordrq AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (halfvec, sphere_halfvec) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_halfvec_cosine_ops();

CREATE OPERATOR CLASS rabitq8_l2_ops FOR TYPE rabitq8 USING vchordrq AS
    OPERATOR 1 <-> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq8_l2_ops();

CREATE OPERATOR CLASS rabitq8_ip_ops FOR TYPE rabitq8 USING vchordrq AS
    OPERATOR 1 <#> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq8_ip_ops();

CREATE OPERATOR CLASS rabitq8_cosine_ops FOR TYPE rabitq8 USING vchordrq AS
    OPERATOR 1 <=> (rabitq8, rabitq8) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (rabitq8, sphere_rabitq8) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq8_cosine_ops();

CREATE OPERATOR CLASS rabitq4_l2_ops FOR TYPE rabitq4 USING vchordrq AS
    OPERATOR 1 <-> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<->> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq4_l2_ops();

CREATE OPERATOR CLASS rabitq4_ip_ops FOR TYPE rabitq4 USING vchordrq AS
    OPERATOR 1 <#> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<#>> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq4_ip_ops();

CREATE OPERATOR CLASS rabitq4_cosine_ops FOR TYPE rabitq4 USING vchordrq AS
    OPERATOR 1 <=> (rabitq4, rabitq4) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 <<=>> (rabitq4, sphere_rabitq4) FOR SEARCH,
    FUNCTION 1 _vchordrq_support_rabitq4_cosine_ops();

-- Arrays of vectors, by MaxSim.
CREATE FUNCTION _vchordrq_support_vector_maxsim_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_vector_maxsim_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_halfvec_maxsim_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_halfvec_maxsim_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq8_maxsim_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq8_maxsim_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchordrq_support_rabitq4_maxsim_ops() RETURNS text
    AS '$libdir/vchordrq', '_vchordrq_support_rabitq4_maxsim_ops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR CLASS vector_maxsim_ops FOR TYPE vector[] USING vchordrq AS
    OPERATOR 3 @# (vector[], vector[]) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 _vchordrq_support_vector_maxsim_ops();

CREATE OPERATOR CLASS halfvec_maxsim_ops FOR TYPE halfvec[] USING vchordrq AS
    OPERATOR 3 @# (halfvec[], halfvec[]) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 _vchordrq_support_halfvec_maxsim_ops();

CREATE OPERATOR CLASS rabitq8_maxsim_ops FOR TYPE rabitq8[] USING vchordrq AS
    OPERATOR 3 @# (rabitq8[], rabitq8[]) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 _vchordrq_support_rabitq8_maxsim_ops();

CREATE OPERATOR CLASS rabitq4_maxsim_ops FOR TYPE rabitq4[] USING vchordrq AS
    OPERATOR 3 @# (rabitq4[], rabitq4[]) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 _vchordrq_support_rabitq4_maxsim_ops();
