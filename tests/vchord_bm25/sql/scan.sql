-- Scans: limits, rounds, filters, the index that is named, columns, partitions.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;
SET enable_seqscan = off;

CREATE TABLE scan_doc (id int, v bm25vector);
INSERT INTO scan_doc SELECT i, ARRAY[1, 1 + i % 10, 1 + i % 97]::bm25vector FROM generate_series(1, 3000) i;
CREATE INDEX scan_v ON scan_doc USING bm25 (v bm25_ops);
PREPARE scan_count AS SELECT count(*) FROM (SELECT FROM scan_doc ORDER BY v <&> to_bm25query('scan_v', '{1:1}')) s;

-- unset: all; explicit: a cap; 0 in either spelling; -1
EXECUTE scan_count;
SET "bm25.limit" = 7;
EXECUTE scan_count;
SET "bm25.limit" = 0;
EXECUTE scan_count;
RESET "bm25.limit";
SET bm25_catalog.bm25_limit = 0;
EXECUTE scan_count;
SET bm25_catalog.bm25_limit = -1;
EXECUTE scan_count;
SET bm25_catalog.bm25_limit = 200;
EXECUTE scan_count;
RESET bm25_catalog.bm25_limit;
-- rounds within a small memory
SET work_mem = '64kB';
EXECUTE scan_count;
RESET work_mem;
ALTER INDEX scan_v SET (limit = 5);
EXECUTE scan_count;
ALTER INDEX scan_v RESET (limit);

-- Filters: the limit is filled, whoever evaluates the filter; with a cap they differ.
SELECT id FROM scan_doc WHERE id % 1000 = 3 ORDER BY v <&> to_bm25query('scan_v', '{1:1}'), id LIMIT 3;
SET bm25.prefilter = off;
SELECT id FROM scan_doc WHERE id % 1000 = 3 ORDER BY v <&> to_bm25query('scan_v', '{1:1}'), id LIMIT 3;
SET "bm25.limit" = 20;
SELECT count(*) FROM (SELECT FROM scan_doc WHERE id % 4 = 0 ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 15) s;
SET bm25.prefilter = on;
SELECT count(*) FROM (SELECT FROM scan_doc WHERE id % 4 = 0 ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 15) s;
RESET "bm25.limit";
-- each candidate is judged at most once, and only if it would be a result
CREATE SEQUENCE scan_calls;
CREATE FUNCTION scan_judge(int) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.1 AS $$ BEGIN PERFORM nextval('scan_calls'); RETURN $1 % 2 = 0; END $$;
SELECT count(*) FROM (SELECT FROM scan_doc WHERE scan_judge(id) ORDER BY v <&> to_bm25query('scan_v', '{50:1}') LIMIT 5) s;
SELECT nextval('scan_calls') < 200 AS few;
RESET bm25.prefilter;

-- rows that are gone for this snapshot do not starve the limit
BEGIN;
DELETE FROM scan_doc WHERE id IN (SELECT id FROM scan_doc ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 50);
SELECT count(*) FROM (SELECT FROM scan_doc ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 10) s;
ROLLBACK;

-- null queries, no order
SELECT count(*) FROM (SELECT FROM scan_doc ORDER BY v <&> NULL::bm25query LIMIT 5) s;
PREPARE scan_null(bm25vector) AS SELECT id FROM scan_doc ORDER BY v <&> to_bm25query('scan_v'::regclass, $1) LIMIT 5;
SET plan_cache_mode = force_generic_plan;
EXECUTE scan_null(NULL);
RESET plan_cache_mode;

-- The index that is named: preferred, and another one only if it makes the same terms.
CREATE INDEX scan_other ON scan_doc USING bm25 (v bm25_ops) WITH (k1 = 2);
CREATE INDEX scan_even ON scan_doc USING bm25 (v bm25_ops) WHERE id % 2 = 0;
EXPLAIN (COSTS OFF) SELECT id FROM scan_doc ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM scan_doc ORDER BY v <&> to_bm25query('scan_other', '{1:1}') LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM scan_doc WHERE id % 2 = 0 ORDER BY v <&> to_bm25query('scan_even', '{1:1}') LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM scan_doc WHERE id % 2 = 0 ORDER BY v <&> to_bm25query('scan_v', '{1:1}') LIMIT 5;
-- a query of whose index the planner knows nothing: any index serves, with the statistics of the named one
SET plan_cache_mode = force_generic_plan;
PREPARE scan_named(regclass) AS
    SELECT id, v <&> to_bm25query($1, '{3:1, 50:1}'::bm25vector) AS score FROM scan_doc WHERE id % 2 = 0
    ORDER BY v <&> to_bm25query($1, '{3:1, 50:1}'::bm25vector) LIMIT 3;
