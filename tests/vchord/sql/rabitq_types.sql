-- rabitq8 and rabitq4: values that other implementations give, text and binary forms, dimensions, distances.

SELECT quantize_to_rabitq8('[1,2,3,4,5,6,7,8]'::vector);
SELECT quantize_to_rabitq8('[1,2,3,4,5,6,7,8]'::halfvec)::text = quantize_to_rabitq8('[1,2,3,4,5,6,7,8]'::vector)::text AS same;
SELECT quantize_to_rabitq4('[1,2,3,4,5,6,7,8]'::vector);
SELECT quantize_to_rabitq4('[1,2,3,4,5,6,7,8]'::halfvec)::text = quantize_to_rabitq4('[1,2,3,4,5,6,7,8]'::vector)::text AS same;
SELECT quantize_to_rabitq8('[1,2,3]'::vector), quantize_to_rabitq8('[2,3,4]'::vector);
SELECT quantize_to_rabitq8('[0,0,0]'::vector), quantize_to_rabitq4('[0,0,0]'::halfvec), dequantize_to_vector(quantize_to_rabitq8('[0,0,0]'::vector));
SELECT pg_column_size(quantize_to_rabitq8('[1,2,3,4,5]'::vector)) AS bytes8, pg_column_size(quantize_to_rabitq4('[1,2,3,4,5]'::vector)) AS bytes4;

-- how far back to the original
SELECT round((dequantize_to_vector(quantize_to_rabitq8(v)) <-> v)::numeric, 4) AS vector8,
    round((dequantize_to_vector(quantize_to_rabitq4(v)) <-> v)::numeric, 4) AS vector4,
    dequantize_to_halfvec(quantize_to_rabitq8(h)) <-> h < 0.07 AS half8,
    dequantize_to_halfvec(quantize_to_rabitq4(h)) <-> h < 1 AS half4
FROM (SELECT '[1,2,3,4,5,6,7,8]'::vector v, '[1,2,3,4,5,6,7,8]'::halfvec h) s;
SELECT dim, avg(e8) BETWEEN 0.002 AND 0.01 AS "8 bits", avg(e4) BETWEEN 0.04 AND 0.15 AS "4 bits"
FROM (SELECT dim, (dequantize_to_vector(quantize_to_rabitq8(v)) <-> v) / vector_norm(v) AS e8,
        (dequantize_to_vector(quantize_to_rabitq4(v)) <-> v) / vector_norm(v) AS e4
    FROM unnest('{64,100,768}'::int[]) dim, generate_series(1, 10) i,
        LATERAL (SELECT array_agg(noise(i * 1000 + j) + noise(i * 1000 + j + 500000) + noise(i * 1000 + j + 700000))::vector v FROM generate_series(1, dim) j) s) t
GROUP BY dim ORDER BY dim;

