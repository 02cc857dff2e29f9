-- MaxSim through the index: documents are arrays, ordered by the sum over the query's vectors of the nearest.

-- A known order: rows of gen64 as two equal tokens.
CREATE TABLE multi AS SELECT id, ARRAY[val, val] AS v, ARRAY[half, half] AS h FROM gen64;
ALTER TABLE multi ALTER v TYPE vector(64)[], ALTER h TYPE halfvec(64)[];
CREATE FUNCTION multi_nearest(col text) RETURNS int[] LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    query text := format('SELECT id FROM multi ORDER BY %I @# ARRAY[(ARRAY[0.6, 0.8] || array_fill(0.0, ARRAY[62]))::vector(64)::%s,
        (ARRAY[0.3, 0.4] || array_fill(0.0, ARRAY[62]))::vector(64)::%2$s] LIMIT 10', col, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END);
    line text;
    ids int[];
BEGIN
    FOR line IN SELECT plan(query) LOOP
        IF line ~ 'Index Scan' THEN RAISE NOTICE '%', line; END IF;
    END LOOP;
    EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO ids;
    RETURN ids;
END $$;
CREATE INDEX multi_v ON multi USING vchordrq (v vector_maxsim_ops);
CREATE INDEX multi_h ON multi USING vchordrq (h halfvec_maxsim_ops);
SELECT multi_nearest('v'), multi_nearest('h');
SELECT i.rows, i.options->>'metric' AS metric, c.reltuples FROM vchordrq_index_info('multi_v') i, pg_class c WHERE c.oid = 'multi_v'::regclass;
SELECT * FROM vchordrq_index_check('multi_v', true) UNION ALL SELECT * FROM vchordrq_index_check('multi_h', true);
DROP TABLE multi;
DROP FUNCTION multi_nearest;

