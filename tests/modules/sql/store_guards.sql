-- Guards: every way out leaves the page unlocked and, without commit, unchanged.
CREATE TABLE g (a int);
CREATE INDEX g_idx ON g USING vc_test_am (a);
SELECT vc_test_alloc('g_idx', 2, 1, 1);
SELECT vc_test_put('g_idx', 1, 'one'), vc_test_put('g_idx', 2, 'two');

-- fall-through and break, drop without commit
SELECT guard, way, vc_test_leave('g_idx', 1, guard, way), vc_test_page('g_idx', 1),
       vc_test_lockable('g_idx', 1)
FROM (VALUES ('read'), ('pin'), ('write'), ('cleanup')) AS g (guard),
     (VALUES ('return'), ('break')) AS w (way);

-- error with the guard held; a hanging lock would make the next statement wait for ever
SET statement_timeout = '20s';
SELECT vc_test_leave('g_idx', 1, 'read', 'error');
SELECT vc_test_lockable('g_idx', 1);
SELECT vc_test_leave('g_idx', 1, 'pin', 'error');
SELECT vc_test_lockable('g_idx', 1);
SELECT vc_test_leave('g_idx', 1, 'write', 'error');
SELECT vc_test_lockable('g_idx', 1), vc_test_page('g_idx', 1);
SELECT vc_test_leave('g_idx', 1, 'cleanup', 'error');
SELECT vc_test_lockable('g_idx', 1), vc_test_page('g_idx', 1);

-- the same under a savepoint: locks and pins of the subtransaction go, what was committed stays
BEGIN;
SELECT vc_test_put('g_idx', 2, 'before');
SAVEPOINT s;
SELECT vc_test_leave('g_idx', 1, 'write', 'error');
ROLLBACK TO SAVEPOINT s;
SELECT vc_test_lockable('g_idx', 1), vc_test_page('g_idx', 1);
SAVEPOINT t;
SELECT vc_test_put('g_idx', 1, 'inside');
ROLLBACK TO SAVEPOINT t;
SELECT vc_test_page('g_idx', 1);
SELECT vc_test_pair('g_idx', 1, 2, 'both', 'error');
ROLLBACK;
SELECT vc_test_lockable('g_idx', 1), vc_test_lockable('g_idx', 2);
SELECT vc_test_page('g_idx', 1), vc_test_page('g_idx', 2);

-- one record over two pages
SELECT vc_test_pair('g_idx', 1, 2, 'dropped', 'drop');
SELECT vc_test_page('g_idx', 1), vc_test_page('g_idx', 2);
SELECT vc_test_pair('g_idx', 2, 1, 'pair', 'commit');
SELECT vc_test_page('g_idx', 1), vc_test_page('g_idx', 2);
SELECT vc_test_pair('g_idx', 1, 2, 'x', 'twice');
SELECT vc_test_pair('g_idx', 1, 2, 'x', 'damage');
SELECT vc_test_page('g_idx', 1), vc_test_lockable('g_idx', 1), vc_test_lockable('g_idx', 2);

-- damage in the free space: readers do not look, no way to open the page for writing lets it pass
SELECT vc_test_spoil('g_idx', 1, 8159, 1);
SELECT vc_test_page('g_idx', 1);
SELECT vc_test_put('g_idx', 1, 'x');
SELECT vc_test_lockable('g_idx', 1);
SELECT vc_test_leave('g_idx', 1, 'cleanup', 'commit');
SELECT vc_test_increment('g_idx', 1, 1);
SELECT vc_test_pair('g_idx', 2, 1, 'x', 'commit');
SELECT vc_test_page('g_idx', 1), vc_test_page('g_idx', 2), vc_test_lockable('g_idx', 2);
SELECT vc_test_spoil('g_idx', 1, 8159, 0), vc_test_spoil('g_idx', 1, 28, 7);
SELECT vc_test_put('g_idx', 1, 'x');
SELECT vc_test_spoil('g_idx', 1, 28, 0);
SELECT vc_test_put('g_idx', 1, 'pair');
SELECT vc_test_page('g_idx', 1), vc_test_lockable('g_idx', 1);

-- cancel: not under a lock (the edit is committed first), but with a pin
SET statement_timeout = '100ms';
SELECT vc_test_deaf('g_idx', 1, 'deaf', 400);
SELECT vc_test_wait_pinned('g_idx', 1);
SET statement_timeout = '20s';
SELECT vc_test_page('g_idx', 1), vc_test_lockable('g_idx', 1);

-- write -> read -> pin -> read
SELECT vc_test_degrade('g_idx', 1, 'degraded');

-- read -> write: alone, nothing changes in between; without WAL nobody knows
SELECT vc_test_alloc('g_idx', 1, 1, 1);
SELECT vc_test_increment('g_idx', 3, 10), vc_test_try('g_idx', 3);
CREATE UNLOGGED TABLE u (a int);
CREATE INDEX u_idx ON u USING vc_test_am (a);
SELECT vc_test_alloc('u_idx', 1, 1, 1), vc_test_increment('u_idx', 1, 10), vc_test_try('u_idx', 1);
CREATE TEMP TABLE tmp (a int);
CREATE INDEX tmp_idx ON tmp USING vc_test_am (a);
SELECT vc_test_alloc('tmp_idx', 1, 1, 1), vc_test_increment('tmp_idx', 1, 10), vc_test_try('tmp_idx', 1);
DROP TABLE g, u, tmp;
