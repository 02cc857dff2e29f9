-- bm25vector: text and binary form, casts, constructors, equality.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
CREATE SCHEMA vt;
SET search_path = vt, bm25_catalog;
\set VERBOSITY terse

-- text: what is accepted, and how it prints
SELECT t, t::bm25vector FROM (VALUES ('{}'), (' { } '), ('{1:2, 3:1}'), ('{1:2,3:1}'), ('{+1:+2,}'),
    (E'\t{ 1 : 2 ,\n 4294967295 : 1 , }'), ('{0:1}'), ('{007:00000000000000000000000000000000000000000000001}'))
    AS v(t);

-- ... and what is not
CREATE FUNCTION refused(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t::bm25vector;
    RETURN 'accepted';
EXCEPTION WHEN others THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT t, refused(t) FROM (VALUES (''), ('  '), ('1:1'), ('{'), ('{1'), ('{1:'), ('{1:1'), ('{1:1,'), ('{{1:1}'),
    ('{1:1}}'), ('{1:1} x'), ('{1}'), ('{1,2:1}'), ('{1::1}'), ('{1:1:1}'), ('{:1}'), ('{1:}'), ('{,}'), ('{1:1,,}'),
    ('{1 2:3}'), ('{1:2 3}'), ('{-1:1}'), ('{1:-1}'), ('{1.5:1}'), ('{a:1}'), ('{+:1}'), ('{2:1, 1:1}'), ('{1:1, 1:1}'),
    ('{1:0}'), ('{4294967296:1}'), ('{1:4294967296}'), ('{99999999999999999999999999:1}'),
    ('{0000000000000000000000000000000000000000000000001:1}'),
    ('{1:4294967295, 2:1}'), ('{1:1}/1')) AS v(t);
SELECT '{1:4294967294, 2:1}'::bm25vector;

-- integer[]: each element is an occurrence
SELECT '{1,2,1}'::int[]::bm25vector;
SELECT '{{3,1},{1,1}}'::int[]::bm25vector, '{}'::int[]::bm25vector, '{2147483647}'::int[]::bm25vector,
    ARRAY[5, 5]::bm25vector;
SELECT '{1,NULL}'::int[]::bm25vector;
SELECT '{1,-1}'::int[]::bm25vector;
-- without being asked for ...
CREATE TABLE v (id int, v bm25vector);
INSERT INTO v VALUES (1, '{2,1,2}'::int[]), (2, '{7:1}'), (3, NULL);
SELECT * FROM v ORDER BY id;
-- ... and back, on assignment
SELECT '{1:2, 3:1}'::bm25vector::int[], '{}'::bm25vector::int[];
CREATE TABLE a (a int[]);
INSERT INTO a SELECT v FROM v;
SELECT * FROM a ORDER BY a;
SELECT '{3000000000:1}'::bm25vector::int[];
SELECT '{1:4000000000}'::bm25vector::int[];

-- constructors
SELECT bm25_vector(ids => '{9,1,9}', tfs => '{1,2,3}'), bm25_vector('{}'::int[], '{}');
SELECT bm25_vector('{1}'::int[], '{1,2}');
SELECT bm25_vector('{1}'::int[], '{0}');
SELECT bm25_vector('{1}'::int[], '{-1}');
SELECT bm25_vector(to_tsvector('english', 'The cats and the other cat')) =
    bm25_tokenize('english', 'The cats and the other cat') AS same;
SELECT bm25_vector('cat:1,2 dog:3'::tsvector) = bm25_tokenize('simple', 'cat dog cat') AS same;
SELECT bm25_vector(strip(to_tsvector('english', 'cat')));
-- ids do not change
SELECT bm25_tokenize('simple', 'postgresql');

-- equality
SELECT '{}'::bm25vector = '{}'::bm25vector, '{1:1}'::bm25vector = '{1:1}'::bm25vector,
    '{1:2, 2:1}'::bm25vector = '{1:2, 2:1}'::bm25vector, '{1:1}'::bm25vector = '{1:2}'::bm25vector,
    '{1:1}'::bm25vector = '{1:1, 2:1}'::bm25vector, '{1:1}'::bm25vector = '{}'::bm25vector,
    '{1:1}'::bm25vector <> '{1:2}'::bm25vector, '{1:1}'::bm25vector <> '{1:1}'::bm25vector;
SELECT id FROM v WHERE v = '{7:1}';
SELECT id FROM v WHERE '{1:1, 2:2}' = v;
SELECT id FROM v WHERE v <> '{7:1}';
SELECT id FROM v WHERE v IN ('{7:1}', '{1:1, 2:2}') ORDER BY id;
SELECT id, v IS DISTINCT FROM '{7:1}' AS distinct FROM v ORDER BY id;
-- operators of other types are found as before
SELECT '{1}'::int[] = '{1}'::int[] AS arrays, '{1}'::int[] = '{1}' AS literal, '{1}'::int[] <> ARRAY[2] AS unequal,
    '{1}'::int[] IS NOT DISTINCT FROM '{1}' AS same;
SELECT to_tsvector('cat') @@ 'cat' AS tsvector, 'cat'::text @@ 'cat' AS text, 'cat'::varchar @@ 'cat' AS varchar,
    'cat' @@ 'cat' AS unknown, 'cat' @@ to_tsquery('cat') AS tsquery, to_tsquery('cat') @@ to_tsvector('cat') AS turned;

-- binary: both layouts are read, the first is written
SELECT _bm25catalog_bm25vector_send('{1:2, 258:3}');
CREATE TEMPORARY TABLE copied (v bm25vector);
\set file '/vector_type.bin'
\getenv outputdir TESTDIR
\set path :outputdir :file
COPY (SELECT v FROM v WHERE v IS NOT NULL UNION ALL SELECT '{}' UNION ALL SELECT '{4294967295:4294967295}') TO :'path' (FORMAT binary);
COPY copied FROM :'path' (FORMAT binary);
SELECT * FROM copied;

CREATE TEMPORARY TABLE raw (b bytea);
CREATE FUNCTION received(b bytea, path text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r text;
BEGIN
    DELETE FROM raw;
    DELETE FROM copied;
    INSERT INTO raw VALUES (b);
    EXECUTE format('COPY raw TO %L (FORMAT binary)', path);
    EXECUTE format('COPY copied FROM %L (FORMAT binary)', path);
    SELECT v::text INTO r FROM copied;
    RETURN r;
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS r = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || ' ' || r;
END $$;
SELECT b, received(b, :'path') FROM (VALUES (bytea ''), ('\x0000000000000000'), ('\x00000000'),
    ('\x00000002000000010000010200000002000000ff'), ('\x010000000100000001000000'), ('\x0100000002000000010000000100000000'),
    ('\x01000000020000000100000001000000'), ('\x01000000000000000100000000000000'),
    ('\x0200000002000000010000000100000001000000ffffffff'), ('\x0000000100000001ffffffff'),
    ('\x02000000010000000100000002000000ffffffff02000000'), ('\xffffffff00000000'), ('\x0000000200000001000000020000000100000000')) v(b);

-- large values are stored out of line and come back whole
INSERT INTO v SELECT 4, array_agg(i) FROM generate_series(1, 100000) i;
SELECT length(v::text), v = (SELECT array_agg(i) FROM generate_series(1, 100000) i)::bm25vector AS same FROM v WHERE id = 4;
SELECT pg_column_size(v) FROM v WHERE id = 4;
SELECT typname, typstorage, typalign FROM pg_type WHERE oid = 'bm25vector'::regtype;

SET client_min_messages = warning;
DROP SCHEMA vt CASCADE;
