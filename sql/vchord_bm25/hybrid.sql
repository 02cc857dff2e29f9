-- rrf: what a row's rank in one ranking adds to its score in a common one (reciprocal rank fusion, Cormack,
-- Clarke and Buettcher 2009).  A row that a ranking does not have (rank null) gets nothing from it.  SQL, so that
-- the planner sees through it.
CREATE FUNCTION bm25_catalog.rrf(rank bigint, weight double precision DEFAULT 1, k integer DEFAULT 60)
    RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(weight / (k + rank), 0);
COMMENT ON FUNCTION bm25_catalog.rrf(bigint, double precision, integer)
    IS 'share of a rank in reciprocal rank fusion: weight / (k + rank)';