-- Every document once, in order, and those that the table scan finds; "good" or how they differ.  Without a LIMIT a later round
-- may find a nearer one, so that only the set counts.
CREATE FUNCTION maxsim_compare(rel text, q text, k int DEFAULT NULL, cond text DEFAULT 'true', ordered boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT id, (v @# %1$s)::float8 AS d FROM %2$s WHERE %3$s ORDER BY v @# %1$s %4$s', q, rel, cond, 'LIMIT ' || k);
    a float8[];
    b float8[];
    ids int[];
    wrong int;
BEGIN
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
    EXECUTE 'SELECT array_agg(d ORDER BY d) FROM (' || query || ') s WHERE d < ''infinity''' INTO a;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
    EXECUTE 'SELECT array_agg(d ORDER BY n), array_agg(id) FROM (SELECT *, row_number() OVER () AS n FROM (' || query || ') t) s' INTO b, ids;
    RESET enable_sort;
    IF (SELECT count(*) FROM plan(query) p WHERE p ~ 'Order By') = 0 AND k IS NOT NULL THEN
        RETURN 'no index scan';
    END IF;
    IF (SELECT count(DISTINCT x) FROM unnest(ids) x) <> coalesce(cardinality(ids), 0) THEN
        RETURN 'a document twice';
    END IF;
    IF coalesce(cardinality(a), 0) <> coalesce(cardinality(b), 0) THEN
        RETURN format('%s documents of %s', coalesce(cardinality(b), 0), coalesce(cardinality(a), 0));
    END IF;
    IF k IS NULL OR NOT ordered THEN
        b := (SELECT array_agg(x ORDER BY x) FROM unnest(b) x);
    END IF;
    wrong := (SELECT count(*) FROM unnest(a, b) t (x, y) WHERE x <> y);
    IF wrong = 0 THEN
        RETURN 'good';
    END IF;
    -- with codes a document may be missed, but the order is exact
    IF rel = 'few' OR (SELECT count(*) FROM unnest(b) x WHERE x <= a[cardinality(a)]) < 0.9 * cardinality(a) THEN
        RETURN wrong || ' differ';
    END IF;
    RETURN CASE WHEN b = (SELECT array_agg(x ORDER BY x) FROM unnest(b) x) OR NOT ordered THEN 'good' ELSE 'not in order' END;
END $$;

-- Four types, with and without codes; lengths from no token to many.
CREATE FUNCTION tokens(i int, n int, dim int) RETURNS vector[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(t ORDER BY j), '{}') FROM (SELECT j, array_agg((hashint8(i * 100000::bigint + j * 1000 + d) & 65535) / 32768.0 + (hashint8((i % 7) * 1000 + d) & 65535) / 32768.0 - 2)::vector AS t
    FROM generate_series(1, n) j, generate_series(1, dim) d GROUP BY j) s
$$;
CREATE TABLE few (id int, v vector(3)[]);
INSERT INTO few SELECT i, tokens(i, i % 13, 3) FROM generate_series(1, 300) i;
INSERT INTO few VALUES (1000, NULL), (1001, '{}'), (1002, ARRAY[['[1,0,0]', '[0,1,0]'], ['[0,0,1]', '[1,0,0]']]::vector[]);
CREATE TABLE coded AS SELECT i AS id, tokens(i, 1 + i % 20, 72)::vector(72)[] AS v FROM generate_series(1, 300) i;
CREATE TABLE halves AS SELECT id, v::halfvec(72)[] AS v FROM coded;
CREATE TABLE eights AS SELECT id, (SELECT array_agg(quantize_to_rabitq8(x) ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n))::rabitq8(72)[] AS v FROM coded;
CREATE TABLE fours AS SELECT id, (SELECT array_agg(quantize_to_rabitq4(x) ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n))::rabitq4(72)[] AS v FROM coded;
CREATE INDEX few_i ON few USING vchordrq (v vector_maxsim_ops) WITH (lists = 5);
CREATE INDEX coded_i ON coded USING vchordrq (v vector_maxsim_ops) WITH (lists = 20);
CREATE INDEX halves_i ON halves USING vchordrq (v halfvec_maxsim_ops) WITH (lists = '4,20', residual_quantization = off);
CREATE INDEX eights_i ON eights USING vchordrq (v rabitq8_maxsim_ops) WITH (lists = 20);
CREATE INDEX fours_i ON fours USING vchordrq (v rabitq4_maxsim_ops);
CREATE FUNCTION check_all() RETURNS TABLE (index text, message text) LANGUAGE sql AS $$
    SELECT i, c.message FROM unnest(ARRAY['few_i', 'coded_i', 'halves_i', 'eights_i', 'fours_i']) i, vchordrq_index_check(i::regclass, true) c
$$;
SELECT * FROM check_all();
SELECT t, maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 12)', t)) AS everything,
    maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 10)', t), 10) AS ten,
    maxsim_compare(t, format('(SELECT v[1:1] FROM %s WHERE id = 8)', t), 1) AS one,
    maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 7)', t), 200) AS many
FROM unnest(ARRAY['few', 'coded', 'halves', 'eights', 'fours']) t;
-- filters, inside the scan and above it; one that nothing passes
CREATE FUNCTION filtered(prefilter text) RETURNS TABLE (rel text, cond text, result text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vchordrq.prefilter', prefilter, true);
    -- what the executor filters may take several rounds, so the order is not that of all
    RETURN QUERY SELECT t, c, maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 12)', t), 10, c, prefilter <> 'off')
        FROM unnest(ARRAY['few', 'coded', 'fours']) t, unnest(ARRAY['id % 2 = 0', 'id % 40 = 3', 'id < 0']) c;
END $$;
SELECT p, count(*), string_agg(concat_ws(', ', rel, cond, result), '; ') FILTER (WHERE result <> 'good') AS wrong
FROM unnest(ARRAY['off', 'on', 'auto']) p, filtered(p) GROUP BY p ORDER BY p;
RESET vchordrq.prefilter;
-- the least memory
SET work_mem = '64kB';
SELECT t, maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 12)', t)) AS everything, maxsim_compare(t, format('(SELECT v FROM %s WHERE id = 12)', t), 10) AS ten
FROM unnest(ARRAY['few', 'coded']) t;
RESET work_mem;
-- a partial index, which no pass over the table can replace
CREATE INDEX coded_part ON coded USING vchordrq (v vector_maxsim_ops) WITH (lists = 20) WHERE id > 50;
SELECT maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 60)', 50, 'id > 50 AND id % 9 = 1');
DROP INDEX coded_part;

