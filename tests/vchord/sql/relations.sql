-- Unlogged and temporary tables, statistics of the catalog, phases of a build.
CREATE UNLOGGED TABLE u (id int, val vector(96));
INSERT INTO u SELECT id, val FROM t96 WHERE id <= 3000;
CREATE INDEX u_i ON u USING vchordrq (val vector_l2_ops);
SELECT relpersistence, pg_relation_size('u_i', 'init') > 0 AS init_fork FROM pg_class WHERE relname = 'u_i';
INSERT INTO u SELECT id, val FROM t96 WHERE id > 3000;
DELETE FROM u WHERE id % 3 = 0;
VACUUM u;
SELECT check_scans('SELECT val <-> $q FROM u ORDER BY val <-> $q LIMIT 10', 'u');
SELECT * FROM vchordrq_index_check('u_i', true);
ALTER TABLE u SET LOGGED;
SELECT relpersistence, pg_relation_size('u_i', 'init') > 0 AS init_fork FROM pg_class WHERE relname = 'u_i';
SELECT check_scans('SELECT val <-> $q FROM u ORDER BY val <-> $q LIMIT 10', 'u');
ALTER TABLE u SET UNLOGGED;
SELECT check_scans('SELECT val <-> $q FROM u ORDER BY val <-> $q LIMIT 10', 'u');
SELECT * FROM vchordrq_index_check('u_i', true);
TRUNCATE u;
INSERT INTO u SELECT id, val FROM t96 WHERE id <= 100;
SELECT check_scans('SELECT val <-> $q FROM u ORDER BY val <-> $q LIMIT 10', 'u');
DROP TABLE u;

CREATE TEMP TABLE t (id int, val vector(96));
CREATE INDEX t_i ON t USING vchordrq (val vector_l2_ops) WITH (lists = 5);
INSERT INTO t SELECT id, val FROM t96 WHERE id <= 3000;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't');
REINDEX TABLE t;
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
INSERT INTO t SELECT id, val FROM t96 WHERE id > 3000;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't');
SELECT * FROM vchordrq_index_check('t_i', true);
BEGIN;
TRUNCATE t;
INSERT INTO t SELECT id, val FROM t96 WHERE id <= 30;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 100', 't', recall => 1);
ROLLBACK;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't');
DROP TABLE t;
-- without rows after each transaction
CREATE TEMP TABLE t (id int, val vector(96)) ON COMMIT DELETE ROWS;
CREATE INDEX t_i ON t USING vchordrq (val vector_l2_ops);
BEGIN;
INSERT INTO t SELECT id, val FROM t96 WHERE id <= 100;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't', recall => 1);
COMMIT;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t96 WHERE id = 1)) s;
RESET enable_seqscan;
BEGIN;
INSERT INTO t SELECT id, val FROM t96 WHERE id <= 100;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't', recall => 1);
ROLLBACK;
DROP TABLE t;
CREATE TEMP TABLE t (id int, val vector(3)) ON COMMIT DROP;
BEGIN;
CREATE TEMP TABLE d (id int, val vector(3)) ON COMMIT DROP;
INSERT INTO d SELECT id, val FROM t3;
CREATE INDEX ON d USING vchordrq (val vector_l2_ops);
COMMIT;
-- materialised views
CREATE MATERIALIZED VIEW m AS SELECT id, val FROM t96 WHERE id <= 500;
CREATE UNIQUE INDEX ON m (id);
CREATE INDEX m_i ON m USING vchordrq (val vector_cosine_ops);
SELECT check_scans('SELECT val <=> $q FROM m ORDER BY val <=> $q LIMIT 10', 'm');
REFRESH MATERIALIZED VIEW m;
REFRESH MATERIALIZED VIEW CONCURRENTLY m;
SELECT check_scans('SELECT val <=> $q FROM m ORDER BY val <=> $q LIMIT 10', 'm');
DROP MATERIALIZED VIEW m;
-- generated columns
CREATE TABLE g (id int, a real, val vector(2) GENERATED ALWAYS AS (ARRAY[a, -a]::vector) STORED);
CREATE INDEX ON g USING vchordrq (val vector_l2_ops);
INSERT INTO g SELECT i, i FROM generate_series(1, 10) i;
UPDATE g SET a = -a WHERE id % 2 = 0;
SELECT check_scans('SELECT val <-> $q FROM g ORDER BY val <-> $q LIMIT 100', 'g', recall => 1);
DROP TABLE g;

-- statistics are true
CREATE TABLE s (id int, val vector(96));
INSERT INTO s SELECT id, CASE WHEN id % 4 <> 0 THEN val END FROM t96;
CREATE FUNCTION stats() RETURNS TABLE (relname name, reltuples real, true_pages boolean) LANGUAGE sql AS $$
    SELECT relname, reltuples, relpages = pg_relation_size(oid) / current_setting('block_size')::int
    FROM pg_class WHERE relname IN ('s', 's_i') ORDER BY 1
$$;
CREATE INDEX s_i ON s USING vchordrq (val vector_l2_ops);
SELECT * FROM stats();
ANALYZE s;
SELECT * FROM stats();
INSERT INTO s SELECT id + 6000, val FROM t96 WHERE id <= 1000;
DELETE FROM s WHERE id <= 400;
VACUUM s;
SELECT * FROM stats();
VACUUM s;
SELECT * FROM stats();
REINDEX INDEX s_i;
SELECT * FROM stats();
SELECT rows, dead_rows, appended_rows, pages = pg_relation_size('s_i') / current_setting('block_size')::int AS true_pages FROM vchordrq_index_info('s_i');
INSERT INTO s SELECT id + 9000, val FROM t96 WHERE id <= 10;
SELECT rows, dead_rows, appended_rows FROM vchordrq_index_info('s_i');
SELECT idx_scan IS NOT NULL AS counted FROM pg_stat_user_indexes WHERE indexrelname = 's_i';
DROP TABLE s;
DROP FUNCTION stats;

-- phases, as an index expression sees them (builds have a search path of their own)
CREATE FUNCTION phase(id int) RETURNS vector(96) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    now text;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    SELECT format('%s, of %s', phase, tuples_total) INTO now
    FROM pg_stat_progress_create_index WHERE pid = pg_backend_pid();
    IF now IS DISTINCT FROM current_setting('test.phase', true) THEN
        PERFORM set_config('test.phase', now, false);
        RAISE NOTICE '%', now;
    END IF;
    RETURN array_fill(id::real, ARRAY[96])::public.vector;
END $$;
SET max_parallel_maintenance_workers = 0;
CREATE TABLE p AS SELECT generate_series(1, 5000) AS id;
CREATE INDEX p_i ON p USING vchordrq ((phase(id)::vector(96)) vector_l2_ops);
CREATE INDEX p_j ON p USING vchordrq ((phase(id)::vector(96)) vector_l2_ops) WITH (lists = 4);
DROP TABLE p;
DROP FUNCTION phase;
