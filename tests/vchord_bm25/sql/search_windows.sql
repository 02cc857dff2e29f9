-- Searches over many windows of documents (4096 each): lists of every density, one or several of them essential,
-- ties across windows, dead documents, k above the number of matches.  Compared with the operator on every row.
SET search_path = public, bm25_catalog;
SET extra_float_digits = 1;
CREATE TABLE window_doc (id int, v bm25vector);
-- 0: every document.  1, 2, 3: one of 3, 40, 700.  4: eight equal documents, 2500 apart.  5: in one window only.
-- 6: the frequency grows.  Few lengths and frequencies, so most scores are those of many documents.
INSERT INTO window_doc SELECT i, (array_fill(0, ARRAY[1 + i % 2])
    || CASE WHEN i % 3 = 0 THEN ARRAY[1] ELSE '{}' END || CASE WHEN i % 40 = 1 THEN ARRAY[2] ELSE '{}' END
    || CASE WHEN i % 700 = 5 THEN ARRAY[3] ELSE '{}' END || CASE WHEN i % 2500 = 7 THEN ARRAY[4, 4] ELSE '{}' END
    || CASE WHEN i BETWEEN 9000 AND 9300 THEN ARRAY[5] ELSE '{}' END
    || CASE WHEN i % 5 = 2 THEN array_fill(6, ARRAY[1 + i / 4000]) ELSE '{}' END)::bm25vector
FROM generate_series(0, 19999) i;
CREATE INDEX window_v ON window_doc USING bm25 (v bm25_ops);
CREATE FUNCTION window_check() RETURNS TABLE (query text, compared bigint, hits bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    words text;
    k int;
    q bm25query;
    want text[];
    got text[];
    algorithm text;
BEGIN
    FOREACH words IN ARRAY ARRAY['{0:1}', '{4:1}', '{0:1, 3:1}', '{0:1, 4:1}', '{1:1, 2:1}', '{1:1, 6:1}', '{0:1, 5:1}',
        '{0:1, 1:1, 3:1, 4:1}', '{2:1, 3:2, 5:1}', '{0:1, 1:1, 2:1, 3:1, 4:1, 5:1, 6:1}', '{3:1, 77:1}'] LOOP
        q := to_bm25query('window_v', words::bm25vector);
        query := words;
        compared := 0;
        wrong := 0;
        SELECT array_agg((id, score)::text ORDER BY score, tid), count(*) INTO want, hits
            FROM (SELECT id, ctid AS tid, v <&> q AS score FROM window_doc OFFSET 0) scored WHERE score < 0;
        FOREACH algorithm IN ARRAY '{auto,wand,maxscore,exhaustive}'::text[] LOOP
            FOREACH k IN ARRAY '{1,8,10,1000,50000}'::int[] LOOP
                PERFORM set_config('bm25.algorithm', algorithm, true), set_config('enable_seqscan', 'off', true);
                EXECUTE format('SELECT array_agg((id, score)::text) FROM
                    (SELECT id, v <&> $1 AS score FROM window_doc ORDER BY v <&> $1 LIMIT %s) best', k) INTO got USING q;
                compared := compared + 1;
                wrong := wrong + (got IS DISTINCT FROM want[:k])::int;
            END LOOP;
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM window_check();
-- the best of the ties are dead: not visible, then known to the index
DELETE FROM window_doc WHERE (id % 2500 = 7 AND id < 10000) OR id % 11 = 3;
SELECT * FROM window_check();
VACUUM window_doc;
SELECT * FROM window_check();
-- more segments, and documents in none
INSERT INTO window_doc SELECT id + 20000, v FROM window_doc WHERE id < 6000;
SELECT bm25_flush('window_v') IS NOT NULL AS flushed;
INSERT INTO window_doc SELECT id + 30000, v FROM window_doc WHERE id < 100;
SELECT * FROM window_check();
DROP TABLE window_doc;
DROP FUNCTION window_check;
