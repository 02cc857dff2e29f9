-- MaxSim: how far the vectors of a document (left) are from those of a query (right).  COST: 32 by 64
-- vectors of 128 dimensions take about 25 microseconds, a thousand times what cpu_operator_cost stands for.
CREATE FUNCTION _vchord_vector_operator_maxsim(vector[], vector[]) RETURNS real
    AS '$libdir/vchordrq', '_vchord_vector_operator_maxsim'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION _vchord_halfvec_operator_maxsim(halfvec[], halfvec[]) RETURNS real
    AS '$libdir/vchordrq', '_vchord_halfvec_operator_maxsim'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION _vchord_rabitq8_operator_maxsim(rabitq8[], rabitq8[]) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq8_operator_maxsim'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION _vchord_rabitq4_operator_maxsim(rabitq4[], rabitq4[]) RETURNS real
    AS '$libdir/vchordrq', '_vchord_rabitq4_operator_maxsim'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

CREATE OPERATOR @# (
    LEFTARG = vector[], RIGHTARG = vector[], FUNCTION = _vchord_vector_operator_maxsim
);

CREATE OPERATOR @# (
    LEFTARG = halfvec[], RIGHTARG = halfvec[], FUNCTION = _vchord_halfvec_operator_maxsim
);

CREATE OPERATOR @# (
    LEFTARG = rabitq8[], RIGHTARG = rabitq8[], FUNCTION = _vchord_rabitq8_operator_maxsim
);

CREATE OPERATOR @# (
    LEFTARG = rabitq4[], RIGHTARG = rabitq4[], FUNCTION = _vchord_rabitq4_operator_maxsim
);
