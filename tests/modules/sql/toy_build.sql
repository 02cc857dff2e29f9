-- Parallel builds.  scratch: participant k writes 100 (k + 1) and all of them are read once.
CREATE TABLE b (v integer, w integer);
INSERT INTO b SELECT i, i FROM generate_series(1, 20000) i;
INSERT INTO b VALUES (NULL, 1);
SET min_parallel_table_scan_size = 0;
SET maintenance_work_mem = '256MB';
SET max_parallel_maintenance_workers = 2;
CREATE INDEX b_v ON b USING toy (v);
SELECT vc_test_toy_build();
-- (from 18 on the table's estimate stays as it was where autovacuum is off)
SELECT relname, reltuples = CASE WHEN relname = 'b_v' THEN 20000
    WHEN current_setting('server_version_num')::int < 180000 THEN 20001 ELSE -1 END AS expected
    FROM pg_class WHERE relname IN ('b', 'b_v') ORDER BY relname;
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
CREATE INDEX CONCURRENTLY b_c ON b USING toy (v);
SELECT vc_test_toy_build();
REINDEX INDEX CONCURRENTLY b_c;
SELECT vc_test_toy_build();
-- partial and by expression
CREATE INDEX b_p ON b USING toy ((v + 1)) WHERE v % 2 = 0;
SELECT vc_test_toy_build();

-- Nobody but the leader: the setting, the memory, a small table, a function that is not safe, a temporary
-- table, the table's own wish.
SET max_parallel_maintenance_workers = 0;
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
SET max_parallel_maintenance_workers = 2;
SET maintenance_work_mem = '63MB';
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
SET maintenance_work_mem = '64MB';
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
SET maintenance_work_mem = '256MB';
SET min_parallel_table_scan_size = '100MB';
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
SET min_parallel_table_scan_size = 0;
CREATE FUNCTION unsafe(i integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL UNSAFE
    BEGIN ATOMIC SELECT i; END;
CREATE FUNCTION unsafe_pl(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
    AS 'BEGIN RETURN i; END';
CREATE INDEX b_u ON b USING toy (unsafe_pl(v));
SELECT vc_test_toy_build();
CREATE INDEX b_u2 ON b USING toy (v) WHERE unsafe_pl(v) > 10;
SELECT vc_test_toy_build();
CREATE TEMP TABLE bt AS SELECT * FROM b;
CREATE INDEX ON bt USING toy (v);
SELECT vc_test_toy_build();
ALTER TABLE b SET (parallel_workers = 1);
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
ALTER TABLE b SET (parallel_workers = 0);
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
-- other reloptions do not turn it off
ALTER TABLE b RESET (parallel_workers);
ALTER TABLE b SET (fillfactor = 90);
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
-- none can be started
SET max_parallel_workers = 0;
REINDEX INDEX b_v;
SELECT vc_test_toy_build();
RESET max_parallel_workers;
-- an error in a participant ends the build and leaves the session usable
CREATE FUNCTION fails(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$ BEGIN IF i = 19999 THEN RAISE EXCEPTION 'row 19999'; END IF; RETURN i; END $$;
\set SHOW_CONTEXT never
CREATE INDEX b_f ON b USING toy (fails(v));
BEGIN;
SAVEPOINT s;
CREATE INDEX b_f ON b USING toy (fails(v));
ROLLBACK TO s;
CREATE INDEX b_g ON b USING toy (v);
COMMIT;
SELECT vc_test_toy_build();
-- unlogged, and within the transaction that filled the table
BEGIN;
CREATE UNLOGGED TABLE bu AS SELECT * FROM b;
CREATE INDEX ON bu USING toy (v);
SELECT vc_test_toy_build();
COMMIT;
DROP TABLE b, bt, bu;
DROP FUNCTION unsafe, unsafe_pl, fails;

-- The cache of hot pages, over an index that has pages.
CREATE TABLE c (a integer);
CREATE INDEX c_idx ON c USING vc_test_am (a);
SELECT vc_test_alloc('c_idx', 200, 1, 1) > 0 AS made;
SELECT vc_test_build_cache('c_idx') >= 100 AS held;
DROP TABLE c;
