-- Lists and their options: ten rows by every operator class, and good ones.
CREATE FUNCTION ten(operator text, col text) RETURNS text LANGUAGE sql AS $$
    SELECT verdict FROM check_scan(format('SELECT %I %s ''[0.4,0.5,0.6]'' FROM t3 ORDER BY %1$I %2$s ''[0.4,0.5,0.6]'' LIMIT 10', col, operator))
$$;
SET vchordrq.probes = '16';
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (options = $$
    residual_quantization = true
    [build.internal]
    lists = [33]
    kmeans_algorithm.hierarchical = {}
    kmeans_dimension = 2
    $$);
SELECT ten('<->', 'val');
DROP INDEX i;
CREATE INDEX i ON t3 USING vchordrq (half halfvec_l2_ops) WITH (options = $$
    residual_quantization = true
    [build.internal]
    lists = [33]
    kmeans_algorithm.hierarchical = {}
    kmeans_dimension = 2
    $$);
SELECT ten('<->', 'half');
DROP INDEX i;
CREATE INDEX i ON t3 USING vchordrq (val vector_ip_ops) WITH (options = $$
    residual_quantization = false
    build.internal.lists = [33]
    build.internal.spherical_centroids = true
    build.internal.kmeans_algorithm.hierarchical = {}
    $$);
SELECT ten('<#>', 'val');
DROP INDEX i;
CREATE INDEX i ON t3 USING vchordrq (half halfvec_cosine_ops) WITH (options = $$
    residual_quantization = false
    build.internal.lists = [33]
    build.internal.spherical_centroids = true
    build.internal.kmeans_algorithm.lloyd = {}
    $$);
SELECT ten('<=>', 'half');

-- three indexes on one column, each used for its operator
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops)
    WITH (lists = 32, residual_quantization = true);
CREATE INDEX k ON t3 USING vchordrq (val vector_ip_ops) WITH (lists = 32);
CREATE INDEX l ON t3 USING vchordrq (val vector_cosine_ops)
    WITH (lists = 32, spherical_centroids = true);
SELECT ten('<->', 'val'), ten('<#>', 'val'), ten('<=>', 'val');
DROP INDEX i, j, k, l;
RESET vchordrq.probes;

-- rows of one-bit codes, by themselves and by the table
CREATE FUNCTION all_good(operator text, col text, k int) RETURNS text LANGUAGE sql AS $$
    SELECT check_scans(format('SELECT %I %s $q FROM t96 ORDER BY %1$I %2$s $q LIMIT %s', col, operator, k), 't96', col)
$$;
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops);
SELECT k, all_good('<->', 'val', k) FROM unnest(ARRAY[1, 10, 100, 1000]) k;
DROP INDEX i;
CREATE INDEX i ON t96 USING vchordrq (val vector_ip_ops);
SELECT k, all_good('<#>', 'val', k) FROM unnest(ARRAY[1, 10, 100, 1000]) k;
DROP INDEX i;
CREATE INDEX i ON t96 USING vchordrq (half halfvec_cosine_ops) WITH (rerank_in_table);
SELECT k, all_good('<=>', 'half', k) FROM unnest(ARRAY[1, 10, 100, 1000]) k;
DROP INDEX i;
CREATE INDEX i ON t96 USING vchordrq (half halfvec_l2_ops)
    WITH (lists = '5,50', residual_quantization = false, probes = '5,50', epsilon = 4);
SELECT k, all_good('<->', 'half', k) FROM unnest(ARRAY[1, 10, 100, 1000]) k;
DROP INDEX i;

-- epsilon is a matter of quality, not of rows
CREATE INDEX i ON t96 USING vchordrq (val vector_l2_ops);
SET vchordrq.epsilon = 0;
SELECT check_scans('SELECT val <-> $q FROM t96 ORDER BY val <-> $q LIMIT 10', 't96', recall => 0);
SET vchordrq.epsilon = 4;
SELECT check_scans('SELECT val <-> $q FROM t96 ORDER BY val <-> $q LIMIT 10', 't96');
RESET vchordrq.epsilon;
DROP INDEX i;
DROP FUNCTION ten, all_good;
