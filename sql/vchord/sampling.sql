-- Query vectors that scans recorded (vchordrq.query_sampling_...).
CREATE FUNCTION vchordrq_sampled_values(index regclass) RETURNS SETOF text
    AS '$libdir/vchordrq', 'vchordrq_sampled_values'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_sampled_values IS 'recorded queries of an index, newest first';

CREATE FUNCTION vchordrq_sampled_queries(index regclass)
    RETURNS TABLE (schema_name name, index_name name, table_name name, column_name name, operator name, value text)
    AS '$libdir/vchordrq', 'vchordrq_sampled_queries'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vchordrq_sampled_queries IS 'recorded queries of an index, with what it takes to write them as SQL';

CREATE FUNCTION _vchordrq_sampled_queries_all()
    RETURNS TABLE (schema_name name, index_name name, table_name name, column_name name, operator name, value text)
    AS '$libdir/vchordrq', '_vchordrq_sampled_queries_all'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE VIEW vchordrq_sampled_queries AS SELECT * FROM _vchordrq_sampled_queries_all();
COMMENT ON VIEW vchordrq_sampled_queries IS 'recorded queries of all indexes whose tables the user may read';
GRANT SELECT ON vchordrq_sampled_queries TO PUBLIC;
