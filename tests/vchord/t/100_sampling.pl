# 100_sampling.pl
# The store of recorded queries and the counters of scans among several sessions: bounds with many writers at
# once, a store that is damaged, missing, unwritable, locked or full, what is swept, base backups, standbys;
# counters of all backends or of one.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

seed();
my $node = new_node('sampling', <<'CONF', allows_streaming => 1);
fsync = off
vchordrq.query_sampling_enable = on
vchordrq.query_sampling_max_records = 20
vchordrq.query_sampling_rate = 1
CONF
my $folder = $node->data_dir . '/pgsql_tmp_vchord_sampling';

$node->safe_psql('postgres', q{
CREATE TABLE t (id int, v vector(3));
INSERT INTO t SELECT i, ARRAY[i, i, i]::vector FROM generate_series(1, 100) i;
CREATE INDEX t_i ON t USING vchordrq (v vector_l2_ops);
CREATE INDEX t_gone ON t USING vchordrq (v vector_ip_ops);
ALTER DATABASE postgres SET enable_seqscan = off;
ALTER DATABASE postgres SET enable_sort = off;
});
my $database = $node->safe_psql('postgres', 'SELECT oid FROM pg_database WHERE datname = current_database()');
my $file = "$folder/database_$database.sqlite";

# the query with the rows that it must have, whatever became of the sample
sub ask
{
	my ($n, $op) = (@_, '<->');
	return "SELECT count(*) FROM (SELECT id FROM t ORDER BY v $op '[$n,$n,$n]' LIMIT 3) s;\n";
}

sub recorded
{
	return $node->safe_psql('postgres', "SELECT string_agg(q, ' ') FROM vchordrq_sampled_values('t_i') q");
}

ok(!-e $folder, 'nothing is made before the first sample');
is($node->safe_psql('postgres', "SELECT count(*) FROM vchordrq_sampled_queries"), '0', 'no store, no queries');
ok(!-e $folder, 'reading makes nothing');
is($node->safe_psql('postgres', ask(1)), '3', 'a query');
is(recorded(), '[1,1,1]', '... is recorded, without preloading');
is(sprintf('%o', (stat $folder)[2] & 07777), '700', 'mode of the folder');
is(sprintf('%o', (stat $file)[2] & 07777), '600', 'mode of the file');

# ---- many at once: nobody fails, and the bound is kept ----

my @clients = map { client($node, ask($_), '-c', 2, '-t', counts(100, 2000)) } 2 .. 5;
is(finish_all(@clients), '', 'concurrent queries: no complaint');
is(scalar(grep { $_->{out} =~ /number of failed transactions: 0 / } @clients), 4, '... and none failed');
my @values = split / /, recorded();
cmp_ok(scalar(@values), '<=', 20, 'the bound is kept');
cmp_ok(scalar(@values), '>', 1, '... and not all samples were dropped');
is(join(' ', grep { !/^\[([1-5]),\1,\1\]$/ } @values), '', 'values are whole');

# ---- a store that is not as it should be ----

# $damage makes it so; queries answer, and when $repair has made good, samples are kept again
sub survives
{
	my ($name, $damage, $repair) = @_;
	my $session = $node->background_psql('postgres');

	# one session has the store open, the other finds it as it is
	$session->query_safe(ask(7));
	$damage->();
	is($session->query_safe(ask(8)), '3', "$name: a query of a session that has the store open");
	is($node->safe_psql('postgres', ask(9)), '3', "$name: a query of a new session");
	$repair->() if defined $repair;
	is($session->query_safe(ask(10)), '3', "$name: a query afterwards");
	is($node->safe_psql('postgres', ask(11)), '3', "$name: another");
	$session->quit;
	like(recorded(), qr/\[11,11,11\]/, "$name: samples are kept again");
	return;
}

sub overwrite
{
	my ($bytes, $size) = @_;
	truncate $file, $size // 0 or die;
	patch_file($file, 0, $bytes);
	return;
}

