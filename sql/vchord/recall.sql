-- The share of the true answer that a query finds.
CREATE FUNCTION vchordrq_evaluate_query_recall(
    query text,
    exact_search boolean DEFAULT false,
    accu_probes text DEFAULT NULL,
    accu_epsilon real DEFAULT 1.9)
    RETURNS real
    AS '$libdir/vchordrq', 'vchordrq_evaluate_query_recall'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vchordrq_evaluate_query_recall IS 'recall of a query that selects ctid, against all lists or (exact_search) without the index';
