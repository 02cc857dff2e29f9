-- Pages that a crash leaves to nobody: VACUUM gives them back, and nothing else.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
CREATE EXTENSION IF NOT EXISTS vc_test_bm25;
RESET client_min_messages;
SET search_path = public, bm25_catalog;

CREATE TABLE lost (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO lost SELECT i, 'word w' || i % 50 FROM generate_series(1, 2000) i;
CREATE INDEX lost_i ON lost USING bm25 (body bm25_ops) WITH (text_config = 'simple');
-- two tapes and a segment of each have been
INSERT INTO lost SELECT i, 'word v' || i % 50 FROM generate_series(1, 500) i;
SELECT bm25_flush('lost_i') AS sealed;
INSERT INTO lost SELECT i, 'word u' || i % 50 FROM generate_series(1, 50) i;
INSERT INTO lost SELECT 0, string_agg('long' || i, ' ') FROM generate_series(1, 3000) i;
DELETE FROM lost WHERE id % 10 = 3;
VACUUM lost;
SELECT bm25_index_check('lost_i', true);

CREATE FUNCTION lost_meta(what text) RETURNS int LANGUAGE sql AS $$
    SELECT (bm25_page_inspect('lost_i', 0)::json #>> string_to_array(what, '.'))::int $$;
-- MORE of a tape that was sealed, and of the growing one
SELECT vc_test_bm25_lose('lost_i', 4, 1, 2, 3) > 0 AS more, lost_meta('growing.incarnation') > 2 AS growing;
SELECT vc_test_bm25_lose('lost_i', 4, 1, lost_meta('growing.incarnation'), 3) > 0 AS more_of_now;
-- of a segment that was never published: pages, header, state
SELECT vc_test_bm25_lose('lost_i', 32, 2, 2, 9) > 0 AS pages, vc_test_bm25_lose('lost_i', 8, 2, 2, 1) > 0 AS header,
    vc_test_bm25_lose('lost_i', 16, 2, 2, 1) > 0 AS state;
-- an extent that a living segment does not know
SELECT vc_test_bm25_lose('lost_i', 32, 2, lost_meta('segments.0.incarnation'), 128) > 0 AS extent;
-- of an incarnation that has not been given out
SELECT vc_test_bm25_lose('lost_i', 4, 1, lost_meta('next_incarnation') + 5, 2) > 0 AS later;
SELECT bm25_index_check('lost_i', true);

VACUUM lost;
SELECT bm25_index_check('lost_i', true);
-- what is left is of the growing tape, until that is sealed
CREATE FUNCTION lost_pages() RETURNS TABLE (owner int, pages bigint) LANGUAGE sql AS $$
    SELECT (p->>'owner')::int, count(*) FROM generate_series(1, pg_relation_size('lost_i') / 8192 - 1) b,
        LATERAL (SELECT bm25_page_inspect('lost_i', b::int)::json AS p) x
    WHERE NOT (p->>'free')::bool AND p->>'kind' = 'more' GROUP BY 1 $$;
SELECT owner, pages > 3 AS some FROM lost_pages();
SELECT bm25_flush('lost_i') AS sealed;
VACUUM lost;
SELECT bm25_index_check('lost_i', true);
SELECT * FROM lost_pages();
SET enable_seqscan = off;
SELECT count(*) FROM lost WHERE body @@ to_bm25query('word'::tsquery, 'lost_i');
SELECT count(*) FROM lost WHERE body @@ to_bm25query('long77'::tsquery, 'lost_i');
-- they are given out again
INSERT INTO lost SELECT i, 'word w' || i % 50 FROM generate_series(1, 2000) i;
SELECT bm25_merge('lost_i', true) > 0 AS merged;
VACUUM lost;
SELECT bm25_index_check('lost_i', true);
DROP TABLE lost;
DROP FUNCTION lost_meta, lost_pages;
