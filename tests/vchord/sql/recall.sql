-- vchordrq_evaluate_query_recall: what it says, what it refuses, and that no setting leaks.
CREATE TABLE rc (id int, val vector(3), val4 vector(4));
INSERT INTO rc SELECT i, ARRAY[noise(i), noise(-i), noise(i * 3)]::vector, ARRAY[noise(i), noise(-i), noise(i * 3), noise(i * 7)]::vector
FROM generate_series(1, 3000) i;
CREATE INDEX rc_i ON rc USING vchordrq (val vector_l2_ops) WITH (lists = 20);
CREATE INDEX rc_4 ON rc USING vchordrq (val4 vector_l2_ops);
CREATE TABLE rc_none (val vector(3));
CREATE INDEX rc_none_i ON rc_none USING vchordrq (val vector_l2_ops);
ANALYZE rc;
SET enable_seqscan = off;
-- recall 1, by all lists and without the index
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 10$$);
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 10$$, true);
SELECT vchordrq_evaluate_query_recall(query => $$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 10$$, exact_search => true);
-- one list of twenty has a part of a long answer only, and the function says which part
SET vchordrq.probes = 1;
SELECT vchordrq_evaluate_query_recall(q) AS recall, vchordrq_evaluate_query_recall(q, true) = vchordrq_evaluate_query_recall(q) AS same,
    vchordrq_evaluate_query_recall(q, accu_probes => '1') AS against_itself, vchordrq_evaluate_query_recall(q, accu_probes => '20') = vchordrq_evaluate_query_recall(q) AS all_named
FROM (SELECT $$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 1000$$) s (q) \gset
SELECT :'recall'::real > 0 AND :'recall'::real < 0.5 AS partial, :'same' AS same, :'against_itself' AS against_itself, :'all_named' AS all_named;
WITH found AS MATERIALIZED (SELECT id FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 1000),
    truth AS MATERIALIZED (SELECT id FROM rc ORDER BY sqrt((val <-> '[0.1,0.2,0.3]') ^ 2) LIMIT 1000)
SELECT abs((SELECT count(*) FROM found JOIN truth USING (id)) / 1000.0 - :'recall'::real) < 1e-6 AS counted_alike;
-- a limit of the scan holds for the query, not for the truth
SET vchordrq.probes = 20;
SET vchordrq.max_scan_tuples = 5;
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 10$$);
RESET vchordrq.max_scan_tuples;
RESET vchordrq.probes;
-- probes of the index, of the session, and any number of levels
ALTER INDEX rc_i SET (probes = '1');
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 1000$$) = :'recall' AS same;
DROP INDEX rc_i;
CREATE INDEX rc_i ON rc USING vchordrq (val vector_l2_ops) WITH (lists = '2,4,16', probes = '2,4,16');
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 1000$$);
SET vchordrq.probes = '1,1,1';
SELECT vchordrq_evaluate_query_recall(q) < 0.6 AS partial, vchordrq_evaluate_query_recall(q, true) = vchordrq_evaluate_query_recall(q) AS same
FROM (SELECT $$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 1000$$) s (q);
RESET vchordrq.probes;
-- nothing to find
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc_none ORDER BY val <-> '[0,0,0]'$$);
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc_none ORDER BY val <-> '[0,0,0]'$$, true);
-- null arguments
SELECT vchordrq_evaluate_query_recall(NULL), vchordrq_evaluate_query_recall('SELECT ctid FROM rc', NULL), vchordrq_evaluate_query_recall('SELECT ctid FROM rc', accu_epsilon => NULL);
-- refused, and errors of the query, of either run
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc ORDER BY ARRAY[val] @# ARRAY[val]'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM nowhere'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT nothing at all'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT id FROM rc'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid, id FROM rc'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc; SELECT ctid FROM rc'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''DELETE FROM rc RETURNING ctid'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall('''')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc ORDER BY val <-> ''''[1,2]'''' '')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc ORDER BY val <-> ''''[0,0,0]'''' LIMIT 5'', accu_probes => ''1'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc LIMIT 5'', accu_probes => ''x'')');
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc LIMIT 5'', accu_epsilon => 5)');
SELECT count(*) FROM rc;
-- no setting leaks: after success, after an error, inside a larger transaction
CREATE FUNCTION settings() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(current_setting(n), ' ') FROM unnest(ARRAY['vchordrq.epsilon', 'vchordrq.probes', 'vchordrq.all_lists', 'vchordrq.enable_scan',
        'vchordrq.max_scan_tuples', 'vchordrq.query_sampling_enable', 'enable_seqscan', 'enable_sort', 'work_mem']) n
