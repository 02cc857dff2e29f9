-- Indexes on quantised columns and expressions.

-- known rows and orders: the order that the codes give, to the last bit, with the index and without
CREATE FUNCTION nearest(type text, col text, metric text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    op text := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
    expr text := format('quantize_to_%s(%s)::%1$s(64)', type, col);
    query text := format('SELECT id FROM gen64 ORDER BY %s %s quantize_to_%s((ARRAY[0.6, 0.8] || array_fill(0.0, ARRAY[62]))::%s(64)) LIMIT 10',
        expr, op, type, CASE col WHEN 'val' THEN 'vector' ELSE 'halfvec' END);
    used boolean;
    found int[];
    exact int[];
BEGIN
    EXECUTE format('CREATE INDEX gen64_q ON gen64 USING vchordrq ((%s) %s_%s_ops)', expr, type, metric);
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_indexscan = on;
    SELECT bool_or(line ~ 'Index Scan using gen64_q') INTO used FROM plan(query) line;
    EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO found;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO exact;
    DROP INDEX gen64_q;
    RETURN CASE WHEN used AND found = exact THEN found END;
END $$;
SELECT type, col, metric, nearest(type, col, metric)
FROM unnest(ARRAY['rabitq8', 'rabitq4']) type, unnest(ARRAY['val', 'half']) col, unnest(ARRAY['l2', 'ip', 'cosine']) metric
ORDER BY type DESC, col DESC, metric <> 'l2', metric DESC;
DROP FUNCTION nearest;

-- rows in clusters, with columns of both types
CREATE TABLE r (id int, grp int, q8 rabitq8(96), q4 rabitq4(96));
INSERT INTO r SELECT id, grp, quantize_to_rabitq8(val), quantize_to_rabitq4(val) FROM t96;
ANALYZE r;

-- For each metric and for both columns: twenty queries give nearly the same rows as the table, their
-- distances are the operator's to the last bit, and in order; `WITH` options as given.
CREATE FUNCTION compare(options text, recall float8 DEFAULT 0.95) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    col text;
    metric text;
    op text;
    q text;
    query text;
    found float8[];
    exact float8[];
    hits int;
    wrong int;
    damage text;
BEGIN
    FOREACH col IN ARRAY ARRAY['q8', 'q4'] LOOP
        FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
            op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
            EXECUTE format('CREATE INDEX compared ON r USING vchordrq (%s rabitq%s_%s_ops) %s',
                col, substr(col, 2), metric, options);
            hits := 0;
            wrong := 0;
            FOR q IN EXECUTE format('SELECT %I FROM r WHERE %1$I IS NOT NULL ORDER BY id LIMIT 20', col) LOOP
                query := format('SELECT %1$I %2$s %3$L FROM r ORDER BY %1$I %2$s %3$L LIMIT 20', col, op, q);
                found := by_index(query);
                exact := by_table(query);
                hits := hits + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[20]);
                -- from one round, so in order; every one is the distance of some row
                IF found <> (SELECT array_agg(d ORDER BY d) FROM unnest(found) d) OR cardinality(found) <> 20
                    OR NOT found <@ by_table(replace(query, 'LIMIT 20', '')) THEN
                    wrong := wrong + 1;
                END IF;
            END LOOP;
            SELECT string_agg(message, '; ') INTO damage FROM vchordrq_index_check('compared', true);
            RETURN NEXT concat_ws(', ', col || ' ' || metric, CASE WHEN hits < recall * 400 THEN 'recall ' || hits / 400.0 ELSE 'good' END,
                CASE WHEN wrong > 0 THEN wrong || ' wrong' END, damage);
            DROP INDEX compared;
        END LOOP;
    END LOOP;
END $$;
-- serial, with chosen lists; parallel; vectors in the table; trees
SET max_parallel_maintenance_workers = 0;
SELECT compare('WITH (rerank_in_table = off)');
RESET max_parallel_maintenance_workers;
SET min_parallel_table_scan_size = 1;
SET maintenance_work_mem = '64MB';
ALTER TABLE r SET (parallel_workers = 2);
SELECT compare('WITH (rerank_in_table = off)');
RESET min_parallel_table_scan_size;
RESET maintenance_work_mem;
SELECT compare('');
SELECT compare('WITH (lists = ''4,32'', kmeans_dimension = 24, spherical_centroids)');
SELECT compare('WITH (options = $x$
    residual_quantization = false
    degree_of_parallelism = 2
    [build.internal]
    lists = [24]
    kmeans_algorithm.hierarchical = {}
$x$)');
-- with all lists and bounds that hold, rows and order are those of the table
SET vchordrq.epsilon = 4;
SELECT compare('WITH (lists = 20, probes = ''20'')', recall => 1);
RESET vchordrq.epsilon;
SELECT attempt('SELECT compare(''WITH (residual_quantization)'')');
SELECT attempt('CREATE INDEX ON r USING vchordrq (q4 rabitq4_l2_ops) WITH (options = ''residual_quantization = true'')');
SELECT attempt('CREATE INDEX ON r USING vchordrq (q4 rabitq8_l2_ops)');
SELECT attempt('CREATE INDEX ON t96 USING vchordrq ((quantize_to_rabitq8(val)) rabitq8_l2_ops)');

