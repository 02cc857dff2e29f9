-- How many rows a scan gives: LIMIT, filters, max_scan_tuples, enable_scan.
CREATE TABLE l (id int, grp int, val vector(96));
INSERT INTO l SELECT id, grp, val FROM t96;
INSERT INTO l SELECT 6000 + g, g, NULL FROM generate_series(1, 10) g;
CREATE INDEX i ON l USING vchordrq (val vector_l2_ops);
ANALYZE l;
SELECT val AS q FROM l WHERE id = 17 \gset
SET enable_seqscan = off;

-- every row that is not null, once, whatever the rounds
CREATE FUNCTION whole(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    ids bigint;
    nulls bigint;
BEGIN
    EXECUTE what INTO n, ids, nulls;
    RETURN format('%s rows, %s of them different, %s null', n, ids, nulls);
END $$;
SELECT whole(format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L LIMIT %s) s', :'q', k)) FROM unnest(ARRAY[1, 63, 64, 65, 5999, 6000, 6001, 1000000]) k;
SELECT whole(format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L) s', :'q'));
SELECT whole(format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L OFFSET 5990 LIMIT 100) s', :'q'));
SET work_mem = '64kB';
SELECT whole(format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L LIMIT 7000) s', :'q'));
RESET work_mem;

-- a filter does not cost rows, near or far from the query, and none at all is an answer
CREATE FUNCTION filtered(mode text, filter text, k int DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vchordrq.prefilter', mode, false);
    RETURN check_scans(format('SELECT val <-> $q FROM l WHERE %s ORDER BY val <-> $q LIMIT %s', filter, k), 'l', ordered => mode <> 'off');
END $$;
SELECT filter, filtered('on', filter) AS "on", filtered('off', filter) AS off, filtered('auto', filter) AS auto
FROM unnest(ARRAY['id % 2 = 0', 'id % 100 = 7', 'id % 1000 = 7', 'grp = 3', 'grp <> 3', 'id > 5950',
    'id > 100000', 'id < 0', 'val IS NULL']) filter;
SELECT filtered('auto', 'grp = 3', 100), filtered('auto', 'grp = 3', 1000), filtered('auto', 'id % 10 = 0', 1000);
RESET vchordrq.prefilter;
-- nothing left but dead rows
BEGIN;
DELETE FROM l WHERE id % 60 <> 0;
SELECT whole(format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L LIMIT 50) s', :'q'));
ROLLBACK;

-- vchordrq.max_scan_tuples counts rows that leave the index
CREATE FUNCTION at_most(n int, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vchordrq.max_scan_tuples', n::text, false);
    RETURN whole(what);
END $$;
SELECT n, at_most(n, format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE val IS NULL) FROM (
    SELECT id, val FROM l ORDER BY val <-> %L LIMIT 100) s', :'q'))
FROM unnest(ARRAY[0, 1, 7, 100, 2147483647, -1]) n;
SET vchordrq.max_scan_tuples = 20;
SELECT count(*) FROM (SELECT id FROM l ORDER BY val <-> :'q') s;
SET vchordrq.prefilter = off;
SELECT count(*) < 20 AS filtered_above FROM (SELECT id FROM l WHERE id % 2 = 0 ORDER BY val <-> :'q' LIMIT 100) s;
SET vchordrq.prefilter = on;
SELECT count(*) FROM (SELECT id FROM l WHERE id % 2 = 0 ORDER BY val <-> :'q' LIMIT 100) s;
RESET vchordrq.prefilter;
-- it begins anew with each scan of a nested loop
SELECT g, count(id) FROM generate_series(1, 3) g, LATERAL (SELECT id FROM l ORDER BY val <-> (SELECT val FROM l WHERE id = g) LIMIT 100) s GROUP BY g ORDER BY g;
RESET vchordrq.max_scan_tuples;

-- vchordrq.enable_scan
SET vchordrq.enable_scan = off;
RESET enable_seqscan;
SELECT bool_or(p ~ 'Index Scan') AS by_index FROM plan(format('SELECT id FROM l ORDER BY val <-> %L LIMIT 5', :'q')) p;
SET enable_seqscan = off;
SELECT bool_or(p ~ 'Index Scan') AS by_index FROM plan(format('SELECT id FROM l ORDER BY val <-> %L LIMIT 5', :'q')) p;
RESET enable_seqscan;
SET vchordrq.enable_scan = on;
SELECT bool_or(p ~ 'Index Scan') AS by_index FROM plan(format('SELECT id FROM l ORDER BY val <-> %L LIMIT 5', :'q')) p;
DROP TABLE l;
DROP FUNCTION whole, filtered, at_most;
