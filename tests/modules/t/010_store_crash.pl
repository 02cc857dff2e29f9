# 010_store_crash.pl
# kill -9 after and during bulk writing, allocation and freeing; then concurrent clients and locks.  Pages of the
# logged index are whole after recovery, the unlogged one starts again from its init fork.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init(extra => ['--data-checksums']);
$node->append_conf('postgresql.conf', "autovacuum = off\nshared_buffers = 4MB\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vc_test_core');

# Until the postmaster is reaped and its backends have noticed, a new one refuses to start.
sub crash
{
	my $pid = $node->{_pid};
	$node->kill9;
	foreach my $attempt (1 .. 300)
	{
		return if !kill(0, $pid) && $node->start(fail_ok => 1);
		usleep(100_000);
	}
	die 'the server does not start after kill -9';
}

# Everything committed is there, although no checkpoint came after it.
$node->safe_psql('postgres', q{
	CREATE TABLE w (a int);
	CREATE UNLOGGED TABLE u (a int);
	CHECKPOINT;
	CREATE INDEX w_idx ON w USING vc_test_am (a);
	CREATE INDEX u_idx ON u USING vc_test_am (a);
	SELECT vc_test_write(i, 300, 'append'), vc_test_write(i, 300, 'batch')
	FROM unnest(ARRAY['w_idx', 'u_idx']::regclass[]) i;
	SELECT vc_test_free('w_idx', 101, 50, 5, 5);
	SELECT pg_current_xact_id() IS NOT NULL;
	SELECT vc_test_alloc('w_idx', 10, 7, 7);
	SELECT vc_test_put('w_idx', 101, 'reused');
	SELECT vc_test_redirect('w_idx', 50000, 50000, false);
	-- transactions without an id do not wait for their WAL; this one does, for all before it
	CREATE TABLE flushed ();
});
crash();
is($node->safe_psql('postgres',
		q{SELECT vc_test_verify('w_idx', 1, 100), vc_test_verify('w_idx', 151, 450)}),
	'100|450', 'written pages survive kill -9');
is($node->safe_psql('postgres', q{SELECT vc_test_page('w_idx', 101)}),
	"kind 2, owner 7.7, 'reused'", 'reused page');
is($node->safe_psql('postgres', q{SELECT vc_test_owned('w_idx', 101, 10, 7, 7)}),
	'10', 'allocated run');
like($node->safe_psql('postgres', q{SELECT vc_test_page('w_idx', 125)}),
	qr/^kind 2 free, owner 5\.5/, 'tombstone');
is($node->safe_psql('postgres', q{SELECT pg_relation_size('u_idx') / 8192, vc_test_page('u_idx', 0)}),
	"1|kind 1, owner 0.0, ''", 'unlogged index is empty again');
is($node->safe_psql('postgres', q{SELECT vc_test_write('u_idx', 40, 'append'), vc_test_verify('u_idx', 1, 40)}),
	'1|40', 'and usable');

# A clean restart keeps unlogged pages written past shared buffers.  The buffers are cold now: a stream
# that decides for itself prefetches, one that may not does not.
$node->restart;
my ($blocks, $misses, $prefetched) = $node->safe_psql('postgres',
	q{SELECT trim('{}' from vc_test_stream('w_idx', 0, 500, 1)::text)}) =~ /\d+/g;
cmp_ok($misses, '>', 0, 'misses on cold buffers');
cmp_ok($prefetched, '>', 200, 'prefetch after a miss');
is($node->safe_psql('postgres', q{SELECT (vc_test_stream('w_idx', 1, 500, 1))[3]}),
	'0', 'no prefetch in plain mode');
is($node->safe_psql('postgres', q{SELECT vc_test_verify('u_idx', 1, 40)}),
	'40', 'unlogged pages after a clean restart');

# Killed in the middle of things, again and again: every page is a page, and what was committed holds.
my $loop = $node->basedir . '/loop.sql';
append_to_file($loop, q{
SELECT vc_test_alloc('w_idx', 1 + (random() * 6)::int, 11, 1) AS first \gset
SELECT vc_test_put('w_idx', :first, 'work');
SELECT vc_test_free('w_idx', :first, 7, 11, 1);
SELECT pg_current_xact_id() IS NOT NULL;
});
foreach my $round (1 .. 3)
{
	my ($out, $err) = ('', '');
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '2', '-T', '30', '-f', $loop, $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	my $append = IPC::Run::start(
		[ 'psql', '-X', '-c', "SELECT vc_test_write('w_idx', 8000, 'batch')",
			$node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	usleep(200_000 + int(rand(500_000)));
	crash();
	$load->finish;
	$append->finish;
	is($node->safe_psql('postgres', q{
			SELECT count(*) FROM generate_series(0, pg_relation_size('w_idx') / 8192 - 1) b
			WHERE vc_test_page('w_idx', b) !~ '^(kind|new)'}),
		'0', "round $round: every block is a page");
	is($node->safe_psql('postgres',
			q{SELECT vc_test_verify('w_idx', 1, 100), vc_test_owned('w_idx', 101, 10, 7, 7)}),
		'100|10', "round $round: committed pages");
	cmp_ok($node->safe_psql('postgres', q{SELECT vc_test_sweep('w_idx')}),
		'>', 0, "round $round: sweep");
}

# Concurrent clients: no page is given to two of them, no update of a counter is lost.
$node->safe_psql('postgres', q{
	CREATE TABLE c (a int);
	CREATE INDEX c_idx ON c USING vc_test_am (a);
	SELECT vc_test_alloc('c_idx', 1, 1, 1);
	CREATE UNLOGGED TABLE cu (a int);
	CREATE INDEX cu_idx ON cu USING vc_test_am (a);
	SELECT vc_test_alloc('cu_idx', 1, 1, 1);
	CREATE TABLE bad (first bigint, n int, owned int);
});
my $clients = $node->basedir . '/clients.sql';
append_to_file($clients, q{
\set n random(1, 9)
\set owner random(2, 1000000000)
SELECT vc_test_alloc('c_idx', :n, :owner, 1) AS first \gset
SELECT vc_test_alloc('cu_idx', :n, :owner, 1) AS ufirst \gset
SELECT vc_test_increment('c_idx', 1, 5), vc_test_increment('cu_idx', 1, 5);
INSERT INTO bad SELECT :first, :n, o FROM vc_test_owned('c_idx', :first, :n, :owner, 1) o WHERE o <> :n;
INSERT INTO bad SELECT :ufirst, :n, o FROM vc_test_owned('cu_idx', :ufirst, :n, :owner, 1) o WHERE o <> :n;
SELECT pg_current_xact_id() IS NOT NULL;
SELECT vc_test_free('c_idx', :first, :n, :owner, 1), vc_test_free('cu_idx', :ufirst, :n, :owner, 1);
});
$node->command_ok(
	[ 'pgbench', '-n', '-c', '6', '-t', '150', '-f', $clients, $node->connstr('postgres') ],
	'concurrent clients');
is($node->safe_psql('postgres', q{SELECT count(*) FROM bad}), '0', 'no page belongs to two');
is($node->safe_psql('postgres', q{SELECT vc_test_try('c_idx', 1), vc_test_try('cu_idx', 1)}),
	'4500|4500', 'no lost update through read -> write');
cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('c_idx') / 8192}),
	'<', 1000, 'pages were reused');

