-- Free pages: tombstones, runs, stale map entries, reuse.  A page freed in this statement becomes
-- reusable once another transaction id has been given out.
CREATE TABLE r (a int);
CREATE INDEX r_idx ON r USING vc_test_am (a);
SELECT vc_test_alloc('r_idx', 8, 1, 1);
SELECT vc_test_put('r_idx', 3, 'old content');

-- content, kind and owner of a tombstone stay; freeing twice is harmless; a stranger's free does nothing
SELECT vc_test_free('r_idx', 3, 4, 1, 1);
SELECT vc_test_page('r_idx', 3);
SELECT vc_test_free('r_idx', 3, 4, 1, 1), vc_test_free('r_idx', 1, 8, 1, 2);
SELECT b, vc_test_map('r_idx', b) FROM generate_series(1, 8) b WHERE vc_test_map('r_idx', b) > 0;

-- no transaction has passed: not reusable yet
SELECT vc_test_alloc('r_idx', 2, 2, 1);
SELECT pg_current_xact_id() IS NOT NULL;
-- now it is; the rest goes back to the map
SELECT vc_test_alloc('r_idx', 2, 2, 2);
SELECT b, vc_test_page('r_idx', b), vc_test_map('r_idx', b) FROM generate_series(1, 10) b;
SELECT vc_test_alloc('r_idx', 3, 2, 3);
SELECT vc_test_alloc('r_idx', 1, 2, 4), vc_test_alloc('r_idx', 1, 2, 5);

-- neighbours merge
SELECT vc_test_free('r_idx', 1, 1, 1, 1), vc_test_free('r_idx', 3, 2, 2, 2);
SELECT vc_test_free('r_idx', 2, 1, 1, 1);
SELECT b, vc_test_map('r_idx', b) FROM generate_series(1, 13) b WHERE vc_test_map('r_idx', b) > 0;
SELECT pg_current_xact_id() IS NOT NULL;
SELECT vc_test_alloc('r_idx', 4, 3, 1);

-- lies in the map: live pages, the end of the file, beyond it
SELECT vc_test_map_set('r_idx', 3, 5), vc_test_map_set('r_idx', 12, 200), vc_test_map_set('r_idx', 5000, 7);
SELECT pg_relation_size('r_idx') / 8192 AS before \gset
SELECT vc_test_alloc('r_idx', 1, 4, 1) >= :before AS new, vc_test_alloc('r_idx', 2, 4, 1) >= :before AS new;
SELECT vc_test_owned('r_idx', 1, 4, 3, 1), vc_test_owned('r_idx', 5, 2, 2, 4) + vc_test_owned('r_idx', 5, 2, 2, 5);
SELECT b, vc_test_map('r_idx', b) FROM generate_series(1, 20) b WHERE vc_test_map('r_idx', b) > 0;

-- a lost map: the sweep finds tombstones again
SELECT vc_test_free('r_idx', 1, 4, 3, 1);
SELECT vc_test_map_set('r_idx', 1, 0);
SELECT pg_current_xact_id() IS NOT NULL;
SELECT vc_test_sweep('r_idx');
SELECT vc_test_alloc('r_idx', 4, 5, 1);

-- runs longer than the map can tell
SELECT vc_test_alloc('r_idx', 600, 6, 1) AS long \gset
SELECT vc_test_free('r_idx', :long, 600, 6, 1);
SELECT pg_current_xact_id() IS NOT NULL;
SELECT vc_test_alloc('r_idx', 254, 7, 1) - :long AS at, vc_test_alloc('r_idx', 254, 7, 2) - :long AS at;
SELECT vc_test_owned('r_idx', :long, 254, 7, 1), vc_test_owned('r_idx', :long + 254, 254, 7, 2);
DROP TABLE r;

-- Random churn beside a model, on a logged, an unlogged and a temporary index: no page is given out
-- twice, and the relation does not grow without bound.
CREATE TABLE runs (first bigint, n int, owner int, incarnation int);
CREATE PROCEDURE churn(index regclass, rounds int) LANGUAGE plpgsql AS $$
DECLARE
    run record;
    size int;
    high bigint := 0;
BEGIN
    TRUNCATE runs;
    FOR i IN 1..rounds LOOP
        IF random() < 0.55 OR NOT EXISTS (SELECT FROM runs) THEN
            size := CASE WHEN random() < 0.5 THEN 1 ELSE 1 + floor(random() * 20) END;
            INSERT INTO runs VALUES (vc_test_alloc(index, size, i, i % 7), size, i, i % 7);
        ELSE
            FOR run IN DELETE FROM runs WHERE first IN (SELECT first FROM runs ORDER BY random() LIMIT 3)
                RETURNING * LOOP
                IF vc_test_free(index, run.first, run.n, run.owner, run.incarnation) <> run.n THEN
                    RAISE EXCEPTION 'run % + % of % was not whole', run.first, run.n, run.owner;
                END IF;
            END LOOP;
        END IF;
        high := greatest(high, (SELECT sum(n) FROM runs));
        COMMIT;
    END LOOP;
    FOR run IN SELECT * FROM runs LOOP
        IF vc_test_owned(index, run.first, run.n, run.owner, run.incarnation) <> run.n THEN
            RAISE EXCEPTION 'run % + % of % is not whole', run.first, run.n, run.owner;
        END IF;
    END LOOP;
    IF high < 40 THEN
        RAISE EXCEPTION 'too little was done: %', high;
    END IF;
    IF pg_relation_size(index) / 8192 > 3 * high + 60 THEN
        RAISE EXCEPTION '% blocks for at most % in use', pg_relation_size(index) / 8192, high;
    END IF;
END $$;
SELECT setseed(0.25);
CREATE TABLE c (a int);
CREATE INDEX c_idx ON c USING vc_test_am (a);
CALL churn('c_idx', 800);
CREATE UNLOGGED TABLE cu (a int);
CREATE INDEX cu_idx ON cu USING vc_test_am (a);
CALL churn('cu_idx', 800);
CREATE TEMP TABLE ct (a int);
CREATE INDEX ct_idx ON ct USING vc_test_am (a);
CALL churn('ct_idx', 800);
DROP TABLE c, cu, ct, runs;
DROP PROCEDURE churn;
