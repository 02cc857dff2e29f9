-- Indexes on partitions, parts of tables, and expressions.
SET enable_seqscan = off;
CREATE TABLE part (id int, val vector(3)) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE part3 PARTITION OF part FOR VALUES IN (3);
INSERT INTO part SELECT 1 + id % 3, val FROM t3;
-- on all of them: ordered scans are merged
CREATE INDEX part_val ON part USING vchordrq (val vector_l2_ops);
ANALYZE part;
SELECT plan($$SELECT val FROM part ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part ORDER BY val <-> ''[0,0,0]'' LIMIT 10', 1);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part WHERE id = 2 ORDER BY val <-> ''[0,0,0]'' LIMIT 10', 1);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part ORDER BY val <-> ''[0,0,0]'' LIMIT 2000', 1);
SELECT vchordrq_prewarm('part_val');
SELECT vchordrq_prewarm('part1_val_idx') ~ '^height of root' AS prewarmed;
SELECT attempt('SELECT vchordrq_index_info(''part_val'')'), attempt('SELECT * FROM vchordrq_index_check(''part_val'', true)');
-- options are inherited, new partitions get an index of their own
DROP INDEX part_val;
CREATE INDEX part_val ON part USING vchordrq (val vector_cosine_ops) WITH (lists = 3, probes = '3');
CREATE TABLE part4 PARTITION OF part FOR VALUES IN (4);
SELECT c.relname, reloptions FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE inhparent = 'part_val'::regclass ORDER BY 1;
INSERT INTO part SELECT 4, val FROM t3 WHERE id <= 20;
UPDATE part SET id = 1 WHERE id = 4 AND val <-> '[0,0,0]' < 0.7;
SELECT verdict FROM check_scan('SELECT val <=> ''[1,2,3]'' FROM part ORDER BY val <=> ''[1,2,3]'' LIMIT 10', 1);
ALTER TABLE part DETACH PARTITION part3;
SELECT verdict FROM check_scan('SELECT val <=> ''[1,2,3]'' FROM part ORDER BY val <=> ''[1,2,3]'' LIMIT 10', 1);
SELECT verdict FROM check_scan('SELECT val <=> ''[1,2,3]'' FROM part3 ORDER BY val <=> ''[1,2,3]'' LIMIT 10', 1);
ALTER TABLE part ATTACH PARTITION part3 FOR VALUES IN (3);
SELECT count(*) FROM pg_inherits WHERE inhparent = 'part_val'::regclass;
DROP INDEX part_val;
-- on one of them
CREATE INDEX ON part1 USING vchordrq (val vector_l2_ops);
SELECT plan($$SELECT val FROM part WHERE id = 1 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part ORDER BY val <-> ''[0,0,0]'' LIMIT 10', 1);
-- on only the parent, until all partitions have theirs
CREATE INDEX part_only ON ONLY part USING vchordrq (val vector_ip_ops);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'part_only'::regclass;
DROP TABLE part, part3;

-- a part of a table
CREATE TABLE part (id int, grp int, val vector(3));
INSERT INTO part SELECT id, id % 10, val FROM t3;
CREATE INDEX part_val ON part USING vchordrq (val vector_l2_ops) WHERE grp = 3;
ANALYZE part;
SELECT reltuples FROM pg_class WHERE relname = 'part_val';
SELECT plan($$SELECT val FROM part WHERE grp = 3 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT plan($$SELECT val FROM part WHERE grp = 4 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part WHERE grp = 3 ORDER BY val <-> ''[0,0,0]'' LIMIT 200', 1);
UPDATE part SET grp = 3 WHERE grp = 4;
UPDATE part SET grp = 5 WHERE id = 3;
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part WHERE grp = 3 ORDER BY val <-> ''[0,0,0]'' LIMIT 200', 1);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM part WHERE grp = 3 AND id > 500 ORDER BY val <-> ''[0,0,0]'' LIMIT 200', 1);
SELECT * FROM vchordrq_index_check('part_val', true);
-- lists are learnt from the rows of the part: the others have another dimension
CREATE TABLE mixed (dim int, val vector);
INSERT INTO mixed SELECT 3, val FROM t3;
INSERT INTO mixed SELECT 64, val FROM gen64 WHERE id < 300;
CREATE INDEX mixed3 ON mixed USING vchordrq ((val::vector(3)) vector_l2_ops) WITH (lists = 5) WHERE dim = 3;
CREATE INDEX mixed64 ON mixed USING vchordrq ((val::vector(64)) vector_l2_ops) WITH (lists = 5) WHERE dim = 64;
SELECT verdict FROM check_scan('SELECT val::vector(3) <-> ''[0,0,0]'' FROM mixed WHERE dim = 3 ORDER BY val::vector(3) <-> ''[0,0,0]'' LIMIT 2000', 1);
SELECT verdict FROM gen64, check_scan(format('SELECT val::vector(64) <-> %L FROM mixed WHERE dim = 64 ORDER BY val::vector(64) <-> %1$L LIMIT 20', val)) WHERE id = 7;
DROP TABLE mixed;

-- expressions
CREATE INDEX part_half ON part USING vchordrq ((val::halfvec(3)) halfvec_l2_ops);
CREATE INDEX part_sub ON part USING vchordrq ((subvector(val, 2, 2)::vector(2)) vector_l2_ops);
CREATE INDEX part_norm ON part USING vchordrq ((l2_normalize(val)::vector(3)) vector_ip_ops) WHERE grp <> 0;
SELECT verdict FROM check_scan('SELECT val::halfvec(3) <-> ''[0,0,0]'' FROM part ORDER BY val::halfvec(3) <-> ''[0,0,0]'' LIMIT 10', 1);
SELECT verdict FROM check_scan('SELECT subvector(val, 2, 2)::vector(2) <-> ''[0,0]'' FROM part ORDER BY subvector(val, 2, 2)::vector(2) <-> ''[0,0]'' LIMIT 10', 1);
SELECT verdict FROM check_scan('SELECT l2_normalize(val)::vector(3) <#> ''[0,1,0]'' FROM part WHERE grp <> 0 ORDER BY l2_normalize(val)::vector(3) <#> ''[0,1,0]'' LIMIT 10', 1);
INSERT INTO part SELECT id + 1000, id % 10, val FROM t3 WHERE id <= 100;
DELETE FROM part WHERE id % 3 = 0;
VACUUM part;
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid::regclass, true) k WHERE relname LIKE 'part\_%';
SELECT verdict FROM check_scan('SELECT subvector(val, 2, 2)::vector(2) <-> ''[0,0]'' FROM part ORDER BY subvector(val, 2, 2)::vector(2) <-> ''[0,0]'' LIMIT 10', 1);
-- an expression that fails fails the statement and leaves the index as it was
SELECT attempt('INSERT INTO part VALUES (1, 1, ''[1,2]'')');
DROP TABLE part;
