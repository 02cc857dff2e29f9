-- Parsers that cut words into n-grams.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

SELECT * FROM ts_token_type('ngram');
SELECT * FROM ts_parse('ngram', '');
SELECT * FROM ts_parse('ngram', ' -,. ');
SELECT * FROM ts_parse('ngram', 'PostgreSQL数据库系统,很好。a1 雨');
SELECT * FROM ts_parse('ngram', 'カタカナとひらがなを、検索する。東京タワー');
SELECT * FROM ts_parse('ngram', '한국어 검색은 쉽다');
SELECT * FROM ts_parse('ngram', 'naïve Straße, Привет мир! مرحبا بِالعالم، صفحة ٣ नमस्ते');
-- servers differ in how wide they take these to be
\pset format unaligned
SELECT * FROM ts_parse('ngram', U&'\3042\3044(\3046) \+020000\+020001\+020002 می\200Cخواهم 😀😀 x' );
\pset format aligned
SELECT * FROM ts_parse('trigram', 'Graph of graphs, ab a1b2 数据库 мир Привет');

SELECT to_tsvector('ngram', '数据库系统与数据仓库, Big DATA');
SELECT to_tsvector('trigram', 'Bookkeeping and booking');

-- A string is the phrase of its n-grams.
SELECT phraseto_tsquery('ngram', '数据库'), plainto_tsquery('ngram', '数据库 系统'), to_tsquery('ngram', '数据库 & !系统'),
       websearch_to_tsquery('ngram', '"数据库" -系统');
CREATE TABLE sentences (id int, t text);
INSERT INTO sentences VALUES
    (1, '我们在数据库里保存全文索引。'),
    (2, '数据仓库不是数据库系统。'),
    (3, '据库数的顺序不对,数据在别处。'),
    (4, '全文検索はデータベースの機能です。'),
    (5, 'データの検索とベースの演奏。'),
    (6, 'البحث في قاعدة البيانات'),
    (7, 'A database stores databases; the base of data.');
SELECT q, c,
       (SELECT array_agg(id ORDER BY id) FROM sentences WHERE to_tsvector(c::regconfig, t) @@ phraseto_tsquery(c::regconfig, q)) AS found,
       (SELECT array_agg(id ORDER BY id) FROM sentences WHERE lower(t) LIKE '%' || lower(q) || '%') AS holding
FROM (VALUES ('数据库', 'ngram'), ('数据', 'ngram'), ('全文', 'ngram'), ('データベース', 'ngram'), ('検索', 'ngram'),
             ('البيانات', 'ngram'), ('DATABASE', 'ngram'), ('databas', 'trigram'), ('base', 'trigram'), ('قاعدة', 'trigram'),
             ('stores databases', 'trigram')) v (q, c);
-- one character, or two of a word: a prefix
SELECT array_agg(id ORDER BY id) FROM sentences WHERE to_tsvector('ngram', t) @@ to_tsquery('ngram', '库:*');
SELECT array_agg(id ORDER BY id) FROM sentences WHERE to_tsvector('trigram', t) @@ to_tsquery('trigram', 'da:*');

-- The index finds the same in them as to_tsvector.
SELECT c, count(*) > 1000 AS enough, bool_and(bm25_tokenize(c::regconfig, t) = bm25_vector(to_tsvector(c::regconfig, t))) AS equal
FROM (SELECT t FROM sentences UNION ALL SELECT description FROM pg_description) x, unnest('{ngram,trigram}'::text[]) c
GROUP BY c ORDER BY c COLLATE "C";

-- long runs
SELECT count(*), sum(cardinality(positions)), max(positions[cardinality(positions)])
FROM bm25_analyze('ngram', repeat('東京都', 10000));
SELECT count(*), sum(cardinality(positions)) FROM bm25_analyze('trigram', repeat('abcd', 10000));

-- Headlines need the blanks between words, which these parsers do not give: the server says so.
SELECT ts_headline('ngram', 'a text', to_tsquery('ngram', 'text'));

DROP TABLE sentences;

-- Other encodings: the same tokens, in the encoding of the database.
\set home :DBNAME
CREATE DATABASE ngram_euc TEMPLATE template0 ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C';
\c ngram_euc
CREATE EXTENSION vchord_bm25;
SET client_encoding = 'UTF8';
SELECT * FROM ts_parse('bm25_catalog.ngram', '東京タワー、ＡＢＣ and 雨。');
SELECT to_tsvector('bm25_catalog.ngram', '全文検索') @@ phraseto_tsquery('bm25_catalog.ngram', '文検索');
CREATE DATABASE ngram_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
\c ngram_ascii
CREATE EXTENSION vchord_bm25;
SELECT alias, octet_length(token) FROM ts_debug('bm25_catalog.ngram', E'caf\303\251 au lait');
\c :home
DROP DATABASE ngram_euc;
DROP DATABASE ngram_ascii;
