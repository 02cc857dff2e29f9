-- Functions that look inside an index.
SET client_min_messages = warning;
SET search_path = public, bm25_catalog;
CREATE TABLE t (id int, title text, body text, tags bm25vector) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, CASE WHEN i % 5 > 0 THEN 'title ' || i % 7 END,
    CASE WHEN i % 50 > 0 THEN 'all ' || repeat('often ', i % 4 + 1) || 'word' || i || ' some' || i % 40 END,
    format('{7:1, %s:2}', i % 5 + 8)::bm25vector
FROM generate_series(1, 1200) i;
CREATE INDEX i ON t USING bm25 (title, body) WITH (text_config = 'simple', positions = on);
CREATE INDEX v ON t USING bm25 (tags) WITH (norms = 'exact');
CREATE INDEX mixed ON t USING bm25 (tags, body) WITH (text_config = 'simple', positions = on, norms = 'exact');
CREATE INDEX part ON t USING bm25 (lower(body)) WITH (text_config = 'simple') WHERE id % 3 = 0;
CREATE INDEX other ON t (id);
CREATE TABLE no_rows (body text);
CREATE INDEX no_rows_i ON no_rows USING bm25 (body) WITH (text_config = 'simple');

CREATE FUNCTION sound(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    one text;
    bad text := '';
BEGIN
    FOREACH one IN ARRAY '{i,v,mixed,part,no_rows_i}'::text[] LOOP
        bad := bad || coalesce((SELECT string_agg(format('%s: %s %s; ', one, block, message), '')
            FROM bm25_index_check(one::regclass, true)), '');
    END LOOP;
    RETURN what || ': ' || CASE bad WHEN '' THEN 'sound' ELSE bad END;
END $$;
SELECT sound('built');
INSERT INTO t SELECT i, 'title ' || i, repeat('often ', 3) || 'all new' || i, '{1:1}' FROM generate_series(2001, 2100) i;
-- larger than a page
INSERT INTO t SELECT 3000, 'large', string_agg('many' || n, ' '), NULL FROM generate_series(1, 5000) n;
INSERT INTO t SELECT 3001, 'repeated', repeat('repeated ', 9000), '{1:100000}';
INSERT INTO t VALUES (3002, NULL, NULL, NULL), (3003, '', '', '{}');
SELECT sound('inserted');
DELETE FROM t WHERE id % 10 = 0;
VACUUM t;
SELECT sound('vacuumed');
SELECT bm25_flush('i'), bm25_flush('v');
SELECT sound('sealed');
INSERT INTO t SELECT i, 'title', 'more ' || i, '{3:3}' FROM generate_series(4001, 4300) i;
SELECT bm25_flush('i'), bm25_flush('mixed');
DELETE FROM t WHERE id % 11 = 0;
VACUUM t;
SELECT sound('vacuumed again');
UPDATE t SET body = body || ' changed' WHERE id % 13 = 0;
SELECT sound('updated');
SELECT bm25_merge('i', true), bm25_merge('mixed', true);
SELECT sound('merged');
DELETE FROM t WHERE id < 1000;
VACUUM t;
SELECT sound('most are gone');
-- in ranges of documents, and by a filter instead of exact sets
SET maintenance_work_mem = '1MB';
INSERT INTO no_rows SELECT 'w' || n % 100 || ' x' || n FROM generate_series(1, 70000) n;
REINDEX INDEX no_rows_i;
SELECT sound('little memory');
RESET maintenance_work_mem;

-- a table that is not what was indexed
CREATE FUNCTION changing(body text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN 'same ' || body; END$$;
CREATE TABLE e (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO e VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE INDEX e_i ON e USING bm25 (changing(body)) WITH (text_config = 'simple');
INSERT INTO e VALUES (4, 'four');
SELECT * FROM bm25_index_check('e_i', true);
CREATE OR REPLACE FUNCTION changing(body text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
    RETURN CASE body WHEN 'two' THEN 'same same two' WHEN 'three' THEN 'same Three' WHEN 'four' THEN 'same fours' ELSE 'same ' || body END;
END$$;
SELECT * FROM bm25_index_check('e_i', true);
SELECT * FROM bm25_index_check('e_i');

-- bm25_page_inspect: every page has a kind
CREATE VIEW pages AS
SELECT one, b, bm25_page_inspect(one::regclass, b)::jsonb AS p
FROM unnest('{i,v,mixed,part,no_rows_i,e_i}'::text[]) one, generate_series(0, (pg_relation_size(one::regclass) / 8192 - 1)::int) b;
SELECT p ->> 'kind' AS kind, count(*) > 0 AS some, count(*) FILTER (WHERE p ? 'problem') AS problems,
       count(*) FILTER (WHERE p ->> 'crc_ok' = 'false') AS bad_crc
FROM pages GROUP BY 1 ORDER BY 1;
SELECT p ->> 'version' AS version, p ->> 'valid' AS valid, p ->> 'positions' AS positions, p ->> 'text_config' AS config,
       jsonb_array_length(p -> 'segments') AS segments
FROM pages WHERE one = 'i' AND b = 0;
SELECT p -> 'terms' AS terms FROM pages WHERE one = 'e_i' AND p ->> 'kind' = 'term';
SELECT p -> 'tids' AS tids FROM pages WHERE one = 'e_i' AND p ->> 'kind' = 'document';
SELECT p -> 'documents' AS documents FROM pages WHERE one = 'e_i' AND p ->> 'kind' = 'growing';
-- the same numbers by other ways
SELECT sum((p ->> 'docs')::int - (s ->> 'dead')::int) = (SELECT documents - growing_documents FROM bm25_stats('i')) AS documents
FROM (SELECT p, bm25_page_inspect('i', (p ->> 'state')::int)::jsonb AS s FROM pages
      WHERE one = 'i' AND p ->> 'kind' = 'header' AND p ->> 'free' = 'false' AND p ? 'docs') h;
SELECT sum((k ->> 'count')::int) = (SELECT sum((x ->> 'df')::int) FROM pages, jsonb_array_elements(p -> 'terms') x
      WHERE one = 'mixed' AND p ->> 'kind' = 'term' AND p ->> 'free' = 'false' AND x ? 'ordinal') AS large_lists
FROM pages, jsonb_array_elements(p -> 'blocks') k
WHERE one = 'mixed' AND p ->> 'kind' = 'posting' AND p ->> 'free' = 'false';

\set VERBOSITY terse
SELECT bm25_page_inspect('i', -1);
SELECT bm25_page_inspect('i', 1000000);
SELECT bm25_page_inspect('other', 0);
SELECT bm25_page_inspect(NULL, 0) IS NULL AS strict;
SELECT * FROM bm25_index_check('t');
SELECT * FROM bm25_index_check('other');

-- who may
CREATE ROLE regress_bm25_reader;
GRANT USAGE ON SCHEMA bm25_catalog TO regress_bm25_reader;
SET ROLE regress_bm25_reader;
SELECT bm25_page_inspect('i', 0);
SELECT * FROM bm25_index_check('i');
RESET ROLE;
GRANT EXECUTE ON FUNCTION bm25_page_inspect, bm25_index_check TO regress_bm25_reader;
SET ROLE regress_bm25_reader;
SELECT bm25_page_inspect('i', 0);
SELECT * FROM bm25_index_check('i');
RESET ROLE;
GRANT SELECT ON t TO regress_bm25_reader;
SET ROLE regress_bm25_reader;
SELECT bm25_page_inspect('i', 0) IS NOT NULL AS allowed;
RESET ROLE;
DROP TABLE t, e, no_rows CASCADE;
DROP FUNCTION sound, changing;
REVOKE ALL ON FUNCTION bm25_page_inspect, bm25_index_check FROM regress_bm25_reader;
REVOKE ALL ON SCHEMA bm25_catalog FROM regress_bm25_reader;
DROP ROLE regress_bm25_reader;
