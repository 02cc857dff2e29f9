# 030_crash.pl
# kill -9 and immediate stop at random points of builds, inserts that seal, flush, merge and VACUUM.  After
# recovery the index holds what the table holds, posting by posting, and a search finds every row; what was idle
# answers as before; VACUUM brings the rest in order, and work goes on.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VcTest qw(counts seed new_node crash client finish_all server_lived $long);

seed();

# Few buffers, so that pages reach the disk in between as well as never.
my $node = new_node('crash', q{
shared_buffers = 2MB
maintenance_work_mem = '64MB'
checkpoint_timeout = 30s
max_wal_size = 32MB
min_wal_size = 32MB
full_page_writes = on
max_parallel_maintenance_workers = 1
min_parallel_table_scan_size = 0
});
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE EXTENSION vc_test_bm25;
-- n words, most of them frequent, and one that every row has
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 1500), ' '), '')
	  FROM generate_series(1, n) j $$;
CREATE SEQUENCE ids START 100000;
CREATE TABLE idle (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO idle SELECT i, words(i, i % 60) FROM generate_series(1, 3000) i;
CREATE INDEX idle_i ON idle USING bm25 (body) WITH (text_config = 'simple', positions = on, growing_limit = 10);
DELETE FROM idle WHERE id % 7 = 0;
VACUUM idle;
INSERT INTO idle SELECT i, words(i, 20) FROM generate_series(3001, 4000) i;
CREATE UNLOGGED TABLE lost (id int, body text);
CREATE INDEX lost_i ON lost USING bm25 (body) WITH (text_config = 'simple', growing_limit = 2);
SQL

# small limits, so that there is much to interrupt
my %busy = (
	tiny => "(body) WITH (text_config = 'simple', growing_limit = 2, merge_fanout = 2)",
	places => "(title, body) WITH (text_config = 'simple', positions = on, growing_limit = 12, merge_fanout = 3)",
	exact => "(body) WITH (text_config = 'simple', norms = 'exact', growing_limit = 40, merge_fanout = 4)");
foreach my $t (sort keys %busy)
{
	$node->safe_psql('postgres', qq(
CREATE TABLE $t (id bigint, title text, body text) WITH (autovacuum_enabled = off);
INSERT INTO $t SELECT i, CASE WHEN i % 5 > 0 THEN words(i, i % 6) END, words(i, i % 50) FROM generate_series(1, 500) i;
CREATE INDEX ${t}_i ON $t USING bm25 $busy{$t}));
}

my $answer = q{SET enable_seqscan = off; SELECT md5(string_agg(id || ' ' || s, ',')) FROM
	(SELECT id, body <&> to_bm25query('w1 w2 w3 w77', 'idle_i') AS s FROM idle
	ORDER BY body <&> to_bm25query('w1 w2 w3 w77', 'idle_i') LIMIT 1000) x;
	SELECT md5(string_agg(x::text, ',' ORDER BY tid, field, term)) FROM vc_test_bm25_dump('idle_i') x};
my $before = $node->safe_psql('postgres', $answer);
cmp_ok(length($before), '>', 60, 'an answer to compare with');

# Everything is there; with `after_vacuum`, nothing else.
sub sound
{
	my ($name, $t, $index, $after_vacuum) = @_;
	my $visible = $after_vacuum ? 'false' : 'true';
	my ($code, $out, $err) = $node->psql('postgres', qq(
SET client_min_messages = error;
SELECT vc_test_bm25_compare('$index', $visible) > 0;
SET enable_seqscan = off;
SELECT count(*) = (SELECT count(body) FROM $t) FROM $t WHERE body @@ to_bm25query('all', '$index');
SELECT count(*) = (SELECT count(body) FROM $t) FROM
	(SELECT FROM $t WHERE true ORDER BY body <&> to_bm25query('all', '$index') LIMIT 1000000) s));
	return is("$out$err", "t\nt\nt", $name);
}

# After VACUUM, with nobody else there, no page belongs to nothing.
sub nothing_lost
{
	my ($name, $index) = @_;
	my ($code, $out, $err) = $node->psql('postgres',
		"SET client_min_messages = notice; SELECT count(*), max(message) FROM bm25_catalog.bm25_index_check('$index')");

	return is("$out$err", '0|', $name);
}

sub burst
{
	my ($t) = @_;
	return qq(
\\set n random(1, 40)
\\set k random(0, 60)
INSERT INTO $t SELECT i, words(i, i % 5), words(i, CASE WHEN i % 97 = 0 THEN 4000 ELSE i % 60 END)
	FROM (SELECT nextval('ids') AS i FROM generate_series(1, :n)) s;
DELETE FROM $t WHERE id % 61 = :k AND id % 7 <> 0;
UPDATE $t SET body = body || ' new' WHERE id % 61 = 60 - :k AND id % 11 = 0;
);
}

foreach my $round (1 .. counts(6, 110))
{
	my @tables = sort keys %busy;
	my @t = map { $tables[ int(rand(@tables)) ] } 1 .. 2;
	my $how = rand() < 0.6 ? 'kill' : 'immediate';
	my @clients;

	foreach my $t (@t)
	{
		push @clients, client($node, burst($t), '-c', 2, '-T', 60);
		push @clients, client($node, join('', map { "DELETE FROM $t WHERE id % 13 = $_ % 13; VACUUM $t;\n" } 0 .. 400));
		# cancelled at any point, so that what is left undone is there when the next one comes
		push @clients, client($node, join('', map { "SET statement_timeout = @{[ 1 + int(rand(40)) ]};
			SELECT bm25_catalog.bm25_flush('${t}_i'), bm25_catalog.bm25_merge('${t}_i', $_ % 3 = 0);\n" } 0 .. 2000));
	}
	push @clients, client($node, "INSERT INTO lost SELECT i, words(i, 10) FROM generate_series(1, 200) i;\n" x 200);

	# a build, serial or parallel, plain or concurrent, and sometimes one that replaces an index
	my $of = $tables[ int(rand(@tables)) ];
	my $create = "CREATE INDEX %s new_i ON $of USING bm25 (body) WITH (text_config = 'simple');\nDROP INDEX new_i;\n";
	push @clients, client($node, "SET max_parallel_maintenance_workers = @{[ int(rand(2)) ]};\n" .
		  (rand() < 0.5 ? sprintf($create, '') : sprintf($create, 'CONCURRENTLY')) x 100);
	push @clients, client($node, "REINDEX INDEX ${of}_i;\n" x 100) if rand() < 0.3;

	usleep(200_000 + int(rand(2_500_000)));
	crash($node, $how);
	finish_all(@clients);

	my $name = "round $round ($how, @t, build on $of)";
	is($node->safe_psql('postgres', $answer), $before, "$name: idle index answers as before");
	# the build was there entirely or not at all
	my $valid = $node->safe_psql('postgres',
		"SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('new_i')");
	is($node->safe_psql('postgres', "SET client_min_messages = error; SELECT vc_test_bm25_compare('new_i', true) > 0"), 't',
		"$name: new index") if $valid eq 't';
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS new_i');

	foreach my $t (sort keys %busy)
	{
		sound("$name: $t", $t, "${t}_i", 0);
		$node->safe_psql('postgres', "VACUUM $t");
		sound("$name: $t after VACUUM", $t, "${t}_i", 1);
		nothing_lost("$name: $t has no lost pages", "${t}_i");
	}

	# the unlogged one is empty, and of use
	is($node->safe_psql('postgres', "SELECT documents, segments FROM bm25_catalog.bm25_stats('lost_i')"), '0|0',
		"$name: unlogged index is empty");
	$node->safe_psql('postgres', "INSERT INTO lost SELECT i, words(i, 30) FROM generate_series(1, 300) i");
	sound("$name: unlogged index", 'lost', 'lost_i', 1);

	# work goes on, on the pages that the crash left
	foreach my $t (@t)
	{
		$node->safe_psql('postgres', "DELETE FROM $t WHERE id % 17 = 3;
			INSERT INTO $t SELECT i, NULL, words(i, 40) FROM (SELECT nextval('ids') AS i FROM generate_series(1, 300)) s;
			DELETE FROM $t WHERE ctid NOT IN (SELECT ctid FROM $t LIMIT 1500)");
		$node->safe_psql('postgres', "SELECT bm25_catalog.bm25_flush('${t}_i')") if rand() < 0.5;
		$node->safe_psql('postgres', "VACUUM $t");
		sound("$name: $t, used again", $t, "${t}_i", 1);
	}
}

server_lived($node, 'no backend died by itself') if !$long;
$node->stop;
done_testing();
