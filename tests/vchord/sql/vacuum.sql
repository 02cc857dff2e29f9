-- VACUUM: rounds of deletes and inserts over all shapes of an index, compaction, reuse, statistics.
-- Each line: what was done, findings of the check (0), rows of the index = rows of the table = reltuples.
SET client_min_messages = warning;
SET min_parallel_index_scan_size = 0;
SET check_function_bodies = off;

CREATE FUNCTION vec(i int, dim int) RETURNS float4[] LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * (k + 1.5))::float4) FROM generate_series(1, dim) k $$;

CREATE FUNCTION add(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    typ text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 't'::regclass AND attname = 'v');
    dim int := (SELECT atttypmod FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v');
BEGIN
    EXECUTE format('INSERT INTO t SELECT i, vec(i, %s)::vector::%s FROM generate_series(%s, %s) i',
                   dim, typ, first, last);
END $$;

CREATE FUNCTION state(OUT findings bigint, OUT same_rows boolean, OUT same_reltuples boolean,
                      OUT live bigint, OUT dead_ok boolean, OUT appended_ok boolean)
LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM vchordrq_index_check('i', true)),
           info.rows = (SELECT count(v) FROM t),
           info.rows = (SELECT reltuples FROM pg_class WHERE oid = 'i'::regclass),
           info.rows,
           -- what compaction leaves: less than a fifth dead, less than a block appended a list
           info.dead_rows * 4 <= info.rows, info.appended_rows < 32 * info.lists
    FROM vchordrq_index_info('i') info
$$;

