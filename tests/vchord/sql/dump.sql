-- What pg_dump writes brings an index back with its options.
CREATE DATABASE regress_vchord_dump;
CREATE SCHEMA dumped;
CREATE TABLE dumped.t (id int, val vector(3), half halfvec(3));
INSERT INTO dumped.t SELECT id, val, half FROM t3 WHERE id <= 200;
CREATE INDEX toml ON dumped.t USING vchordrq (val vector_l2_ops) WITH (options = $$
# lists of the "inner" kind
residual_quantization = true
[build.internal]
lists = [2, 5]
build_threads = 2
$$, probes = '2,5', epsilon = 1.5);
CREATE INDEX native ON dumped.t USING vchordrq (half halfvec_cosine_ops) WITH (lists = '2,5', rerank_in_table, probes = '1,1') WHERE id > 10;
CREATE INDEX plain ON dumped.t USING vchordrq ((val::halfvec(3)) halfvec_ip_ops);
CREATE TABLE dumped.quantized AS
SELECT id, quantize_to_rabitq8(val)::rabitq8(3) AS q8, ARRAY[quantize_to_rabitq4(val), NULL] AS q4, sphere(half, id) AS s FROM dumped.t WHERE id <= 100;
ALTER TABLE dumped.quantized ALTER q4 TYPE rabitq4(3)[];
SELECT md5(string_agg(q::text, ',' ORDER BY id)) AS before FROM dumped.quantized q \gset
SELECT pg_get_indexdef(i::regclass) FROM unnest(ARRAY['dumped.toml', 'dumped.native', 'dumped.plain']) i;
SELECT current_database() AS db \gset
\setenv VC_FROM :db
\! pg_dump --extension=vector --extension=vchord --schema=dumped "$VC_FROM" 2>&1 | grep -A8 'CREATE INDEX' | grep -v '^--\|^$'
\! pg_dump --extension=vector --extension=vchord --schema=dumped "$VC_FROM" | psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname=regress_vchord_dump 2>&1 | grep -v '^ *$\|set_config\|^-*$\|(1 row)'
\c regress_vchord_dump
SELECT relname, reloptions FROM pg_class WHERE relname IN ('toml', 'native', 'plain') ORDER BY 1;
SELECT i, levels, lists, rows FROM unnest(ARRAY['dumped.toml', 'dumped.native', 'dumped.plain']) i, vchordrq_index_info(i::regclass);
SELECT count(*), md5(string_agg(q::text, ',' ORDER BY id)) = :'before' AS same FROM dumped.quantized q;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'dumped.quantized'::regclass AND attnum > 1 ORDER BY attnum;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM dumped.t ORDER BY val <-> '[0,0,0]') s;
SELECT i, k.* FROM unnest(ARRAY['dumped.toml', 'dumped.native', 'dumped.plain']) i, vchordrq_index_check(i::regclass, true) k;
\c :db
DROP DATABASE regress_vchord_dump;
SET client_min_messages = warning;
DROP SCHEMA dumped CASCADE;
