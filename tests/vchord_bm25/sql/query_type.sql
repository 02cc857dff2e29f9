-- bm25query without an index: constructors by type, text and binary form, accessors.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
RESET client_min_messages;
CREATE SCHEMA qt;
SET search_path = qt, bm25_catalog;
\set VERBOSITY terse
CREATE TABLE docs (id int);
CREATE INDEX "my index" ON docs (id);
CREATE INDEX idx ON docs (id);

-- each constructor; words may be typed or not as long as the index is
SELECT to_bm25query('idx', '{1:2}'::bm25vector);
SELECT to_bm25query('idx', '{1,2,1}'::int[]);
SELECT to_bm25query('idx'::regclass, '{1:2}');
SELECT to_bm25query(to_tsvector('english', 'some cats'), 'idx');
SELECT to_bm25query(to_tsquery('english', 'cat & !dog'), 'idx');
SELECT to_bm25query('some "cats"'::text, 'idx'::regclass);
SELECT to_bm25query('some cats', 'idx'::regclass);
SELECT to_bm25query('a'::varchar, 'idx'::regclass);
SELECT to_bm25query('{1:1}'::bm25vector, 'idx');
-- min_score, by name and by place, with each
SELECT to_bm25query('idx', '{1:2}'::bm25vector, min_score => 1.5);
SELECT to_bm25query(to_tsvector('english', 'some cats'), 'idx', min_score => 2);
SELECT to_bm25query(to_tsquery('english', 'cat & !dog'), 'idx', 0.25);
SELECT to_bm25query('some cats', 'idx'::regclass, min_score => 1e-3);
SELECT to_bm25query('some cats', 'idx'::regclass, -0.0);
SELECT to_bm25query('some cats', 'idx'::regclass, -1);
SELECT to_bm25query('some cats', 'idx'::regclass, 'NaN');
SELECT to_bm25query('some cats', 'idx'::regclass, 'Infinity');
-- two literals need an index of ours
SELECT to_bm25query('idx', '{1:2}');
SELECT to_bm25query('some cats', 'idx');
SELECT to_bm25query('no.such.name.at.all', '"unclosed');
SELECT to_bm25query('otherdb.public.idx', '');

-- nulls: only the tsvector form keeps them
SELECT to_bm25query('idx', NULL::bm25vector) IS NULL, to_bm25query('idx', NULL) IS NULL,
    to_bm25query(NULL::tsquery, 'idx') IS NULL, to_bm25query(NULL::text, 'idx'::regclass) IS NULL,
    to_bm25query(NULL::tsvector, 'idx') IS NULL, to_bm25query('a'::tsvector, NULL) IS NULL;
SELECT to_bm25query(NULL::tsvector, 'idx'), to_bm25query('a'::tsvector, NULL), to_bm25query(NULL::tsvector, NULL);

-- text form: round trips, names that need quotes, names that are not in the search path
CREATE TABLE q AS SELECT row_number() OVER () AS n, q FROM (VALUES
    (to_bm25query('"my index"', '{1:2}'::bm25vector, 1.5)),
    (to_bm25query(E'it''s "quoted" \\ and \n split'::text, '"my index"'::regclass)),
    (to_bm25query(to_tsquery('simple', 'a & (b | !c:*) <2> d:AB'), 'idx')),
    (to_bm25query('a:1A,2 b:3'::tsvector, 'idx', 0.1)),
    (to_bm25query(NULL::tsvector, NULL)),
    (to_bm25query(''::text, 'idx'::regclass))) v(q);
SELECT q FROM q ORDER BY n;
SELECT n FROM q WHERE q::text::bm25query::text <> q::text;
SET search_path = bm25_catalog;
SELECT q FROM qt.q ORDER BY n;
SELECT n FROM qt.q WHERE q::text::bm25query::text <> q::text;
SET search_path = qt, bm25_catalog;
-- binary form
\set file '/query_type.bin'
\getenv outputdir TESTDIR
\set path :outputdir :file
CREATE TABLE copied (n bigint, q bm25query);
COPY q TO :'path' (FORMAT binary);
COPY copied FROM :'path' (FORMAT binary);
SELECT count(*), count(*) FILTER (WHERE q.q::text = copied.q::text) AS same FROM q JOIN copied USING (n);

-- parts
SELECT bm25query_index(q), bm25query_kind(q), bm25query_payload(q), bm25query_min_score(q) FROM q ORDER BY n;

-- what is no text form
CREATE FUNCTION refused(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t::pg_catalog.bm25query;
    RETURN 'accepted';
EXCEPTION WHEN others THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT t, refused(t) FROM (VALUES (''), ('[]'), ('1'), ('{}'), ('{"index": "idx"}'), ('{"text": "a"}'),
    ('{"index": "idx", "text": 1}'), ('{"index": 1, "text": "a"}'), ('{"index": "nope", "text": "a"}'),
    ('{"index": "idx", "text": "a", "tsquery": "a"}'), ('{"index": "idx", "text": "a", "boost": 1}'),
    ('{"index": "idx", "text": "a", "min_score": "1"}'), ('{"index": "idx", "text": "a", "min_score": -1}'),
    ('{"index": "idx", "vector": "{1}"}'), ('{"index": "idx", "tsquery": "a b"}'),
    ('{"index": "idx", "text": "a", "min_score": 0.5}'), ('{"index": null, "text": null}')) v(t);

SET client_min_messages = warning;
DROP SCHEMA qt CASCADE;