EXECUTE scan_named('scan_v');
EXECUTE scan_named('scan_other');
EXECUTE scan_named('scan_even');
SET enable_indexscan = off;
SELECT id, v <&> to_bm25query('scan_v', '{3:1, 50:1}') AS score FROM scan_doc WHERE id % 2 = 0 ORDER BY score, ctid LIMIT 3;
SELECT id, v <&> to_bm25query('scan_other', '{3:1, 50:1}') AS score FROM scan_doc WHERE id % 2 = 0 ORDER BY score, ctid LIMIT 3;
SELECT id, v <&> to_bm25query('scan_even', '{3:1, 50:1}') AS score FROM scan_doc WHERE id % 2 = 0 ORDER BY score, ctid LIMIT 3;
RESET enable_indexscan;
RESET plan_cache_mode;

-- several columns
CREATE TABLE scan_two (id int, title text, body text, ids bm25vector);
INSERT INTO scan_two SELECT i, 'title ' || CASE WHEN i % 7 = 0 THEN 'lake' ELSE 'hill' END, repeat('lake ', i % 5) || 'and words ' || i, ARRAY[i % 9]::bm25vector
FROM generate_series(1, 200) i;
CREATE INDEX scan_cols ON scan_two USING bm25 (title bm25_ops, body bm25_ops, ids bm25_ops) WITH (text_config = 'simple', weights = '3, 1, 2');
EXPLAIN (COSTS OFF) SELECT id FROM scan_two ORDER BY body <&> to_bm25query('lake words', 'scan_cols') LIMIT 4;
CREATE TABLE scan_first AS SELECT id, title <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'title') AS score
FROM scan_two ORDER BY title <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'title') LIMIT 5;
CREATE TABLE scan_second AS SELECT id, body <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'body') AS score
FROM scan_two ORDER BY body <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'body') LIMIT 5;
SET enable_indexscan = off;
SELECT f.id, f.score = title <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'title') AS same FROM scan_first f JOIN scan_two USING (id) ORDER BY f.score, f.id;
SELECT f.id, f.score = body <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'body') AS same FROM scan_second f JOIN scan_two USING (id) ORDER BY f.score, f.id;
-- two text columns: which one is meant?
SELECT title <&> to_bm25query('lake', 'scan_cols'::regclass) FROM scan_two LIMIT 1;
SELECT ids <&> to_bm25query('scan_cols'::regclass, '{3:1}'::bm25vector) < 0 AS found FROM scan_two WHERE id = 3;
RESET enable_indexscan;
SELECT id FROM scan_two ORDER BY body <&> bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'title') LIMIT 1;
SELECT bm25_field(to_bm25query('lake', 'scan_cols'::regclass), 'nonsense');

-- The sum over all columns of an index is an order of it; other sums are sorted.  A null column has no sum.
CREATE TABLE scan_sum AS
    SELECT i AS id, CASE WHEN i % 11 <> 5 THEN 'word' || i % 7 || ' of ' || i % 13 END AS title,
           repeat('word' || i % 9 || ' ', 1 + i % 5) || 'and ' || i % 17 AS body, 'tag' || i % 3 AS tag
    FROM generate_series(1, 2000) i;
