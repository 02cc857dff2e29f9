# 030_crash.pl
# kill -9 and immediate stop at random points of builds, inserts, deletes and VACUUM under clients.  After
# recovery the check is clean and the index holds exactly the rows of the table; what was idle answers as
# before, order included.  The long form makes 100 rounds and more.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use VcTest;

seed();
my $dim = 96;

# Small segments and few buffers, so that pages reach the disk in between as well as never.
my $node = new_node('crash', q{
shared_buffers = 4MB
maintenance_work_mem = '64MB'
checkpoint_timeout = 30s
max_wal_size = 32MB
min_wal_size = 32MB
full_page_writes = on
max_parallel_maintenance_workers = 2
min_parallel_table_scan_size = 0
});
my $q = $node->safe_psql('postgres', "SELECT vc_vector(1234567, $dim)");

# Idle: never touched by clients.  Busy: all of them at once, of every layout.
generate($node, 'idle', 'vector', $dim, 3000);
$node->safe_psql('postgres', qq(
CREATE INDEX idle_i ON idle USING vchordrq (v vector_l2_ops);
DELETE FROM idle WHERE id % 5 = 0;
VACUUM idle;
INSERT INTO idle SELECT i, vc_vector(i, $dim)::vector FROM generate_series(10000, 10400) i;
CREATE SEQUENCE ids START 1000000;
));
my %busy = (
	grouped => [ 'vector', $dim, 'cosine', 'lists = 20' ],
	in_table => [ 'halfvec', $dim, 'l2', 'lists = 20, rerank_in_table = on' ],
	exact => [ 'vector', 12, 'ip', 'lists = 20' ],
	quantized => [ 'rabitq4', 300, 'cosine', 'lists = 8, rerank_in_table = off' ],
	quantized_wide => [ 'rabitq8', 9000, 'l2', 'lists = 2, rerank_in_table = off' ],
	wide => [ 'vector', 1200, 'l2', 'lists = 3' ],
	arrays => [ 'vector', $dim, 'maxsim', 'lists = 20' ],
	arrays_exact => [ 'halfvec', 12, 'maxsim', 'lists = 20' ],
	graph => [ 'vector', $dim, 'l2', 'm = 16' ],
	graph_small => [ 'halfvec', 8, 'ip', 'm = 4' ],
	graph_wide => [ 'rabitq8', 2500, 'cosine', 'm = 20' ]);
my %rows = (graph_wide => 200, wide => 200, quantized_wide => 50, arrays => 400, arrays_exact => 400);
foreach my $t (sort keys %busy)
{
	my ($type, $d, $metric, $with) = @{ $busy{$t} };
	generate_rows($node, $t, $type, $metric, $d, $rows{$t} // 1500);
	$node->safe_psql('postgres', "CREATE INDEX ${t}_i ON $t USING @{[ method($t) ]} (v ${type}_${metric}_ops) WITH ($with)");
}

my $answer = "SELECT vc_use_index(true); SELECT string_agg(id::text, ',') FROM
	(SELECT id FROM idle ORDER BY v <-> '$q' LIMIT 50) s; SELECT string_agg(id::text, ',') FROM
	(SELECT id FROM idle ORDER BY v <-> '$q') s";
my $before = $node->safe_psql('postgres', $answer);
cmp_ok(length($before), '>', 10000, 'an answer to compare with');

# a query for a table
sub point
{
	my ($t, $n) = @_;
	return $node->safe_psql('postgres', 'SELECT ' . row_value($busy{$t}[0], $busy{$t}[2], $busy{$t}[1], $n));
}

sub burst
{
	my ($t, $d) = @_;
	return qq(
\\set n random(1, 30)
\\set k random(0, 60)
INSERT INTO $t SELECT i, @{[ row_value($busy{$t}[0], $busy{$t}[2], $d, 'i') ]} FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, :n)) s;
DELETE FROM $t WHERE id % 61 = :k AND id % 7 <> 0;
UPDATE $t SET id = id WHERE id % 61 = 60 - :k AND id % 11 = 0;
);
}

my $unlogged = 0;
foreach my $round (1 .. counts(6, 110))
{
	my @tables = sort keys %busy;
	my @t = map { $tables[ int(rand(@tables)) ] } 1 .. 2;
	my $how = rand() < 0.6 ? 'kill' : 'immediate';
	my @clients;

	foreach my $t (@t)
	{
		push @clients, client($node, burst($t, $busy{$t}[1]), '-c', 2, '-T', 60);
		push @clients, client($node, join('', map { "DELETE FROM $t WHERE id % 13 = $_; VACUUM $t;\n" } 0 .. 400));
	}

	# a build, serial or parallel, plain or concurrent, and sometimes one that replaces an index
	my $of = $tables[ int(rand(@tables)) ];
	my ($type, $d, $metric) = @{ $busy{$of} };
	my $create = "CREATE INDEX %s new_i ON $of USING @{[ method($of) ]} (v ${type}_${metric}_ops);\n"
	  . "DROP INDEX new_i;\n";
	push @clients, client($node, "SET max_parallel_maintenance_workers = @{[ int(rand(3)) ]};\n" .
		  (rand() < 0.5 ? sprintf($create, '') : sprintf($create, 'CONCURRENTLY')) x 100);
	push @clients, client($node, "REINDEX INDEX ${of}_i;\n" x 100) if rand() < 0.3;

	usleep(200_000 + int(rand(1_800_000)));
	crash($node, $how);
	finish_all(@clients);

	my $name = "round $round ($how, @t, build on $of)";
	is($node->safe_psql('postgres', $answer), $before, "$name: idle index answers as before");
	foreach my $t (sort keys %busy)
	{
		my $point = point($t, 77);
		sound($node, "$name: $t", $t, "${t}_i", $busy{$t}[2], $point);
	}

	# the build was there entirely or not at all
	my $valid = $node->safe_psql('postgres',
		"SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('new_i')");
	if ($valid eq 't')
	{
		sound($node, "$name: new index", $of, 'new_i', $metric,
			point($of, 78));
	}
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS new_i');

	# work goes on, on the pages that the crash left
	foreach my $t (@t)
	{
		my ($ty, $di, $me) = @{ $busy{$t} };
		$node->safe_psql('postgres', "DELETE FROM $t WHERE id % 17 = 3;
			INSERT INTO $t SELECT i, @{[ row_value($ty, $me, $di, 'i') ]} FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, 100)) s;
			DELETE FROM $t WHERE ctid NOT IN (SELECT ctid FROM $t LIMIT 3000); VACUUM $t");
		sound($node, "$name: $t, used again", $t, "${t}_i", $busy{$t}[2],
			point($t, 79));
	}
}

server_lived($node, 'no backend died by itself');
$node->stop;
done_testing();
