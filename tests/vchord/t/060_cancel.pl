# 060_cancel.pl
# Statements cancelled at random times: builds, scans, inserts, VACUUM and checks.  Afterwards the session
# and the index work, and no lock, thread or file is left.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VcTest;

seed();
my $dim = 128;
my $node = new_node('cancel', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '64MB'
min_parallel_table_scan_size = 0
min_parallel_index_scan_size = 0
});
generate($node, 't', 'vector', $dim, 12000);
$node->safe_psql('postgres', 'CREATE INDEX t_i ON t USING vchordrq (v vector_l2_ops) WITH (lists = 100);
	CREATE INDEX t_half ON t USING vchordrq ((v::halfvec(128)) halfvec_cosine_ops) WITH (lists = 50);
	CREATE SEQUENCE ids START 1000000; ANALYZE t');
my $q = $node->safe_psql('postgres', "SELECT vc_vector(5, $dim)");

my $build = 'CREATE INDEX%s x_i ON t USING vchordrq (v vector_l2_ops) WITH (lists = 200, build_threads = 2)';
my %statements = (
	'serial build' => 'SET max_parallel_maintenance_workers = 0; ' . sprintf($build, ''),
	'parallel build' => 'SET max_parallel_maintenance_workers = 2; ' . sprintf($build, ''),
	'concurrent build' => sprintf($build, ' CONCURRENTLY'),
	'reindex' => 'REINDEX INDEX t_i',
	'scan of all' => "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '$q') s",
	'filtered scan' => "SELECT count(*) FROM (SELECT id FROM t WHERE id % 1000 = 3 ORDER BY v <-> '$q' LIMIT 100) s",
	'insert' => "INSERT INTO t SELECT i, vc_vector(i, $dim)::vector FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 500)) s",
	'vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM t',
	'parallel vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM (PARALLEL 2) t',
	'check' => "SELECT count(*) FROM vchordrq_index_check('t_i', true)",
	'info' => "SELECT rows FROM vchordrq_index_info('t_i')");

# files of the database that belong to no relation
sub stray_files
{
	my $folder = $node->data_dir . '/base/'
	  . $node->safe_psql('postgres', 'CHECKPOINT; SELECT oid FROM pg_database WHERE datname = current_database()');
	my %known = map { $_ => 1 } split /\n/,
	  $node->safe_psql('postgres', 'SELECT pg_relation_filenode(oid) FROM pg_class WHERE relkind IN (\'r\', \'i\', \'S\', \'t\', \'m\')');
	my @stray = grep { /^t?\d/ && !$known{ $_ =~ s/[._].*//r } } map { s/.*\///r } glob("$folder/*");
	push @stray, glob($node->data_dir . '/base/pgsql_tmp/*');
	return "@stray";
}

my ($cancelled, $done) = (0, 0);
my %hit;
foreach my $round (1 .. counts(2, 25))
{
	foreach my $name (sort keys %statements)
	{
		my $times = counts(2, 4);
		my $residue = int(rand(20));
		my $sql = $statements{$name} =~ s/= %d/= $residue/r;
		my $prepare = 'DROP INDEX IF EXISTS x_i;';

		# how long it takes uncancelled, but not over and over
		my $since = time;
		$node->safe_psql('postgres', $prepare . 'SELECT vc_use_index(true);' . $sql);
		my $ms = (time - $since) * 1000;
		foreach my $i (1 .. $times)
		{
			# one that came to its end had too much time
			my $timeout = 1 + int(rand($ms));
			my $client = client($node, "$prepare\nSELECT vc_use_index(true);\nSET statement_timeout = $timeout;\n$sql;\n"
				  . "RESET statement_timeout;\n"
				  . "SELECT 'threads ' || substring(pg_read_file('/proc/self/status', 0, 8000) from 'Threads:\\s+(\\d+)');\n"
				  . "SELECT 'near ' || count(*) FROM (SELECT id FROM t ORDER BY v <-> '$q' LIMIT 10) s;\n");
			my $said = join '', grep { /ERROR|FATAL|WARNING|closed/ } split /^/, finish_all($client);
			if ($said =~ /^(\S+ ERROR:  57014[^\n]*\n)+$/) { $cancelled++; $hit{$name}++ }
			elsif ($said eq '') { $done++; $ms = $timeout }
			else { is($said, '', "$name cancelled after $timeout ms") }
			my $wanted = "threads 1\nnear 10\n";
			if ($client->{out} !~ /\Q$wanted\E$/)
			{
				is($client->{out}, $wanted, "$name cancelled after $timeout ms: session works");
			}
		}
	}

	# an outright cancel and a termination, too
	foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my $client = client($node, "DROP INDEX IF EXISTS x_i;\n" . "$statements{'parallel build'};\nDROP INDEX IF EXISTS x_i;\n" x 50);
		wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX x_i%' AND state = 'active' AND pid <> pg_backend_pid()");
		Time::HiRes::usleep(int(rand(300_000)));
		$node->safe_psql('postgres', "SELECT $how(pid) FROM pg_stat_activity WHERE query LIKE '%x_i%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%x_i%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
		finish_all($client);
	}
	ok(wait_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'parallel|client' AND pid <> pg_backend_pid()"),
		"round $round: no worker is left");
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS x_i');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype = 'relation'"),
		'0', "round $round: no lock is left");
	is(stray_files(), '', "round $round: no file is left");
	is($node->safe_psql('postgres', "SELECT count(*) FROM vchordrq_index_check('t_half', true)"), '0',
		"round $round: index over an expression");
	sound($node, "round $round", 't', 't_i', 'l2', $q);
}
note("$cancelled cancelled, $done came to their end: " . join(', ', map { "$_ $hit{$_}" } sort keys %hit));
cmp_ok($cancelled, '>', $done / 4, 'cancels hit');
$node->safe_psql('postgres', 'VACUUM t');
sound($node, 'in the end', 't', 't_i', 'l2', $q);
server_lived($node, 'no backend died');
$node->stop;
done_testing();