CREATE INDEX scan_sum_two ON scan_sum USING bm25 (title bm25_ops, body bm25_ops) WITH (text_config = 'simple', weights = '3, 1');
CREATE INDEX scan_sum_three ON scan_sum USING bm25 (title bm25_ops, body bm25_ops, (tag || ' ' || tag) bm25_ops) WITH (text_config = 'simple', norms = 'exact');
INSERT INTO scan_sum VALUES (3001, 'word1', 'word1 and', 'tag1'), (3002, NULL, 'word1 and', 'tag1');
CREATE VIEW scan_two_scores AS
    SELECT id, tid, (title <&> bm25_field(to_bm25query('word1 word5 and', 'scan_sum_two'::regclass), 'title'))
                  + (body <&> bm25_field(to_bm25query('word1 word5 and', 'scan_sum_two'::regclass), 'body')) AS score
    FROM (SELECT *, ctid AS tid FROM scan_sum) s;
CREATE VIEW scan_three_scores AS
    SELECT id, tid, (title <&> bm25_field(to_bm25query('word1 tag2 and 3', 'scan_sum_three'::regclass), 'title'))
                  + (body <&> bm25_field(to_bm25query('word1 tag2 and 3', 'scan_sum_three'::regclass), 'body'))
                  + (tag || ' ' || tag <&> bm25_field(to_bm25query('word1 tag2 and 3', 'scan_sum_three'::regclass), 'expr')) AS score
    FROM (SELECT *, ctid AS tid FROM scan_sum) s;
EXPLAIN (COSTS OFF) SELECT id FROM scan_two_scores ORDER BY score LIMIT 5;
SELECT array_agg((id, score)) = (SELECT array_agg((id, score) ORDER BY score, tid) FROM (SELECT * FROM scan_two_scores OFFSET 0) s WHERE score < 0) AS same, count(*)
FROM (SELECT id, score FROM scan_two_scores ORDER BY score LIMIT 3000) s;
SELECT array_agg((id, score)) = (SELECT array_agg((id, score) ORDER BY score, tid) FROM (SELECT * FROM scan_three_scores OFFSET 0) s WHERE score < 0) AS same, count(*)
FROM (SELECT id, score FROM scan_three_scores ORDER BY score LIMIT 3000) s;
SELECT plan($$SELECT id FROM scan_sum ORDER BY (body <&> bm25_field(to_bm25query('and', 'scan_sum_two'::regclass), 'body'))
    + (title <&> bm25_field(to_bm25query('and', 'scan_sum_two'::regclass), 'title')) LIMIT 5$$);
SELECT plan($$SELECT id FROM scan_sum ORDER BY (title <&> bm25_field(to_bm25query('and', 'scan_sum_two'::regclass), 'title'))
    + (body <&> bm25_field(to_bm25query('of', 'scan_sum_two'::regclass), 'body')) LIMIT 5$$);
SELECT title <&> bm25_field(to_bm25query('and', 'scan_sum_two'::regclass), '*') FROM (SELECT title FROM scan_sum OFFSET 0) s LIMIT 1;

-- partitions: the parent's name means statistics over all of them
CREATE TABLE scan_parts (id int, body text) PARTITION BY HASH (id);
CREATE TABLE scan_parts_0 PARTITION OF scan_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE scan_parts_1 PARTITION OF scan_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO scan_parts SELECT i, 'common ' || repeat('word' || i % 13 || ' ', 1 + i % 4) FROM generate_series(1, 400) i;
CREATE INDEX scan_parts_body ON scan_parts USING bm25 (body bm25_ops) WITH (text_config = 'simple');
CREATE TABLE scan_whole AS SELECT * FROM scan_parts;
CREATE INDEX scan_whole_body ON scan_whole USING bm25 (body bm25_ops) WITH (text_config = 'simple');
EXPLAIN (COSTS OFF) SELECT id FROM scan_parts ORDER BY body <&> to_bm25query('word3 word5', 'scan_parts_body') LIMIT 10;
SELECT array_agg(score) = (SELECT array_agg(score) FROM (SELECT body <&> to_bm25query('word3 word5', 'scan_whole_body') AS score FROM scan_whole ORDER BY 1 LIMIT 20) w) AS same, count(*)
FROM (SELECT body <&> to_bm25query('word3 word5', 'scan_parts_body') AS score FROM scan_parts ORDER BY 1 LIMIT 20) p;

DROP VIEW scan_two_scores, scan_three_scores;
DROP TABLE scan_sum, scan_doc, scan_two, scan_first, scan_second, scan_parts, scan_whole;
DROP FUNCTION scan_judge;
DROP SEQUENCE scan_calls;
