-- Spheres: who is inside, what is refused, and how many rows the planner expects.

SELECT sphere('[1,2,3]'::vector, 1), sphere('[1,2,3]'::halfvec, 0.5), (sphere(quantize_to_rabitq8('[1,2,3]'::vector), 2)).radius, pg_typeof(sphere(quantize_to_rabitq4('[1,2,3]'::vector), 2));
-- not strict
SELECT sphere(NULL::vector, 1), sphere('[1]'::vector, NULL), sphere(NULL::halfvec, NULL) IS NULL AS parts_null;

-- the bound is outside
SELECT '[3,4]'::vector <<->> sphere('[0,0]'::vector, 5) AS at, '[3,4]'::vector <<->> sphere('[0,0]'::vector, 5.001) AS near,
    '[3,4]'::halfvec <<->> sphere('[0,0]'::halfvec, 5) AS half_at, '[3,4]'::halfvec <<->> sphere('[0,0]'::halfvec, 5.001) AS half_near,
    '[3,4]'::vector <<#>> sphere('[1,1]'::vector, -7) AS ip_at, '[3,4]'::vector <<#>> sphere('[1,1]'::vector, -6.9) AS ip_near,
    '[1,0]'::vector <<=>> sphere('[0,3]'::vector, 1) AS cosine_at, '[1,0]'::vector <<=>> sphere('[0,3]'::vector, 1.001) AS cosine_near;
-- zero vectors are at cosine distance 1, NULL is nowhere, no radius but a number holds anything
SELECT '[0,0]'::vector <<=>> sphere('[1,2]'::vector, 1.1) AS zero, '[0,0]'::halfvec <<=>> sphere('[1,2]'::halfvec, 1) AS zero_at,
    quantize_to_rabitq8('[0,0]'::vector) <<=>> sphere(quantize_to_rabitq8('[1,2]'::vector), 1.1) AS zero8,
    quantize_to_rabitq4('[0,0]'::vector) <<=>> sphere(quantize_to_rabitq4('[0,0]'::vector), 1) AS zero4;
SELECT NULL::vector <<->> sphere('[1,2]'::vector, 1) AS value, '[1,2]'::vector <<->> NULL::sphere_vector AS sphere;
SELECT '[1,2]'::vector <<->> sphere('[1,2]'::vector, 'nan') AS nan, '[1,2]'::vector <<->> sphere('[1,2]'::vector, '-1') AS negative,
    '[1,2]'::vector <<->> sphere('[1,2]'::vector, 'inf') AS infinite, '[1,2]'::vector <<#>> sphere('[1,2]'::vector, '-inf') AS below_all;

