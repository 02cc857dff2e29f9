-- Options of CREATE INDEX ... USING vchordg: both forms, their checks, their effect.
CREATE TABLE t (id int, v vector(3));
INSERT INTO t SELECT id, val FROM t3;
CREATE FUNCTION build(options text, class text DEFAULT 'vector_l2_ops') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('CREATE INDEX i ON t USING vchordg (v %s)', class) || coalesce(' WITH (' || options || ')', '');
    SELECT format('%s rows, m %s, bits %s, alpha %s, ef %s, beam %s', rows, CASE WHEN o ->> 'automatic_m' = 'false' THEN m::text ELSE 'auto' END, bits, o -> 'alpha', o ->> 'ef_construction',
        o ->> 'beam_construction') || (SELECT coalesce(string_agg('; ' || message, ''), '') FROM vchordg_index_check('i', true))
    INTO result FROM vchordg_index_info('i') x, LATERAL (SELECT x.options) p (o);
    DROP INDEX i;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- good documents, and native options
SELECT o, build(format('options = %L', o)) FROM unnest(ARRAY[
    'bits = 1', 'bits = 2', 'm = 5', 'alpha = [1.0]', 'alpha = [1.0, 1.0, 1.9]',
    E'bits = 1\nm = 16\nalpha = [1.0, 1.1]\nef_construction = 40\nbeam_construction = 3']) o;
SELECT o, build(o) FROM unnest(ARRAY['bits = 1', 'm = 5', $$alpha = '1.0,1.5'$$, 'ef_construction = 20, beam_construction = 2',
    'ef_search = 100']) o;
SELECT build(NULL) ~ '^1000 rows, m auto, bits 2, alpha \[1, 1.2\], ef 64, beam 1$' AS defaults;

-- bad documents
SELECT o, build(format('options = %L', o)) FROM unnest(ARRAY[
    'foo = 1', 'ef_search = 10', 'bits = 0', 'bits = 3', 'bits = "2"', 'm = 0', 'm = 513', 'm = ', 'alpha = []', 'alpha = 1.0',
    'alpha = [1.2]', 'alpha = [1.0, 2.0]', 'alpha = [1.0, 1.5, 1.2]', 'alpha = [1,1,1,1,1,1,1,1,1]', 'ef_construction = 0',
    'ef_construction = 65536', 'beam_construction = 0', 'beam_construction = 65536']) o;
SELECT o, build(o) FROM unnest(ARRAY['bits = 3', 'm = 0', $$alpha = '1.2'$$, 'ef_search = 0', 'ef_search = 65536', 'k = 3',
    $$m = 4, options = 'm = 4'$$]) o;

-- columns
CREATE TABLE c (a vector, b vector(3), n int, x vector(3), t text);
\set VERBOSITY terse
CREATE INDEX ON c USING vchordg (a vector_l2_ops);
CREATE INDEX ON c USING vchordg (b);
CREATE INDEX ON c USING vchordg (b vector_l2_ops, x vector_l2_ops);
CREATE INDEX ON c USING vchordg (b vector_l2_ops, n, n);
CREATE INDEX ON c USING vchordg (n);
CREATE INDEX ON c USING vchordg (n, b vector_l2_ops);
CREATE INDEX ON c USING vchordg (b vector_l2_ops, t);
CREATE UNIQUE INDEX ON c USING vchordg (b vector_l2_ops);
CREATE INDEX ON c USING vchordg (b vector_l2_ops) INCLUDE (n);
CREATE INDEX ON c USING vchordg (b vector_l2_ops DESC);
\set VERBOSITY default
DROP TABLE c;
-- what is too large is said when the index is created
CREATE TABLE c (b vector(16000));
CREATE INDEX ON c USING vchordg (b vector_l2_ops) WITH (m = 512, bits = 2);
DROP TABLE c;

-- pruning with a factor has no meaning for inner products
SELECT build('alpha = ''1.0,1.3''', 'vector_ip_ops');
SELECT build('alpha = ''1.0''', 'vector_ip_ops');

-- ef_search: the setting before the option before the default; the option at once, the others at REINDEX
CREATE INDEX i ON t USING vchordg (v vector_l2_ops) WITH (ef_search = 1, m = 8);
CREATE FUNCTION found(n int) RETURNS bigint LANGUAGE sql SET enable_seqscan = off AS $$
    SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT n) s
$$;
SELECT found(1000) < 100 AS reloption;
SET vchordg.ef_search = 100;
SELECT found(1000) BETWEEN 100 AND 999 AS setting;
RESET vchordg.ef_search;
ALTER INDEX i SET (ef_search = 50);
SELECT found(1000) BETWEEN 50 AND 999 AS altered;
ALTER INDEX i RESET (ef_search);
SELECT found(1000) AS automatic;
ALTER INDEX i SET (m = 12);
SELECT m FROM vchordg_index_info('i');
REINDEX INDEX i;
SELECT m FROM vchordg_index_info('i');
ALTER INDEX i SET (m = 0);

