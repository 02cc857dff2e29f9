# 060_cancel.pl
# Statements on bm25 indexes cancelled at random times: builds, searches, inserts that seal, flush, merge, VACUUM and
# checks.  Afterwards the session and the index work, and no lock, worker or file is left.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VcTest qw(counts seed new_node client finish_all server_lived wait_until);

seed();
my $node = new_node('cancel', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '64MB'
min_parallel_table_scan_size = 0
min_parallel_index_scan_size = 0
search_path = 'public, bm25_catalog'
});
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 900), ' '), '')
	  FROM generate_series(1, n) j $$;
CREATE TABLE t (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, words(i, i % 50) FROM generate_series(1, 6000) i;
CREATE INDEX t_i ON t USING bm25 (body) WITH (text_config = 'simple', growing_limit = 8, merge_fanout = 3);
CREATE INDEX t_two ON t USING bm25 (lower(body)) WITH (text_config = 'simple', positions = on, growing_limit = 20);
CREATE SEQUENCE ids START 1000000;
ANALYZE t;
SQL

my $rows = "INSERT INTO t SELECT i, words(i, 30) FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, %d)) s";
my $build = "CREATE INDEX%s x_i ON t USING bm25 (body) WITH (text_config = 'simple', positions = on)";
my $scan = "SELECT count(*) FROM (SELECT id FROM t %s ORDER BY body <&> to_bm25query('all w1 w2 w3 w4 w5 w6', 't_i') %s) s";
my %statements = (
	'serial build' => 'SET max_parallel_maintenance_workers = 0; ' . sprintf($build, ''),
	'parallel build' => 'SET max_parallel_maintenance_workers = 2; ' . sprintf($build, ''),
	'concurrent build' => sprintf($build, ' CONCURRENTLY'),
	'reindex' => 'REINDEX INDEX t_i',
	'search of all' => sprintf($scan, '', ''),
	'filtered search' => sprintf($scan, 'WHERE id % 1000 = 3', 'LIMIT 100'),
	'exhaustive search' => "SET bm25.algorithm = exhaustive; " . sprintf($scan, '', 'LIMIT 1000'),
	'condition' => "SELECT count(*) FROM t WHERE body @@ to_bm25query('all', 't_i')",
	'insert' => sprintf($rows, 500),
	'flush' => sprintf($rows, 100) . "; SELECT bm25_flush('t_i')",
	'merge' => sprintf($rows, 100) . "; SELECT bm25_merge('t_i', true)",
	'vacuum' => 'DELETE FROM t WHERE id % 20 = %d; VACUUM t',
	'check' => "SELECT count(*) FROM bm25_index_check('t_i', true)");

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

sub sound
{
	my ($name) = @_;
	foreach my $i ('t_i', 't_two')
	{
		is($node->safe_psql('postgres', "SELECT * FROM bm25_index_check('$i', true)"), '', "$name: check of $i");
	}
	return is($node->safe_psql('postgres', "SET enable_seqscan = off;
		SELECT (SELECT count(*) FROM t WHERE body @@ to_bm25query('all', 't_i')) - count(*) FROM t"), '0', "$name: all rows");
}

my ($cancelled, $done) = (0, 0);
my %hit;
foreach my $round (1 .. counts(1, 25))
{
	foreach my $name (sort keys %statements)
	{
		my $residue = int(rand(20));
		my $sql = $statements{$name} =~ s/= %d/= $residue/r;
		my $prepare = "DROP INDEX IF EXISTS x_i;\nSET enable_seqscan = off;\n";

		# how long it takes uncancelled, but not over and over
		my $since = time;
		$node->safe_psql('postgres', join ';', "$prepare SELECT 1", split /; (?=CREATE INDEX C|VACUUM)/, $sql)
		  if $sql !~ /CONCURRENTLY|VACUUM/;
		my $ms = (time - $since) * 1000;
		$ms = 400 if $sql =~ /CONCURRENTLY|VACUUM/;
		foreach my $i (1 .. counts(3, 4))
		{
			# one that came to its end had too much time
			my $timeout = 1 + int(rand($ms));
			my $client = client($node, "$prepare\nSET statement_timeout = $timeout;\n" . ($sql =~ s/; /;\n/gr) . ";\n"
				  . "RESET statement_timeout;\n"
				  . "SELECT 'near ' || count(*) FROM (SELECT id FROM t ORDER BY body <&> to_bm25query('all w1', 't_i') LIMIT 10) s;\n");
			my $said = join '', grep { /ERROR|FATAL|WARNING|closed/ } split /^/, finish_all($client);
			if ($said =~ /^(\S+ ERROR:  57014[^\n]*\n)+$/) { $cancelled++; $hit{$name}++ }
			elsif ($said eq '') { $done++; $ms = $timeout }
			else { is($said, '', "$name cancelled after $timeout ms") }
			if ($client->{out} !~ /near 10\n$/)
			{
				is($client->{out}, "near 10\n", "$name cancelled after $timeout ms: session works");
			}
		}
	}

	# an outright cancel and a termination, too
	foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my $client = client($node, "DROP INDEX IF EXISTS x_i;\n" . "$statements{'parallel build'};\nDROP INDEX IF EXISTS x_i;\n" x 50);
		ok(wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX x_i%' AND state = 'active' AND pid <> pg_backend_pid()"),
			"round $round: a build is under way");
		Time::HiRes::usleep(int(rand(300_000)));
		$node->safe_psql('postgres', "SELECT $_(pid) FROM pg_stat_activity WHERE query LIKE '%x_i%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
		  foreach $how, 'pg_terminate_backend';
		finish_all($client);
	}
	ok(wait_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'parallel|client' AND pid <> pg_backend_pid()"),
		"round $round: no worker is left");
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS x_i');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype IN ('relation', 'page')"),
		'0', "round $round: no lock is left");
	is(stray_files(), '', "round $round: no file is left");
	sound("round $round");
}
note("$cancelled cancelled, $done came to their end: " . join(', ', map { "$_ $hit{$_}" } sort keys %hit));
cmp_ok($cancelled, '>', $done / 4, 'cancels hit');
$node->safe_psql('postgres', 'VACUUM t');
sound('in the end');
server_lived($node, 'no backend died');
$node->stop;
done_testing();