survives('no file', sub { unlink $file });
survives('no folder', sub { unlink glob "$folder/*"; rmdir $folder or die });
survives('an empty file', sub { truncate $file, 0 });
survives('no SQLite file', sub { overwrite('x' x 8192) });
survives('half a file', sub { truncate $file, (-s $file) / 2 });
survives('damaged pages', sub { patch_file($file, 4096, "\xff" x ((-s $file) - 4096)) });
survives('a damaged schema', sub { patch_file($file, 100, "\xff" x 3000) });
foreach my $round (1 .. counts(20, 300))
{
	my ($offset, $bytes) = (int(rand(-s $file)), join '', map { chr rand 256 } 1 .. 1 + int(rand(64)));
	patch_file($file, $offset, $bytes);
	my ($out) = ($node->safe_psql('postgres', ask($round) . ask($round + 1)));
	is($out, "3\n3", "random damage at $offset") if $out ne "3\n3";
	$node->psql('postgres', 'SELECT * FROM vchordrq_sampled_queries');
}
unlink $file;
survives('another version', sub { unlink $file; append_to_file($file, ''); sqlite('PRAGMA user_version = 99; CREATE TABLE x (y)') });
survives('a file in place of the folder', sub { unlink glob "$folder/*"; rmdir $folder or die; append_to_file($folder, '') },
	sub { unlink $folder });
SKIP:
{
	skip 'root may write everywhere', 6 if $> == 0;
	survives('an unwritable folder', sub { unlink glob "$folder/*"; chmod 0500, $folder }, sub { chmod 0700, $folder });
	survives('an unwritable file', sub { chmod 0400, $file }, sub { chmod 0600, $file });
}

