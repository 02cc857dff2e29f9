-- Input that is refused, and input at the edges that is not; what is refused leaves nothing behind.
SET client_min_messages = warning;
-- columns
CREATE TABLE b (id int, none vector, val vector(3), half halfvec(3), txt text, arr real[], sparse sparsevec(3), bits bit(8));
SELECT col, attempt(format('CREATE INDEX ON b USING vchordrq (%s)', col)) FROM unnest(ARRAY[
    'none vector_l2_ops', 'val', 'val halfvec_l2_ops', 'half vector_l2_ops', 'txt vector_l2_ops', 'arr vector_l2_ops',
    'sparse vector_l2_ops', 'bits vector_l2_ops', 'val vector_l2_ops, half halfvec_l2_ops', 'val vector_l2_ops, val vector_l2_ops',
    'val vector_l2_ops) INCLUDE (id', 'val vector_l2_ops DESC', 'val vector_l2_ops NULLS FIRST', 'val vector_l3_ops', '(val + random()::int) vector_l2_ops',
    '(none::vector) vector_l2_ops', '(none || val) vector_l2_ops', 'nothing vector_l2_ops']) col;
SELECT attempt('CREATE UNIQUE INDEX ON b USING vchordrq (val vector_l2_ops)'),
    left(attempt('ALTER TABLE b ADD EXCLUDE USING vchordrq (val vector_l2_ops WITH =)'), 5) AS exclude;
SELECT count(*) FROM pg_index WHERE indrelid = 'b'::regclass;

-- rows and queries of another dimension
CREATE INDEX b_val ON b USING vchordrq (val vector_l2_ops);
CREATE INDEX b_half ON b USING vchordrq (half halfvec_cosine_ops);
CREATE INDEX b_none ON b USING vchordrq ((none::vector(4)) vector_ip_ops);
INSERT INTO b (id, val, half, none) VALUES (1, '[1,2,3]', '[1,2,3]', '[1,2,3,4]');
SELECT attempt('INSERT INTO b (val) VALUES (''[1,2]'')'), attempt('INSERT INTO b (none) VALUES (''[1,2]'')');
SELECT attempt('UPDATE b SET none = ''[1,2,3,4,5]''');
SET enable_seqscan = off;
SELECT attempt('SELECT id FROM b ORDER BY val <-> ''[1,2]'''), attempt('SELECT id FROM b ORDER BY half <=> ''[1,2,3,4]'' LIMIT 1'),
    attempt('SELECT id FROM b ORDER BY (none::vector(4)) <#> ''[1,2,3]''');
SELECT attempt('INSERT INTO b (val) VALUES (''[1,2,NaN]'')'), attempt('INSERT INTO b (val) VALUES (''[1,2,Infinity]'')'),
    attempt('INSERT INTO b (half) VALUES (''[1,2,1e6]'')'), attempt('SELECT id FROM b ORDER BY val <-> ''[1,NaN,2]''');
SELECT id FROM b ORDER BY val <-> '[1,2,3]';
SELECT c.relname, k.* FROM pg_class c, vchordrq_index_check(c.oid::regclass, true) k WHERE relname IN ('b_val', 'b_half', 'b_none');
-- during a build, in the sample and beyond it
CREATE TABLE rows (id int, val vector);
INSERT INTO rows SELECT id, val FROM t3;
INSERT INTO rows VALUES (0, '[1,2]');
SELECT attempt('CREATE INDEX ON rows USING vchordrq ((val::vector(3)) vector_l2_ops)'),
    attempt('CREATE INDEX ON rows USING vchordrq ((val::vector(3)) vector_l2_ops) WITH (lists = 2, sampling_factor = 1)');
DELETE FROM rows WHERE id = 0;
SELECT attempt('CREATE INDEX ON rows USING vchordrq ((val::vector(3)) vector_l2_ops)');
DROP TABLE b, rows;