-- centroids from a table: given in the original space, of any type that casts to vector
CREATE TABLE centroids (id int, parent int, vector real[]);
INSERT INTO centroids VALUES (0, NULL, array_fill(0::real, ARRAY[96]));
INSERT INTO centroids SELECT g, 0, val::real[] FROM (SELECT DISTINCT ON (grp) grp + 1 AS g, val FROM t96 ORDER BY grp, id) s;
SELECT compare('WITH (options = ''build.external.table = "public.centroids"'')');
-- each row is near its own group's centroid, so few lists are enough
CREATE INDEX r_q8 ON r USING vchordrq (q8 rabitq8_l2_ops) WITH (options = 'build.external.table = "public.centroids"', probes = '1');
SELECT options->>'type' AS type, options->>'residual_quantization' AS residual, options->>'exact' AS exact, options->>'lists' AS lists
FROM vchordrq_index_info('r_q8');
SELECT count(*) > 14 AS own_group FROM r, (SELECT q8, grp FROM r WHERE id = 1) q WHERE r.grp = q.grp
    AND r.id IN (SELECT id FROM r ORDER BY q8 <-> (SELECT q8 FROM r WHERE id = 1) LIMIT 20);
DROP INDEX r_q8;
DROP TABLE centroids;

-- inserts, deletes, VACUUM, REINDEX; nulls and zero vectors
CREATE INDEX r_q8 ON r USING vchordrq (q8 rabitq8_cosine_ops) WITH (lists = 16, rerank_in_table = off, probes = '16');
CREATE INDEX r_q4 ON r USING vchordrq (q4 rabitq4_l2_ops) WITH (lists = 16, rerank_in_table, probes = '16');
CREATE INDEX r_part ON r USING vchordrq (q8 rabitq8_ip_ops) WHERE grp < 10;
CREATE FUNCTION state() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', indexrelid::regclass, m.message) FROM pg_index, vchordrq_index_check(indexrelid::regclass, true) m WHERE indrelid = 'r'::regclass
    UNION ALL SELECT check_scans('SELECT q8 <=> $q FROM r ORDER BY q8 <=> $q LIMIT 30', 'r', 'q8', ordered => false)
    UNION ALL SELECT check_scans('SELECT q4 <-> $q FROM r ORDER BY q4 <-> $q LIMIT 30', 'r', 'q4', ordered => false)
    UNION ALL SELECT check_scans('SELECT q8 <#> $q FROM r WHERE grp < 10 ORDER BY q8 <#> $q LIMIT 30', 'r', 'q8', ordered => false)
$$;
SELECT state();
INSERT INTO r SELECT id + 10000, grp, quantize_to_rabitq8(val), quantize_to_rabitq4(val) FROM t96 WHERE id <= 1500;
INSERT INTO r VALUES (0, 0, NULL, NULL), (30000, 1, quantize_to_rabitq8(array_fill(0, ARRAY[96])::vector(96)), quantize_to_rabitq4(array_fill(0, ARRAY[96])::vector(96)));
SELECT state();
DELETE FROM r WHERE id % 3 = 0 AND id < 30000;
SELECT state();
VACUUM r;
SELECT state();
INSERT INTO r SELECT id + 20000, grp, quantize_to_rabitq8(val), quantize_to_rabitq4(val) FROM t96 WHERE id % 4 = 0;
UPDATE r SET q8 = quantize_to_rabitq8(dequantize_to_vector(q8) * array_fill(1.5, ARRAY[96])::vector) WHERE id % 7 = 0;
VACUUM r;
SELECT state();
REINDEX TABLE r;
SELECT state();
SELECT DISTINCT vchordrq_page_inspect('r_q8', b) IS NOT NULL FROM generate_series(0, pg_relation_size('r_q8') / 8192 - 1) b;
SELECT vchordrq_prewarm('r_q8') <> '' AS prewarmed;
DROP INDEX r_q8, r_q4, r_part;
DROP FUNCTION state;
CREATE INDEX CONCURRENTLY r_q8 ON r USING vchordrq (q8 rabitq8_l2_ops);
REINDEX INDEX CONCURRENTLY r_q8;
SELECT check_scans('SELECT q8 <-> $q FROM r ORDER BY q8 <-> $q LIMIT 30', 'r', 'q8');
SELECT * FROM vchordrq_index_check('r_q8', true);
ALTER TABLE r SET UNLOGGED;
SELECT check_scans('SELECT q8 <-> $q FROM r ORDER BY q8 <-> $q LIMIT 30', 'r', 'q8');
-- filters, and a query of another dimension or type
SELECT check_scans('SELECT q8 <-> $q FROM r WHERE id % 5 = 0 ORDER BY q8 <-> $q LIMIT 30', 'r', 'q8');
SET enable_seqscan = off;
SELECT attempt('SELECT id FROM r ORDER BY q8 <-> quantize_to_rabitq8(''[1,2,3]''::vector) LIMIT 1');
SELECT attempt('INSERT INTO r (q8) VALUES (quantize_to_rabitq8(''[1,2,3]''::vector))');
SELECT count(*) FROM (SELECT FROM r ORDER BY q8 <-> (SELECT q8 FROM r WHERE id = 1) LIMIT 100000) s;
RESET enable_seqscan;
DROP TABLE r;
DROP FUNCTION compare;

