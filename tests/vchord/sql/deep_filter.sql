-- Filtered scans that go on to the last row, with little memory and in nested loops: each row once.
CREATE TABLE d (id int, few vector(8), val vector(64));
INSERT INTO d SELECT i, (SELECT array_agg(hashint8(i * 64 + j) / 2147483648.0) FROM generate_series(1, 8) j)::vector,
    (SELECT array_agg(hashint8(i * 64 + j) / 2147483648.0 + i % 20) FROM generate_series(1, 64) j)::vector
FROM generate_series(1, 20000) i;
ANALYZE d;
-- for some query points, by a scan of its own each or by rescans: rows, how many are different, wrong, missing
CREATE FUNCTION deep(col text, cond text, OUT rescan boolean, OUT rows bigint, OUT twice bigint, OUT wrong bigint, OUT missing bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    form text := format('SELECT q.id AS q, array(SELECT d.id FROM d WHERE %s ORDER BY d.%I <-> q.%I) AS ids FROM d q', cond, col, col);
    plan text;
BEGIN
    FOREACH rescan IN ARRAY '{f,t}'::boolean[] LOOP
        CREATE TEMP TABLE f (q int, ids int[]);
        IF rescan THEN
            EXECUTE 'EXPLAIN (FORMAT JSON) ' || form || ' WHERE q.id IN (3, 9999)' INTO plan;
            EXECUTE 'INSERT INTO f ' || form || ' WHERE q.id IN (3, 9999)';
        ELSE
            FOR i IN 5..5 LOOP
                EXECUTE 'INSERT INTO f ' || form || ' WHERE q.id = ' || i;
            END LOOP;
        END IF;
        EXECUTE format('SELECT sum(cardinality(ids)), sum(cardinality(ids) - (SELECT count(DISTINCT x) FROM unnest(ids) x)),
            sum((SELECT count(*) FROM (SELECT unnest(ids) EXCEPT SELECT d.id FROM d WHERE %1$s) x)),
            sum((SELECT count(*) FROM (SELECT d.id FROM d WHERE %1$s EXCEPT SELECT unnest(ids)) x)) FROM f', replace(cond, 'q.id', 'f.q'))
            INTO rows, twice, wrong, missing;
        RETURN NEXT;
        DROP TABLE f;
    END LOOP;
    IF plan !~ '"Index Scan"' OR plan !~ 'Order By' THEN
        RAISE 'no index scan: %', plan;
    END IF;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET vchordrq.prefilter = on;
SET client_min_messages = warning;
-- by a pass over the table: all at once, and as many as fit
CREATE INDEX d_i ON d USING vchordrq (val vector_l2_ops) WITH (lists = 20);
SELECT * FROM deep('val', 'd.id % 3 <> 0');
SET work_mem = '64kB';
SELECT * FROM deep('val', 'd.id % 3 <> 0');
SELECT * FROM deep('val', 'd.id % (q.id % 7 + 2) <> 0');
SELECT * FROM deep('val', 'd.id % 3000 = 1');
SELECT * FROM deep('val', 'd.id < 0');
-- a distance that many rows share
UPDATE d SET val = (SELECT val FROM d WHERE id = 77) WHERE id % 2 = 0;
SELECT * FROM deep('val', 'd.id % 3 <> 0');
DROP INDEX d_i;
CREATE INDEX d_i ON d USING vchordrq (val vector_l2_ops) WITH (lists = 20, rerank_in_table = on);
SELECT * FROM deep('val', 'd.id % 3 <> 0');
DROP INDEX d_i;
CREATE INDEX d_i ON d USING vchordrq (few vector_l2_ops) WITH (lists = 20);
SELECT * FROM deep('few', 'd.id % 3 <> 0');
DROP INDEX d_i;
-- a partial index does not know the whole table: by the lists
CREATE INDEX d_i ON d USING vchordrq (val vector_l2_ops) WITH (lists = 20) WHERE id > 10;
INSERT INTO d SELECT id + 20000, few, val FROM d WHERE id % 10 = 3;
SELECT * FROM deep('val', 'd.id > 10 AND d.id % 3 <> 0');
SET work_mem = '4MB';
SELECT * FROM deep('val', 'd.id > 10 AND d.id % 3 <> 0');
SET work_mem = '64kB';
DROP INDEX d_i;
CREATE INDEX d_i ON d USING vchordrq (few vector_l2_ops) WITH (lists = 20) WHERE id > 10;
SELECT * FROM deep('few', 'd.id > 10 AND d.id % 3 <> 0');
-- lists that are named: no other is read
SET vchordrq.probes = '20';
SELECT * FROM deep('few', 'd.id > 10 AND d.id % 3 <> 0');
DROP INDEX d_i;
CREATE INDEX d_i ON d USING vchordrq (val vector_l2_ops) WITH (lists = 20);
SELECT * FROM deep('val', 'd.id % 3 <> 0');
SELECT * FROM deep('val', 'd.id % 3000 = 1');
RESET vchordrq.probes;
-- without a filter
SELECT * FROM deep('val', 'true');
SET vchordrq.prefilter = off;
SELECT * FROM deep('val', 'd.id % 3 <> 0');
RESET vchordrq.prefilter;
RESET work_mem;
RESET enable_seqscan;
RESET enable_sort;
RESET enable_bitmapscan;
RESET client_min_messages;
DROP TABLE d;
DROP FUNCTION deep;
