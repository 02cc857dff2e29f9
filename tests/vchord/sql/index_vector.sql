-- Six operator classes on rows and an order that are known.
CREATE FUNCTION nearest(operator text, col text) RETURNS int[] LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    query text := format('SELECT id FROM gen64 ORDER BY %I %s (ARRAY[0.6, 0.8] || array_fill(0.0, ARRAY[62]))::vector(64)::%s LIMIT 10',
        col, operator, CASE col WHEN 'val' THEN 'vector' ELSE 'halfvec' END);
    line text;
    ids int[];
BEGIN
    FOR line IN SELECT plan(query) LOOP
        IF line ~ 'Index Scan' THEN RAISE NOTICE '%', line; END IF;
    END LOOP;
    EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO ids;
    RETURN ids;
END $$;
CREATE INDEX gen64_vector_l2 ON gen64 USING vchordrq (val vector_l2_ops);
SELECT nearest('<->', 'val');
CREATE INDEX gen64_vector_ip ON gen64 USING vchordrq (val vector_ip_ops);
SELECT nearest('<#>', 'val');
CREATE INDEX gen64_vector_cosine ON gen64 USING vchordrq (val vector_cosine_ops);
SELECT nearest('<=>', 'val');
CREATE INDEX gen64_halfvec_l2 ON gen64 USING vchordrq (half halfvec_l2_ops);
SELECT nearest('<->', 'half');
CREATE INDEX gen64_halfvec_ip ON gen64 USING vchordrq (half halfvec_ip_ops);
SELECT nearest('<#>', 'half');
CREATE INDEX gen64_halfvec_cosine ON gen64 USING vchordrq (half halfvec_cosine_ops);
SELECT nearest('<=>', 'half');

-- the same rows without lists that prune, with vectors in the table, with codes relative to centroids
DROP INDEX gen64_vector_l2, gen64_vector_ip, gen64_vector_cosine,
    gen64_halfvec_l2, gen64_halfvec_ip, gen64_halfvec_cosine;
CREATE INDEX gen64_l2 ON gen64 USING vchordrq (val vector_l2_ops)
    WITH (options = $$rerank_in_table = true$$);
SELECT nearest('<->', 'val');
DROP INDEX gen64_l2;
CREATE INDEX gen64_l2 ON gen64 USING vchordrq (val vector_l2_ops)
    WITH (residual_quantization, lists = 16, probes = '16');
SELECT nearest('<->', 'val');
DROP INDEX gen64_l2;
CREATE INDEX gen64_cosine ON gen64 USING vchordrq (half halfvec_cosine_ops)
    WITH (options = $$
        residual_quantization = true
        build.internal.lists = [4, 16]
        build.internal.spherical_centroids = true
    $$, probes = '4,16');
SELECT nearest('<=>', 'half');
DROP INDEX gen64_cosine;

-- rows as queries
CREATE INDEX gen64_ip ON gen64 USING vchordrq (val vector_ip_ops);
SELECT check_scans('SELECT val <#> $q FROM gen64 ORDER BY val <#> $q LIMIT 20', 'gen64', recall => 1);
DROP INDEX gen64_ip;
DROP FUNCTION nearest;