-- settings
SELECT name, setting, min_val, max_val, enumvals, context FROM pg_settings
WHERE name LIKE 'vchordg.%' AND name NOT LIKE '%.io\_%' ORDER BY 1;
SELECT name, enumvals <@ ARRAY['auto', 'read_buffer', 'prefetch_buffer', 'read_stream'] AS known FROM pg_settings WHERE name LIKE 'vchordg.io\_%' ORDER BY 1;
SET vchordg.ef_search = 0;
SET vchordg.beam_search = 65536;
SET vchordg.max_scan_tuples = -2;
SET vchordg.k = 1;
SET vchordg.max_scan_tuples = 7;
SELECT found(1000);
RESET vchordg.max_scan_tuples;
SET enable_seqscan = off;
SET vchordg.enable_scan = off;
SELECT * FROM plan($$SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 1$$);
RESET vchordg.enable_scan;
SELECT * FROM plan($$SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 1$$);
SELECT * FROM plan($$SELECT v FROM t$$);
SET vchordg.beam_search = 8;
SELECT check_scans('SELECT v <-> $q FROM t ORDER BY v <-> $q LIMIT 10', 't', 'v');
RESET vchordg.beam_search;

-- functions that look inside
SELECT vchordg_prewarm('i') ~ E'^number of vertex pages: \\d+\nnumber of vertices: 1000\n$' AS two_lines,
    vchordg_prewarm('i', 'codes') = vchordg_prewarm('i') AS mode,
    vchordg_prewarm('i', 'all') ~ ('^' || vchordg_prewarm('i') || E'number of other pages: \\d+\nnumber of rows: 1000\n') AS more;
SELECT vchordg_prewarm(NULL) IS NULL AS strict;
SELECT vchordg_prewarm('i', 'vectors');
SELECT vchordg_prewarm('t');
SELECT vchordg_prewarm('pg_class_oid_index');
SELECT vchordg_prewarm(4000000000::oid);
SELECT vchordg_index_check('pg_class_oid_index');
SELECT vchordg_page_inspect('i', -1);
CREATE TABLE part (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE INDEX part_v_idx ON part USING vchordg (v vector_l2_ops);
SELECT vchordg_prewarm('part_v_idx');
DROP TABLE part;
SELECT pages = (SELECT sum(value::bigint) FROM jsonb_each_text(pages_by_kind)) AS all_pages,
    pages = pg_relation_size('i') / 8192 AS file, abs(bytes_per_row * rows - pages * 8192) < 1 AS bytes, mean_degree BETWEEN 2 AND m AS degree,
    entries BETWEEN 1 AND 32 AS entries, rows, vertices, duplicates, dying, dim, type, metric, labels FROM vchordg_index_info('i');
SELECT p ->> 'kind' AS kind, count(*) > 0 AS some, count(*) FILTER (WHERE p ? 'problem') AS problems
FROM generate_series(0, pg_relation_size('i') / 8192 - 1) b, vchordg_page_inspect('i', b) p GROUP BY 1 ORDER BY 1;
SELECT p ->> 'dimension' AS dimension, p ->> 'm' AS m, p ->> 'bits' AS bits FROM vchordg_page_inspect('i', 0) p;
SELECT proname, proacl IS NULL AS public FROM pg_proc
WHERE proname IN ('vchordg_prewarm', 'vchordg_index_info', 'vchordg_index_check', 'vchordg_page_inspect') ORDER BY 1;
RESET enable_seqscan;
DROP TABLE t;
DROP FUNCTION build, found;

-- pg_dump brings an index back with its options
CREATE DATABASE regress_vchord_dump;
CREATE SCHEMA dumped;
CREATE TABLE dumped.t (id int, val vector(3), half halfvec(3), l int2[]);
INSERT INTO dumped.t SELECT id, val, half, ARRAY[id % 3] FROM t3 WHERE id <= 200;
CREATE INDEX toml ON dumped.t USING vchordg (val vector_l2_ops) WITH (options = $$
bits = 1
alpha = [1.0, 1.3]
$$, ef_search = 80);
CREATE INDEX native ON dumped.t USING vchordg (half halfvec_cosine_ops, l) WITH (m = 10, bits = 2) WHERE id > 10;
SELECT current_database() AS db \gset
\setenv VC_FROM :db
\! pg_dump --extension=vector --extension=vchord --schema=dumped "$VC_FROM" 2>&1 | grep -A4 'CREATE INDEX' | grep -v '^--\|^$'
\! pg_dump --extension=vector --extension=vchord --schema=dumped "$VC_FROM" | psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname=regress_vchord_dump 2>&1 | grep -v '^ *$\|set_config\|^-*$\|(1 row)'
\c regress_vchord_dump
SELECT relname, reloptions FROM pg_class WHERE relname IN ('toml', 'native') ORDER BY 1;
SELECT i, rows, m, bits, labels FROM unnest(ARRAY['dumped.toml', 'dumped.native']) i, vchordg_index_info(i::regclass) WHERE i ~ 'native';
SELECT i, k.* FROM unnest(ARRAY['dumped.toml', 'dumped.native']) i, vchordg_index_check(i::regclass, true) k;
\c :db
DROP DATABASE regress_vchord_dump;
SET client_min_messages = warning;
DROP SCHEMA dumped CASCADE;
