-- vchordg: rows that come and go, kinds of tables, scans; the index is sound after each.

-- an empty index, nulls
CREATE TABLE e (id int, val vector(96));
CREATE INDEX i ON e USING vchordg (val vector_l2_ops);
SELECT pg_relation_size('i') / 8192 AS pages;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM e ORDER BY val <-> (SELECT val FROM t96 WHERE id = 1)) s;
INSERT INTO e VALUES (0, NULL);
SELECT count(*) FROM (SELECT id FROM e ORDER BY val <-> (SELECT val FROM t96 WHERE id = 1)) s;
INSERT INTO e SELECT id, CASE WHEN id % 10 <> 0 THEN val END FROM t96 WHERE id <= 1500;
SELECT count(*) FROM (SELECT id FROM e ORDER BY val <-> (SELECT val FROM t96 WHERE id = 1)) s;
SELECT count(*) FROM (SELECT id FROM e ORDER BY val <-> NULL) s;
SELECT count(*) FROM (SELECT id FROM e ORDER BY val <-> (SELECT val FROM e WHERE id = 10)) s;
SELECT id FROM e ORDER BY val <-> '[1,2,3]' LIMIT 1;
RESET enable_seqscan;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
-- rows go, others come in their places
DELETE FROM e WHERE id % 3 = 0;
SELECT * FROM vchordg_index_check('i', true);
VACUUM e;
SELECT * FROM vchordg_index_check('i', true);
SELECT rows, vertices, dying FROM vchordg_index_info('i');
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT pg_relation_size('i') AS size \gset
INSERT INTO e SELECT id, val FROM t96 WHERE id BETWEEN 1501 AND 1900;
SELECT pg_relation_size('i') <= :size + 2 * 8192 AS reused;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
UPDATE e SET val = (SELECT val FROM t96 WHERE t96.id = e.id + 3000) WHERE id % 4 = 1;
VACUUM e;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
-- what REINDEX, also CONCURRENTLY, makes of it
REINDEX INDEX i;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
REINDEX INDEX CONCURRENTLY i;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
CREATE INDEX CONCURRENTLY j ON e USING vchordg (val vector_ip_ops);
SELECT * FROM vchordg_index_check('j', true);
DROP INDEX j;
-- all go
DELETE FROM e;
VACUUM e;
SELECT rows, vertices, dying, entries FROM vchordg_index_info('i');
SELECT * FROM vchordg_index_check('i', true);
INSERT INTO e SELECT id, val FROM t96 WHERE id <= 300;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
SELECT * FROM vchordg_index_check('i', true);
BEGIN;
INSERT INTO e SELECT id, val FROM t96 WHERE id BETWEEN 301 AND 400;
ROLLBACK;
SELECT check_scans('SELECT val <-> $q FROM e ORDER BY val <-> $q LIMIT 10', 'e');
VACUUM e;
SELECT rows FROM vchordg_index_info('i');
SELECT * FROM vchordg_index_check('i', true);
DROP TABLE e;

-- less memory than the graph needs: the rest is inserted
SET maintenance_work_mem = '1MB';
SET client_min_messages = warning;
CREATE TABLE w (id int, val vector(96));
INSERT INTO w SELECT id, val FROM t96 WHERE id <= 4000;
CREATE INDEX i ON w USING vchordg (val vector_l2_ops);
RESET client_min_messages;
RESET maintenance_work_mem;
SELECT check_scans('SELECT val <-> $q FROM w ORDER BY val <-> $q LIMIT 10', 'w');
SELECT rows FROM vchordg_index_info('i');
SELECT reltuples FROM pg_class WHERE relname = 'i';
SELECT * FROM vchordg_index_check('i', true);
DROP TABLE w;