# What the lock of one session means to another, and a cleanup lock waits for pins.
sub background
{
	my ($sql, $options) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'psql', '-X', '-c', $sql, $node->connstr('postgres') . ($options // '') ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(180));
}

# Waits until a session that runs this has opened the index: the page is next.
sub has_opened
{
	my ($function) = @_;
	$node->poll_query_until('postgres', qq{SELECT count(*) = 1 FROM pg_stat_activity JOIN pg_locks USING (pid)
		WHERE query ~ '$function' AND relation = 'c_idx'::regclass AND granted AND pid <> pg_backend_pid()})
	  or die 'the session does not start';
	usleep(100_000);
	return;
}
my $holder = background("SELECT vc_test_deaf('c_idx', 1, '', 4000)", ' options=-cstatement_timeout=5s');
has_opened('vc_test_deaf');
is($node->safe_psql('postgres', q{SELECT vc_test_try('c_idx', 1)}), '-1', 'locked elsewhere');
$holder->finish;
is($node->safe_psql('postgres', q{SELECT vc_test_try('c_idx', 1)}), '0', 'not locked any more');
$holder = background("SELECT vc_test_wait_pinned('c_idx', 1)");
has_opened('vc_test_wait_pinned');
is($node->safe_psql('postgres', q{SELECT vc_test_try('c_idx', 1)}), '0', 'a pin does not lock');
my $cleaner = background(q{SELECT vc_test_leave('c_idx', 1, 'cleanup', 'commit')});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE query ~ 'vc_test_leave' AND wait_event = 'BufferPin' AND pid <> pg_backend_pid()}), 'a cleanup lock waits for it');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'vc_test_wait_pinned' AND pid <> pg_backend_pid()});
$holder->finish;
$cleaner->finish;
is($node->safe_psql('postgres', q{SELECT vc_test_page('c_idx', 1)}),
	"kind 2, owner 1.1, 'edited'", 'and gets through');

$node->stop;
done_testing();
