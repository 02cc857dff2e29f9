-- The document: types, defaults, forms.
SELECT vc_test_options('');
SELECT vc_test_options(E'# nothing but a comment\n');
SELECT vc_test_options('flag = true');
SELECT vc_test_options('build.internal.lists = [100, 10_000]');
SELECT vc_test_options(E'build.pin = true\n[build.internal]\nlists = [1000]');
SELECT vc_test_options(E'[build]\npin = 2\n[build.default]\n');
SELECT vc_test_options('build = { external = { table = "public.centroids" }, pin = false }');
SELECT vc_test_options(E'number = +7\nratio = 2');
SELECT vc_test_options(E'number = 0x10\nratio = 1e-1');

-- Unknown keys, types, syntax: position and what is expected.
\set SHOW_CONTEXT never
CREATE FUNCTION refused(doc text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; hint text; state text;
BEGIN
    PERFORM vc_test_options(doc);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
    RETURN state || ': ' || message || coalesce(' HINT: ' || nullif(hint, ''), '');
END $$;
SELECT refused(E'flag = true\nflags = true');
SELECT refused('build.internal.list = [1]');
SELECT refused(E'[build.internal]\nlists = [1]\n[build.sideways]');
SELECT refused('"build.internal".lists = [1]');
SELECT refused('build.default = { a = 1 }');
SELECT refused('flag = 1');
SELECT refused('number = "1"');
SELECT refused('number = 1.0');
SELECT refused('ratio = true');
SELECT refused('build.internal.lists = 1000');
SELECT refused('build.internal.lists = [1, "2"]');
SELECT refused('build.internal.lists = [[1]]');
SELECT refused('build = 3');
SELECT refused('build.internal = true');
SELECT refused('build.external.table = 3');
SELECT refused('flag = 1979-05-27');
SELECT refused('flag = ');
SELECT refused(E'flag = true\nflag = true');
SELECT refused('number = 99999999999999999999');
SELECT refused('build.external.table = "unterminated');

-- Ranges and rules.
SELECT refused('number = 0');
SELECT refused('number = 257');
SELECT refused('number = -9223372036854775808');
SELECT refused('ratio = -0.1');
SELECT refused('ratio = nan');
SELECT refused('ratio = inf');
SELECT refused('build.pin = 3');
SELECT refused('build.internal.lists = [0]');
SELECT refused('build.internal.lists = [-1]');
SELECT refused('build.internal.lists = [16777217]');
SELECT refused('build.internal.lists = [1,2,3,4,5,6,7,8,9]');
SELECT refused('build.internal.lists = [2, 1]');
SELECT refused('build.external.table = "' || repeat('x', 32) || '"');
SELECT refused('build.external.table = "' || repeat('x', 31) || '"');
SELECT refused('build.external.table = "a\u0000b"');
SELECT refused(E'build.default = {}\nbuild.internal.lists = [1]');
SELECT refused('build.pin = 1');
SELECT refused('build = {}');

-- Size and depth.
SELECT refused('# ' || repeat('x', 65534));
SELECT refused('# ' || repeat('x', 65535));
SELECT refused('# ' || repeat('x', 1000000));
SELECT refused('a = ' || repeat('[', 16) || repeat(']', 16));
SELECT refused(E'\na = ' || repeat('[', 17) || repeat(']', 17));
SELECT refused('a = ' || repeat('{a=', 17) || '1' || repeat('}', 17));
SELECT refused(repeat('a.', 16) || 'a = 1');
SELECT refused(repeat('a.', 17) || 'a = 1');
SELECT refused(repeat('a.', 30000) || 'a = 1');
SELECT refused('a = ' || repeat('[', 60000));
SELECT refused('# ' || repeat('[', 1000) || E'\nflag = true');
SELECT refused('build.external.table = "[[[[[[[[[[[[[[[[[[[[[[["');
SELECT refused(repeat('x', 1000) || ' = 1') ~ 'unknown field';

-- Native reloptions.
CREATE TABLE o (v integer);
CREATE INDEX o1 ON o USING toy (v) WITH (lists = 1000, flag, number = 5, ratio = 0.5, probes = '3, 7', pin = on);
SELECT vc_test_index_options('o1');
CREATE INDEX o2 ON o USING toy (v) WITH (lists = '100,10000', options = $$
build.pin = 1
flag = true$$);
SELECT vc_test_index_options('o2');
CREATE INDEX o3 ON o USING toy (v);
SELECT vc_test_index_options('o3');
-- the same key in both places, and two sources
CREATE INDEX o4 ON o USING toy (v) WITH (number = 5, options = 'number = 5');
CREATE INDEX o4 ON o USING toy (v) WITH (lists = 5, options = 'build.external.table = "x"');
CREATE INDEX o4 ON o USING toy (v) WITH (lists = 5, options = 'build.internal.lists = [5]');
CREATE INDEX o4 ON o USING toy (v) WITH (lists = 5, centroids = 'x');
-- values
CREATE INDEX o4 ON o USING toy (v) WITH (lists = 'many');
CREATE INDEX o4 ON o USING toy (v) WITH (lists = '2,1');
CREATE INDEX o4 ON o USING toy (v) WITH (lists = 0);
CREATE INDEX o4 ON o USING toy (v) WITH (lists = '1,2,3,4,5,6,7,8,9');
CREATE INDEX o4 ON o USING toy (v) WITH (flag = perhaps);
CREATE INDEX o4 ON o USING toy (v) WITH (number = 1000);
CREATE INDEX o4 ON o USING toy (v) WITH (number = x);
CREATE INDEX o4 ON o USING toy (v) WITH (ratio = 5);
CREATE INDEX o4 ON o USING toy (v) WITH (pin = 7);
CREATE INDEX o4 ON o USING toy (v) WITH (probes = '1,,2');
CREATE INDEX o4 ON o USING toy (v) WITH (unheard = 1);
CREATE INDEX o4 ON o USING toy (v) WITH (options = 'unheard = 1');
ALTER INDEX o3 SET (options = 'unheard = 1');
ALTER INDEX o3 SET (number = 1000);
ALTER INDEX o3 SET (number = 77);
SELECT vc_test_index_options('o3');
ALTER INDEX o3 RESET (number);
SELECT vc_test_index_options('o3');
-- a bad value that got into the catalog must not make the table unusable
UPDATE pg_class SET reloptions = '{number=9999,"lists=5,x",ratio=1}' WHERE relname = 'o3';
\c
SELECT vc_test_index_options('o3');

-- GUC or reloption.
CREATE INDEX o5 ON o USING toy (v) WITH (probes = '3', ratio = 1.5);
SELECT vc_test_fallback('o5'), vc_test_fallback('o3');
SET vc_test.probes = '10, 20,';
SELECT vc_test_fallback('o5');
SET vc_test.probes = '';
SELECT vc_test_fallback('o5');
SET vc_test.probes TO DEFAULT;
SELECT vc_test_fallback('o5');
-- the default's value, but set
SET vc_test.ratio = 1.9;
SELECT vc_test_fallback('o5');
RESET vc_test.ratio;
ALTER ROLE CURRENT_USER SET vc_test.ratio = 1.9;
\c
SELECT vc_test_fallback('o5');
ALTER ROLE CURRENT_USER RESET vc_test.ratio;
\c
SELECT vc_test_fallback('o5');

-- Probes.
SET vc_test.probes = ' 1 , 2 ';
SELECT vc_test_fallback('o3');
SET vc_test.probes = ',';
SET vc_test.probes = '1,,2';
SET vc_test.probes = '1 0';
SET vc_test.probes = 'a';
SET vc_test.probes = '1;2';
SET vc_test.probes = '-1';
SET vc_test.probes = '4294967295';
SET vc_test.probes = '4294967296';
SET vc_test.probes = '18446744073709551617';
SET vc_test.probes = '1,2,3,4,5,6,7,8';
SET vc_test.probes = '1,2,3,4,5,6,7,8,9';
RESET vc_test.probes;

-- Names of progress phases.
SELECT n, vc_test_phase(n) FROM unnest(ARRAY[-1, 0, 1, 2, 65537, 65538, 65568, 65638, 65639, 131073]) n;
DROP TABLE o;
