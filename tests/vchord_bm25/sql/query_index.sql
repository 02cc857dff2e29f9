-- The index that a query names: found, refused, read with the right to read.
CREATE SCHEMA qi;
SET search_path = qi, public, bm25_catalog;
CREATE TABLE docs (id int, body text, words tsvector, v bm25vector, tags text[]);
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'english');
CREATE INDEX docs_words ON docs USING bm25 (words);
CREATE INDEX docs_v ON docs USING bm25 (v);
CREATE INDEX docs_tags ON docs USING bm25 (tags) WITH (text_config = 'simple');
CREATE INDEX docs_id ON docs (id);
INSERT INTO docs VALUES (1, 'Cats sleep', 'cat:1 sleep:2', '{1:1, 2:1}', '{cats,sleep}'),
    (2, 'Dogs bark', 'bark:2 dog:1', '{3:1, 4:1}', '{dogs,bark}');

-- two literals: whichever names an index is the index, and its column says what the other one is
SELECT to_bm25query('docs_v', '{1:1}');
SELECT to_bm25query('{1:1}', 'docs_v');
SELECT to_bm25query('cats & dogs', 'docs_body');
SELECT to_bm25query('docs_body', 'cats & dogs');
SELECT to_bm25query('cat:1 dog:2', 'docs_words');
SELECT to_bm25query('cats', 'docs_tags');
SELECT to_bm25query('cats', 'qi.docs_tags', min_score => 0.5);
SELECT to_bm25query('"cats"', '"docs_tags"');
SELECT to_bm25query('docs_v', 'docs_body');
SELECT to_bm25query('cats', 'docs_id');
SELECT to_bm25query('docs_v', 'cats');
SELECT to_bm25query('docs_v', NULL) IS NULL;

-- kinds of query and kinds of column
CREATE FUNCTION scores(left_sql text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r text;
BEGIN
    EXECUTE format('SELECT array_agg(round((%s <&> %s)::numeric, 4) ORDER BY id) FROM docs', left_sql, query) INTO r;
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT c, q, scores(c, q) FROM (VALUES ('body', 'docs_body'), ('words', 'docs_words'), ('v', 'docs_v'), ('tags', 'docs_tags')) i (c, i),
    LATERAL unnest(ARRAY[format('to_bm25query(%L, %L::bm25vector)', i, '{1:2}'), format('to_bm25query(%L::tsvector, %L)', 'cat', i),
        format('to_bm25query(%L::tsquery, %L)', 'cat & !dog', i), format('to_bm25query(%L::text, %L::regclass)', 'cats cat', i)]) q;

-- refusals, in order
SELECT attempt($$SELECT 'cat'::tsvector <&> to_bm25query(NULL::tsvector, NULL)$$);
SELECT attempt($$SELECT 'cat'::tsvector <&> to_bm25query('cat'::tsvector, NULL)$$);
SELECT attempt($$SELECT 'cat'::text <&> to_bm25query('cat', 999999999::regclass)$$);
SELECT attempt($$SELECT 'cat'::text <&> to_bm25query('cat', 'docs'::regclass)$$);
SELECT attempt($$SELECT 'cat'::text <&> to_bm25query('cat', 'docs_id'::regclass)$$);
CREATE TABLE parts (id int, body text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE INDEX parts_body ON parts USING bm25 (body) WITH (text_config = 'english');

INSERT INTO parts VALUES (1, 'cats');
SELECT 'cats'::text <&> to_bm25query('cats', 'parts_body') < 0 AS scored;

-- several columns: the query says which one it is for
CREATE INDEX docs_two ON docs USING bm25 (body, (body || ' ' || body)) WITH (text_config = 'english', weights = '1, 3');
SELECT attempt($$SELECT body <&> to_bm25query('cats', 'qi.docs_two') FROM qi.docs$$);
SELECT bm25_field(to_bm25query('cats', 'docs_two', 0.5), 'body') AS q \gset
SELECT :'q'::bm25query, bm25query_column(:'q'), bm25query_column(bm25_field(:'q', 'expr')), bm25query_column(to_bm25query('cats', 'docs_two'));
SELECT attempt($$SELECT bm25_field(to_bm25query('cats', 'qi.docs_two'), 'nope')$$);
SELECT attempt($$SELECT '{"index": "qi.docs_two", "text": "a", "column": "nope"}'::bm25query$$);

-- columns of other types
SELECT attempt('CREATE INDEX ON docs USING bm25 (id)');
SELECT attempt('CREATE INDEX ON docs USING bm25 ((ARRAY[id]))');
SELECT attempt('CREATE INDEX ON docs USING bm25 ((body::char(10)))');
SELECT attempt('CREATE UNIQUE INDEX ON docs USING bm25 (body)');
SELECT attempt('CREATE INDEX ON docs USING bm25 (body) INCLUDE (id)');
SELECT attempt('CREATE INDEX ON docs USING bm25 (body DESC)');
CREATE DOMAIN note AS varchar(100);
CREATE TABLE notes (id int, note note, plain varchar(100));
CREATE INDEX notes_note ON notes USING bm25 (note) WITH (text_config = 'english');
CREATE INDEX notes_plain ON notes USING bm25 (plain) WITH (text_config = 'english');
INSERT INTO notes VALUES (1, 'Cats', 'Dogs');
SET enable_seqscan = off;
SELECT plan($$SELECT id FROM notes ORDER BY note <&> to_bm25query('cat', 'qi.notes_note')$$);
SELECT id FROM notes ORDER BY note <&> to_bm25query('cat', 'notes_note');
SELECT plan($$SELECT id FROM notes ORDER BY plain <&> to_bm25query('dog', 'qi.notes_plain')$$);
SELECT id FROM notes ORDER BY plain <&> to_bm25query('dog', 'notes_plain');
RESET enable_seqscan;

-- to be scored with an index takes the right to read what it indexes
CREATE ROLE regress_bm25_user;
GRANT USAGE ON SCHEMA qi TO regress_bm25_user;
SET ROLE regress_bm25_user;
SELECT attempt($$SELECT 'Cats'::text <&> to_bm25query('cats', 'qi.docs_body')$$);
RESET ROLE;
GRANT SELECT (id) ON docs TO regress_bm25_user;
SET ROLE regress_bm25_user;
SELECT attempt($$SELECT 'Cats'::text <&> to_bm25query('cats', 'qi.docs_body')$$);
RESET ROLE;
GRANT SELECT (body) ON docs TO regress_bm25_user;
SET ROLE regress_bm25_user;
SELECT attempt($$SELECT 'Cats'::text <&> to_bm25query('cats', 'qi.docs_body')$$);
SELECT attempt($$SELECT '{1:1}'::bm25_catalog.bm25vector <&> to_bm25query('qi.docs_v', '{1:1}')$$);
RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA qi CASCADE;
DROP ROLE regress_bm25_user;
