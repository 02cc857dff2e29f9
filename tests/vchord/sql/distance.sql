-- pgvector's distances, which an index scan has to agree with.
SELECT format('%s %s', round((a <-> b)::numeric, 3), round((a::halfvec <-> b::halfvec)::numeric, 3)) AS l2,
    format('%s %s', round((a <#> b)::numeric, 3), round((a::halfvec <#> b::halfvec)::numeric, 3)) AS ip,
    format('%s %s', round((a <=> b)::numeric, 3), round((a::halfvec <=> b::halfvec)::numeric, 3)) AS cosine
FROM (VALUES ('[1,2,3]'::vector, '[2,3,4]'::vector)) v (a, b);

-- Distances of rows from an index scan, by every operator class, in the smallest table.
CREATE TABLE d (val vector(3), half halfvec(3));
INSERT INTO d VALUES ('[1,2,3]', '[1,2,3]'), ('[-1,-2,-3]', '[-1,-2,-3]'), ('[2,3,4]', '[2,3,4]'), (NULL, NULL);
CREATE INDEX ON d USING vchordrq (val vector_l2_ops);
CREATE INDEX ON d USING vchordrq (val vector_ip_ops);
CREATE INDEX ON d USING vchordrq (val vector_cosine_ops);
CREATE INDEX ON d USING vchordrq (half halfvec_l2_ops);
CREATE INDEX ON d USING vchordrq (half halfvec_ip_ops);
CREATE INDEX ON d USING vchordrq (half halfvec_cosine_ops);
SELECT o, col, ARRAY(SELECT round(x::numeric, 3) FROM unnest(by_index(
    format('SELECT %I %s ''[2,3,4]'' FROM d ORDER BY %1$I %2$s ''[2,3,4]''', col, o))) x) AS distances
FROM unnest(ARRAY['<->', '<#>', '<=>']) o, unnest(ARRAY['val', 'half']) col;
DROP TABLE d;