-- the operators are the distances
CREATE TABLE balls AS
SELECT i AS id, v, v::halfvec AS h, quantize_to_rabitq8(v) AS q8, quantize_to_rabitq4(v) AS q4
FROM generate_series(1, 2000) i, LATERAL (SELECT ARRAY[noise(i), noise(i + 10000), noise(i + 20000), i % 10]::vector v) s;
SELECT r,
    bool_and((v <<->> sphere('[0.1,0.2,0.3,3]'::vector, r)) = (v <-> '[0.1,0.2,0.3,3]' < r)) AS l2,
    bool_and((v <<#>> sphere('[0.1,0.2,0.3,3]'::vector, r)) = (v <#> '[0.1,0.2,0.3,3]' < r)) AS ip,
    bool_and((v <<=>> sphere('[0.1,0.2,0.3,3]'::vector, r)) = (v <=> '[0.1,0.2,0.3,3]' < r)) AS cosine,
    bool_and((h <<->> sphere('[0.1,0.2,0.3,3]'::halfvec, r)) = (h <-> '[0.1,0.2,0.3,3]' < r)) AS half_l2,
    bool_and((h <<#>> sphere('[0.1,0.2,0.3,3]'::halfvec, r)) = (h <#> '[0.1,0.2,0.3,3]' < r)) AS half_ip,
    bool_and((h <<=>> sphere('[0.1,0.2,0.3,3]'::halfvec, r)) = (h <=> '[0.1,0.2,0.3,3]' < r)) AS half_cosine,
    bool_and((q8 <<->> sphere(c8, r)) = (q8 <-> c8 < r)) AS l2_8,
    bool_and((q8 <<#>> sphere(c8, r)) = (q8 <#> c8 < r)) AS ip_8,
    bool_and((q8 <<=>> sphere(c8, r)) = (q8 <=> c8 < r)) AS cosine_8,
    bool_and((q4 <<->> sphere(c4, r)) = (q4 <-> c4 < r)) AS l2_4,
    bool_and((q4 <<#>> sphere(c4, r)) = (q4 <#> c4 < r)) AS ip_4,
    bool_and((q4 <<=>> sphere(c4, r)) = (q4 <=> c4 < r)) AS cosine_4
FROM balls, unnest('{-9.03,0.173,1.017,3.3}'::real[]) r,
    LATERAL (SELECT quantize_to_rabitq8('[0.1,0.2,0.3,3]'::vector) AS c8, quantize_to_rabitq4('[0.1,0.2,0.3,3]'::vector) AS c4) c
GROUP BY r ORDER BY r;

-- what is refused
SELECT '[1,2]'::vector <<->> sphere(NULL::vector, 1);
SELECT '[1,2]'::halfvec <<#>> sphere('[1,2]'::halfvec, NULL);
SELECT quantize_to_rabitq8('[1,2]'::vector) <<=>> sphere(NULL::rabitq8, NULL);
SELECT '[1,2]'::vector <<->> sphere('[1,2,3]'::vector, 1);
SELECT '[1,2]'::halfvec <<=>> sphere('[1,2,3]'::halfvec, 1);
SELECT quantize_to_rabitq4('[1,2]'::vector) <<#>> sphere(quantize_to_rabitq4('[1,2,3]'::vector), 1);

-- Estimates.  The share of rows that the planner expects, and the true one, are within a factor of three of
-- each other, or both below one in a hundred.
CREATE FUNCTION judge(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    expected float8;
    found float8;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT 1 FROM balls WHERE ' || condition INTO plan;
    EXECUTE 'SELECT count(*) FROM balls WHERE ' || condition INTO found;
    expected := (plan->0->'Plan'->>'Plan Rows')::float8;
    RETURN CASE WHEN greatest(expected, 20) <= 3 * greatest(found, 20) AND greatest(found, 20) <= 3 * greatest(expected, 20) THEN 'good'
                ELSE format('%s rows, expected %s', found, expected) END;
END $$;
-- nothing is known yet
EXPLAIN (COSTS OFF) SELECT * FROM balls WHERE v <<->> sphere('[0,0,0,3]'::vector, 1);
SELECT judge($$v <<->> sphere('[0,0,0,3]'::vector, 0.1)$$);
ANALYZE balls;
SELECT c, r, judge(format('v <<->> sphere(%L::vector, %s)', format('[0,0,0,%s]', c), r)) AS l2, judge(format('h <<->> sphere(%L::halfvec, %s)', format('[0,0,0,%s]', c), r)) AS half
FROM generate_series(0, 9, 3) c, unnest('{0.01,0.5,0.8,1.1,3,8,100}'::real[]) r WHERE r <> 0.5 ORDER BY c, r;
SELECT r, judge(format('v <<#>> sphere(''[0,0,0,1]''::vector, %s)', r)) AS ip, judge(format('v <<=>> sphere(''[0,0,0,1]''::vector, %s)', r / 30 + 0.4)) AS cosine
FROM unnest('{-10,-8.5,-5,-1.5,1}'::real[]) r;
-- common values count by their frequency, NULLs not at all
UPDATE balls SET v = CASE WHEN id % 3 = 0 THEN NULL ELSE '[5,5,5,5]'::vector END WHERE id % 2 = 0;
ANALYZE balls;
SELECT judge($$v <<->> sphere('[5,5,5,5]'::vector, 0.5)$$) AS common, judge($$v <<->> sphere('[0,0,0,4]'::vector, 100)$$) AS everything, judge($$v <<->> sphere('[5,5,5,99]'::vector, 1)$$) AS none;
-- planning does not fail where the query might not
EXPLAIN (COSTS OFF) SELECT * FROM balls WHERE v <<->> sphere('[0,0]'::vector, 1);
EXPLAIN (COSTS OFF) SELECT * FROM balls WHERE v <<->> sphere(NULL::vector, 1);
EXPLAIN (COSTS OFF) SELECT * FROM balls WHERE v <<->> sphere('[0,0,0,3]'::vector, NULL);
EXPLAIN (COSTS OFF) SELECT * FROM balls WHERE v <<->> sphere('[0,0,0,3]'::vector, 'nan');
SELECT count(*) FROM balls WHERE v <<->> NULL::sphere_vector;
SELECT count(*) > 400 AS joined FROM balls a JOIN balls b ON a.v <<->> sphere(b.v, 0.1) WHERE b.v IS NOT NULL;
SELECT count(*) FROM balls WHERE v <<->> (SELECT sphere('[0,0,0,3]'::vector, 1));
SELECT count(*) FROM balls WHERE v <<->> sphere((SELECT '[0,0,0,3]'::vector), 1);
PREPARE inside(vector, real) AS SELECT count(*) FROM balls WHERE v <<->> sphere($1, $2);
SET plan_cache_mode = force_generic_plan;
EXECUTE inside('[0,0,0,3]', 1);
RESET plan_cache_mode;
EXECUTE inside('[0,0,0,3]', 1);
DEALLOCATE inside;

SELECT count(*) AS operators, count(*) FILTER (WHERE oprrest = '_vchord_sphere_sel'::regproc AND oprjoin = 'contjoinsel'::regproc) AS estimated
FROM pg_operator WHERE oprname IN ('<<->>', '<<#>>', '<<=>>') AND oprright IN ('sphere_vector'::regtype, 'sphere_halfvec'::regtype, 'sphere_rabitq8'::regtype, 'sphere_rabitq4'::regtype);
DROP FUNCTION judge;
DROP TABLE balls;
