-- Counters of scans.  Other tests have left their own; only indexes made here are looked at.
CREATE TABLE st (id int, val vector(100));
INSERT INTO st SELECT i, (SELECT array_agg(noise(i * 100 + j)) FROM generate_series(1, 100) j)::vector FROM generate_series(1, 2000) i;
CREATE INDEX st_i ON st USING vchordrq (val vector_l2_ops) WITH (lists = 10);
CREATE INDEX st_other ON st USING vchordrq (val vector_ip_ops) WITH (lists = 10);
ANALYZE st;
SET enable_seqscan = off;
SET enable_sort = off;
CREATE VIEW counters AS SELECT indexrelname, scans, rounds, lists_probed, codes_scanned, exact_reranks, filtered_candidates, filtered_removed, rows_emitted
    FROM vchordrq_stat_indexes WHERE relname = 'st';
SELECT * FROM counters ORDER BY 1;
SELECT DISTINCT stats_scope IN ('all backends', 'this backend'), stats_reset IS NULL FROM vchordrq_stat_indexes WHERE relname = 'st';
SELECT count(*) FROM vchordrq_stat_indexes v JOIN pg_class c ON c.oid = v.indexrelid JOIN pg_class t ON t.oid = v.relid
WHERE v.indexrelname = c.relname AND v.relname = t.relname AND v.schemaname = 'public' AND t.oid = 'st'::regclass;
-- probes that are named are visited, no more
SET vchordrq.probes = 3;
SELECT count(*) FROM (SELECT id FROM st ORDER BY val <-> (SELECT val FROM st WHERE id = 7) LIMIT 5) s;
SELECT scans, rounds, lists_probed, codes_scanned BETWEEN 100 AND 1500 AS codes, exact_reranks BETWEEN 5 AND codes_scanned AS reranks,
    filtered_candidates, filtered_removed, rows_emitted FROM counters WHERE indexrelname = 'st_i';
-- every list has every row
SELECT vchordrq_stat_reset('st_i');
SELECT scans, rows_emitted FROM counters WHERE indexrelname = 'st_i';
SELECT stats_reset BETWEEN transaction_timestamp() - interval '1 day' AND transaction_timestamp() + interval '1 day' AS reset
FROM vchordrq_stat_indexes WHERE indexrelname = 'st_i';
SET vchordrq.probes = 10;
SELECT count(*) FROM (SELECT id FROM st ORDER BY val <-> (SELECT val FROM st WHERE id = 7) LIMIT 5) s;
SELECT scans, lists_probed, codes_scanned, rows_emitted FROM counters WHERE indexrelname = 'st_i';
-- a filter: what is judged, and what of it fails
SET vchordrq.prefilter = on;
SELECT vchordrq_stat_reset('st_i');
SELECT count(*) FROM (SELECT id FROM st WHERE id % 10 = 3 ORDER BY val <-> (SELECT val FROM st WHERE id = 7) LIMIT 5) s;
SELECT scans, filtered_candidates > filtered_removed AND filtered_removed > 0 AS judged, rows_emitted FROM counters WHERE indexrelname = 'st_i';
RESET vchordrq.prefilter;
-- rescans are scans; a node that is never asked is none, nor is EXPLAIN
SELECT vchordrq_stat_reset('st_i');
SELECT count(*) FROM (SELECT val FROM st WHERE id <= 4) q, LATERAL (SELECT id FROM st ORDER BY st.val <-> q.val LIMIT 2) s;
SELECT scans, rows_emitted FROM counters WHERE indexrelname = 'st_i';
SELECT count(*) FROM (SELECT id FROM st WHERE false ORDER BY val <-> (SELECT val FROM st WHERE id = 7)) s;
SELECT count(*) FROM (SELECT id FROM st ORDER BY val <-> (SELECT val FROM st WHERE id = 7) LIMIT 0) s;
SELECT count(*) FROM plan('SELECT id FROM st ORDER BY val <-> (SELECT val FROM st WHERE id = 7)') WHERE false;
SELECT scans, rows_emitted FROM counters WHERE indexrelname = 'st_i';
-- of the other index nothing was counted; all at once to zero
SELECT scans FROM counters WHERE indexrelname = 'st_other';
SELECT count(*) FROM (SELECT id FROM st ORDER BY val <#> (SELECT val FROM st WHERE id = 7) LIMIT 5) s;
SELECT indexrelname, scans FROM counters ORDER BY 1;
SELECT vchordrq_stat_reset();
SELECT indexrelname, scans FROM counters ORDER BY 1;
-- the server's own counters know of scans, too
SELECT pg_stat_get_xact_numscans('st_i'::regclass) > 0 AS counted
FROM (SELECT count(*) FROM (SELECT id FROM st ORDER BY val <-> (SELECT val FROM st WHERE id = 7) LIMIT 1) s) t;
-- who may
CREATE ROLE regress_vchord_counter;
GRANT SELECT ON counters TO regress_vchord_counter;
SET ROLE regress_vchord_counter;
SELECT count(*) FROM vchordrq_stat_indexes WHERE relname = 'st';
SELECT attempt('SELECT vchordrq_stat_reset(''st_i'')'), attempt('SELECT vchordrq_stat_reset()') ~ 'must be owner of database' AS refused;
RESET ROLE;
ALTER TABLE st OWNER TO regress_vchord_counter;
SET ROLE regress_vchord_counter;
SELECT attempt('SELECT vchordrq_stat_reset(''st_i'')'), attempt('SELECT vchordrq_stat_reset(''pg_class_oid_index'')');
RESET ROLE;
SELECT attempt('SELECT vchordrq_stat_reset(''pg_class_oid_index'')'), attempt('SELECT vchordrq_stat_reset(''st'')');
RESET vchordrq.probes;
RESET enable_seqscan;
RESET enable_sort;
DROP VIEW counters;
DROP TABLE st;
DROP ROLE regress_vchord_counter;
