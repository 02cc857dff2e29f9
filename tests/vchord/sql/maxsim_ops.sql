-- MaxSim of arrays, @#: for each vector of the query (right) the nearest of the document (left).

SELECT ARRAY['[1,2]','[3,4]']::vector[] @# ARRAY['[1,1]','[2,0]']::vector[] AS vector,
    ARRAY['[1,2]','[3,4]']::halfvec[] @# ARRAY['[1,1]','[2,0]']::halfvec[] AS halfvec,
    ARRAY['[1,1]','[2,0]']::vector[] @# ARRAY['[1,2]','[3,4]']::vector[] AS "the other way";
SELECT round((ARRAY[quantize_to_rabitq8('[1,2,3]'::vector), quantize_to_rabitq8('[2,3,4]'::vector)] @# ARRAY[quantize_to_rabitq8('[1,2,3]'::vector)])::float8::numeric, 5) AS rabitq8,
    round((ARRAY[quantize_to_rabitq4('[1,2,3]'::vector), quantize_to_rabitq4('[2,3,4]'::vector)] @# ARRAY[quantize_to_rabitq4('[1,2,3]'::vector)])::float8::numeric, 5) AS rabitq4;
-- NULLs are skipped, shape is ignored, nothing is at no distance from anything and at infinity from something
SELECT ARRAY[NULL,'[1,2]',NULL,'[3,4]']::vector[] @# ARRAY['[1,1]',NULL,'[2,0]']::vector[] AS nulls,
    ARRAY[['[1,2]','[0,0]'],['[3,4]','[-1,-1]']]::vector[] @# ARRAY[[['[1,1]'],['[2,0]']]]::vector[] AS shape;
SELECT '{}'::vector[] @# '{}' AS neither, ARRAY['[1,2]']::vector[] @# '{}' AS no_query, '{}'::vector[] @# ARRAY['[1,2]']::vector[] AS no_document,
    ARRAY[NULL]::rabitq8[] @# ARRAY[NULL]::rabitq8[] AS null_both, ARRAY[NULL]::halfvec[] @# ARRAY['[1]']::halfvec[] AS null_document;
SELECT NULL::vector[] @# ARRAY['[1,2]']::vector[] AS document, ARRAY['[1,2]']::vector[] @# NULL AS query;

-- against plain SQL
CREATE TABLE documents AS
SELECT i AS id, (SELECT array_agg(ARRAY[noise(i * 50 + j), noise(i * 50 + j + 9000), noise(i * 50 + j + 99000)]::vector ORDER BY j) FROM generate_series(1, 1 + i % 90) j) AS v
FROM generate_series(1, 100) i;
CREATE VIEW kinds AS SELECT id, v, v::halfvec[] AS h,
    (SELECT array_agg(quantize_to_rabitq8(x) ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n)) AS q8,
    (SELECT array_agg(quantize_to_rabitq4(x) ORDER BY n) FROM unnest(v) WITH ORDINALITY u (x, n)) AS q4 FROM documents;
SELECT count(*), bool_and(abs((d.v @# q.v) - (SELECT sum(m) FROM (SELECT min(a <#> b) m FROM unnest(d.v) a, unnest(q.v) WITH ORDINALITY x (b, n) GROUP BY n) s)) < 1e-4) AS vector,
    bool_and(abs((d.h @# q.h) - (SELECT sum(m) FROM (SELECT min(a <#> b) m FROM unnest(d.h) a, unnest(q.h) WITH ORDINALITY x (b, n) GROUP BY n) s)) < 1e-4) AS halfvec,
    bool_and(abs((d.q8 @# q.q8) - (SELECT sum(m) FROM (SELECT min(a <#> b) m FROM unnest(d.q8) a, unnest(q.q8) WITH ORDINALITY x (b, n) GROUP BY n) s)) < 1e-4) AS rabitq8,
    bool_and(abs((d.q4 @# q.q4) - (SELECT sum(m) FROM (SELECT min(a <#> b) m FROM unnest(d.q4) a, unnest(q.q4) WITH ORDINALITY x (b, n) GROUP BY n) s)) < 1e-4) AS rabitq4
FROM kinds d, kinds q WHERE d.id % 9 = 0 AND q.id IN (1, 7, 65, 89);
-- a missing vector in the middle leaves the others where they are
SELECT bool_and(abs((v[1:id % 90 - 2] || NULL::vector || v[id % 90 - 1:] @# ARRAY[v[1], v[2]]) - (v @# ARRAY[v[1], v[2]])) < 1e-6) AS uneven FROM documents WHERE id % 90 > 3;

-- compared vectors have one dimension; what is not compared may have any
SELECT ARRAY['[1,2]']::vector[] @# ARRAY['[1,2,3]']::vector[];
SELECT ARRAY['[1,2]','[1,2,3]']::vector[] @# ARRAY['[1,2]']::vector[];
SELECT ARRAY['[1,2]']::halfvec[] @# ARRAY['[1,2]','[1,2,3]']::halfvec[];
SELECT ARRAY[quantize_to_rabitq8('[1,2]'::vector)] @# ARRAY[quantize_to_rabitq8('[1,2,3]'::vector)];
SELECT ARRAY['[1,2]','[1,2,3]']::vector[] @# '{}' AS none, '{}'::vector[] @# ARRAY['[1,2]','[1,2,3]']::vector[] AS nothing;
-- products of both signs beyond a float
SELECT ARRAY['[3e38,3e38]']::vector[] @# ARRAY['[3e38,3e38]','[-3e38,-3e38]']::vector[] AS infinite;

SELECT id FROM documents ORDER BY v @# ARRAY['[0.5,0.5,0.5]','[-0.5,0.1,0.5]']::vector[], id LIMIT 3;
DROP VIEW kinds;
DROP TABLE documents;
