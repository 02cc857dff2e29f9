-- Settings and reloptions: spellings, ranges, precedence.
CREATE SCHEMA op;
SET search_path = op, public;
SELECT attempt('SET bm25.unknown = 1') AS before_load;
SELECT bm25_catalog.bm25_version() <> '' AS loaded;
SELECT name, setting, min_val, max_val, enumvals, context FROM pg_settings WHERE name ~ '^bm25' ORDER BY name COLLATE "C";
-- both prefixes are ours
SELECT attempt('SET bm25.nothing = 1'), attempt('SET bm25_catalog.nothing = 1');
SELECT attempt('SET "bm25.limit" = -3'), attempt('SET "bm25.limit" = 65536'), attempt('SET bm25_catalog.bm25_limit = 65535');
SELECT attempt('SET bm25.prefilter = maybe'), attempt('SET bm25_catalog.segment_growing_max_page_size = 0');
RESET bm25_catalog.bm25_limit;

CREATE TABLE t (id int, body text, title text);
INSERT INTO t SELECT id, passage, split_part(passage, ' ', 1) FROM passages;
CREATE FUNCTION refused(options text) RETURNS text LANGUAGE sql AS $$
    SELECT attempt('CREATE INDEX refused ON op.t USING bm25 (body) WITH (' || options || ')')
$$;
SELECT o, refused(o) FROM (VALUES ('k1 = -1'), ('k1 = 11'), ('k1 = x'), ('b = -0.1'), ('b = 1.1'), ('limit = -2'), ('limit = 65536'),
    ('default_limit = x'), ('limit = 1, default_limit = 1'), ('prefilter = maybe'), ('text_config = ''nope'''), ('text_config = ''a.b.c.d'''),
    ('norms = ''rough'''), ('weights = ''1,2'''), ('weights = ''0'''), ('weights = ''a'''), ('weights = '''''), ('weights = ''1,'''), ('weights = ''1e7'''),
    ('growing_limit = 0'), ('growing_limit = 1000001'), ('merge_fanout = 1'), ('merge_fanout = 65'), ('positions = 2'), ('nothing = 1'),
    ('options = ''k1 = "a"'''), ('options = ''k1 = 11'''), ('options = ''k2 = 1'''), ('options = ''k1 = 1.5'', k1 = 1.5'),
    ('options = ''k1'''), ('options = ''[build.internal]''')) v (o);
CREATE INDEX t_i ON t USING bm25 (body) WITH (options = $$
k1 = 1.5
b = 0.5
[build]
$$, limit = 5, prefilter = on, text_config = 'english', norms = 'exact', growing_limit = 10, merge_fanout = 4, weights = '2.5', positions = off);
SELECT reloptions FROM pg_class WHERE oid = 't_i'::regclass;
SELECT attempt('ALTER INDEX t_i SET (limit = -1)'), attempt('ALTER INDEX t_i SET (limit = 70000)'), attempt('ALTER INDEX t_i RESET (limit)'),
    attempt('ALTER INDEX t_i SET (text_config = ''nope'')');
DROP INDEX t_i;

-- which limit counts: rows of a query that six match
SET enable_seqscan = off;
CREATE INDEX t_i ON t USING bm25 (body) WITH (text_config = 'english');
CREATE FUNCTION rows() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT id FROM t ORDER BY body <&> to_bm25query('PostgreSQL', 'op.t_i')) s);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT rows() AS unset;
ALTER INDEX t_i SET (default_limit = 2);
SELECT rows() AS reloption;
ALTER INDEX t_i RESET (default_limit);
ALTER INDEX t_i SET (limit = 0);
SELECT rows() AS zero_option;
ALTER INDEX t_i SET (limit = 2);
SET bm25_catalog.bm25_limit = 3;
SELECT rows() AS older;
SET "bm25.limit" = 4;
SELECT rows() AS both;
SET bm25_catalog.bm25_limit = 0;
SELECT rows() AS both;
RESET "bm25.limit";
SELECT rows() AS older_zero;
RESET bm25_catalog.bm25_limit;
SELECT rows() AS reloption;
BEGIN;
SET LOCAL "bm25.limit" = 1;
SELECT rows() AS local;
COMMIT;
SELECT rows() AS reloption;
SET "bm25.limit" = -1;
SELECT rows() AS everything;
SET "bm25.limit" = -2;
SELECT rows() AS automatic;
SET "bm25.limit" = 0;
SELECT rows() AS zero;
-- the source of a setting counts, not its value
SET "bm25.limit" TO DEFAULT;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET bm25_catalog.bm25_limit = 5', current_database()); END $$;
\c
SET search_path = op, public;
SET enable_seqscan = off;
-- set before the library is loaded
SELECT rows() AS of_database;
SET "bm25.limit" = 1;
SELECT rows() AS of_session;
RESET "bm25.limit";
SELECT rows() AS of_database;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET bm25_catalog.bm25_limit', current_database()); END $$;
\c
SET search_path = op, public;
SET enable_seqscan = off;

-- k1, b, norms and weights count when the index is built
ALTER INDEX t_i RESET (limit);
CREATE FUNCTION score(word text) RETURNS float8 LANGUAGE sql AS $$ SELECT body <&> to_bm25query(word, 'op.t_i') FROM t WHERE id = 2 $$;
SELECT score('PostgreSQL') AS plain \gset
ALTER INDEX t_i SET (k1 = 2, b = 0, weights = '3');
SELECT score('PostgreSQL') = :plain AS same;
REINDEX INDEX t_i;
-- without length: k1 + 1 over tf + k1 is 1
SELECT abs(score('PostgreSQL') + 3 * ln((10 + 1) / (6 + 0.5))) < 1e-12 AS as_computed;
SELECT score('PostgreSQL') = :plain AS same;
DROP INDEX t_i;
-- the configuration: the index's, or the one of the session that built it; text queries follow it
SET default_text_search_config = 'simple';
CREATE INDEX t_i ON t USING bm25 (body);
SET default_text_search_config = 'english';
SELECT score('languages') < 0 AS found, score('language') < 0 AS stemmed;
SET default_text_search_config = 'simple';
DROP INDEX t_i;
CREATE INDEX t_i ON t USING bm25 (body) WITH (text_config = 'pg_catalog.english');
SELECT score('languages') < 0 AS found, score('language') < 0 AS stemmed;
RESET default_text_search_config;

-- a configuration that an index needs is not dropped
CREATE TEXT SEARCH CONFIGURATION op.own (COPY = simple);
-- from 17 on, its name without a schema is not even found
SELECT attempt($$CREATE INDEX t_own ON t USING bm25 (body) WITH (text_config = 'own')$$) ~ 'schema of "own"|"own" does not exist' AS refused;
CREATE INDEX t_own ON t USING bm25 (body) WITH (text_config = 'op.own');
SELECT attempt('DROP TEXT SEARCH CONFIGURATION op.own');
REINDEX INDEX t_own;
DROP INDEX t_own;
DROP TEXT SEARCH CONFIGURATION op.own;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA op CASCADE;
