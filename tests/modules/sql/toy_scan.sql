-- The scan frame and the prefilter under the executor.  Values 0 .. 99; even ones come first.
CREATE TABLE t (id integer, v integer, visible boolean DEFAULT true, pad text);
INSERT INTO t SELECT i, i, true, repeat('x', 100) FROM generate_series(0, 99) i;
INSERT INTO t VALUES (1000, NULL, true);
CREATE INDEX t_v ON t USING toy (v);
ANALYZE t;
SET enable_seqscan = off;

-- Two rounds; NULL is not indexed; true distances.
SELECT id FROM t ORDER BY v <~> 50 LIMIT 3;
SELECT vc_test_toy_scan();
SELECT count(*), min(id), max(id) FROM (SELECT id FROM t ORDER BY v <~> 50) s;
SELECT vc_test_toy_scan();
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id < 6 ORDER BY v <~> 2) s;
-- strict: of the second round only what is not nearer than the last row
SET vc_test.strict = on;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id < 6 ORDER BY v <~> 2) s;
SELECT vc_test_toy_scan();
SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <~> 0) s;
SELECT vc_test_toy_scan();
RESET vc_test.strict;
-- cap
SET vc_test.max_tuples = 3;
SELECT id FROM t ORDER BY v <~> 50;
SET vc_test.max_tuples = 0;
SELECT id FROM t ORDER BY v <~> 50;
RESET vc_test.max_tuples;
-- NULL query
SELECT id FROM t ORDER BY v <~> NULL::integer LIMIT 1;

-- Prefilter: same rows, and the executor has nothing left to remove.
CREATE FUNCTION shape(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line !~ 'Buffers|Index Searches' THEN
            RETURN NEXT regexp_replace(line, 'rows=(\d+)(\.\d+)? ', 'rows=\1 ');
        END IF;
    END LOOP;
END $$;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_scan();
SET vc_test.prefilter = on;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_scan();
SELECT shape('SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3');
SET vc_test.batch = on;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_scan();
RESET vc_test.batch;
-- the planner's guess
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id < 10 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_selectivity() BETWEEN 0.05 AND 0.2;
-- a filter that nothing passes
SELECT id FROM t WHERE id < 0 ORDER BY v <~> 50 LIMIT 3;
SELECT vc_test_toy_scan();

-- Volatile quals switch it off, wherever they hide.
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id % 10 = 4 AND random() < 2 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_scan();
CREATE TABLE f (x integer);
INSERT INTO f VALUES (4), (14), (25);
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id NOT IN (SELECT x FROM f WHERE random() < 2) ORDER BY v <~> 4 LIMIT 3) s;
SELECT vc_test_toy_scan();
-- a sub-select that is not volatile may stay
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id NOT IN (SELECT x FROM f) ORDER BY v <~> 4 LIMIT 3) s;
SELECT vc_test_toy_scan();
-- correlated sub-select in the qual, init plan in the qual
SELECT array_agg(id) FROM (SELECT id FROM t WHERE EXISTS (SELECT 1 FROM f WHERE f.x + t.id = 50 OFFSET 0) ORDER BY v <~> 40 LIMIT 3) s;
SELECT vc_test_toy_scan();
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id > (SELECT max(x) FROM f) ORDER BY v <~> 0 LIMIT 3) s;
SELECT vc_test_toy_scan();

-- Parameters of the outer row in the qual and in the order: each rescan has its own.
SELECT o.x, i.ids FROM f o, LATERAL (
    SELECT array_agg(id) AS ids FROM (
        SELECT id FROM t WHERE id % 7 = o.x % 7 ORDER BY v <~> o.x LIMIT 3) s) i ORDER BY o.x;
SELECT vc_test_toy_scan();
-- a self-join: two nodes over one index keep apart
SELECT a.ids, b.ids FROM
    (SELECT array_agg(id) AS ids FROM (SELECT id FROM t WHERE id % 10 = 2 ORDER BY v <~> 50 LIMIT 2) s) a,
    (SELECT array_agg(id) AS ids FROM (SELECT id FROM t WHERE id % 10 = 6 ORDER BY v <~> 50 LIMIT 2) s) b;

-- HOT chains: the index keeps the root, the version that the snapshot sees is judged.
SELECT array_agg(id) FROM (SELECT id FROM t WHERE visible ORDER BY v <~> 10 LIMIT 3) s;
UPDATE t SET visible = false WHERE id = 10;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE visible ORDER BY v <~> 10 LIMIT 3) s;
UPDATE t SET visible = true WHERE id = 10;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE visible ORDER BY v <~> 10 LIMIT 3) s;
-- visibility comes first: a row deleted here is not judged
BEGIN;
DELETE FROM t WHERE id = 10;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE 100 / (id - 10) <> 7 ORDER BY v <~> 10 LIMIT 3) s;
SELECT vc_test_toy_scan();
SET LOCAL vc_test.batch = on;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE 100 / (id - 10) <> 7 AND id < 30 ORDER BY v <~> 10 LIMIT 3) s;
SELECT vc_test_toy_scan();
ROLLBACK;
-- a qual that fails
SELECT array_agg(id) FROM (SELECT id FROM t WHERE 100 / (id - 10) <> 7 ORDER BY v <~> 10 LIMIT 3) s;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE visible ORDER BY v <~> 10 LIMIT 3) s;
BEGIN;
SAVEPOINT s;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE 100 / (id - 10) <> 7 ORDER BY v <~> 10 LIMIT 3) s;
ROLLBACK TO s;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE visible ORDER BY v <~> 10 LIMIT 3) s;
COMMIT;

