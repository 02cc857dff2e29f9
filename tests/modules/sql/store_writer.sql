-- Bulk writers and streams on logged, unlogged and temporary indexes.
CREATE TABLE w (a int);
CREATE INDEX w_idx ON w USING vc_test_am (a);
CREATE UNLOGGED TABLE wu (a int);
CREATE INDEX wu_idx ON wu USING vc_test_am (a);
CREATE TEMP TABLE wt (a int);
CREATE INDEX wt_idx ON wt USING vc_test_am (a);
SELECT i, vc_test_write(i, 100, 'append'), vc_test_verify(i, 1, 100)
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i;
-- batches of 16: twelve blocks are left over and go to the map
SELECT i, vc_test_write(i, 100, 'batch'), vc_test_verify(i, 101, 100), vc_test_map(i, 201)
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i;
SELECT i, vc_test_page(i, 201), vc_test_alloc(i, 12, 1, 1)
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i;
SELECT i, vc_test_write(i, 70, 'run'), vc_test_verify(i, 213, 70), pg_relation_size(i) / 8192 AS blocks
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i;
SELECT i, vc_test_write(i, 1, 'append'), vc_test_write(i, 32, 'append'), vc_test_write(i, 33, 'append'),
       vc_test_verify(i, 283, 66), pg_relation_size(i) / 8192 AS blocks
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i;
SELECT vc_test_write('w_idx', 2, 'damaged');
SELECT vc_test_write('w_idx', 2, 'forgotten');
SELECT pg_relation_size('w_idx') / 8192;
SELECT pg_relation_size('wu_idx', 'init') / 8192 AS init;

-- each page is logged once: pages are half full on average (1008 = 63 batches, nothing is left over)
CREATE TABLE lsn (l pg_lsn);
INSERT INTO lsn SELECT pg_current_wal_insert_lsn();
SELECT vc_test_write('w_idx', 1000, 'append') AS first, vc_test_write('w_idx', 1008, 'batch') AS second \gset
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), l) BETWEEN 2000 * 4096 * 0.9 AND 2000 * 4096 * 1.3 AS once
FROM lsn;
SELECT vc_test_verify('w_idx', :first, 1000), vc_test_verify('w_idx', :second, 1008);
SELECT vc_test_write('wu_idx', 1000, 'append') AS ufirst, vc_test_write('wu_idx', 1008, 'batch') AS usecond \gset
SELECT vc_test_verify('wu_idx', :ufirst, 1000), vc_test_verify('wu_idx', :usecond, 1008);

-- streams give every block, in order, in every mode
SELECT i, mode, (vc_test_stream(i, mode, 500, step))[1]
FROM unnest(ARRAY['w_idx', 'wu_idx', 'wt_idx']::regclass[]) i, generate_series(0, 3) mode,
     (VALUES (1), (7)) s (step);
-- all in memory: the automatic mode does not prefetch
SELECT (vc_test_stream('w_idx', 0, 500, 1))[2:3];
-- 0 turns prefetching off
SET effective_io_concurrency = 0;
SELECT (vc_test_stream('w_idx', 0, 500, 3))[1];
RESET effective_io_concurrency;
SELECT vc_test_stream('w_idx', 0, 0, 1);
DROP TABLE w, wu, wt, lsn;
