-- vchordrq.probes: its grammar, its meaning, and a number of values that does not fit.
SELECT vchord_version() IS NOT NULL AS loaded;
SELECT p, attempt(format('SET vchordrq.probes = %L', p)) FROM unnest(ARRAY[
    '', ' ', '10', '10,20', ' 10 , 20 ', '10,20,', '0', '4294967295', '1,2,3,4,5,6,7,8',
    ',', ',10', '10,,20', 'ten', '1.5', '-1', '1;2', '1 0', '4294967296', '99999999999999999999',
    '1,2,3,4,5,6,7,8,9', '１']) p;
SELECT p, attempt(format('CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (probes = %L)', p)),
    attempt('DROP INDEX i')
FROM unnest(ARRAY['', ' 1 , 2 ', '1,', ',1', 'x']) p;

RESET vchordrq.probes;
SET enable_seqscan = off;
CREATE FUNCTION nearest(probes text, k int DEFAULT 5) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    PERFORM set_config('vchordrq.probes', probes, false);
    EXECUTE format('SELECT count(*) FROM (SELECT val FROM t3 ORDER BY val <-> ''[0,0,0]'' LIMIT %s) s', k) INTO rows;
    RETURN rows || ' rows';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- no level
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops);
SELECT p, nearest(p) FROM unnest(ARRAY['', '1', '1,1']) p;
DROP INDEX i;
-- one level
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = 10);
SELECT p, nearest(p) FROM unnest(ARRAY['', '0', '1', '10', '4294967295', '1,1']) p;
SELECT nearest('10', 2000), nearest('100', 2000), nearest('', 2000);
DROP INDEX i;
-- two levels
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = '5,50');
SELECT p, nearest(p) FROM unnest(ARRAY['', '5', '5,50', '0,50', '5,0', '1,50', '5,50,50', '100,1000']) p;
SELECT nearest('5,50', 2000), nearest('100,1000', 2000), nearest('', 2000);
-- more lists never give fewer rows
SELECT bool_and(more) FROM (
    SELECT replace(nearest(upper || ',' || leaf, 2000), ' rows', '')::int
        >= coalesce(lag(replace(nearest(upper || ',' || leaf, 2000), ' rows', '')::int) OVER (ORDER BY upper, leaf), 0) AS more
    FROM (VALUES (1, 1), (1, 3), (2, 3), (2, 10), (5, 10), (5, 50)) v (upper, leaf)) s;
-- planning takes any number of values, by the setting and by the index
SET vchordrq.probes = '1';
SELECT plan($$SELECT val FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT count(*) FROM t3 WHERE id < 10;
SELECT attempt('SELECT val FROM t3 ORDER BY val <-> ''[0,0,0]'' LIMIT 5');
RESET vchordrq.probes;
ALTER INDEX i SET (probes = '1');
SELECT plan($$SELECT val FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 5$$);
SELECT val FROM t3 ORDER BY val <-> '[0,0,0]' LIMIT 5;
SET vchordrq.probes = '5,50';
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM t3 ORDER BY val <-> ''[0,0,0]'' LIMIT 5');
RESET vchordrq.probes;
DROP INDEX i;
DROP FUNCTION nearest;

-- eight levels
CREATE INDEX i ON t3 USING vchordrq (val vector_l2_ops) WITH (lists = '2,2,3,4,5,6,7,20', probes = '2,2,3,4,5,6,7,20');
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM t3 ORDER BY val <-> ''[0,0,0]'' LIMIT 2000');
ALTER INDEX i RESET (probes);
SELECT verdict FROM check_scan('SELECT val <-> ''[0,0,0]'' FROM t3 ORDER BY val <-> ''[0,0,0]'' LIMIT 2000');
DROP INDEX i;