-- What changes: updates, deletions, reuse of what VACUUM freed, REINDEX.
UPDATE coded SET v = tokens(id + 5000, 5 + id % 9, 72) WHERE id % 3 = 0;
DELETE FROM coded WHERE id % 5 = 1;
INSERT INTO coded SELECT i, tokens(i, 1 + i % 30, 72) FROM generate_series(401, 450) i;
INSERT INTO few SELECT i, tokens(i, i % 17, 3) FROM generate_series(401, 450) i;
DELETE FROM few WHERE id % 4 = 1;
SELECT * FROM check_all();
SELECT maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 12)'), maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 12)', 10), maxsim_compare('few', '(SELECT v FROM few WHERE id = 12)');
VACUUM coded, few;
SELECT * FROM check_all();
INSERT INTO coded SELECT i, tokens(i, 1 + i % 30, 72) FROM generate_series(501, 600) i;
INSERT INTO few SELECT i, tokens(i, i % 17, 3) FROM generate_series(501, 600) i;
BEGIN;
INSERT INTO coded SELECT i, tokens(i, 4, 72) FROM generate_series(701, 720) i;
SELECT maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 710)', 10);
ROLLBACK;
VACUUM coded, few;
SELECT * FROM check_all();
SELECT maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 12)'), maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 12)', 10), maxsim_compare('few', '(SELECT v FROM few WHERE id = 12)');
SELECT i.rows = (SELECT sum(cardinality(v)) FROM coded) AS tokens FROM vchordrq_index_info('coded_i') i;
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
ALTER TABLE coded SET (parallel_workers = 2);
REINDEX INDEX CONCURRENTLY coded_i;
REINDEX INDEX few_i;
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
SELECT * FROM check_all();
SELECT maxsim_compare('coded', '(SELECT v FROM coded WHERE id = 12)', 10), maxsim_compare('few', '(SELECT v FROM few WHERE id = 12)');

-- Explicit probes are a hard cap; the order of what they find is still exact.
SET enable_seqscan = off;
SET vchordrq.probes = '3';
SELECT count(*) BETWEEN 1 AND 399 AS some, bool_and(d >= before IS NOT FALSE) AS ordered FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM
    (SELECT d, row_number() OVER () AS n FROM (SELECT v @# (SELECT v[1:2] FROM coded WHERE id = 12) AS d FROM coded ORDER BY v @# (SELECT v[1:2] FROM coded WHERE id = 12) LIMIT 40) t) s) r;
SET vchordrq.probes = '0';
SELECT count(*) FROM (SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12)) s;
SET vchordrq.probes = '3,3';
SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12);
RESET vchordrq.probes;

