-- Rounds of inserts, deletes and VACUUM; the answers after each step.
CREATE TABLE v (id int, val vector(3));
INSERT INTO v SELECT id, val FROM t3;
CREATE INDEX v_i ON v USING vchordrq (val vector_l2_ops);
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
    SELECT check_scans('SELECT val <-> $q FROM v ORDER BY val <-> $q LIMIT 10', 'v')
        || (SELECT coalesce(string_agg('; ' || message, '' ORDER BY block), '') FROM vchordrq_index_check('v_i', true))
$$;
SELECT state();
DELETE FROM v WHERE (val <-> '[0,0,0]') > 1;
SELECT state();
VACUUM v;
SELECT state();
INSERT INTO v SELECT id + 1000, val FROM t3;
SELECT state();
VACUUM v;
SELECT state();
DELETE FROM v WHERE (val <-> '[0,0,0]') < 0.9;
VACUUM v;
SELECT state();
INSERT INTO v SELECT id + 2000, val FROM t3;
DELETE FROM v WHERE id < 2000;
VACUUM v;
VACUUM v;
SELECT state();
DELETE FROM v;
VACUUM v;
SELECT count(*) FROM v;
INSERT INTO v SELECT id + 3000, val FROM t3;
SELECT state();
DROP TABLE v;

-- lists of one-bit codes, with vectors in the index and in the table
CREATE TABLE v (id int, grp int, val vector(96));
INSERT INTO v SELECT id, grp, val FROM t96 WHERE id <= 3000;
CREATE INDEX v_i ON v USING vchordrq (val vector_l2_ops) WITH (lists = 20);
CREATE INDEX v_j ON v USING vchordrq (val vector_l2_ops) WITH (lists = 20, rerank_in_table) WHERE id > 0;
CREATE INDEX v_k ON v USING vchordrq (val vector_cosine_ops) WITH (lists = '3,20', degree_of_parallelism = 1);
DROP FUNCTION state;
CREATE FUNCTION state(ordered boolean DEFAULT true) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT check_scans('SELECT val <-> $q FROM v ORDER BY val <-> $q LIMIT 50', 'v', ordered => ordered) UNION ALL
    SELECT check_scans('SELECT val <-> $q FROM v WHERE id > 0 ORDER BY val <-> $q LIMIT 50', 'v', ordered => ordered) UNION ALL
    SELECT check_scans('SELECT val <=> $q FROM v ORDER BY val <=> $q LIMIT 50', 'v', ordered => ordered) UNION ALL
    SELECT i || ': ' || message FROM unnest(ARRAY['v_i', 'v_j', 'v_k']) i, vchordrq_index_check(i::regclass, true)
$$;
SELECT state();
-- with dead rows in the lists a scan may need a further round
DELETE FROM v WHERE id % 2 = 0;
SELECT state(false);
VACUUM v;
SELECT state();
INSERT INTO v SELECT id, grp, val FROM t96 WHERE id <= 3000 AND id % 2 = 0;
SELECT state();
VACUUM v;
SELECT state();
-- whole lists die
DELETE FROM v WHERE grp < 20;
VACUUM v;
SELECT state();
INSERT INTO v SELECT id, grp, val FROM t96 WHERE grp < 20;
UPDATE v SET val = val WHERE id % 7 = 0;
UPDATE v SET grp = grp + 1;
VACUUM v;
SELECT state();
-- a rolled back insert leaves what VACUUM takes away
BEGIN;
INSERT INTO v SELECT id + 10000, grp, val FROM t96;
ROLLBACK;
VACUUM v;
SELECT state();
SELECT i, dead_rows <= rows / 4 AS few_dead FROM unnest(ARRAY['v_i', 'v_j', 'v_k']) i, vchordrq_index_info(i::regclass);
-- other ways to call it
VACUUM (INDEX_CLEANUP OFF) v;
DELETE FROM v WHERE id % 3 = 0;
VACUUM (INDEX_CLEANUP OFF) v;
SELECT state(false);
VACUUM (FREEZE, ANALYZE, INDEX_CLEANUP ON) v;
SELECT state();
VACUUM FULL v;
SELECT state();
-- the index does not grow with rounds
CREATE TABLE sizes (round int, pages bigint);
CREATE PROCEDURE rounds(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        UPDATE v SET val = val;
        COMMIT;
    END LOOP;
END $$;
CALL rounds(1);
VACUUM v;
CALL rounds(1);
VACUUM v;
CALL rounds(1);
VACUUM v;
INSERT INTO sizes SELECT 3, pg_relation_size('v_i') / 8192;
CALL rounds(1);
VACUUM v;
CALL rounds(1);
VACUUM v;
CALL rounds(1);
VACUUM v;
INSERT INTO sizes SELECT 6, pg_relation_size('v_i') / 8192;
SELECT max(pages) FILTER (WHERE round = 6) < 1.5 * max(pages) FILTER (WHERE round = 3) AS steady FROM sizes;
SELECT state();
DROP TABLE v, sizes;
DROP FUNCTION state;
DROP PROCEDURE rounds;

-- by parallel workers, an index each
CREATE TABLE v (id int, val vector(3));
INSERT INTO v SELECT id, val FROM t3;
CREATE INDEX ON v USING vchordrq (val vector_l2_ops);
CREATE INDEX ON v USING vchordrq (val vector_l2_ops) WITH (lists = 31);
CREATE INDEX ON v USING vchordrq (val vector_l2_ops) WITH (lists = 33);
CREATE INDEX ON v USING vchordrq (val vector_l2_ops) WITH (lists = 67);
SET min_parallel_index_scan_size = 1;
INSERT INTO v SELECT id + 1000, val FROM t3;
VACUUM (PARALLEL 8) v;
DELETE FROM v WHERE (val <-> '[0,0,0]') > 1;
VACUUM (PARALLEL 8) v;
INSERT INTO v SELECT id + 2000, val FROM t3;
DELETE FROM v WHERE (val <-> '[0,0,0]') < 0.7;
VACUUM (PARALLEL 8) v;
VACUUM (PARALLEL 8) v;
SELECT indexrelid::regclass, k.* FROM pg_index, vchordrq_index_check(indexrelid::regclass, true) k WHERE indrelid = 'v'::regclass;
SELECT DISTINCT reltuples = (SELECT count(*) FROM v) AS right_count FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid WHERE indrelid = 'v'::regclass;
RESET min_parallel_index_scan_size;
DROP TABLE v;
