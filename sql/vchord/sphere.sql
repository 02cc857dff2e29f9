-- Spheres, and the operators that ask whether a vector is inside one.
CREATE TYPE sphere_vector AS (center vector, radius real);
CREATE TYPE sphere_halfvec AS (center halfvec, radius real);
CREATE TYPE sphere_rabitq8 AS (center rabitq8, radius real);
CREATE TYPE sphere_rabitq4 AS (center rabitq4, radius real);

CREATE FUNCTION sphere(vector, real) RETURNS sphere_vector
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN ROW($1, $2);
CREATE FUNCTION sphere(halfvec, real) RETURNS sphere_halfvec
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN ROW($1, $2);
CREATE FUNCTION sphere(rabitq8, real) RETURNS sphere_rabitq8
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN ROW($1, $2);
CREATE FUNCTION sphere(rabitq4, real) RETURNS sphere_rabitq4
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN ROW($1, $2);

-- share of rows that a sphere holds, for the planner
CREATE FUNCTION _vchord_sphere_sel(internal, oid, internal, integer) RETURNS double precision
    AS '$libdir/vchordrq', '_vchord_sphere_sel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION _vchord_vector_sphere_l2_in(vector, sphere_vector) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_vector_sphere_l2_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_vector_sphere_ip_in(vector, sphere_vector) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_vector_sphere_ip_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_vector_sphere_cosine_in(vector, sphere_vector) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_vector_sphere_cosine_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <<->> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = _vchord_vector_sphere_l2_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<#>> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = _vchord_vector_sphere_ip_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<=>> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = _vchord_vector_sphere_cosine_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE FUNCTION _vchord_halfvec_sphere_l2_in(halfvec, sphere_halfvec) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_halfvec_sphere_l2_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_halfvec_sphere_ip_in(halfvec, sphere_halfvec) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_halfvec_sphere_ip_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_halfvec_sphere_cosine_in(halfvec, sphere_halfvec) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_halfvec_sphere_cosine_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <<->> (
    LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = _vchord_halfvec_sphere_l2_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<#>> (
    LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = _vchord_halfvec_sphere_ip_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<=>> (
    LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = _vchord_halfvec_sphere_cosine_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE FUNCTION _vchord_rabitq8_sphere_l2_in(rabitq8, sphere_rabitq8) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq8_sphere_l2_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_sphere_ip_in(rabitq8, sphere_rabitq8) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq8_sphere_ip_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq8_sphere_cosine_in(rabitq8, sphere_rabitq8) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq8_sphere_cosine_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <<->> (
    LEFTARG = rabitq8, RIGHTARG = sphere_rabitq8, FUNCTION = _vchord_rabitq8_sphere_l2_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<#>> (
    LEFTARG = rabitq8, RIGHTARG = sphere_rabitq8, FUNCTION = _vchord_rabitq8_sphere_ip_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<=>> (
    LEFTARG = rabitq8, RIGHTARG = sphere_rabitq8, FUNCTION = _vchord_rabitq8_sphere_cosine_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE FUNCTION _vchord_rabitq4_sphere_l2_in(rabitq4, sphere_rabitq4) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq4_sphere_l2_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_sphere_ip_in(rabitq4, sphere_rabitq4) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq4_sphere_ip_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION _vchord_rabitq4_sphere_cosine_in(rabitq4, sphere_rabitq4) RETURNS boolean
    AS '$libdir/vchordrq', '_vchord_rabitq4_sphere_cosine_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <<->> (
    LEFTARG = rabitq4, RIGHTARG = sphere_rabitq4, FUNCTION = _vchord_rabitq4_sphere_l2_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<#>> (
    LEFTARG = rabitq4, RIGHTARG = sphere_rabitq4, FUNCTION = _vchord_rabitq4_sphere_ip_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <<=>> (
    LEFTARG = rabitq4, RIGHTARG = sphere_rabitq4, FUNCTION = _vchord_rabitq4_sphere_cosine_in,
    RESTRICT = _vchord_sphere_sel, JOIN = pg_catalog.contjoinsel
);
