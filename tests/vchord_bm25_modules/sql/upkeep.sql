-- Build, insert, seal, merge, VACUUM: after each of them the index holds what the table holds, posting by
-- posting (vc_test_bm25_compare).
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
CREATE EXTENSION IF NOT EXISTS vc_test_bm25;
SET client_min_messages = warning;
SET search_path = public, bm25_catalog;
-- n words, most of them frequent
CREATE FUNCTION words(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 2000), ' '), '')
      FROM generate_series(1, n) j
$$;
CREATE FUNCTION stats(index regclass, OUT docs bigint, OUT dead bigint, OUT growing bigint, OUT segments int)
    LANGUAGE sql AS 'SELECT documents, dead_documents, growing_documents, segments FROM bm25_stats(index)';
CREATE TABLE docs (id serial, title text, body text) WITH (autovacuum_enabled = off);
INSERT INTO docs (title, body)
SELECT CASE WHEN i % 9 = 0 THEN NULL ELSE words(i, i % 7) END,
       CASE WHEN i % 50 = 0 THEN NULL WHEN i % 51 = 0 THEN '' ELSE words(i, 5 + i % 60) END
  FROM generate_series(1, 1500) i;
-- larger than a page, and than some
INSERT INTO docs (body) SELECT string_agg('big' || j % 3000, ' ') FROM generate_series(1, 8000) j;