$$;
SET vchordrq.epsilon = 0.8;
SET vchordrq.query_sampling_enable = on;
SET vchordrq.query_sampling_max_records = 10;
SET vchordrq.query_sampling_rate = 1;
SELECT settings();
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 10$$);
SELECT settings();
BEGIN;
SET LOCAL vchordrq.epsilon = 0.9;
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 10$$, true);
SELECT settings();
SAVEPOINT s;
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 10$$, accu_probes => '1');
ROLLBACK TO s;
SELECT settings();
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc WHERE 1 / (id - id) = 1'')');
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc WHERE set_config('work_mem', '1MB', false) <> '' ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 10$$);
SELECT settings();
COMMIT;
SELECT settings();
-- what is measured is not recorded
SELECT count(*) FROM vchordrq_sampled_queries;
-- every recorded query can be asked again
SET vchordrq.query_sampling_max_records = 1;
SELECT count(*) FROM (SELECT id FROM rc ORDER BY val <-> '[1,1,1]' LIMIT 3) s;
SELECT count(*) FROM (SELECT id FROM rc ORDER BY val4 <-> '[0.1,0.2,0.3,0.4]' LIMIT 3) s;
SELECT count(*) FROM (SELECT id FROM rc ORDER BY val4 <-> '[2.1,0.3,0.7,0.9]' LIMIT 3) s;
SELECT count(*) FROM vchordrq_sampled_queries;
SELECT * FROM vchordrq_sampled_queries('rc_4');
CREATE INDEX rc_expr ON rc USING vchordrq ((val::halfvec(3)) halfvec_l2_ops);
SELECT count(*) FROM (SELECT id FROM rc ORDER BY val::halfvec(3) <-> '[1,2,3]' LIMIT 3) s;
SELECT count(*) FROM vchordrq_sampled_queries;
SELECT * FROM vchordrq_sampled_queries('rc_expr');
RESET vchordrq.query_sampling_enable;
RESET vchordrq.query_sampling_max_records;
RESET vchordrq.query_sampling_rate;
RESET vchordrq.epsilon;
SELECT index_name, vchordrq_evaluate_query_recall(format('SELECT ctid FROM %I.%I ORDER BY %I %s %L LIMIT 10', schema_name, table_name, column_name, operator, value))
FROM vchordrq_sampled_queries WHERE column_name IS NOT NULL ORDER BY 1;
CREATE SCHEMA "@";
SET search_path = '@';
SELECT count(*) FROM public.vchordrq_sampled_queries;
SELECT public.vchordrq_evaluate_query_recall($$SELECT ctid FROM public.rc ORDER BY val4 OPERATOR(public.<->) '[0.1,0.2,0.3,0.4]' LIMIT 10$$);
RESET search_path;
DROP SCHEMA "@";
-- with the caller's rights
CREATE ROLE regress_vchord_asker;
SET ROLE regress_vchord_asker;
SELECT attempt('SELECT vchordrq_evaluate_query_recall(''SELECT ctid FROM rc LIMIT 1'')');
RESET ROLE;
DROP ROLE regress_vchord_asker;
-- rows of partitions may have one ctid
CREATE TABLE rc_part (id int, val vector(3)) PARTITION BY HASH (id);
CREATE TABLE rc_part0 PARTITION OF rc_part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE rc_part1 PARTITION OF rc_part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO rc_part SELECT id, val FROM rc;
CREATE INDEX ON rc_part0 USING vchordrq (val vector_l2_ops) WITH (lists = 8);
CREATE INDEX ON rc_part1 USING vchordrq (val vector_l2_ops) WITH (lists = '2,6');
SELECT vchordrq_evaluate_query_recall($$SELECT ctid FROM rc_part ORDER BY val <-> '[0.1,0.2,0.3]' LIMIT 3000$$);
RESET enable_seqscan;
DROP TABLE rc, rc_none, rc_part;
DROP FUNCTION settings;