-- few dimensions: no values are kept in the lists, whatever their number
CREATE TABLE low (id int, q1 rabitq8(1), q3 rabitq4(3));
INSERT INTO low SELECT id, quantize_to_rabitq8(ARRAY[noise(id)]::vector(1)), quantize_to_rabitq4(val) FROM t3;
CREATE INDEX low_1 ON low USING vchordrq (q1 rabitq8_l2_ops);
CREATE INDEX low_3 ON low USING vchordrq (q3 rabitq4_ip_ops);
SELECT check_scans('SELECT q1 <-> $q FROM low ORDER BY q1 <-> $q LIMIT 30', 'low', 'q1', recall => 1);
SELECT check_scans('SELECT q3 <#> $q FROM low ORDER BY q3 <#> $q LIMIT 30', 'low', 'q3', recall => 1);
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid, true) k WHERE c.relname ~ '^low_';
DROP TABLE low;

-- many dimensions: values of random codes, in the types' text form
CREATE FUNCTION long_value(type text, dim int, seed int) RETURNS text LANGUAGE sql AS $$
    SELECT format('(%s, %s, %s, %s)[%s]', 2.5 * dim, sqrt(sum((c - (top - 1) / 2.0) ^ 2))::real, sum(c), dim, string_agg(c::text, ', ' ORDER BY i))
    FROM (SELECT i, top, abs(hashint4(seed * 100000 + i)) % top AS c
          FROM generate_series(1, dim) i, (SELECT CASE type WHEN 'rabitq8' THEN 256 ELSE 16 END AS top) t) s
$$;
CREATE TABLE long8 (id int, val rabitq8(20000));
INSERT INTO long8 SELECT i, long_value('rabitq8', 20000, i)::rabitq8 FROM generate_series(1, 60) i;
CREATE INDEX long8_i ON long8 USING vchordrq (val rabitq8_l2_ops) WITH (rerank_in_table = off);
INSERT INTO long8 SELECT i, long_value('rabitq8', 20000, i)::rabitq8 FROM generate_series(61, 90) i;
SELECT check_scans('SELECT val <-> $q FROM long8 ORDER BY val <-> $q LIMIT 10', 'long8');
DELETE FROM long8 WHERE id % 2 = 0;
VACUUM long8;
INSERT INTO long8 SELECT i, long_value('rabitq8', 20000, i)::rabitq8 FROM generate_series(91, 100) i;
SELECT check_scans('SELECT val <-> $q FROM long8 ORDER BY val <-> $q LIMIT 10', 'long8');
SELECT * FROM vchordrq_index_check('long8_i', true);
SELECT options->>'dimension' AS dimension, options->>'group_pages' AS pages, options->>'group_slots' AS slots FROM vchordrq_index_info('long8_i');
CREATE TABLE long60 (id int, v8 rabitq8(60000), v4 rabitq4(60000));
INSERT INTO long60 SELECT i, long_value('rabitq8', 60000, i)::rabitq8, long_value('rabitq4', 60000, i)::rabitq4 FROM generate_series(1, 8) i;
CREATE INDEX long60_8 ON long60 USING vchordrq (v8 rabitq8_cosine_ops) WITH (rerank_in_table = off);
CREATE INDEX long60_4 ON long60 USING vchordrq (v4 rabitq4_ip_ops) WITH (rerank_in_table = off);
INSERT INTO long60 SELECT i, long_value('rabitq8', 60000, i)::rabitq8, long_value('rabitq4', 60000, i)::rabitq4 FROM generate_series(9, 12) i;
SELECT check_scans('SELECT v8 <=> $q FROM long60 ORDER BY v8 <=> $q LIMIT 5', 'long60', 'v8', recall => 1);
SELECT check_scans('SELECT v4 <#> $q FROM long60 ORDER BY v4 <#> $q LIMIT 5', 'long60', 'v4', recall => 1);
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid, true) k WHERE c.relname ~ '^long60_';
CREATE TABLE too_long (val rabitq8(60001));
SELECT attempt('CREATE INDEX ON too_long USING vchordrq (val rabitq8_l2_ops)');
DROP TABLE long8, long60, too_long;
DROP FUNCTION long_value;