-- builds
CREATE INDEX plain ON docs USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX exact ON docs USING bm25 (body) WITH (text_config = 'simple', norms = 'exact');
CREATE INDEX places ON docs USING bm25 (title, body) WITH (text_config = 'simple', positions = on);
SELECT i, vc_test_bm25_compare(i::regclass), (stats(i::regclass)).* FROM unnest('{plain,exact,places}'::text[]) i;
SELECT relname, reltuples FROM pg_class WHERE relname IN ('plain', 'places') ORDER BY 1;
-- the same file whatever memory and workers
CREATE FUNCTION fingerprint(index regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bytes bytea;
BEGIN
    CHECKPOINT;
    bytes := pg_read_binary_file(pg_relation_filepath(index));
    -- but for LSN and checksum of the pages
    RETURN (SELECT md5(string_agg(substr(bytes, p * 8192 + 11, 8182), ''::bytea ORDER BY p))
              FROM generate_series(0, length(bytes) / 8192 - 1) p);
END $$;
SELECT fingerprint('places') AS before \gset
BEGIN;
SET LOCAL maintenance_work_mem = '1MB';
REINDEX INDEX places;
COMMIT;
SELECT fingerprint('places') = :'before' AS same_with_1mb;
BEGIN;
SET LOCAL maintenance_work_mem = '128MB';
SET LOCAL max_parallel_maintenance_workers = 2;
SET LOCAL min_parallel_table_scan_size = 0;
REINDEX INDEX places;
COMMIT;
SELECT fingerprint('places') = :'before' AS same_with_workers;
CREATE INDEX CONCURRENTLY beside ON docs USING bm25 (body) WITH (text_config = 'simple', positions = on);
SELECT vc_test_bm25_compare('beside');
DROP INDEX beside;

-- inserts: nobody seals below the limit, then somebody does
ALTER INDEX places SET (growing_limit = 8);
INSERT INTO docs (title, body) SELECT words(i, 4), words(i, i % 90) FROM generate_series(10000, 10600) i;
SELECT growing_documents, segments FROM bm25_stats('plain');
SELECT growing_documents < 601 AND segments > 1 AS sealed FROM bm25_stats('places');
SELECT i, vc_test_bm25_compare(i::regclass) FROM unnest('{plain,exact,places}'::text[]) i;
-- large documents in the growing area count as the pages that they take
INSERT INTO docs (body) SELECT string_agg('huge' || (i * 100 + j) % 7000, ' ') FROM generate_series(1, 8000) j, generate_series(1, 3) i GROUP BY i;
SELECT growing_documents FROM bm25_stats('plain');
SELECT growing_documents < 3 AS sealed FROM bm25_stats('places');
SELECT i, vc_test_bm25_compare(i::regclass) FROM unnest('{plain,exact,places}'::text[]) i;

-- rows that were rolled back are documents until VACUUM
BEGIN;
INSERT INTO docs (body) SELECT words(i, 10) FROM generate_series(20000, 20100) i;
ROLLBACK;
SELECT growing_documents FROM bm25_stats('plain');
VACUUM docs;
SELECT i, vc_test_bm25_compare(i::regclass) FROM unnest('{plain,exact,places}'::text[]) i;

-- flush and merge
INSERT INTO docs (body) SELECT words(i, 10) FROM generate_series(30000, 30100) i;
SELECT bm25_flush('plain'), bm25_flush('plain');
SELECT growing_documents FROM bm25_stats('plain');
SELECT vc_test_bm25_compare('plain');
SELECT bm25_merge('plain'), bm25_merge('plain', true), bm25_merge('plain', true);
SELECT (stats('plain')).*, vc_test_bm25_compare('plain');
-- tiers: fanout segments of one size become one
ALTER INDEX plain SET (merge_fanout = 4);
DO $$
BEGIN
    FOR i IN 1 .. 7 LOOP
        INSERT INTO docs (body) SELECT words(40000 + i * 100 + j, 10) FROM generate_series(1, 20) j;
        PERFORM bm25_flush('plain');
    END LOOP;
END $$;
SELECT segments FROM bm25_stats('plain');
SELECT bm25_merge('plain');
SELECT segments FROM bm25_stats('plain');
SELECT vc_test_bm25_compare('plain');

-- VACUUM: few dead documents are marked, many are left out
DELETE FROM docs WHERE id % 10 = 3;
VACUUM docs;
SELECT i, vc_test_bm25_compare(i::regclass), (bm25_stats(i::regclass)).dead_documents > 0 AS some_dead
  FROM unnest('{plain,exact,places}'::text[]) i;
CREATE TEMP TABLE before AS SELECT i, bm25_stats(i::regclass)::text AS s FROM unnest('{plain,exact,places}'::text[]) i;
VACUUM docs;
SELECT i, s = bm25_stats(i::regclass)::text AS unchanged FROM before;
DELETE FROM docs WHERE id % 3 = 0 OR body LIKE 'huge%';
VACUUM docs;
SELECT i, vc_test_bm25_compare(i::regclass), (SELECT dead * 5 < docs FROM stats(i::regclass)) AS few_dead FROM unnest('{plain,exact,places}'::text[]) i;
SELECT c.reltuples = (SELECT count(*) FROM docs WHERE body IS NOT NULL) AS right FROM pg_class c WHERE relname = 'plain';
ANALYZE docs;
-- dead ones among the growing, and the space is used again
DO $$
BEGIN
    FOR i IN 1 .. 6 LOOP
        INSERT INTO docs (title, body) SELECT words(j, 4), words(j, 40) FROM generate_series(50000, 51000) j;
        DELETE FROM docs WHERE id IN (SELECT id FROM docs ORDER BY id DESC LIMIT 500);
        COMMIT;
    END LOOP;
END $$;
VACUUM docs;
SELECT i, vc_test_bm25_compare(i::regclass) FROM unnest('{plain,exact,places}'::text[]) i;
-- everything
DELETE FROM docs;
VACUUM docs;
SELECT i, (stats(i::regclass)).* FROM unnest('{plain,exact,places}'::text[]) i;
INSERT INTO docs (title, body) VALUES ('a b', 'c d e f'), (NULL, NULL), ('only', NULL);
SELECT i, vc_test_bm25_compare(i::regclass), (stats(i::regclass)).* FROM unnest('{plain,exact,places}'::text[]) i;

-- empty, unlogged, temporary
CREATE TABLE empty (body text);
CREATE INDEX empty_i ON empty USING bm25 (body) WITH (text_config = 'simple');
SELECT bm25_stats('empty_i');
SELECT bm25_flush('empty_i'), bm25_merge('empty_i', true);
VACUUM empty;
INSERT INTO empty SELECT words(i, 10) FROM generate_series(1, 100) i;
SELECT vc_test_bm25_compare('empty_i');
CREATE UNLOGGED TABLE unlogged AS SELECT words(i, 10) AS body FROM generate_series(1, 1000) i;
CREATE INDEX unlogged_i ON unlogged USING bm25 (body) WITH (text_config = 'simple', growing_limit = 2);
INSERT INTO unlogged SELECT words(i, 10) FROM generate_series(1, 1000) i;
DELETE FROM unlogged WHERE ctid < '(3,1)';
VACUUM unlogged;
SELECT vc_test_bm25_compare('unlogged_i'), segments > 1 AS sealed FROM bm25_stats('unlogged_i');
CREATE TEMP TABLE temporary AS SELECT words(i, 10) AS body FROM generate_series(1, 1000) i;
CREATE INDEX temporary_i ON temporary USING bm25 (body) WITH (text_config = 'simple', growing_limit = 2);
INSERT INTO temporary SELECT words(i, 10) FROM generate_series(1, 1000) i;
DELETE FROM temporary WHERE ctid < '(3,1)';
VACUUM temporary;
SELECT vc_test_bm25_compare('temporary_i'), segments > 1 AS sealed FROM bm25_stats('temporary_i');

-- more segments than the metapage has room for
CREATE TABLE many (body text);
CREATE INDEX many_i ON many USING bm25 (body) WITH (text_config = 'simple', merge_fanout = 64);
DO $$
BEGIN
    FOR i IN 1 .. 140 LOOP
        INSERT INTO many VALUES (words(i, 5));
        PERFORM bm25_flush('many_i');
    END LOOP;
END $$;
SELECT segments BETWEEN 100 AND 128 AS bounded, documents FROM bm25_stats('many_i');
SELECT vc_test_bm25_compare('many_i');
-- more than one merge takes
SELECT bm25_merge('many_i', true) > 1 AS merged;
SELECT segments FROM bm25_stats('many_i');
SELECT vc_test_bm25_compare('many_i');

-- who may, and what
CREATE ROLE regress_bm25_user;
GRANT USAGE ON SCHEMA bm25_catalog, public TO regress_bm25_user;
GRANT SELECT ON many TO regress_bm25_user;
CREATE INDEX many_btree ON many (body);
SET ROLE regress_bm25_user;
SELECT segments FROM bm25_stats('many_i');
SELECT bm25_stats('empty_i');
SELECT bm25_flush('many_i');
SELECT bm25_merge('many_i');
RESET ROLE;
SELECT bm25_flush('many_btree');
SELECT bm25_flush('many');
SELECT bm25_stats('many');
DROP TABLE docs, empty, unlogged, temporary, many;
DROP OWNED BY regress_bm25_user;
DROP ROLE regress_bm25_user;
DROP FUNCTION words, stats, fingerprint;