-- vectors without a direction
CREATE TABLE z (id int, val vector(3), big halfvec(100));
INSERT INTO z SELECT i, ARRAY[i % 3, 0, 0]::vector, array_fill(i % 3, ARRAY[100])::halfvec FROM generate_series(1, 300) i;
CREATE INDEX ON z USING vchordrq (val vector_cosine_ops);
CREATE INDEX ON z USING vchordrq (big halfvec_cosine_ops) WITH (lists = 3);
CREATE INDEX ON z USING vchordrq (big halfvec_l2_ops);
CREATE INDEX ON z USING vchordrq (val vector_ip_ops) WITH (lists = 3);
INSERT INTO z VALUES (301, '[0,0,0]', array_fill(0, ARRAY[100])::halfvec), (302, '[1,1,1]', array_fill(-1, ARRAY[100])::halfvec);
CREATE FUNCTION counts(what text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r text;
BEGIN
    EXECUTE format('SELECT format(''%%s rows, %%s different'', count(id), count(DISTINCT id)) FROM (SELECT id FROM z ORDER BY %s %L LIMIT 1000) s', what, query) INTO r;
    RETURN r;
END $$;
SELECT counts('val <=>', '[1,0,0]'), counts('val <=>', '[0,0,0]'), counts('val <#>', '[0,0,0]'), counts('val <#>', '[1,0,0]');
SELECT counts('big <=>', q), counts('big <->', q) FROM unnest(ARRAY[array_fill(0, ARRAY[100])::halfvec::text, array_fill(1, ARRAY[100])::halfvec::text]) q;
-- rows with a direction come as they would without an index
SELECT ARRAY(SELECT round((val <=> '[1,0.5,0]')::numeric, 3) FROM z WHERE val <> '[0,0,0]' ORDER BY val <=> '[1,0.5,0]' LIMIT 3);
DELETE FROM z WHERE id % 2 = 0;
VACUUM z;
REINDEX TABLE z;
SELECT counts('val <=>', '[1,0,0]'), counts('val <=>', '[0,0,0]'), counts('big <=>', array_fill(1, ARRAY[100])::halfvec::text);
SELECT indexrelid::regclass, k.* FROM pg_index, vchordrq_index_check(indexrelid::regclass, true) k WHERE indrelid = 'z'::regclass;
DROP TABLE z;
DROP FUNCTION counts;

-- lengths up to 1e18, beyond which squares leave the range of float; directions of all lengths
CREATE TABLE z (id int, val vector(96), half halfvec(96));
INSERT INTO z SELECT id, array_agg(x * 10.0 ^ (id % 18) ORDER BY n)::vector, array_agg(x * 10.0 ^ (id % 5) ORDER BY n)::vector::halfvec
FROM t96, unnest(val::real[]::float8[]) WITH ORDINALITY u (x, n) WHERE id <= 400 GROUP BY id;
INSERT INTO z SELECT 400 + i, array_fill((ARRAY[1e17, -1e17, 1e-38, 1e-45, 0])[i], ARRAY[96])::vector,
    array_fill((ARRAY[65504, -65504, 6e-8, 1e-4, 0])[i], ARRAY[96])::vector::halfvec FROM generate_series(1, 5) i;
CREATE FUNCTION everything(col text, op text, class text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    one text;
    r text := '';
    q int;
BEGIN
    EXECUTE format('CREATE INDEX z_i ON z USING vchordrq (%I %s) %s', col, class, options);
    FOREACH q IN ARRAY ARRAY[1, 17, 401, 402, 403, 404, 405] LOOP
        EXECUTE format('SELECT count(*) || ''/'' || count(DISTINCT id) FROM (SELECT id FROM z ORDER BY %I %s (SELECT %1$I FROM z WHERE id = %3$s)) s', col, op, q) INTO one;
        r := concat_ws(' ', r, one);
    END LOOP;
    r := r || coalesce((SELECT '; ' || string_agg(message, '; ') FROM vchordrq_index_check('z_i', true)), '');
    DROP INDEX z_i;
    RETURN r;
END $$;
SELECT everything('val', '<->', 'vector_l2_ops', o), everything('val', '<#>', 'vector_ip_ops', o), everything('val', '<=>', 'vector_cosine_ops', o),
    everything('half', '<->', 'halfvec_l2_ops', o), everything('half', '<#>', 'halfvec_ip_ops', o)
FROM unnest(ARRAY['', 'WITH (lists = 4)', 'WITH (rerank_in_table)']) o;
CREATE INDEX z_l2 ON z USING vchordrq (val vector_l2_ops);
SELECT attempt('INSERT INTO z (val) VALUES (array_fill(1e18, ARRAY[96])::vector)'),
    attempt('SELECT id FROM z ORDER BY val <-> array_fill(3e38, ARRAY[96])::vector');
DROP INDEX z_l2;
INSERT INTO z (id, val) VALUES (406, array_fill(3e38, ARRAY[96])::vector);
SELECT attempt('CREATE INDEX ON z USING vchordrq (val vector_l2_ops)'), attempt('CREATE INDEX ON z USING vchordrq (val vector_ip_ops)');
CREATE INDEX z_cosine ON z USING vchordrq (val vector_cosine_ops);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM z ORDER BY val <=> (SELECT val FROM z WHERE id = 406)) s;
DROP TABLE z;
DROP FUNCTION everything;

-- dimensions: the smallest, around a word of a code, pages, the largest
CREATE FUNCTION dims(d int, n int, options text, typ text DEFAULT 'vector', op text DEFAULT '<->', class text DEFAULT 'l2') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    fill text := format('INSERT INTO dims SELECT i, array_agg(((i * 7919 + j * j * (i + 31)) %% 1009 - 504) / 512.0)::vector(%s)
        FROM generate_series(1::bigint, %1$s) j, generate_series($1, $2) i GROUP BY i ORDER BY i', d);
    verdict text;
BEGIN
    EXECUTE format('CREATE TABLE dims (id int, val %s(%s))', typ, d);
    EXECUTE fill USING 1, n;
    EXECUTE format('CREATE INDEX dims_i ON dims USING vchordrq (val %s_%s_ops) %s', typ, class, options);
    EXECUTE fill USING n + 1, n + n / 4;
    SELECT string_agg(DISTINCT c.verdict, '; ') INTO verdict FROM unnest(ARRAY[1, n / 2, n + 1]) q,
        check_scan(format('SELECT val %s (SELECT val FROM dims WHERE id = %s) FROM dims ORDER BY val %1$s (SELECT val FROM dims WHERE id = %2$s) LIMIT 5', op, q), 0.8) c;
    verdict := verdict || coalesce((SELECT '; ' || string_agg(message, '; ') FROM vchordrq_index_check('dims_i', true)), '');
    DROP TABLE dims;
    RETURN verdict;
END $$;
SELECT d, dims(d, 200, '') AS plain, dims(d, 200, 'WITH (rerank_in_table)') AS in_table, dims(d, 200, '', 'halfvec', '<#>', 'ip') AS half
FROM unnest(ARRAY[1, 2, 31, 63, 64, 65, 127, 128, 129, 512]) d;
SELECT d, dims(d, 20, '') AS plain, dims(d, 20, 'WITH (rerank_in_table)') AS in_table, dims(d, 20, 'WITH (degree_of_parallelism = 1)', 'halfvec', '<=>', 'cosine') AS half
FROM unnest(ARRAY[1999, 2000, 2001, 4000]) d;
SELECT d, dims(d, 20, '') AS plain, dims(d, 20, 'WITH (rerank_in_table)') AS in_table, dims(d, 20, 'WITH (lists = 2, residual_quantization)', 'halfvec') AS half
FROM unnest(ARRAY[15999, 16000]) d;
SELECT attempt('CREATE TABLE toolarge (val vector(16001))');
DROP FUNCTION dims;

-- what is not an index of ours, or none at all
CREATE TABLE o (id int PRIMARY KEY);
SELECT attempt('SELECT vchordrq_prewarm(''o'')'), attempt('SELECT vchordrq_prewarm(''o_pkey'')'), attempt('SELECT vchordrq_prewarm(''nothing'')'), attempt('SELECT vchordrq_prewarm(0)');
SELECT attempt('SELECT vchordrq_index_info(''o'')'), attempt('SELECT vchordrq_index_info(''o_pkey'')'), attempt('SELECT vchordrq_index_info(0)');
SELECT attempt('SELECT vchordrq_index_check(''o'')'), attempt('SELECT vchordrq_index_check(''o_pkey'')'), attempt('SELECT vchordrq_page_inspect(''o_pkey'', 0)'), attempt('SELECT vchordrq_page_inspect(''o'', 0)');
DROP TABLE o;