# SQL in the store, by the library that Python brings
sub sqlite
{
	my ($sql) = @_;
	my ($out, $err);
	IPC::Run::run([ '/usr/bin/env', 'python3', '-c', 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
for s in sys.argv[2].split(";"):
    for r in c.execute(s):
        print("|".join(map(str, r)))', $file, $sql ], '>', \$out, '2>', \$err) or die "sqlite: $err";
	chomp $out;
	return $out;
}

# a writer that does not end: samples are dropped, readers say so when their patience ends
{
	my $in = '';
	my $out = '';
	my $lock = IPC::Run::start([ '/usr/bin/env', 'python3', '-c', 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
c.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()', $file ], '<', \$in, '>', \$out, IPC::Run::timeout(120));
	$lock->pump until $out =~ /locked/;
	is($node->safe_psql('postgres', ask(70) . ask(71)), "3\n3", 'a locked store: queries');
	my ($status, undef, $err) = $node->psql('postgres', "SELECT * FROM vchordrq_sampled_values('t_i')");
	is($status, 3, 'a locked store: reading waits, then fails') or note($err);
	like($err, qr/recorded queries could not be read: database is locked/, '... and says why');
	$in = "end\n";
	$lock->finish;
	is($node->safe_psql('postgres', ask(72)), '3', 'a store that was locked');
	like(recorded(), qr/^\[72,72,72\]/, '... takes samples');
	unlike(recorded(), qr/\[70,70,70\]/, '... and those of before are not made up for');
}

# a full store: the oldest make room
{
	# most of the cap in one row of somebody else, as SQLite counts pages
	sqlite(q{INSERT INTO sample (relid, heap, value) SELECT 1, 1, zeroblob(1000000) FROM
		(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 280) SELECT i FROM n)});
	cmp_ok(-s $file, '>', 260_000_000, 'a file at its cap');
	is($node->safe_psql('postgres', ask(80) . ask(81) . ask(82)), "3\n3\n3", 'a full store: queries');
	like(recorded(), qr/^\[82,82,82\]/, '... and room was made');
	unlink $file;
}

# ---- what is swept ----

$node->safe_psql('postgres', ask(1, '<#>'));
is($node->safe_psql('postgres', 'SELECT index_name, operator FROM vchordrq_sampled_queries'), 't_gone|<#>', 'a second index');
is(sqlite('SELECT count(*) FROM sample'), '1', '... in the store');
$node->safe_psql('postgres', 'BEGIN; DROP INDEX t_gone; ROLLBACK');
$node->safe_psql('postgres', ask(1));
is(sqlite('SELECT count(*) FROM sample'), '2', 'an index that was dropped and is not');
$node->safe_psql('postgres', 'DROP INDEX t_gone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vchordrq_sampled_queries'), '1', 'a dropped index has no queries');
$node->safe_psql('postgres', ask(2));
is(sqlite('SELECT value FROM sample ORDER BY id'), "[1,1,1]\n[2,2,2]", '... and the next session sweeps what it left');
$node->safe_psql('postgres', 'REINDEX INDEX t_i');
is(recorded(), '[2,2,2] [1,1,1]', 'REINDEX keeps them');

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION vchord CASCADE; CREATE TABLE t AS SELECT ARRAY[1,1,1]::vector(3) AS v, 1 AS id;
	CREATE INDEX ON t USING vchordrq (v vector_l2_ops); SET enable_seqscan = off;' . ask(1));
my $other = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'other'");
ok(-e "$folder/database_$other.sqlite", 'another database has a file of its own');
$node->safe_psql('postgres', 'DROP DATABASE other');
$node->safe_psql('postgres', ask(3));
ok(!-e "$folder/database_$other.sqlite", '... which goes when it was dropped');
is(recorded(), '[3,3,3] [2,2,2] [1,1,1]', '... and no other');

# ---- restart, backup, standby ----

$node->restart;
is(recorded(), '[3,3,3] [2,2,2] [1,1,1]', 'a restart keeps samples');
crash($node);
is(recorded(), '[3,3,3] [2,2,2] [1,1,1]', 'so does a crash');
$node->backup('copy');
ok(!-e $node->backup_dir . '/copy/pgsql_tmp_vchord_sampling', 'a base backup leaves them out');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
is(patient_psql($standby, ask(5)), '3', 'a query on a standby');
is(patient_psql($standby, "SELECT * FROM vchordrq_sampled_values('t_i')"), '[5,5,5]', '... is recorded there');
is(recorded(), '[3,3,3] [2,2,2] [1,1,1]', '... and not on the primary');
$standby->stop;

# ---- counters ----

my $counted = "SELECT scans, rows_emitted FROM vchordrq_stat_indexes WHERE indexrelname = 't_i'";
my $scope = 'SELECT DISTINCT stats_scope FROM vchordrq_stat_indexes';

# loaded by the first call: of all backends only where the server finds segments by name
my $shared = $node->pg_version >= 17;
$node->safe_psql('postgres', 'SELECT vchordrq_stat_reset()');
is($node->safe_psql('postgres', ask(1) . ask(2) . $counted), "3\n3\n2|6", 'loaded late: scans of the session');
is($node->safe_psql('postgres', $counted), $shared ? '2|6' : '0|0', 'loaded late: scans of others');
is($node->safe_psql('postgres', $scope), $shared ? 'all backends' : 'this backend', '... and the view says so');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vchordrq'");
$node->restart;
is($node->safe_psql('postgres', $scope), 'all backends', 'preloaded: the view says so');
is($node->safe_psql('postgres', $counted), '0|0', 'a restart begins anew');
my $transactions = counts(100, 1000);
@clients = map { client($node, ask($_), '-c', 3, '-t', $transactions) } 1 .. 3;
is(finish_all(@clients), '', 'concurrent scans: no complaint');
is($node->safe_psql('postgres', $counted), 9 * $transactions . '|' . 27 * $transactions, 'no scan is lost');

# a table that is full gives up what was dropped: more indexes than it has entries, none of which lives
$node->safe_psql('postgres', q{DO $$
BEGIN
	FOR i IN 1 .. 1100 LOOP
		CREATE TEMP TABLE x AS SELECT ARRAY[1,2,3]::vector(3) AS v;
		CREATE INDEX ON x USING vchordrq (v vector_l2_ops);
		PERFORM v FROM x ORDER BY v <-> '[1,1,1]';
		DROP TABLE x;
		COMMIT;
	END LOOP;
END $$});
is($node->safe_psql('postgres', ask(1) . $counted), "3\n" . (9 * $transactions + 1) . '|' . (27 * $transactions + 3),
	'an index that is there keeps its counters');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM _vchordrq_stat_get()'), '<=', 200, 'entries of dropped indexes went');
is($node->safe_psql('postgres', 'CREATE INDEX t_new ON t USING vchordrq (v vector_ip_ops);' . ask(1, '<#>')
	  . "SELECT scans FROM vchordrq_stat_indexes WHERE indexrelname = 't_new'"), "3\n1", 'a new index is counted');
crash($node);
is($node->safe_psql('postgres', ask(1) . $counted), "3\n1|3", 'a crash begins anew');

server_lived($node, 'no backend died');
$node->stop;
done_testing();
