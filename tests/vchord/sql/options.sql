-- Options of searches: native reloptions, the settings of the same names, and which of them counts.
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = 2, probes = '2');
SET enable_seqscan = off;
PREPARE rows AS SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
-- the index's own value, as long as the setting has its default
EXECUTE rows;
SET vchordrq.probes = '1';
SELECT count(*) BETWEEN 100 AND 900 AS one_list FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
ALTER INDEX i SET (probes = '0');
SELECT count(*) BETWEEN 100 AND 900 AS one_list FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
SET vchordrq.probes TO DEFAULT;
EXECUTE rows;
-- set to what the default is: an empty text asks for the automatic way
SET vchordrq.probes = '';
EXECUTE rows;
RESET vchordrq.probes;
EXECUTE rows;
ALTER INDEX i RESET (probes);
EXECUTE rows;
BEGIN;
SET LOCAL vchordrq.probes = '0';
EXECUTE rows;
COMMIT;
EXECUTE rows;
CREATE FUNCTION nothing() RETURNS bigint LANGUAGE sql SET vchordrq.probes = '0'
    AS $$ SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s $$;
SELECT nothing();
EXECUTE rows;

-- values of the role and of the database are settings, too
ALTER INDEX i SET (probes = '2');
CREATE ROLE regress_vchord_probes LOGIN SUPERUSER;
ALTER ROLE regress_vchord_probes SET vchordrq.probes = '0';
SELECT current_database() AS db, current_user AS me \gset
\c - regress_vchord_probes
SHOW vchordrq.probes;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
\c - :me
DROP ROLE regress_vchord_probes;
ALTER DATABASE :"db" SET vchordrq.probes = '0';
\c
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
RESET vchordrq.probes;
SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
SET vchordrq.probes = '2';
SELECT count(*) FROM (SELECT id FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 1000) s;
ALTER DATABASE :"db" RESET vchordrq.probes;
\c

-- ALTER INDEX checks what it is given, and a build takes what is there then
ALTER INDEX i SET (probes = '1,x');
ALTER INDEX i SET (epsilon = 4.01);
ALTER INDEX i SET (epsilon = 'wide');
ALTER INDEX i SET (lists = '3,2');
ALTER INDEX i SET (nothing = 1);
ALTER INDEX i SET (options = 'nothing = 1');
ALTER INDEX i SET (options = 'build.internal.lists = [3]');
ALTER INDEX i SET (lists = 3, epsilon = 1);
SELECT reloptions FROM pg_class WHERE relname = 'i';
SELECT lists, levels FROM vchordrq_index_info('i');
REINDEX INDEX i;
SELECT lists, levels FROM vchordrq_index_info('i');
ALTER INDEX i RESET (lists, epsilon, probes);
ALTER INDEX i SET (options = 'build.internal.lists = [2, 4]');
REINDEX INDEX i;
SELECT lists, levels FROM vchordrq_index_info('i');
ALTER INDEX i RESET (options);
REINDEX INDEX i;
SELECT lists, levels FROM vchordrq_index_info('i');

-- one thing said twice
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops)
    WITH (options = 'rerank_in_table = true', rerank_in_table = true);
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops)
    WITH (options = 'rerank_in_table = true', rerank_in_table = false);
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops)
    WITH (options = 'build.pin = 1', pin = 1, lists = 2);
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = 2, lists = 2);
-- both sources together
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops)
    WITH (options = 'rerank_in_table = true', lists = 2, probes = '2');
DROP INDEX j;

-- a document of a megabyte, and one of many levels
SELECT attempt(format('CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (options = %L)',
    repeat('#' || repeat('x', 63) || E'\n', 16384)));
SELECT attempt(format('ALTER INDEX i SET (options = %L)', 'a = ' || repeat('1', 1048576)));
SELECT attempt(format('CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (options = %L)',
    'a = ' || repeat('[', 10000)));
SELECT attempt(format('CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (options = %L)',
    repeat('a.', 10000) || 'b = 1'));
-- just below the limit, all of it comments
SELECT attempt(format('CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (options = %L)',
    repeat('#' || repeat('x', 63) || E'\n', 1008)));
DROP INDEX j;

-- settings have ranges
SET vchordrq.epsilon = -0.1;
SET vchordrq.max_scan_tuples = -2;
SET vchordrq.max_scan_tuples = many;
SET vchordrq.enable_scan = perhaps;
SET vchordrq.io_rerank = write_buffer;
SET vchordrq.maxsim_refine = -1;
SET vchordrq.maxsim_threshold = -1;
SELECT attempt('SET vchordrq.epsilon = 5'), attempt('SET vchordrq.unknown = 5'), attempt('SET vchord.unknown = 5');

-- what old notes name and never was: the error says what to use
SET vchordrq.k = 10;
SET vchordrq.rerank_limit = '';
SET LOCAL vchordrq.k TO DEFAULT;
SELECT set_config('vchordrq.rerank_limit', '100', false);
SELECT count(*) FROM pg_settings WHERE name IN ('vchordrq.k', 'vchordrq.rerank_limit');
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (build_strategy = 'external');
CREATE INDEX j ON t3 USING vchordrq (val vector_l2_ops) WITH (options = 'build_strategy = "external"');
ALTER INDEX i SET (build_strategy = 'external');

-- the same precedence for epsilon, seen by rows of a range that a bound without width loses
CREATE INDEX e ON t96 USING vchordrq (val vector_l2_ops) WITH (lists = 2, epsilon = 0);
ANALYZE t96;
SELECT val AS q FROM t96 WHERE id = 1 \gset
PREPARE lost AS SELECT (SELECT count(*) FROM t96 WHERE val <-> :'q' < 5.6::real) - count(*) > 0 AS lost FROM t96 WHERE val <<->> sphere(:'q'::vector, 5.6);
SET enable_seqscan = off;
EXECUTE lost;
SET vchordrq.epsilon = 4;
EXECUTE lost;
SET vchordrq.epsilon = 1.9;
SELECT current_setting('vchordrq.epsilon');
RESET vchordrq.epsilon;
EXECUTE lost;
ALTER INDEX e SET (epsilon = 4);
EXECUTE lost;
SET vchordrq.epsilon = 0;
EXECUTE lost;
RESET vchordrq.epsilon;
ALTER INDEX e RESET (epsilon);
EXECUTE lost;
DEALLOCATE lost;
DROP INDEX e;

DROP INDEX i;
DROP FUNCTION nothing;
