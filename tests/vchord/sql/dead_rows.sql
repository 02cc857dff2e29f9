-- Many rows nearer than the answer that the snapshot does not see, reranked in the table: judged in batches, which
-- must neither stop while nearer rows are left nor go on for ever.
CREATE TABLE dr (id int, v vector(24)) WITH (autovacuum_enabled = off);
INSERT INTO dr SELECT i, (SELECT array_agg((CASE WHEN hashint8(i * 64 + j) > 0 THEN 1 ELSE -1 END)
        * (1 + ((i * 7919::bigint) % 20000) / 1000.0)) FROM generate_series(1, 24) j)::vector
    FROM generate_series(1, 20000) i;
CREATE INDEX dr_i ON dr USING vchordrq (v vector_l2_ops) WITH (lists = 1, rerank_in_table = on);
DELETE FROM dr WHERE (id * 7919::bigint) % 20000 < 8000;
SET vchordrq.epsilon = 4;
SET enable_bitmapscan = off;
-- the k nearest of the table that the index does not find
CREATE FUNCTION lost(k int, c float8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT array_agg(id) FROM (SELECT id FROM dr ORDER BY v <-> %L LIMIT %s) s',
        array_fill(c, ARRAY[24])::vector, k);
    by_index int[];
    by_table int[];
    line text;
    used bool := false;
BEGIN
    SET LOCAL enable_seqscan = off;
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP used := used OR line ~ 'Index Scan using dr_i'; END LOOP;
    EXECUTE query INTO by_index;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE query INTO by_table;
    SET LOCAL enable_indexscan = on;
    IF NOT used OR cardinality(by_index) <> k THEN
        RETURN -1;
    END IF;
    RETURN (SELECT count(*) FROM unnest(by_table) x WHERE x <> ALL (by_index));
END $$;
SELECT k, sum(lost(k, c)) AS lost
    FROM unnest(ARRAY[1, 10, 100, 1000, 2000, 3500, 5000]) k, unnest(ARRAY[0, 0.01, 0.1]) c GROUP BY k ORDER BY k;
DROP TABLE dr;
DROP FUNCTION lost;
RESET vchordrq.epsilon;
RESET enable_bitmapscan;