-- maxsim_refine, explicit: the order of estimates, and every document is there once all the same.
CREATE FUNCTION angle(i float8) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[cos(2 * pi() * i / 2000), sin(2 * pi() * i / 2000)]::vector $$;
CREATE TABLE circle AS SELECT i AS id, ARRAY[angle(i), angle(i + 22), angle(i + 777)]::vector(2)[] AS v FROM generate_series(0, 1999) i;
CREATE INDEX circle_i ON circle USING vchordrq (v vector_maxsim_ops) WITH (options = $$build.internal.lists = []$$);
SET vchordrq.maxsim_refine = 600;
SELECT array_agg(id) FROM (SELECT id FROM circle ORDER BY v @# ARRAY[angle(387.3), angle(409.3), angle(1164.3)] LIMIT 18) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM circle ORDER BY v @# ARRAY[angle(387.3), angle(409.3), angle(1164.3)]) s;
RESET vchordrq.maxsim_refine;
SELECT array_agg(id) FROM (SELECT id FROM circle ORDER BY v @# ARRAY[angle(387.3), angle(409.3), angle(1164.3)] LIMIT 18) s;
-- given as a reloption, or as 0, it is explicit, too: estimates order documents, exact scores of all tokens do it right
CREATE FUNCTION overlap(setting text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    query text := 'SELECT array_agg(id) FROM (SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12) LIMIT 20) s';
    exact int[];
    ids int[];
BEGIN
    EXECUTE query INTO exact;
    PERFORM set_config('vchordrq.maxsim_refine', setting, true);
    EXECUTE query INTO ids;
    RETURN (SELECT count(*) FROM (SELECT unnest(exact) INTERSECT SELECT unnest(ids)) s);
END $$;
SELECT overlap('0') BETWEEN 10 AND 20 AS rough, overlap('100') BETWEEN 12 AND 20 AS refined, overlap('100000') AS all_refined;
RESET vchordrq.maxsim_refine;
-- partial probes: a document of which nothing is known for a token does not come first, with and without a threshold
SET vchordrq.probes = '2';
SET vchordrq.maxsim_refine = 0;
SELECT t, (SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12) LIMIT 1) FROM (SELECT t, set_config('vchordrq.maxsim_threshold', t, false) FROM unnest(ARRAY['0', '100', '100000']) t OFFSET 0) s;
RESET vchordrq.maxsim_refine;
RESET vchordrq.maxsim_threshold;
RESET vchordrq.probes;

-- Scans: an empty query finds nothing, nor does a null one; cursors; a query for each row.
SELECT id FROM coded ORDER BY v @# '{}'::vector[] LIMIT 3;
SELECT id FROM coded ORDER BY v @# (SELECT NULL::vector[]) LIMIT 3;
SELECT id FROM coded ORDER BY v @# ARRAY[NULL]::vector[] LIMIT 3;
SELECT id FROM coded ORDER BY v @# ARRAY['[1,2]']::vector[] LIMIT 3;
SET enable_sort = off;
SELECT id FROM coded ORDER BY v @# ARRAY[array_fill(1, ARRAY[72])::vector], v @# ARRAY[array_fill(2, ARRAY[72])::vector] LIMIT 3;
RESET enable_sort;
SELECT maxsim_compare('coded', '(SELECT v || array_fill(0, ARRAY[72])::vector FROM coded WHERE id = 12)', 10) AS "a token of zeroes";
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12);
MOVE 7 FROM c;
MOVE ALL FROM c;
CLOSE c;
COMMIT;
SELECT bool_and(first = id) AS itself FROM (SELECT q.id, (SELECT id FROM coded c ORDER BY v @# q.v LIMIT 1) AS first FROM coded q WHERE cardinality(v) > 12 AND id < 200) s;
SET vchordrq.max_scan_tuples = 10;
SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12);
RESET vchordrq.max_scan_tuples;
RESET enable_seqscan;

-- What cannot be.
CREATE INDEX ON coded USING vchordrq (v vector_maxsim_ops) WITH (rerank_in_table);
INSERT INTO coded VALUES (2000, ARRAY[NULL]::vector[]);
INSERT INTO coded VALUES (2000, ARRAY['[1,2]']::vector[]);
INSERT INTO few VALUES (2000, array_fill('[1,2,3]'::vector, ARRAY[65537]));
INSERT INTO few VALUES (2000, array_fill('[1,2,3]'::vector, ARRAY[3000]));
SELECT * FROM check_all();
CREATE TABLE nulls_inside AS SELECT ARRAY[NULL]::vector(3)[] AS v;
CREATE INDEX ON nulls_inside USING vchordrq (v vector_maxsim_ops);
CREATE TABLE no_dimension (v vector[]);
CREATE INDEX ON no_dimension USING vchordrq (v vector_maxsim_ops);

-- Empty indexes, expressions, unlogged tables, prices.
CREATE UNLOGGED TABLE late (id int, v vector(72)[]);
CREATE INDEX late_i ON late USING vchordrq ((v[1:3]::vector(72)[]) vector_maxsim_ops);
INSERT INTO late SELECT id, v FROM coded;
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM late ORDER BY v[1:3]::vector(72)[] @# (SELECT v FROM coded WHERE id = 12)) s;
SELECT * FROM vchordrq_index_check('late_i', true);
RESET enable_seqscan;
CREATE TABLE pair AS SELECT * FROM coded LIMIT 5;
CREATE INDEX ON pair USING vchordrq (v vector_maxsim_ops);
ANALYZE coded, pair;
SELECT count(*) AS large FROM plan('SELECT id FROM coded ORDER BY v @# (SELECT v FROM coded WHERE id = 12) LIMIT 5') p WHERE p ~ 'Index Scan using coded';
SELECT count(*) AS small FROM plan('SELECT id FROM pair ORDER BY v @# (SELECT v FROM coded WHERE id = 12) LIMIT 5') p WHERE p ~ 'Index Scan using pair';

DROP TABLE few, coded, halves, eights, fours, circle, nulls_inside, no_dimension, late, pair;
DROP FUNCTION maxsim_compare, filtered, check_all, overlap, angle, tokens;
