-- vchordrq.scan_order: rows of later rounds, which may be nearer than rows that were given out.
CREATE TABLE o (id int, val vector(96));
INSERT INTO o SELECT id, val FROM t96;
CREATE INDEX o_i ON o USING vchordrq (val vector_l2_ops) WITH (lists = 60);
SET enable_seqscan = off;
SHOW vchordrq.scan_order;
-- distances of a cursor that nobody told a limit, for twenty queries
CREATE FUNCTION walk(n int) RETURNS TABLE (rows bigint, different bigint, sorted boolean) LANGUAGE plpgsql AS $$
DECLARE
    r record;
    c refcursor;
    d float8;
    last float8;
    id int;
BEGIN
    CREATE TEMP TABLE seen (query int, id int, n int);
    sorted := true;
    FOR r IN SELECT t96.id, val FROM t96 WHERE t96.id <= 20 LOOP
        OPEN c FOR SELECT o.id, o.val <-> r.val FROM o ORDER BY o.val <-> r.val;
        last := -1;
        FOR i IN 1..n LOOP
            FETCH c INTO id, d;
            EXIT WHEN NOT FOUND;
            INSERT INTO seen VALUES (r.id, id, i);
            sorted := sorted AND d >= last - 1e-5;
            last := d;
        END LOOP;
        CLOSE c;
    END LOOP;
    SELECT count(*), count(DISTINCT (s.query, s.id)) INTO rows, different FROM seen s;
    DROP TABLE seen;
    RETURN NEXT;
END $$;
-- the first round is sorted either way
SELECT * FROM walk(20);
-- relaxed: every row once, not always sorted
SELECT rows, different FROM walk(7000);
SET vchordrq.scan_order = strict;
-- strict: sorted, no row twice, some may be missing
SELECT * FROM walk(20);
SELECT rows <= 120000 AND rows = different AS once, sorted FROM walk(7000);
-- with a known limit the first round has all of it
SELECT check_scans('SELECT val <-> $q FROM o ORDER BY val <-> $q LIMIT 100', 'o');
SELECT check_scans('SELECT val <-> $q FROM o WHERE id % 10 = 3 ORDER BY val <-> $q LIMIT 100', 'o');
SET vchordrq.prefilter = off;
SELECT check_scans('SELECT val <-> $q FROM o WHERE id % 2 = 1 ORDER BY val <-> $q LIMIT 10', 'o', recall => 0);
RESET vchordrq.prefilter;
RESET vchordrq.scan_order;
-- explicit probes: exactly the rows of these lists, and sorted, as far as epsilon makes bounds hold
SET vchordrq.epsilon = 4;
SET vchordrq.probes = '60';
SELECT * FROM walk(7000);
SET vchordrq.probes = '5';
SELECT rows < 60000 AS fewer, rows = different AS once, sorted FROM walk(7000);
RESET vchordrq.probes;
RESET vchordrq.epsilon;
-- two names of one setting: the closer one counts, scan_order if both are as close
CREATE FUNCTION orders() RETURNS TABLE (a text, b text, sorted boolean) LANGUAGE sql AS $$
    SELECT current_setting('vchordrq.order'), current_setting('vchordrq.scan_order'), (SELECT w.sorted FROM walk(7000) w)
$$;
SET vchordrq."order" = strict;
SELECT * FROM orders();
BEGIN;
SET LOCAL vchordrq.scan_order = relaxed;
SELECT a, b FROM orders();
SAVEPOINT s;
SET LOCAL vchordrq.scan_order = strict;
ROLLBACK TO s;
SELECT a, b FROM orders();
COMMIT;
SELECT * FROM orders();
RESET vchordrq."order";
SELECT a, b FROM orders();
SET vchordrq.scan_order = strict;
SET vchordrq."order" = relaxed;
SELECT * FROM orders();
RESET vchordrq.scan_order;
SELECT a, b FROM orders();
RESET vchordrq."order";
SELECT current_database() AS db \gset
ALTER DATABASE :"db" SET vchordrq.scan_order = strict;
\c
SET enable_seqscan = off;
SELECT vchord_version() IS NOT NULL AS loaded;
SELECT * FROM orders();
SET vchordrq."order" = relaxed;
SELECT a, b FROM orders();
SET vchordrq.scan_order = none;
ALTER DATABASE :"db" RESET vchordrq.scan_order;
\c
DROP FUNCTION orders;
DROP TABLE o;
DROP FUNCTION walk;