-- equal vectors share a vertex, and all their rows come back
CREATE TABLE d (id int, val vector(3));
INSERT INTO d SELECT i, ARRAY[i % 4, 1, 0]::vector FROM generate_series(1, 6000) i;
CREATE INDEX i ON d USING vchordg (val vector_l2_ops);
SELECT vertices, rows, duplicates FROM vchordg_index_info('i');
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM d ORDER BY val <-> '[0,0,0]') s;
SELECT count(*) FILTER (WHERE id % 4 = 3) FROM (SELECT id FROM d ORDER BY val <-> '[3,1,0]' LIMIT 1500) s;
INSERT INTO d SELECT i, ARRAY[i % 4, 1, 0]::vector FROM generate_series(6001, 8000) i;
SELECT vertices, rows, duplicates FROM vchordg_index_info('i');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM d ORDER BY val <-> '[0,0,0]') s;
SELECT * FROM vchordg_index_check('i', true);
DELETE FROM d WHERE id % 4 = 1 OR id > 5000;
VACUUM d;
SELECT * FROM vchordg_index_check('i', true);
SELECT vertices, rows, duplicates FROM vchordg_index_info('i');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM d ORDER BY val <-> '[0,0,0]') s;
INSERT INTO d SELECT i, ARRAY[i % 4, 1, 0]::vector FROM generate_series(8001, 9000) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM d ORDER BY val <-> '[0,0,0]') s;
SELECT * FROM vchordg_index_check('i', true);
RESET enable_seqscan;
DROP TABLE d;

-- zero vectors have a cosine distance to nothing, and are rows like others
CREATE TABLE z (id int, val vector(3));
INSERT INTO z SELECT id, val FROM t3 WHERE id <= 200;
INSERT INTO z VALUES (1001, '[0,0,0]'), (1002, '[0,0,0]');
CREATE INDEX i ON z USING vchordg (val vector_cosine_ops);
INSERT INTO z VALUES (1003, '[0,0,0]');
SELECT check_scans('SELECT val <=> $q FROM z WHERE id < 1000 ORDER BY val <=> $q LIMIT 10', 'z');
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM z ORDER BY val <=> '[1,0,0]') s;
SELECT count(*) FROM (SELECT id FROM z ORDER BY val <=> '[0,0,0]') s;
RESET enable_seqscan;
SELECT * FROM vchordg_index_check('i', true);
DROP TABLE z;

-- partial and expression indexes, partitions
CREATE TABLE p (id int, grp int, val vector(96)) PARTITION BY HASH (id);
CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO p SELECT id, grp, val FROM t96 WHERE id <= 1500;
CREATE INDEX p_i ON p USING vchordg (val vector_l2_ops);
SELECT check_scans('SELECT val <-> $q FROM p ORDER BY val <-> $q LIMIT 10', 'p');
SELECT i, c.* FROM unnest(ARRAY['p0_val_idx', 'p1_val_idx']) i, vchordg_index_check(i::regclass, true) c;
DROP INDEX p_i;
CREATE INDEX part_i ON p0 USING vchordg (val vector_l2_ops) WHERE grp < 20;
CREATE INDEX expr_i ON p1 USING vchordg ((val::halfvec(96)) halfvec_l2_ops);
INSERT INTO p SELECT id, grp, val FROM t96 WHERE id BETWEEN 1501 AND 1600;
SELECT check_scans('SELECT val <-> $q FROM p0 WHERE grp < 20 ORDER BY val <-> $q LIMIT 10', 'p0');
SELECT check_scans('SELECT val::halfvec(96) <-> $q FROM p1 ORDER BY val::halfvec(96) <-> $q LIMIT 10', 'p1');
SELECT i, c.* FROM unnest(ARRAY['part_i', 'expr_i']) i, vchordg_index_check(i::regclass, true) c;
DROP TABLE p;

