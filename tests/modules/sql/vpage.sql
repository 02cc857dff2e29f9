-- Virtual files against a shadow, across every boundary of their structure; the seed is printed by
-- a failure's context and can be given by hand.
CREATE EXTENSION IF NOT EXISTS vc_test_core;
CREATE TABLE vpages () WITH (autovacuum_enabled = off);
CREATE UNLOGGED TABLE vpages_unlogged () WITH (autovacuum_enabled = off);
CREATE TEMPORARY TABLE vpages_temp ();
SELECT boundary, vc_test_vpage_exercise('vpages', boundary, 400, 1) > 1000 AS checked
  FROM unnest('{start,direct,4GB,leaf,indirect-2,height-1}'::text[]) boundary;
SELECT vc_test_vpage_exercise('vpages_unlogged', 'direct', 300, 2) > 1000 AS checked;
SELECT vc_test_vpage_exercise('vpages_temp', 'direct', 300, 3) > 1000 AS checked;
-- all of that lies in a small relation
SELECT pg_relation_size('vpages') < 200 * 1024 * 1024 AS small;

-- streams, reopened by a second statement
CREATE TABLE files AS SELECT vc_test_vpage_create('vpages', '4GB') AS root;
SELECT vc_test_vpage_stream('vpages', root, 2000) FROM files;
SELECT vc_test_vpage_stream('vpages', root, 2000) FROM files;
SELECT vc_test_vpage_verify('vpages', root) FROM files;
SELECT vc_test_vpage_truncate('vpages', root) BETWEEN 1000 AND 3000 AS about_half FROM files;
SELECT vc_test_vpage_stream('vpages', root, 1000) BETWEEN 2000 AND 4000 AS sum FROM files;

-- an append that fails leaves what was flushed
DO $$
DECLARE
    n bigint;
BEGIN
    SELECT vc_test_vpage_verify('vpages', root) INTO n FROM files;
    BEGIN
        PERFORM vc_test_vpage_stream('vpages', root, 100), 1 / (root - root) FROM files;
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
    -- not transactional: the records stay
    IF (SELECT vc_test_vpage_verify('vpages', root) FROM files) <> n + 100 THEN
        RAISE EXCEPTION 'records lost';
    END IF;
END $$;

-- damage: a link to a page of another file, to an inode, to itself, beyond the end
SELECT vc_test_vpage_create('vpages', 'start') AS root, vc_test_vpage_create('vpages', 'start') AS other \gset
SELECT vc_test_vpage_stream('vpages', :root, 500), vc_test_vpage_stream('vpages', :other, 500);
SELECT vc_test_vpage_verify('vpages', :root);
SELECT count(*) FROM (SELECT vc_test_vpage_relink('vpages', :root, 1, :other)) x;
\set VERBOSITY sqlstate
SELECT vc_test_vpage_verify('vpages', :root);
SELECT count(*) FROM (SELECT vc_test_vpage_relink('vpages', :root, 1, :root)) x;
SELECT vc_test_vpage_verify('vpages', :root);
SELECT count(*) FROM (SELECT vc_test_vpage_relink('vpages', :root, 1, 4294967295)) x;
SELECT vc_test_vpage_verify('vpages', :root);
SELECT count(*) FROM (SELECT vc_test_vpage_relink('vpages', :root, 1, 4294967294)) x;
SELECT vc_test_vpage_verify('vpages', :root);
-- offsets that no file has
SELECT vc_test_vpage_read('vpages', :other, 1000000000, 10);
SELECT vc_test_vpage_read('vpages', :other, -10, 10);
SELECT vc_test_vpage_read('vpages', :other, -1, 10);
\set VERBOSITY default
SELECT vc_test_vpage_verify('vpages', :other);
SELECT length(vc_test_vpage_read('vpages', :other, 0, 20000));

-- free, and free again
SELECT count(*) FROM (SELECT vc_test_vpage_free('vpages', :other)) x;
SELECT count(*) FROM (SELECT vc_test_vpage_free('vpages', :other)) x;

-- a reader with an old reference: its pages, or the word that they are gone, never another file's
SELECT vc_test_vpage_create('vpages', 'start') AS taker \gset
CREATE TABLE refs AS SELECT :other::bigint AS freed, :taker::bigint AS taker,
                            NULL::text AS content;
DO $$
DECLARE
    r refs;
    now_there text;
    gone bool := false;
BEGIN
    SELECT * INTO r FROM refs;
    r.content := md5(vc_test_vpage_read('vpages', r.freed, 0, 8000));
    FOR i IN 1 .. 300 LOOP
        now_there := md5(vc_test_vpage_read('vpages', r.freed, 0, 8000));
        gone := now_there IS NULL;
        EXIT WHEN gone;
        IF now_there <> r.content THEN
            RAISE EXCEPTION 'content of a freed file changed';
        END IF;
        PERFORM vc_test_files_sweep('vpages');
        PERFORM vc_test_vpage_stream('vpages', r.taker, 200);
        COMMIT;
    END LOOP;
    RAISE NOTICE 'recycled: %', gone;
END $$;
SELECT vc_test_vpage_verify('vpages', :taker) > 0 AS taken;
DROP TABLE vpages, vpages_unlogged, files, refs;
