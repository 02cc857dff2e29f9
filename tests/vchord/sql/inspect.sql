-- Functions that look inside an index.
SET client_min_messages = warning;
CREATE TABLE t (id int, v vector(80)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, (SELECT array_agg(sin(i * (k + 1.5))) FROM generate_series(1, 80) k)::vector
FROM generate_series(1, 600) i;
CREATE INDEX i ON t USING vchordrq (v vector_l2_ops) WITH (lists = '3,9');
CREATE INDEX one ON t USING vchordrq (v vector_l2_ops) WITH (options = 'build.internal.lists = []');
CREATE INDEX other ON t (id);
INSERT INTO t SELECT i, (SELECT array_agg(sin(i * (k + 1.5))) FROM generate_series(1, 80) k)::vector
FROM generate_series(601, 660) i;

-- vchordrq_prewarm; how many pages the lists have depends on the clustering
SELECT regexp_replace(vchordrq_prewarm('i'), '\d+\n$', 'some');
SELECT vchordrq_prewarm('i', -1) = vchordrq_prewarm('i') AS same;
SELECT vchordrq_prewarm('i', 1);
SELECT vchordrq_prewarm('i', 2);
SELECT vchordrq_prewarm('i', 3);
SELECT vchordrq_prewarm('i', 4);
SELECT vchordrq_prewarm('one');
SELECT vchordrq_prewarm(NULL) IS NULL AS strict;
SET vchordrq.io_search = 'prefetch_buffer';
SELECT vchordrq_prewarm('i') LIKE '%number of nodes: 660%' AS all_rows;
RESET vchordrq.io_search;
SELECT vchordrq_prewarm('t');
SELECT vchordrq_prewarm('other');
SELECT vchordrq_prewarm(4000000000::oid);
CREATE TABLE part (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE INDEX part_v_idx ON part USING vchordrq (v vector_l2_ops);
SELECT vchordrq_prewarm('part_v_idx');

-- vchordrq_index_info
SELECT levels, lists, rows, dead_rows, appended_rows, empty_lists, dead_share, round(appended_share::numeric, 4) AS appended_share
FROM vchordrq_index_info('i');
SELECT list_min <= list_median AND list_median <= list_p95 AND list_p95 <= list_max AS ordered,
       list_min + 8 * list_max >= rows AS plausible,
       pages * current_setting('block_size')::int / bytes_per_row = rows AS same_rows,
       pages = (SELECT sum(value::bigint) FROM jsonb_each_text(pages_by_kind)) AS all_pages,
       pages = pg_relation_size('i') / 8192 AS file
FROM vchordrq_index_info('i');
SELECT options - ARRAY['group_pages', 'group_slots', 'slot_bytes'] FROM vchordrq_index_info('i');
SELECT levels, lists, list_min, list_max FROM vchordrq_index_info('one');

-- vchordrq_page_inspect: every page has a kind
SELECT p ->> 'kind' AS kind, count(*) > 0 AS some, count(*) FILTER (WHERE p ? 'problem') AS problems,
       count(*) FILTER (WHERE p ->> 'crc_ok' = 'false') AS bad_crc
FROM generate_series(0, pg_relation_size('i') / 8192 - 1) b, vchordrq_page_inspect('i', b) p
GROUP BY 1 ORDER BY 1;
SELECT sum((p ->> 'live')::int) AS live
FROM generate_series(0, pg_relation_size('i') / 8192 - 1) b, vchordrq_page_inspect('i', b) p
WHERE p ->> 'kind' IN ('list', 'append');
SELECT p ->> 'dim' AS dim, p ->> 'lists' AS lists, p ->> 'valid' AS valid, jsonb_array_length(p -> 'levels') AS levels
FROM vchordrq_page_inspect('i', 0) p;
\set VERBOSITY terse
SELECT vchordrq_page_inspect('i', -1);
SELECT vchordrq_page_inspect('i', 1000000);
SELECT vchordrq_page_inspect('other', 0);

\set VERBOSITY default
-- vchordrq_index_check
SELECT * FROM vchordrq_index_check('i');
SELECT * FROM vchordrq_index_check('i', true);
SELECT * FROM vchordrq_index_check('one', heapallindexed => true);
SELECT * FROM vchordrq_index_check('t');

-- who may
CREATE ROLE regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT vchordrq_prewarm('i', 4);
SELECT lists FROM vchordrq_index_info('i');
SELECT vchordrq_page_inspect('i', 0);
SELECT * FROM vchordrq_index_check('i');
RESET ROLE;
GRANT EXECUTE ON FUNCTION vchordrq_page_inspect TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT vchordrq_page_inspect('i', 0);
RESET ROLE;
GRANT SELECT ON t TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT vchordrq_page_inspect('i', 0) IS NOT NULL AS allowed;
RESET ROLE;

DROP TABLE t, part;
REVOKE EXECUTE ON FUNCTION vchordrq_page_inspect FROM regress_vchord_reader;
DROP ROLE regress_vchord_reader;
