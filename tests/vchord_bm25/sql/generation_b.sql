-- The newer generation of the API: scripts over tsvector, without a search path.
CREATE SCHEMA gb;
SET search_path TO "$user", gb, public;
CREATE TABLE documents (id int PRIMARY KEY, passage text);
INSERT INTO documents SELECT * FROM passages ORDER BY id;
SET enable_seqscan = off;

-- an expression index
CREATE INDEX documents_passage_bm25 ON documents USING bm25 (to_tsvector('english', passage) bm25_ops);
SET "bm25.limit" = 10;
SELECT plan($$SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')$$);
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');

-- partial indexes; of several that would do, the one in the query is searched
CREATE INDEX documents_even ON documents USING bm25 (to_tsvector('english', passage) bm25_ops) WHERE id % 2 = 0;
CREATE INDEX documents_odd ON documents USING bm25 (to_tsvector('english', passage) bm25_ops) WHERE id % 2 = 1;
SELECT array_agg(id) FROM (SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')) s;
SELECT array_agg(id) FROM (SELECT id FROM documents WHERE id % 2 = 0 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_even')) s;
SELECT array_agg(id) FROM (SELECT id FROM documents WHERE id % 2 = 1 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_odd')) s;
SELECT array_agg(id) FROM (SELECT id FROM documents WHERE id % 2 = 0 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')) s;
SELECT array_agg(id) FROM (SELECT id FROM documents WHERE id % 2 = 1 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')) s;
-- on request, another index than the one in the query is an error, as it was
SET bm25.strict_index_match = on;
SELECT attempt($$SELECT id FROM documents WHERE id % 2 = 0 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')$$);
SELECT attempt($$SELECT id FROM documents WHERE id % 2 = 1 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')$$);
RESET bm25.strict_index_match;
DROP INDEX documents_even, documents_odd;

-- the filter inside the scan is not this generation's default
SET "bm25.limit" = 3;
SELECT id FROM documents WHERE id % 2 = 0 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SET bm25.prefilter = on;
SELECT id FROM documents WHERE id % 2 = 0 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
RESET bm25.prefilter;
SET "bm25.limit" = 0;
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SET "bm25.limit" TO DEFAULT;
DROP INDEX documents_passage_bm25;

-- reloptions where a setting is not set
CREATE INDEX documents_passage_bm25 ON documents USING bm25 (to_tsvector('english', passage) bm25_ops) WITH (limit = 2);
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SET "bm25.limit" = 3;
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
ALTER INDEX documents_passage_bm25 SET (limit = 1);
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SET "bm25.limit" TO DEFAULT;
SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SELECT id FROM documents WHERE id <> 8 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
ALTER INDEX documents_passage_bm25 SET (prefilter = on);
SELECT id FROM documents WHERE id <> 8 ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25');
SET bm25.enable_scan = off;
SELECT plan($$SELECT id FROM documents ORDER BY to_tsvector('english', passage) <&> to_bm25query(to_tsvector('english', 'PostgreSQL'), 'documents_passage_bm25')$$);
RESET bm25.enable_scan;

-- tsvector columns: repeats, positions and weights of the query do not count; documents need positions
CREATE TABLE ts (id int, v tsvector);
CREATE INDEX ts_bm25 ON ts USING bm25 (v bm25_ops);
INSERT INTO ts SELECT id, to_tsvector('english', passage) FROM passages;
SELECT array_agg(id) FROM (SELECT id FROM ts ORDER BY v <&> to_bm25query('postgresql:1A,2,3', 'ts_bm25')) s;
SELECT array_agg(id) FROM (SELECT id FROM ts ORDER BY v <&> to_bm25query('postgresql'::tsvector, 'ts_bm25')) s;
SELECT attempt('INSERT INTO ts VALUES (11, ''postgresql'')');
SELECT attempt('SELECT ''postgresql''::tsvector <&> to_bm25query(''postgresql''::tsvector, ''ts_bm25'')');
SELECT attempt('SELECT id FROM ts ORDER BY v <&> to_bm25query(NULL::tsvector, ''ts_bm25'')');
SELECT id FROM ts ORDER BY v <&> NULL::bm25query;
SELECT attempt('SELECT v <&> to_bm25query(NULL::tsvector, ''ts_bm25'') FROM ts');
SELECT attempt('SELECT v <&> to_bm25query(v, NULL) FROM ts');
CREATE INDEX CONCURRENTLY ts_again ON ts USING bm25 (v bm25_ops) WITH (options = 'k1 = 1.5');
SELECT array_agg(id) FROM (SELECT id FROM ts ORDER BY v <&> to_bm25query('postgresql'::tsvector, 'ts_again')) s;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA gb CASCADE;
