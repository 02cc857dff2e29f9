-- Recorded query vectors: what is recorded, in which form, how many, and who may see them.
CREATE TABLE sa (id int, val vector(4), half halfvec(4), wide vector(100));
INSERT INTO sa SELECT i, ARRAY[noise(i), noise(-i), noise(i * 3), noise(i * 7)]::vector,
    ARRAY[noise(i), noise(-i), noise(i * 3), noise(i * 7)]::real[]::halfvec,
    (SELECT array_agg(noise(i * 100 + j)) FROM generate_series(1, 100) j)::vector FROM generate_series(1, 300) i;
CREATE INDEX sa_l2 ON sa USING vchordrq (val vector_l2_ops);
CREATE INDEX sa_half ON sa USING vchordrq (half halfvec_cosine_ops);
CREATE INDEX sa_code ON sa USING vchordrq ((quantize_to_rabitq8(wide)::rabitq8(100)) rabitq8_ip_ops);
ANALYZE sa;
SET enable_seqscan = off;
SET enable_sort = off;
-- all three settings are needed
CREATE FUNCTION ask(q text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT id FROM sa ORDER BY val <-> %L LIMIT 5) s', q) INTO n;
    RETURN n;
END $$;
SELECT ask('[1,2,3,4]');
SET vchordrq.query_sampling_enable = on;
SELECT ask('[1,2,3,4]');
SET vchordrq.query_sampling_max_records = 3;
SELECT ask('[1,2,3,4]');
SELECT count(*) FROM vchordrq_sampled_values('sa_l2');
SET vchordrq.query_sampling_rate = 1;
SELECT ask('[0.5,0.25,1,-1]'), ask('[1,1,1,1]');
SELECT * FROM vchordrq_sampled_values('sa_l2');
-- newest first, the oldest go; a smaller maximum is kept to at once
SELECT ask('[2,2,2,2]'), ask('[3,3,3,3]'), ask('[4,4,4,4]');
SELECT * FROM vchordrq_sampled_values('sa_l2');
SET vchordrq.query_sampling_max_records = 1;
SELECT ask('[5,5,5,5]');
SELECT * FROM vchordrq_sampled_values('sa_l2');
SET vchordrq.query_sampling_max_records = 3;
-- what is raw stays raw; the quantised types without spaces
SELECT count(*) FROM (SELECT id FROM sa ORDER BY half <=> '[10,20,30,40]' LIMIT 5) s;
SELECT count(*) FROM (SELECT id FROM sa ORDER BY quantize_to_rabitq8(wide)::rabitq8(100) <#> (SELECT quantize_to_rabitq8(wide) FROM sa WHERE id = 7) LIMIT 5) s;
SELECT index_name, column_name, operator, value FROM vchordrq_sampled_queries WHERE index_name <> 'sa_code' ORDER BY 1, 4;
SELECT index_name, column_name, operator, value ~ '^\([^ ]*\)\[[^ ]*\]$' AS packed,
    value::rabitq8 <-> (SELECT quantize_to_rabitq8(wide) FROM sa WHERE id = 7) AS distance
FROM vchordrq_sampled_queries('sa_code');
-- the centre of a range is a query; what is no vector is not
SELECT count(*) >= 0 AS answered FROM sa WHERE val <<->> sphere('[6,6,6,6]'::vector, 7);
SELECT count(*) FROM (SELECT id FROM sa ORDER BY val <-> NULL LIMIT 5) s;
SELECT * FROM vchordrq_sampled_values('sa_l2');
-- a rescan is a query, too; a plan that does not use the index is none
SELECT count(*) FROM (VALUES ('[7,7,7,7]'::vector), ('[8,8,8,8]')) q (v), LATERAL (SELECT id FROM sa ORDER BY val <-> v LIMIT 1) s;
SET enable_indexscan = off;
SET enable_seqscan = on;
SET enable_sort = on;
SELECT ask('[9,9,9,9]');
SET enable_seqscan = off;
SET enable_sort = off;
RESET enable_indexscan;
SELECT * FROM vchordrq_sampled_values('sa_l2');
-- a transaction that fails has asked nevertheless
BEGIN;
SELECT ask('[10,10,10,10]');
ROLLBACK;
SELECT * FROM vchordrq_sampled_values('sa_l2') LIMIT 1;
SET vchordrq.query_sampling_rate = 0;
SELECT ask('[11,11,11,11]');
SELECT * FROM vchordrq_sampled_values('sa_l2') LIMIT 1;
RESET vchordrq.query_sampling_rate;
-- any search path
CREATE SCHEMA "@";
SET search_path = '@';
SELECT schema_name, table_name, value FROM public.vchordrq_sampled_queries('public.sa_l2') LIMIT 1;
SELECT count(*) FROM public.vchordrq_sampled_queries;
RESET search_path;
DROP SCHEMA "@";
-- errors
SELECT attempt('SELECT * FROM vchordrq_sampled_values(0)'), attempt('SELECT * FROM vchordrq_sampled_values(''sa'')');
CREATE INDEX sa_id ON sa (id);
SELECT attempt('SELECT * FROM vchordrq_sampled_queries(''sa_id'')');
SELECT count(*) FROM vchordrq_sampled_values(NULL), vchordrq_sampled_queries(NULL);
SELECT attempt('SET vchordrq.query_sampling_max_records = 10001'), attempt('SET vchordrq.query_sampling_rate = 1.5');
-- rights: SELECT on the table or the column, no row security; or pg_read_all_stats
CREATE ROLE regress_vchord_reader;
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN concat_ws(', ', attempt('SELECT * FROM vchordrq_sampled_values(''sa_l2'')'), attempt('SELECT * FROM vchordrq_sampled_queries(''sa_code'')'),
        (SELECT string_agg(DISTINCT index_name::text, ' ' ORDER BY index_name::text) FROM vchordrq_sampled_queries));
END $$;
SET ROLE regress_vchord_reader;
SELECT seen();
SELECT attempt('SET vchordrq.query_sampling_enable = on'), attempt('SET vchordrq.query_sampling_max_records = 5'),
    attempt('SET vchordrq.query_sampling_rate = 1');
RESET ROLE;
GRANT SELECT (val) ON sa TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT seen();
RESET ROLE;
GRANT SELECT ON sa TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT seen();
RESET ROLE;
ALTER TABLE sa ENABLE ROW LEVEL SECURITY;
CREATE POLICY sa_all ON sa USING (true);
SET ROLE regress_vchord_reader;
SELECT seen();
RESET ROLE;
REVOKE SELECT ON sa FROM regress_vchord_reader;
GRANT pg_read_all_stats TO regress_vchord_reader;
SET ROLE regress_vchord_reader;
SELECT seen();
RESET ROLE;
DROP TABLE sa;
DROP ROLE regress_vchord_reader;
DROP FUNCTION ask, seen;
SELECT count(*) FROM vchordrq_sampled_queries;
RESET vchordrq.query_sampling_enable;
RESET vchordrq.query_sampling_max_records;
RESET enable_seqscan;
RESET enable_sort;
