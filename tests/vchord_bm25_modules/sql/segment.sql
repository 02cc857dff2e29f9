-- Segments written and read back, compared with the corpus in memory: both sinks, with and without
-- positions (flag 1), quantised and exact norms (flag 2), one field and several.
CREATE EXTENSION IF NOT EXISTS vc_test_bm25;
CREATE TABLE segments () WITH (autovacuum_enabled = off);
CREATE UNLOGGED TABLE segments_unlogged () WITH (autovacuum_enabled = off);
CREATE TEMPORARY TABLE segments_temp ();
SELECT sink, flags, fields,
       vc_test_bm25_segment('segments', sink, 10 + flags, 6000, fields, flags, 1500) > 100000 AS checked
  FROM unnest('{build,live}'::text[]) sink, generate_series(0, 3) flags, unnest('{1,3}'::int[]) fields
 WHERE (flags + fields) % 2 = 1 OR sink = 'live';
-- blocks by the hundred, more than one page of summaries
SELECT vc_test_bm25_segment('segments', 'live', 20, 150000, 1, 0, 100) > 1000000 AS checked;
-- few documents
SELECT docs, vc_test_bm25_segment('segments', sink, 30 + docs, docs, 2, 1, 0) > 100 AS checked
  FROM unnest('{build,live}'::text[]) sink, unnest('{3,4,130,1356,1357}'::int[]) docs;
-- a dictionary of three levels, and many lengths a document
SELECT vc_test_bm25_segment('segments', 'live', 40, 500, 32, 0, 60000) > 1000000 AS checked;
SELECT vc_test_bm25_segment('segments_unlogged', 'live', 50, 3000, 1, 1, 100) > 10000 AS checked;
SELECT vc_test_bm25_segment('segments_temp', sink, 60, 3000, 1, 1, 100) > 10000 AS checked
  FROM unnest('{build,live}'::text[]) sink;
-- a file that is emptied within a transaction, and gets the same names again
BEGIN;
CREATE TABLE segments_again ();
SELECT vc_test_bm25_segment('segments_again', 'build', 70, 2000, 1, 0, 100) > 10000 AS checked;
TRUNCATE segments_again;
SELECT vc_test_bm25_segment('segments_again', 'build', 71, 2000, 1, 0, 90) > 10000 AS checked;
COMMIT;

-- what a crash would leave, also when extents go on to a second header page
SELECT vc_test_bm25_abandon('segments', 1, 1000, false) > 0 AS freed;
SELECT vc_test_bm25_abandon('segments', 700, 5, false) > 700 AS freed;
SELECT vc_test_bm25_abandon('segments', 1000, 5, true) > 1000 AS freed;
SELECT vc_test_bm25_abandon('segments_unlogged', 1000, 50, true) > 1000 AS freed;

-- damage: an error of its own class or an answer, never anything else
DO $$
DECLARE
    flags int;
    refused int := 0;
    answered int := 0;
    sound bigint;
BEGIN
    FOR flags IN 0 .. 3 LOOP
        -- a new file each time: its headers are not kept while the transaction lasts
        CREATE TABLE damaged () WITH (autovacuum_enabled = off);
        PERFORM vc_test_bm25_make('damaged', 80 + flags, 1500, 1 + flags % 2, flags);
        sound := vc_test_bm25_read('damaged');
        FOR round IN 1 .. 500 LOOP
            PERFORM vc_test_bm25_damage('damaged', flags * 100000 + round);
            BEGIN
                PERFORM vc_test_bm25_read('damaged');
                answered := answered + 1;
            EXCEPTION WHEN index_corrupted THEN
                refused := refused + 1;
            END;
            PERFORM vc_test_bm25_restore('damaged');
        END LOOP;
        IF vc_test_bm25_read('damaged') <> sound THEN
            RAISE 'not restored';
        END IF;
        DROP TABLE damaged;
    END LOOP;
    IF refused < 400 OR answered < 100 OR refused + answered <> 2000 THEN
        RAISE 'refused %, answered %', refused, answered;
    END IF;
END
$$;
DROP TABLE segments, segments_unlogged, segments_temp, segments_again;
DROP EXTENSION vc_test_bm25;