-- The limit of the plan.
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <~> 50 LIMIT 7 OFFSET 2) s;
SELECT vc_test_toy_scan();
PREPARE p(integer, integer) AS SELECT count(*) FROM (SELECT id FROM t WHERE id <> $2 ORDER BY v <~> $2 LIMIT $1) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE p(3, 8);
SELECT vc_test_toy_scan();
EXECUTE p(5, 9);
SELECT vc_test_toy_scan();
RESET plan_cache_mode;
-- through a subquery that renames, not through one that drops rows or sorts
SELECT count(*) FROM (SELECT id + 1 FROM (SELECT id FROM t ORDER BY v <~> 50 OFFSET 0) i LIMIT 4) s;
SELECT vc_test_toy_scan();
SELECT count(*) FROM (SELECT id FROM (SELECT id FROM t ORDER BY v <~> 50 OFFSET 0) i WHERE id <> 3 LIMIT 4) s;
SELECT vc_test_toy_scan();
SELECT count(*) FROM (SELECT id FROM (SELECT id FROM t ORDER BY v <~> 50 LIMIT 20) i ORDER BY id DESC LIMIT 4) s;
SELECT vc_test_toy_scan();
-- the sub-select's rows are not the outer limit's
SELECT (SELECT count(*) FROM (SELECT id FROM t ORDER BY v <~> 50) i) LIMIT 1;
SELECT vc_test_toy_scan();
-- partitions
CREATE TABLE p (id integer, v integer) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (50);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (50) TO (100);
INSERT INTO p SELECT i, i * 2 FROM generate_series(0, 99) i;
CREATE INDEX p_v ON p USING toy (v);
ANALYZE p;
SELECT array_agg(id) FROM (SELECT id FROM p WHERE id % 2 = 0 ORDER BY v <~> 100 LIMIT 5) s;
SELECT vc_test_toy_scan();

-- Cursors.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50;
FETCH 2 FROM c;
SAVEPOINT s;
FETCH 2 FROM c;
ROLLBACK TO s;
FETCH 2 FROM c;
CLOSE c;
SELECT vc_test_toy_scan();
DECLARE c SCROLL CURSOR FOR SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50;
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH FIRST FROM c;
COMMIT;
-- one that is never fetched from
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50;
COMMIT;

-- EXPLAIN begins nothing; a linked scan is begun once.
SELECT vc_test_toy_begun() AS before \gset
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3;
SELECT vc_test_toy_begun() - :before;
SELECT count(*) FROM (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_begun() - :before;
-- without the link everything takes the plain path
SET vc_test.link = off;
SELECT array_agg(id) FROM (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 3) s;
SELECT vc_test_toy_scan();
RESET vc_test.link;
-- SQL and PL functions
CREATE FUNCTION near(k integer) RETURNS SETOF integer LANGUAGE sql STABLE AS
    $$ SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> k LIMIT 2 $$;
SELECT k, near(k) FROM generate_series(20, 60, 20) k;
-- the row under a modification
WITH u AS (UPDATE t SET pad = 'y' WHERE id IN (SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 2) RETURNING id)
SELECT id FROM u ORDER BY id;
SELECT id FROM t WHERE id % 10 = 4 ORDER BY v <~> 50 LIMIT 2 FOR UPDATE;

-- Inspection.
SELECT * FROM vc_test_toy_check('t_v');
INSERT INTO t SELECT -i, 13 FROM generate_series(1, 1200) i;
SELECT count(*), count(*) FILTER (WHERE message ~ 'no entry for value 13'),
       max(message) FILTER (WHERE block IS NULL) FROM vc_test_toy_check('t_v');
SELECT vc_test_toy_block('t_v', 0);
SELECT vc_test_toy_block('t_v', -1);
SELECT * FROM vc_test_toy_check(4000000000::oid::regclass);
SELECT * FROM vc_test_toy_check('t');
SELECT * FROM vc_test_toy_check('p_v');
SELECT * FROM vc_test_toy_check('pg_class_oid_index');
CREATE ROLE vc_test_other;
GRANT USAGE ON SCHEMA public TO vc_test_other;
SET ROLE vc_test_other;
SELECT * FROM vc_test_toy_check('t_v');
SELECT vc_test_toy_block('t_v', 0);
RESET ROLE;
-- index expressions run as the owner
CREATE TABLE w (v integer);
INSERT INTO w VALUES (1);
CREATE FUNCTION who(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE NOTICE 'as % with %', replace(current_user, session_user, 'ourselves'), current_setting('vc_test.max_tuples'); RETURN i; END $$;
CREATE INDEX w_v ON w USING toy (who(v));
ALTER TABLE w OWNER TO vc_test_other;
SELECT * FROM vc_test_toy_check('w_v');
SELECT current_user <> 'vc_test_other';
DROP TABLE w;
DROP OWNED BY vc_test_other;
DROP ROLE vc_test_other;
-- exact, grown beyond its budget, and a filter from the start
SELECT vc_test_keyset(1000, 1024, 1000);
SELECT vc_test_keyset(0, 1024, -1);
SELECT vc_test_keyset(200000, 1024, 1000);
SELECT vc_test_keyset(200000, 1024, 200000);
DROP TABLE t, p, f;
DROP FUNCTION near, who, shape;
