-- Ways to build: without rows, serial, parallel, with pages pinned, again.
-- centroids without rows
CREATE TABLE b (id int, val vector(3));
CREATE INDEX b_lloyd ON b USING vchordrq (val vector_l2_ops) WITH (options = $$
    build.internal.lists = [1000]
    build.internal.kmeans_algorithm.lloyd = {}
$$);
CREATE INDEX b_hierarchical ON b USING vchordrq (val vector_ip_ops) WITH (options = $$
    build.internal.lists = [1000]
    build.internal.kmeans_algorithm.hierarchical = {}
$$);
CREATE INDEX b_two ON b USING vchordrq (val vector_cosine_ops) WITH (lists = '10,100', spherical_centroids);
INSERT INTO b SELECT id, val FROM t3;
SELECT check_scans(format('SELECT val %s $q FROM b ORDER BY val %1$s $q LIMIT 1000', op), 'b', recall => 1) FROM unnest(ARRAY['<->', '<#>', '<=>']) op;
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid::regclass, true) k WHERE relname LIKE 'b\_%';
DROP TABLE b;

-- fewer rows than lists
CREATE TABLE b (id int, val vector(3));
INSERT INTO b SELECT id, val FROM t3 WHERE id <= 10;
CREATE INDEX b_i ON b USING vchordrq (val vector_l2_ops) WITH (lists = 50, residual_quantization);
SELECT check_scans('SELECT val <-> $q FROM b ORDER BY val <-> $q LIMIT 1000', 'b', recall => 1);
DROP TABLE b;

-- equal rows: clusters without rows are filled
CREATE TABLE b (id int, val vector(96));
INSERT INTO b SELECT i, array_fill(1, ARRAY[96])::vector FROM generate_series(1, 3000) i;
CREATE INDEX b_i ON b USING vchordrq (val vector_l2_ops) WITH (lists = 20);
SELECT check_scans('SELECT val <-> $q FROM b ORDER BY val <-> $q LIMIT 4000', 'b', recall => 1);
SELECT * FROM vchordrq_index_check('b_i', true);
DROP TABLE b;

-- pages pinned
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (options = $$
    build.pin = true
    [build.internal]
    lists = [32]
$$);
SELECT check_scans('SELECT val <-> $q FROM t3 ORDER BY val <-> $q LIMIT 10', 't3');
DROP INDEX i;
-- no worker
SET max_parallel_workers = 0;
SET max_parallel_maintenance_workers = 0;
CREATE INDEX i ON t3 USING vchordrq (val vector_ip_ops) WITH (options = $$
    build.pin = true
    [build.internal]
    lists = [32]
    build_threads = 2
    spherical_centroids = true
$$);
SELECT check_scans('SELECT val <#> $q FROM t3 ORDER BY val <#> $q LIMIT 10', 't3');
SELECT * FROM vchordrq_index_check('i', true);
DROP INDEX i;
RESET max_parallel_workers;
RESET max_parallel_maintenance_workers;
-- workers for little data, at all degrees
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 4;
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops);
SELECT check_scans('SELECT val <-> $q FROM t96 ORDER BY val <-> $q LIMIT 10', 't96');
SELECT * FROM vchordrq_index_check('i', true);
DROP INDEX i;
ALTER TABLE t96 SET (parallel_workers = 2);
CREATE INDEX i ON t96 USING vchordrq (half halfvec_cosine_ops) WITH (degree_of_parallelism = 1, rerank_in_table);
SELECT check_scans('SELECT half <=> $q FROM t96 ORDER BY half <=> $q LIMIT 10', 't96', 'half');
SELECT * FROM vchordrq_index_check('i', true);
DROP INDEX i;
ALTER TABLE t96 RESET (parallel_workers);
-- little memory
SET maintenance_work_mem = '1MB';
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops) WITH (lists = 30);
SELECT check_scans('SELECT val <-> $q FROM t96 ORDER BY val <-> $q LIMIT 10', 't96');
DROP INDEX i;
RESET maintenance_work_mem;
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
-- few iterations, few samples, few dimensions
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops)
    WITH (lists = 30, kmeans_iterations = 0, sampling_factor = 1, kmeans_dimension = 1);
SELECT check_scans('SELECT val <-> $q FROM t96 ORDER BY val <-> $q LIMIT 6000', 't96', recall => 1);
DROP INDEX i;

-- again
CREATE TABLE r (id int, val vector(96));
INSERT INTO r SELECT id, val FROM t96 WHERE id <= 2000;
CREATE INDEX r_i ON r USING vchordrq (val vector_l2_ops) WITH (lists = 10);
REINDEX INDEX r_i;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
INSERT INTO r SELECT id, val FROM t96 WHERE id > 2000 AND id <= 3000;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
REINDEX INDEX CONCURRENTLY r_i;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
INSERT INTO r SELECT id, val FROM t96 WHERE id > 3000;
DELETE FROM r WHERE id % 5 = 0;
REINDEX TABLE CONCURRENTLY r;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 6000', 'r', recall => 1);
SELECT * FROM vchordrq_index_check('r_i', true);
CREATE INDEX CONCURRENTLY r_j ON r USING vchordrq (val vector_cosine_ops);
SELECT check_scans('SELECT val <=> $q FROM r ORDER BY val <=> $q LIMIT 10', 'r');
SELECT relname, indisvalid, reltuples FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = 'r'::regclass ORDER BY 1;
-- a table that is written anew
CREATE INDEX r_id ON r (id);
CLUSTER r USING r_id;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
VACUUM FULL r;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
CLUSTER r USING r_i;
DROP INDEX r_j;
ALTER TABLE r ADD extra int DEFAULT 1, ALTER id TYPE bigint;
SELECT check_scans('SELECT val <-> $q FROM r ORDER BY val <-> $q LIMIT 10', 'r');
SELECT * FROM vchordrq_index_check('r_i', true);
ALTER INDEX r_i SET TABLESPACE pg_default;
DROP TABLE r;

-- dead rows whose vectors lie in TOAST storage are no trouble
CREATE TABLE toasted (id int, val vector(2000));
ALTER TABLE toasted ALTER val SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT i, (SELECT array_agg(noise(2000 * i + j)) FROM generate_series(1, 2000) j)::vector(2000) FROM generate_series(1, 300) i;
CREATE INDEX toasted_i ON toasted USING vchordrq (val vector_l2_ops) WITH (lists = 3);
DELETE FROM toasted WHERE id % 2 = 0;
REINDEX TABLE toasted;
SELECT check_scans('SELECT val <-> $q FROM toasted ORDER BY val <-> $q LIMIT 200', 'toasted', recall => 1);
SELECT * FROM vchordrq_index_check('toasted_i', true);
DROP TABLE toasted;