-- distances
SELECT a <-> b AS l2, a <#> b AS ip, a <=> b AS cosine FROM (SELECT '[1,2,3]'::vector a, '[2,3,4]'::vector b) s;
SELECT a <-> b AS l2, a <#> b AS ip, a <=> b AS cosine FROM (SELECT '[1,2,3]'::halfvec a, '[2,3,4]'::halfvec b) s;
SELECT round((a <-> b)::float8::numeric, 5) AS l2, round((a <#> b)::float8::numeric, 5) AS ip, round((a <=> b)::float8::numeric, 5) AS cosine
FROM (SELECT quantize_to_rabitq8('[1,2,3]'::vector) a, quantize_to_rabitq8('[2,3,4]'::vector) b) s;
SELECT round((a <-> b)::float8::numeric, 5) AS l2, round((a <#> b)::float8::numeric, 5) AS ip
FROM (SELECT quantize_to_rabitq4('[1,2,3]'::vector) a, quantize_to_rabitq4('[2,3,4]'::vector) b) s;
SELECT a <-> b AS l2, a <#> b AS ip, a <=> b AS cosine, b <=> b AS zero_to_zero, b <-> b AS l2_zero
FROM (SELECT quantize_to_rabitq8('[3,4]'::vector) a, quantize_to_rabitq8('[0,0]'::vector) b) s;
SELECT a <-> b FROM (SELECT quantize_to_rabitq4('[3,4]'::vector) a, quantize_to_rabitq4('[1,2,3]'::vector) b) s;

CREATE TABLE quantized AS
SELECT i AS id, v, quantize_to_rabitq8(v) AS q8, quantize_to_rabitq4(v) AS q4
FROM generate_series(1, 300) i,
    LATERAL (SELECT array_agg(noise(i * 5000 + j) * (i % 7 + 1))::vector v FROM generate_series(1, i) j) s;
SELECT bool_and(q8 <-> q8 = 0 AND q8 <=> q8 = 0 AND q4 <-> q4 = 0 AND q4 <=> q4 = 0) AS itself,
    bool_and(abs((q8 <#> q8) + power(vector_norm(v), 2)) < 1e-4 * power(vector_norm(v), 2)) AS length
FROM quantized;
-- as the vectors that they stand for
SELECT count(*) > 100 AS compared,
    bool_and(abs((a.q8 <-> b.q8) - (dequantize_to_vector(a.q8) <-> dequantize_to_vector(b.q8))) < 1e-3) AS l2,
    bool_and(abs((a.q8 <#> b.q8) - (dequantize_to_vector(a.q8) <#> dequantize_to_vector(b.q8))) < 1e-3) AS ip,
    bool_and(abs((a.q8 <=> b.q8) - (dequantize_to_vector(a.q8) <=> dequantize_to_vector(b.q8))) < 1e-5) AS cosine,
    bool_and(abs((a.q4 <-> b.q4) - (dequantize_to_vector(a.q4) <-> dequantize_to_vector(b.q4))) < 1e-3) AS l2_4,
    bool_and(abs((a.q4 <=> b.q4) - (dequantize_to_vector(a.q4) <=> dequantize_to_vector(b.q4))) < 1e-5) AS cosine_4,
    bool_and(a.q8 <-> b.q8 = b.q8 <-> a.q8) AS symmetric
FROM quantized a, LATERAL (SELECT quantize_to_rabitq8(w) AS q8, quantize_to_rabitq4(w) AS q4
    FROM (SELECT array_agg(noise(a.id * 777 + j))::vector w FROM generate_series(1, a.id) j) s) b;

-- there and back
SELECT bool_and(q8::text::rabitq8::text = q8::text AND q4::text::rabitq4::text = q4::text) AS text FROM quantized;
CREATE TABLE copied (LIKE quantized);
SELECT current_database() AS db \gset
\setenv VC_DB :db
\! psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY quantized TO STDOUT (FORMAT binary)' | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY copied FROM STDIN (FORMAT binary)'
SELECT count(*), bool_and(a.q8::text = b.q8::text AND a.q4::text = b.q4::text) AS "binary" FROM quantized a JOIN copied b USING (id);
TRUNCATE copied;
\! psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY quantized TO STDOUT' | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY copied FROM STDIN'
SELECT count(*), bool_and(a.q8::text = b.q8::text AND a.q4::text = b.q4::text) AS "text" FROM quantized a JOIN copied b USING (id);
DROP TABLE copied;
SELECT '  ( 204 ,192.26024,1074 , 3e1 ) [ 13,255, 94,202,134,121,107,148 ] '::rabitq8 <-> quantize_to_rabitq8('[1,2,3,4,5,6,7,8]'::vector) AS distance;
SELECT encode(rabitq8_send, 'hex') FROM _vchord_rabitq8_send('(204, 192.26024, 1074, 30)[13, 255, 94]') AS rabitq8_send;
SELECT encode(rabitq4_send, 'hex') FROM _vchord_rabitq4_send('(204, 12, 62, 30)[1, 15, 5]') AS rabitq4_send;

-- bad text
SELECT input, attempt(format('SELECT %L::rabitq8', input)) AS rabitq8
FROM unnest(ARRAY['', ' ', '(', '()', '()[]', '(1,2,3,4)', '(1,2,3,4)[', '(1,2,3,4)[]', '(1,2,3,4)[ ]', '(1,2,3,4)[1', '(1,2,3,4)[1,', '(1,2,3,4)[1,]',
    '(1,2,3,4)[,1]', '(1,2,3,4)[1,,2]', '(1,2,3,4)[1]]', '(1,2,3,4)[1] x', '(1,2,3)[1]', '(1,2,3,4,5)[1]', '1,2,3,4[1]', '[1,2,3]', '(1,2,3,4)(1)',
    '(a,2,3,4)[1]', '(1,b,3,4)[1]', '(nan,2,3,4)[1]', '(1,inf,3,4)[1]', '(1,2,-Infinity,4)[1]', '(1,2,3,1e39)[1]', '(-1,2,3,4)[1]', '(1,-1e-9,3,4)[1]',
    '(0x10,2,3,4)[1]', '(1e,2,3,4)[1]', '(1 2,2,3,4)[1]', '(1.2.3,2,3,4)[1]', '(1,2,3,4)[1.5]', '(1,2,3,4)[x]', '(1,2,3,4)[256]', '(1,2,3,4)[-1]', '(1,2,3,4)[+1]', '(1,2,3,4)[99999999999999999999]',
    '(1,2,3,4)[1 2]', E'(1,2,3,4)[\u00e4\u00f6\u00fc]']) input;
SELECT attempt($$SELECT '(1,2,3,4)[16]'::rabitq4$$), attempt($$SELECT '(1,2,3,4)[15]'::rabitq4$$);
SELECT attempt(format('SELECT %L::rabitq8', '(1,2,3,4)[' || repeat('1,', 65535) || '1]')) AS "65536";
SELECT length(('(1,2,3,4)[' || repeat('1,', 65534) || '1]')::rabitq4::text) AS "65535";
SELECT attempt(format('SELECT %L::rabitq8', '(1,2,3,4)[' || repeat('1', 200) || ']')) AS digits;
SELECT '(1e-50, 0.1, 16777217, 3.40282347e38)[0,007]'::rabitq8 AS odd;

-- bad binary: a value of so many bytes (octal), the only one of a row
CREATE TABLE wire (a rabitq8, b rabitq4, c rabitq8(2));
\setenv VC_HEAD 'PGCOPY\\n\\377\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0'
\setenv VC_NUMBERS '\\77\\200\\0\\0\\77\\200\\0\\0\\77\\200\\0\\0\\77\\200\\0\\0'
-- good ones first
\! printf "$VC_HEAD\026\0\0\0\2${VC_NUMBERS}\377\1\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (a) FROM STDIN (FORMAT binary)'
\! printf "$VC_HEAD\026\0\0\0\3${VC_NUMBERS}\377\1\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (b) FROM STDIN (FORMAT binary)'
\! printf "$VC_HEAD\026\0\0\0\2${VC_NUMBERS}\377\1\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (c) FROM STDIN (FORMAT binary)'
SELECT * FROM wire;
-- too short for a dimension, for a head, for its codes; too long; no dimension; too many
\! for w in '\0' '\3\0\0\0' '\4\0\0\0\1' "\024\0\0\0\1$VC_NUMBERS" "\025\0\0\0\2$VC_NUMBERS\1" "\026\0\0\0\1$VC_NUMBERS\1\1" "\024\0\0\0\0$VC_NUMBERS" "\024\0\1\0\0$VC_NUMBERS" "\025\377\377\377\377$VC_NUMBERS\1"; do printf "$VC_HEAD$w\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (a) FROM STDIN (FORMAT binary)' 2>&1 | grep -v CONTEXT; done
-- NaN, infinite, negative; a code beyond the last; another dimension than the column's
\! for n in '\177\300\0\0' '\177\200\0\0' '\277\200\0\0'; do printf "$VC_HEAD\025\0\0\0\1\77\200\0\0${n}\77\200\0\0\77\200\0\0\1\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (a) FROM STDIN (FORMAT binary)' 2>&1 | grep -v CONTEXT; done
\! printf "$VC_HEAD\026\0\0\0\3${VC_NUMBERS}\377\21\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (b) FROM STDIN (FORMAT binary)' 2>&1 | grep -v CONTEXT
\! printf "$VC_HEAD\025\0\0\0\1${VC_NUMBERS}\1\377\377" | psql --no-psqlrc --quiet --dbname="$VC_DB" --command='COPY wire (c) FROM STDIN (FORMAT binary)' 2>&1 | grep -v CONTEXT
DROP TABLE wire;

-- dimensions
SELECT spec, attempt(format('CREATE TEMP TABLE d (v %s); DROP TABLE d', spec)) FROM unnest(ARRAY['rabitq8(1)', 'rabitq8(65535)', 'rabitq8(0)', 'rabitq8(-1)', 'rabitq8(65536)',
    'rabitq8(1,2)', 'rabitq8(a)', 'rabitq8(''3'')', 'rabitq8(''3x'')', 'rabitq4(65535)', 'rabitq4(0)', 'rabitq4(65536)', 'rabitq4(99999999999)']) spec;
CREATE TABLE dims (a rabitq8(3), b rabitq4(2)[]);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'dims'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO dims VALUES (quantize_to_rabitq8('[1,2,3]'::vector), ARRAY[quantize_to_rabitq4('[1,2]'::vector)]);
INSERT INTO dims (a) VALUES (quantize_to_rabitq8('[1,2]'::vector));
INSERT INTO dims (a) VALUES ('(1,2,3,4)[1,2,3,4]');
INSERT INTO dims (b) VALUES (ARRAY[quantize_to_rabitq4('[1,2,3]'::vector)]);
COPY dims (a) FROM STDIN;
(1,2,3,4)[1]
\.
UPDATE dims SET a = quantize_to_rabitq8('[1,2,3,4]'::vector);
SELECT quantize_to_rabitq8('[1,2,3]'::vector)::rabitq8(4);
SELECT quantize_to_rabitq8('[1,2,3]'::vector)::rabitq8(3)::text, a::text FROM dims;
ALTER TABLE dims ALTER a TYPE rabitq8(4);
ALTER TABLE dims ALTER a TYPE rabitq8;
INSERT INTO dims (a) VALUES (quantize_to_rabitq8('[1,2]'::vector)) RETURNING a;
DROP TABLE dims;

-- what the types cannot hold
SELECT quantize_to_rabitq8('[2e19,2e19]'::vector);
SELECT quantize_to_rabitq4('[1e-30,1e-30]'::vector);
SELECT dequantize_to_vector(('(1,2,3,4)[' || repeat('1,', 16000) || '1]')::rabitq4);
SELECT dequantize_to_halfvec(('(1,2,3,4)[' || repeat('1,', 16000) || '1]')::rabitq8);
SELECT dequantize_to_halfvec('(1e10, 0.5, 255, 1e5)[255]'::rabitq8);
SELECT dequantize_to_vector('(1e38, 1e-38, 255, 1e5)[255]'::rabitq8);
-- numbers that belong to no vector: never NaN
SELECT a <-> b AS l2, a <#> b AS ip, a <=> b AS cosine FROM (SELECT '(1e38, 1e-38, 0, 0)[255,0]'::rabitq8 a, '(1e-38, 1e38, 1e38, 0)[3,4]'::rabitq8 b) s;
SELECT quantize_to_rabitq8(NULL::vector) IS NULL AND dequantize_to_vector(NULL::rabitq8) IS NULL AND (NULL::rabitq4 <-> NULL::rabitq4) IS NULL AS strict;

SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc
WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AND proname ~ '^(_vchord_(rabitq|vector|halfvec)|quantize|dequantize)' AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's');
SELECT oprname, count(*), bool_and(oprcom = oid) AS commutes FROM pg_operator
WHERE oprleft IN ('rabitq8'::regtype, 'rabitq4'::regtype) AND oprright = oprleft GROUP BY 1 ORDER BY 1;
DROP TABLE quantized;
