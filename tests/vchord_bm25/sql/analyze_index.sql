-- Text columns of each kind under an index: what it finds and how it scores, beside the same without it.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

-- Runs a query that gives ids by an index scan and by a sequential scan; both must agree.
CREATE FUNCTION ids(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
    by_index text;
    by_table text;
BEGIN
    SET LOCAL enable_seqscan = off;
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line;
    END LOOP;
    IF plan !~ 'Index Scan' THEN
        RAISE 'no index scan: %', plan;
    END IF;
    EXECUTE format('SELECT coalesce(string_agg(q::text, '' '' ORDER BY q::text), ''-'') FROM (%s) q', query) INTO by_index;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE format('SELECT coalesce(string_agg(q::text, '' '' ORDER BY q::text), ''-'') FROM (%s) q', query) INTO by_table;
    RESET enable_seqscan;
    RESET enable_indexscan;
    RESET enable_bitmapscan;
    RETURN CASE WHEN by_index = by_table THEN by_index ELSE by_index || ' but ' || by_table END;
END
$$;

-- text[]: elements are apart, nulls do not count
CREATE TABLE arrays (id int, t text[]);
INSERT INTO arrays VALUES (1, '{"quick brown","fox jumps"}'), (2, '{"quick","brown fox"}'), (3, '{NULL,"brown fox",NULL}'),
    (4, '{}'), (5, NULL), (6, '{"the","brown"}'), (7, '{{"brown","a fox"},{"brown","fox"}}');
CREATE INDEX arrays_t ON arrays USING bm25 (t) WITH (text_config = 'english', positions = true);
SELECT ids($$SELECT id FROM arrays WHERE t @@ to_bm25query('brown'::text, 'arrays_t'::regclass)$$);
SELECT ids($$SELECT id FROM arrays WHERE t @@ to_bm25query(phraseto_tsquery('english', 'brown fox'), 'arrays_t')$$);
SELECT ids($$SELECT id FROM arrays WHERE t @@ to_bm25query('brown <2> fox'::tsquery, 'arrays_t')$$);
SELECT id, round((t <&> to_bm25query('brown', 'arrays_t'))::numeric, 6) FROM arrays ORDER BY t <&> to_bm25query('brown', 'arrays_t'), id;

-- varchar, and a domain over text
CREATE DOMAIN words AS text;
CREATE TABLE others (id int, v varchar(40), d words);
INSERT INTO others SELECT i, 'number ' || i % 5, 'word ' || i % 7 || ' of many' FROM generate_series(1, 100) i;
CREATE INDEX others_v ON others USING bm25 (v) WITH (text_config = 'simple');
CREATE INDEX others_d ON others USING bm25 (d) WITH (text_config = 'english');
SELECT ids($$SELECT count(*) FROM others WHERE v @@ to_bm25query('3', 'others_v')$$);
SELECT ids($$SELECT count(*) FROM others WHERE d @@ to_bm25query('3 words', 'others_d')$$);
SELECT ids($$SELECT count(*) FROM others WHERE d @@ to_bm25query('3'::tsquery, 'others_d')$$);

-- more occurrences, and later ones, than a tsvector holds
CREATE TABLE long_texts (id int, t text);
INSERT INTO long_texts VALUES (1, repeat('tick tock ', 20000) || 'big ben'), (2, repeat('tick ', 300)), (3, repeat('tick ', 255) || repeat('tock ', 45)),
    (4, 'ben is big');
CREATE INDEX long_texts_t ON long_texts USING bm25 (t) WITH (text_config = 'simple', positions = true, norms = 'exact', b = 0);
SELECT ids($$SELECT id FROM long_texts WHERE t @@ to_bm25query(phraseto_tsquery('simple', 'big ben'), 'long_texts_t')$$);
-- frequencies 20000, 300, 255: f * 2.2 / (f + 1.2), less what is common
WITH s AS (SELECT id, t <&> to_bm25query('tick', 'long_texts_t') AS score FROM long_texts WHERE id < 4)
SELECT id, round((score / (SELECT score FROM s WHERE id = 1))::numeric, 8) AS ratio,
       round((f / (f + 1.2)) / (20000 / 20001.2), 8) AS expected
FROM s JOIN (VALUES (1, 20000), (2, 300), (3, 255)) v (id, f) USING (id) ORDER BY id;
SELECT ids($$SELECT id, t <&> to_bm25query('tick', 'long_texts_t') AS s FROM long_texts ORDER BY t <&> to_bm25query('tick', 'long_texts_t') LIMIT 3$$)
       ~ 'but' AS different;

-- n-grams: ranked by those that are shared; the phrase of them is the string
CREATE TABLE sentences (id int, t text);
INSERT INTO sentences VALUES
    (1, '我们在数据库里保存全文索引。'),
    (2, '数据仓库不是数据库系统。'),
    (3, '据库数的顺序不对,数据在别处。'),
    (4, '全文検索はデータベースの機能です。'),
    (5, 'データの検索とベースの演奏。'),
    (6, 'البحث في قاعدة البيانات'),
    (7, 'A database stores databases; the base of data.');
CREATE INDEX sentences_n ON sentences USING bm25 (t) WITH (text_config = 'bm25_catalog.ngram', positions = true);
SELECT id FROM sentences WHERE t <&> to_bm25query('数据库', 'sentences_n') < 0 ORDER BY t <&> to_bm25query('数据库', 'sentences_n');
SELECT q, ids(format($$SELECT id FROM sentences WHERE t @@ to_bm25query(phraseto_tsquery('bm25_catalog.ngram', %L), 'sentences_n')$$, q))
FROM unnest('{数据库,データベース,検索,البيانات,الب,DATABASE,数据在}'::text[]) q;
SELECT ids($$SELECT id FROM sentences WHERE t @@ to_bm25query(to_tsquery('bm25_catalog.ngram', '库:*'), 'sentences_n')$$);
DROP INDEX sentences_n;
CREATE INDEX sentences_t ON sentences USING bm25 (t) WITH (text_config = 'bm25_catalog.trigram', positions = true);
SELECT q, ids(format($$SELECT id FROM sentences WHERE t @@ to_bm25query(phraseto_tsquery('bm25_catalog.trigram', %L), 'sentences_t')$$, q))
FROM unnest('{数据库,データベース,البيانات,بيان,DATABASE,abas,stores databases}'::text[]) q;

DROP TABLE arrays, others, long_texts, sentences;
DROP DOMAIN words;
DROP FUNCTION ids(text);