-- unlogged and temporary tables
CREATE UNLOGGED TABLE u (id int, val vector(96));
INSERT INTO u SELECT id, val FROM t96 WHERE id <= 800;
CREATE INDEX i ON u USING vchordg (val vector_l2_ops);
SELECT pg_relation_size('i', 'init') > 0 AS init_fork;
INSERT INTO u SELECT id, val FROM t96 WHERE id BETWEEN 801 AND 1000;
SELECT check_scans('SELECT val <-> $q FROM u ORDER BY val <-> $q LIMIT 10', 'u');
ALTER TABLE u SET LOGGED;
SELECT * FROM vchordg_index_check('i', true);
TRUNCATE u;
SELECT * FROM vchordg_index_check('i', true);
DROP TABLE u;
CREATE TEMP TABLE t (id int, val vector(96)) ON COMMIT DELETE ROWS;
CREATE INDEX i ON t USING vchordg (val vector_l2_ops);
BEGIN;
INSERT INTO t SELECT id, val FROM t96 WHERE id <= 300;
SELECT check_scans('SELECT val <-> $q FROM t ORDER BY val <-> $q LIMIT 10', 't');
SELECT * FROM vchordg_index_check('i', true);
COMMIT;
SELECT * FROM vchordg_index_check('i', true);
DROP TABLE t;

-- scans: cursors, rescans, prepared statements, strict order
CREATE TABLE s (id int, val vector(3));
INSERT INTO s SELECT id, val FROM t3;
CREATE INDEX i ON s USING vchordg (val vector_l2_ops);
SET enable_seqscan = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM s ORDER BY val <-> '[0.1,0.2,0.3]';
SELECT count(*) FROM (SELECT 1 WHERE false) x;
MOVE 5 IN c;
FETCH 3 FROM c;
MOVE ALL IN c;
CLOSE c;
COMMIT;
SELECT q, (SELECT count(*) FROM (SELECT id FROM s ORDER BY val <-> q LIMIT n) x)
FROM (VALUES ('[1,2,3]'::vector, 5), (NULL, 5), ('[0,0,0]', 2000)) v (q, n);
PREPARE q (vector) AS SELECT count(*) FROM (SELECT id FROM s ORDER BY val <-> $1 LIMIT 7) x;
SET plan_cache_mode = force_generic_plan;
EXECUTE q ('[1,2,3]');
EXECUTE q (NULL);
EXECUTE q ('[0,0,0]');
RESET plan_cache_mode;
DEALLOCATE q;
SET vchordg."order" = strict;
SELECT count(*) > 0 AND bool_and(d >= before) AS ascending
FROM (SELECT d, lag(d, 1, 0::float8) OVER () AS before FROM (SELECT val <-> '[0,0,0]' AS d FROM s ORDER BY val <-> '[0,0,0]') x) y;
RESET vchordg."order";
SELECT id FROM s ORDER BY val <-> '[0,0,0]', val <-> '[1,1,1]' LIMIT 1;
RESET enable_seqscan;

-- labels
CREATE TABLE l (id int, val vector(96), labels smallint[]);
INSERT INTO l SELECT id, val, CASE WHEN id % 50 = 0 THEN '{}'::smallint[] WHEN id % 51 <> 0 THEN ARRAY[id % 3, 10 + id % 100]::smallint[] END
FROM t96 WHERE id <= 2000;
CREATE INDEX l_i ON l USING vchordg (val vector_l2_ops, labels);
SELECT labels FROM vchordg_index_info('l_i');
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels && ''{1}'' ORDER BY val <-> $q LIMIT 10', 'l');
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels && ''{17,99}'' ORDER BY val <-> $q LIMIT 10', 'l');
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels = ''{1,17}'' ORDER BY val <-> $q LIMIT 10', 'l', ordered => false);
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels = ''{}'' ORDER BY val <-> $q LIMIT 10', 'l', recall => 0.8, ordered => false);
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels && ''{}'' ORDER BY val <-> $q LIMIT 10', 'l');
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels && ''{1}'' AND labels && ''{30}'' ORDER BY val <-> $q LIMIT 10', 'l', ordered => false);
SELECT * FROM vchordg_index_check('l_i', true);
INSERT INTO l SELECT id, val, ARRAY[200 + id % 4, id % 3]::smallint[] FROM t96 WHERE id BETWEEN 2001 AND 2300;
DELETE FROM l WHERE id % 4 = 0;
VACUUM l;
SELECT check_scans('SELECT val <-> $q FROM l WHERE labels && ''{201}'' ORDER BY val <-> $q LIMIT 10', 'l');
SELECT * FROM vchordg_index_check('l_i', true);
DROP TABLE l, s;