-- one round of everything
CREATE FUNCTION rounds(typ text, ops text, options text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS t;
    EXECUTE format('CREATE TABLE t (id int, v %s) WITH (autovacuum_enabled = off)', typ);
    PERFORM add(1, 400);
    INSERT INTO t VALUES (401, NULL);
    EXECUTE format('CREATE INDEX i ON t USING vchordrq (v %s) %s', ops,
                   CASE WHEN options <> '' THEN 'WITH (' || options || ')' END);
END $$;

-- vector(100) vector_l2_ops lists = '8'
SELECT rounds('vector(100)', 'vector_l2_ops', $$lists = '8'$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- halfvec(100) halfvec_cosine_ops lists = '3,9'
SELECT rounds('halfvec(100)', 'halfvec_cosine_ops', $$lists = '3,9'$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- vector(100) vector_ip_ops residual_quantization = false
SELECT rounds('vector(100)', 'vector_ip_ops', $$residual_quantization = false$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- vector(100) vector_cosine_ops lists = '4', rerank_in_table = true
SELECT rounds('vector(100)', 'vector_cosine_ops', $$lists = '4', rerank_in_table = true$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- vector(20) vector_cosine_ops lists = '5'
SELECT rounds('vector(20)', 'vector_cosine_ops', $$lists = '5'$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- vector(3) vector_l2_ops 
SELECT rounds('vector(3)', 'vector_l2_ops', $$$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- vector(2500) vector_l2_ops lists = '4'
SELECT rounds('vector(2500)', 'vector_l2_ops', $$lists = '4'$$);
SELECT 'built' AS step, * FROM state();
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
SELECT 'few died' AS step, * FROM state();
SELECT add(1001, 1020);
VACUUM t;
SELECT 'few added' AS step, * FROM state();
SELECT add(1021, 1500);
VACUUM t;
SELECT 'many added' AS step, * FROM state();
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT 'half died' AS step, * FROM state();
DELETE FROM t;
VACUUM t;
SELECT 'all died' AS step, * FROM state();
SELECT add(1, 100);
VACUUM t;
SELECT 'new rows' AS step, * FROM state();

-- space of the dead serves the living: the index stops growing
SELECT rounds('vector(100)', 'vector_l2_ops', $$lists = '8'$$);
CREATE PROCEDURE turnover(n int) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM t WHERE id % 2 = n % 2;
    PERFORM add(i, i) FROM generate_series(1, 400) i WHERE i % 2 = n % 2;
END $$;
CALL turnover(1);
VACUUM t;
CALL turnover(2);
VACUUM t;
CALL turnover(3);
VACUUM t;
SELECT pages AS before FROM vchordrq_index_info('i') \gset
CALL turnover(4);
VACUUM t;
CALL turnover(5);
VACUUM t;
CALL turnover(6);
VACUUM t;
CALL turnover(7);
VACUUM t;
SELECT pages <= :before * 1.1 AS bounded FROM vchordrq_index_info('i');
SELECT findings, same_rows FROM state();

-- nothing to do: nothing is written
VACUUM t;
SELECT md5(string_agg(vchordrq_page_inspect('i', b)::text, '' ORDER BY b)) AS pages_before,
       pg_current_wal_insert_lsn() AS lsn_before
FROM generate_series(0, (SELECT pages - 1 FROM vchordrq_index_info('i'))) b \gset
VACUUM t;
SELECT pg_current_wal_insert_lsn() - :'lsn_before' < 4096 AS hardly_any_wal;
SELECT md5(string_agg(vchordrq_page_inspect('i', b)::text, '' ORDER BY b)) = :'pages_before' AS same_pages
FROM generate_series(0, (SELECT pages - 1 FROM vchordrq_index_info('i'))) b;

-- ANALYZE compacts nothing
SELECT add(2001, 2400);
ANALYZE t;
SELECT appended_rows FROM vchordrq_index_info('i');
VACUUM ANALYZE t;
SELECT appended_ok FROM state();

-- many passes of one VACUUM, and index cleanup off
DELETE FROM t WHERE id % 5 = 0;
VACUUM (INDEX_CLEANUP OFF) t;
SELECT findings FROM state();
VACUUM t;
SELECT findings, same_rows, dead_ok FROM state();

-- parallel workers, each with an index
CREATE INDEX j ON t USING vchordrq (v vector_ip_ops) WITH (lists = '4');
CREATE INDEX k ON t USING vchordrq (v vector_cosine_ops) WITH (rerank_in_table = true);
DELETE FROM t WHERE id % 3 = 0;
SELECT add(3001, 3300);
VACUUM (PARALLEL 2) t;
SELECT x, (SELECT count(*) FROM vchordrq_index_check(x, true)) AS findings,
       (SELECT info.rows FROM vchordrq_index_info(x) info) = (SELECT count(v) FROM t) AS same_rows,
       (SELECT appended_rows < 32 * lists FROM vchordrq_index_info(x)) AS appended_ok
FROM unnest(ARRAY['i', 'j', 'k']::regclass[]) x;

-- VACUUM FULL, REINDEX, an index made and validated beside the others
VACUUM FULL t;
REINDEX INDEX i;
REINDEX INDEX CONCURRENTLY j;
CREATE INDEX CONCURRENTLY l ON t USING vchordrq (v vector_l2_ops);
SELECT x, (SELECT count(*) FROM vchordrq_index_check(x, true)) AS findings,
       (SELECT info.rows FROM vchordrq_index_info(x) info) = (SELECT count(v) FROM t) AS same_rows
FROM unnest(ARRAY['i', 'j', 'k', 'l']::regclass[]) x;

-- temporary and unlogged tables
CREATE TEMP TABLE u (id int, v vector(3));
INSERT INTO u SELECT i, vec(i, 3)::vector FROM generate_series(1, 500) i;
CREATE INDEX ui ON u USING vchordrq (v vector_l2_ops);
DELETE FROM u WHERE id % 2 = 0;
INSERT INTO u SELECT i, vec(i, 3)::vector FROM generate_series(501, 700) i;
VACUUM u;
SELECT count(*) FROM vchordrq_index_check('ui', true);
SELECT rows, appended_rows < 32 * lists AS appended_ok FROM vchordrq_index_info('ui');
CREATE UNLOGGED TABLE w (id int, v halfvec(70));
CREATE INDEX wi ON w USING vchordrq (v halfvec_l2_ops);
INSERT INTO w SELECT i, vec(i, 70)::vector::halfvec FROM generate_series(1, 500) i;
VACUUM w;
DELETE FROM w WHERE id % 2 = 0;
VACUUM w;
SELECT count(*) FROM vchordrq_index_check('wi', true);
SELECT rows, appended_rows < 32 * lists AS appended_ok FROM vchordrq_index_info('wi');

DROP TABLE t, w;
DROP FUNCTION vec, add, state, rounds;
DROP PROCEDURE turnover;
