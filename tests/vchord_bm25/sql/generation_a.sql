-- The older generation of the API: scripts over bm25vector, bm25_catalog in the search path.
CREATE SCHEMA ga;
SET search_path TO "$user", ga, public, bm25_catalog;
CREATE TABLE documents (id serial PRIMARY KEY, passage text, embedding bm25vector);
INSERT INTO documents (passage) SELECT passage FROM passages ORDER BY id;
UPDATE documents SET embedding = bm25_tokenize('english', passage);
CREATE INDEX documents_embedding_bm25 ON documents USING bm25 (embedding bm25_ops);
PREPARE ranked (text) AS SELECT id, round((embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', $1)))::numeric, 6) AS rank
    FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', $1)) LIMIT 10;
-- an index holds what matches
SET enable_seqscan = off;
SELECT plan($$SELECT id FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10$$);
SELECT id, round(rank::numeric, 6) FROM (SELECT id, embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) AS rank
    FROM documents ORDER BY rank LIMIT 10) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE ranked('documents');
EXECUTE ranked('documents and words');
RESET plan_cache_mode;
-- a table has the others, too: 0, not -0
RESET enable_seqscan;
SET enable_indexscan = off;
SELECT id, round(rank::numeric, 6), rank = 0 AS none FROM (SELECT id, embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) AS rank
    FROM documents ORDER BY rank, id LIMIT 10) s;
SELECT DISTINCT (embedding <&> to_bm25query('documents_embedding_bm25', '{1:1}'))::text FROM documents;
RESET enable_indexscan;
INSERT INTO documents (passage, embedding) VALUES ('PostgreSQL!', bm25_tokenize('english', 'PostgreSQL!'));
SET enable_seqscan = off;
SELECT array_agg(id) FROM (SELECT id FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL'))) s;

-- an index on an empty table, rows without a vector first
CREATE TABLE later (id serial PRIMARY KEY, passage text, embedding bm25vector);
CREATE INDEX later_bm25 ON later USING bm25 (embedding bm25_ops);
SELECT id FROM later ORDER BY embedding <&> to_bm25query('later_bm25', '{1:1}') LIMIT 10;
INSERT INTO later (passage) SELECT passage FROM passages ORDER BY id;
SELECT id FROM later ORDER BY embedding <&> to_bm25query('later_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10;
UPDATE later SET embedding = bm25_tokenize('english', passage);
SELECT array_agg(id) FROM (SELECT id FROM later ORDER BY embedding <&> to_bm25query('later_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;

-- large vectors, and a seal at every insert
CREATE TABLE big (id int, v bm25vector);
CREATE INDEX big_bm25 ON big USING bm25 (v bm25_ops);
INSERT INTO big SELECT 1, array_agg(i) FROM generate_series(1, 10000) i;
SELECT id FROM big ORDER BY v <&> to_bm25query('big_bm25', '{1:1}') LIMIT 10;
SET bm25_catalog.segment_growing_max_page_size = 1;
INSERT INTO big SELECT 2, array_agg(i) FROM generate_series(1, 1000) i;
INSERT INTO big SELECT 3, array_agg(i) FROM generate_series(1, 1000) i;
SELECT id FROM big ORDER BY v <&> to_bm25query('big_bm25', '{1:1}') LIMIT 10;
RESET bm25_catalog.segment_growing_max_page_size;

-- limits
SET bm25_catalog.bm25_limit = 0;
SELECT id FROM big ORDER BY v <&> to_bm25query('big_bm25', '{1:1}') LIMIT 10;
SET bm25_catalog.bm25_limit = -1;
SELECT id FROM big ORDER BY v <&> to_bm25query('big_bm25', '{1:1}') LIMIT 10;
RESET bm25_catalog.bm25_limit;

-- the filter inside the scan is this generation's default
DELETE FROM documents WHERE id > 10;
VACUUM documents;
SET bm25_catalog.bm25_limit = 3;
SELECT id FROM documents WHERE id % 2 = 0 ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10;
SET bm25_catalog.enable_prefilter = off;
SELECT id FROM documents WHERE id % 2 = 0 ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10;
RESET bm25_catalog.enable_prefilter;
RESET bm25_catalog.bm25_limit;

-- delete all, begin anew
DELETE FROM documents;
INSERT INTO documents (id, passage, embedding) SELECT id, passage, bm25_tokenize('english', passage) FROM passages ORDER BY id;
VACUUM documents;
SELECT array_agg(id) FROM (SELECT id FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;
RESET enable_seqscan;
SET enable_indexscan = off;
SELECT array_agg(id) FROM (SELECT id FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 6) s;
RESET enable_indexscan;
SET enable_seqscan = off;

-- the planner can be told to leave indexes alone
SET bm25_catalog.enable_index = off;
SELECT plan($$SELECT id FROM documents ORDER BY embedding <&> to_bm25query('documents_embedding_bm25', '{1:1}') LIMIT 10$$);
RESET bm25_catalog.enable_index;

-- temporary and unlogged tables
CREATE TEMPORARY TABLE temp (id int, embedding bm25vector);
CREATE INDEX temp_bm25 ON temp USING bm25 (embedding bm25_ops);
INSERT INTO temp SELECT id, bm25_tokenize('english', passage) FROM passages;
SELECT array_agg(id) FROM (SELECT id FROM temp ORDER BY embedding <&> to_bm25query('temp_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;
DELETE FROM temp WHERE id = 8;
VACUUM temp;
SELECT array_agg(id) FROM (SELECT id FROM temp ORDER BY embedding <&> to_bm25query('temp_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;
CREATE UNLOGGED TABLE unlogged (id int, embedding bm25vector);
CREATE INDEX unlogged_bm25 ON unlogged USING bm25 (embedding bm25_ops);
INSERT INTO unlogged SELECT id, bm25_tokenize('english', passage) FROM passages;
SELECT array_agg(id) FROM (SELECT id FROM unlogged ORDER BY embedding <&> to_bm25query('unlogged_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;
TRUNCATE unlogged;
INSERT INTO unlogged SELECT id, bm25_tokenize('english', passage) FROM passages WHERE id > 5;
VACUUM unlogged;
SELECT array_agg(id) FROM (SELECT id FROM unlogged ORDER BY embedding <&> to_bm25query('unlogged_bm25', bm25_tokenize('english', 'PostgreSQL')) LIMIT 10) s;

-- qualified names
SET search_path = ga;
SELECT array_agg(id) FROM (SELECT id FROM documents ORDER BY embedding <&> bm25_catalog.to_bm25query('documents_embedding_bm25',
    bm25_catalog.bm25_tokenize('english', 'PostgreSQL')::bm25_catalog.bm25vector)::bm25_catalog.bm25query LIMIT 10) s;
CREATE TABLE qualified (id int, v bm25_catalog.bm25vector, q bm25_catalog.bm25query);
INSERT INTO qualified VALUES (1, '{1:1}', bm25_catalog.to_bm25query('documents_embedding_bm25', '{1:1}'::bm25_catalog.bm25vector));
SELECT round((v <&> q)::numeric, 9) FROM qualified;
RESET search_path;
DEALLOCATE ranked;
SET client_min_messages = warning;
DROP SCHEMA ga CASCADE;
DROP TABLE temp;
