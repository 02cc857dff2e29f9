-- Arenas end with their context: after success, error, savepoint, cancel.
CREATE EXTENSION IF NOT EXISTS vc_test_core;
SELECT vc_test_arena_source() IN ('mimalloc', 'memory context') AS known;
SELECT vc_test_arena_fill(30000, -1, 'return') >= 30000 * 1024 AS held;
SELECT vc_test_arena_total();
SELECT vc_test_arena_fill(100, -1, 'destroy') BETWEEN 100 * 1024 AND 300 * 1024 AS held,
       vc_test_arena_total();
SELECT vc_test_arena_fill(30000, -1, 'error');
SELECT vc_test_arena_total();
-- many rows, one statement: each call's arena goes with the per-tuple context
SELECT count(*), min(vc_test_arena_fill(10, -1, 'return')) > 0 AS held
  FROM generate_series(1, 2000);
SELECT vc_test_arena_total();
-- the budget
SELECT vc_test_arena_fill(1000, 2000, 'return') <= 2000 * 1024 AS held;
\set VERBOSITY sqlstate
SELECT vc_test_arena_fill(1000, 900, 'return');
\set VERBOSITY default
SELECT vc_test_arena_total();
-- subtransactions
DO $$
BEGIN
    FOR i IN 1 .. 50 LOOP
        BEGIN
            PERFORM vc_test_arena_fill(1000, -1, 'error');
        EXCEPTION WHEN internal_error THEN
            IF vc_test_arena_total() <> 0 THEN
                RAISE EXCEPTION 'leak of % bytes', vc_test_arena_total();
            END IF;
        END;
    END LOOP;
END $$;
SELECT vc_test_arena_total();
-- cancel
SET statement_timeout = '50ms';
SELECT vc_test_arena_fill(1000, -1, 'wait');
RESET statement_timeout;
SELECT vc_test_arena_total();
