-- Spheres as conditions of a vchordg index, compared with the sequential scan.
CREATE FUNCTION ids(by_index boolean, query text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    result int[];
    used boolean;
BEGIN
    PERFORM set_config('enable_seqscan', (NOT by_index)::text, true),
        set_config('enable_indexscan', by_index::text, true);
    SELECT bool_or(line ~ 'Index Cond: .*<<') INTO used FROM plan(query) line;
    IF coalesce(used, false) <> by_index THEN
        RAISE EXCEPTION 'wrong plan for %', left(query, 100);
    END IF;
    EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || query || ') s' INTO result;
    RETURN coalesce(result, '{}');
END $$;
-- the share of a sphere's rows that the index finds, and how many it should not have found
CREATE FUNCTION compare(col text, metric text, tail text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    type text := CASE col WHEN 'val' THEN 'vector' ELSE 'halfvec' END;
    op text := CASE metric WHEN 'l2' THEN '-' WHEN 'ip' THEN '#' ELSE '=' END;
    seen int := 0;
    hit int := 0;
    wrong int := 0;
    q text;
    share float8;
    radius float8;
    found int[];
    exact int[];
    query text;
BEGIN
    EXECUTE format('CREATE INDEX r_i ON r USING vchordg (%I %s_%s_ops)', col, type, metric);
    FOR q IN EXECUTE format('SELECT %I FROM r ORDER BY id %% 37, id LIMIT 3', col) LOOP
        FOREACH share IN ARRAY '{0.0005, 0.02, 0.3, 0.97}'::float8[] LOOP
            EXECUTE format('SELECT percentile_disc(%s) WITHIN GROUP (ORDER BY %I <%s> %L::%s) FROM r', share, col, op, q, type)
            INTO radius;
            query := format('SELECT id FROM r WHERE %1$I <<%2$s>> sphere(%3$L::%4$s, %5$L::real) ', col, op, q, type, radius)
                || replace(tail, '$q', format('%I <%s> %L::%s', col, op, q, type));
            found := ids(true, query);
            exact := ids(false, query);
            seen := seen + cardinality(exact);
            hit := hit + (SELECT count(*) FROM (SELECT unnest(found) INTERSECT SELECT unnest(exact)) s);
            IF tail !~ 'LIMIT' THEN
                wrong := wrong + (SELECT count(*) FROM (SELECT unnest(found) EXCEPT SELECT unnest(exact)) s);
            END IF;
            wrong := wrong + cardinality(found) - (SELECT count(DISTINCT x) FROM unnest(found) x);
        END LOOP;
    END LOOP;
    DROP INDEX r_i;
    RETURN format('%s wrong, %s', wrong, CASE WHEN seen > 0 AND hit >= 0.95 * seen THEN 'good' ELSE format('%s of %s', hit, seen) END);
END $$;
CREATE TABLE r (id int, val vector(96), half halfvec(96));
INSERT INTO r SELECT id, val, half FROM t96 WHERE id <= 1500;
INSERT INTO r SELECT 5000 + id, val, half FROM t96 WHERE id <= 20;
ANALYZE r;
SELECT col, metric, compare(col, metric), compare(col, metric, 'ORDER BY $q'), compare(col, metric, 'ORDER BY $q LIMIT 20'),
    compare(col, metric, 'AND id % 3 = 0')
FROM (VALUES ('val', 'l2'), ('val', 'ip'), ('half', 'cosine')) v (col, metric);

-- plans
CREATE INDEX r_i ON r USING vchordg (val vector_l2_ops);
SET enable_seqscan = off;
SELECT regexp_replace(line, '\[[^]]*\]', '[...]', 'g') FROM t96, plan(format('SELECT id FROM r WHERE val <<->> sphere(%L::vector, 1) AND id < 5 ORDER BY val <-> %1$L LIMIT 3', val)) line WHERE id = 1;
-- strict, parts that are null, and of other dimensions
SELECT val AS q FROM r WHERE id = 1 \gset
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0) ORDER BY id) AS none;
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0.001) ORDER BY id) AS twins;
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0.001) AND val <<->> sphere(:'q'::vector, 100) ORDER BY id) AS both;
SELECT count(*) FROM r WHERE val <<->> NULL;
SELECT count(*) FROM r WHERE val <<->> ROW(NULL, 1)::sphere_vector;
SELECT count(*) FROM r WHERE val <<->> ROW(:'q', NULL)::sphere_vector;
SELECT count(*) FROM r WHERE val <<->> sphere('[1,2,3]'::vector, 1);
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0.001) ORDER BY val <-> NULL, id) AS twins;
-- rows behind the radius that are put in later
INSERT INTO r SELECT 6000, val FROM r WHERE id = 1;
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0.001) ORDER BY id) AS twins;
DELETE FROM r WHERE id = 1;
VACUUM r;
SELECT ARRAY(SELECT id FROM r WHERE val <<->> sphere(:'q'::vector, 0.001) ORDER BY id) AS twins;
SELECT * FROM vchordg_index_check('r_i', true);
RESET enable_seqscan;
DROP TABLE r;
DROP FUNCTION compare, ids;
