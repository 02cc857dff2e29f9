-- Tapes: written, read, appended to, freed.
CREATE EXTENSION IF NOT EXISTS vc_test_core;
CREATE TABLE tapes () WITH (autovacuum_enabled = off);
-- empty, one page, many pages, more pages than a directory page names
SELECT n, vc_test_tape_count('tapes', vc_test_tape_write('tapes', n) >> 32) AS items
  FROM unnest('{0,1,10,20000}'::int[]) n;
SELECT vc_test_tape_write('tapes', 120000) AS written \gset
SELECT vc_test_tape_count('tapes', :written >> 32);
SELECT pg_relation_size('tapes') / 8192 > 2100 AS two_directory_pages;
SELECT vc_test_tape_append('tapes', :written >> 32, 0, 1000);
SELECT vc_test_tape_count('tapes', :written >> 32);
-- the hint keeps up with appends, also from an empty tape
SELECT vc_test_tape_write('tapes', 0) >> 32 AS head \gset
SELECT vc_test_tape_append('tapes', :head, 1, 10000), vc_test_tape_append('tapes', :head, 2, 10000);
SELECT vc_test_tape_count('tapes', :head, 1), vc_test_tape_count('tapes', :head, 2);
SELECT vc_test_tape_hint('tapes', :head) <= 1 AS hint_is_near;
SELECT vc_test_tape_free('tapes', :written >> 32, false) > 2034 AS pages,
       vc_test_tape_free('tapes', :written & 4294967295, true) AS directory_pages;
-- a damaged reference
\set VERBOSITY sqlstate
SELECT vc_test_tape_count('tapes', 4000000000);
SELECT vc_test_tape_count('tapes', :written & 4294967295);
\set VERBOSITY default
-- a freed tape is read as it was until its pages are taken; then that is said
CREATE TABLE refs AS SELECT :written::bigint >> 32 AS freed;
DO $$
DECLARE
    head bigint;
    gone bool := false;
BEGIN
    SELECT freed INTO head FROM refs;
    FOR i IN 1 .. 300 LOOP
        BEGIN
            IF vc_test_tape_count('tapes', head) <> 121000 THEN
                RAISE EXCEPTION 'content of a freed tape changed';
            END IF;
        EXCEPTION WHEN internal_error THEN
            gone := SQLERRM = 'tape is gone';
            IF NOT gone THEN
                RAISE;
            END IF;
        END;
        EXIT WHEN gone;
        PERFORM vc_test_files_sweep('tapes');
        PERFORM vc_test_tape_write('tapes', 1000, 4);
        COMMIT;
    END LOOP;
    RAISE NOTICE 'recycled: %', gone;
END $$;
-- closed: one page, several
SELECT vc_test_tape_close('tapes', 1), vc_test_tape_close('tapes', 5000) > 50 AS many;
DROP TABLE tapes, refs;
