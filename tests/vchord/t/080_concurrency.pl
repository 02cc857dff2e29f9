# 080_concurrency.pl
# Clients that insert, delete, update and select, beside VACUUM, REINDEX CONCURRENTLY and CREATE INDEX
# CONCURRENTLY: no error, every query fills its LIMIT and finds its own rows, an open snapshot sees what it
# saw, and afterwards the check is clean and the index holds the rows of the table.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

seed();
my $seconds = counts(8, 120);
my $dim = 96;
my $node = new_node('concurrency', q{
fsync = off
shared_buffers = 16MB
maintenance_work_mem = '64MB'
max_pred_locks_per_transaction = 512
max_connections = 80
});
my $q = $node->safe_psql('postgres', "SELECT vc_vector(3, $dim)");
my %tables = (
	grouped => [ 'vector', 'l2', '<->', $dim, 'lists = 20' ],
	in_table => [ 'halfvec', 'cosine', '<=>', $dim, 'lists = 20, rerank_in_table = on' ],
	exact => [ 'vector', 'ip', '<#>', 16, 'lists = 20' ],
	quantized => [ 'rabitq4', 'l2', '<->', $dim, 'lists = 20' ],
	arrays => [ 'vector', 'maxsim', '@#', $dim, 'lists = 20' ],
	graph => [ 'vector', 'l2', '<->', 16, 'm = 12' ],
	graph_wide => [ 'halfvec', 'cosine', '<=>', 1400, 'm = 24' ]);

# a query for a table
sub point
{
	my ($t) = @_;
	my ($type, $metric, $op, $d) = @{ $tables{$t} };
	my $vector = '[' . join(',', (0.1) x $d) . ']';
	return $metric eq 'maxsim' ? "{\"$vector\"}" : $node->safe_psql('postgres', "SELECT '$vector'::text::$type");
}

$node->safe_psql('postgres', 'CREATE SEQUENCE ids START 1000000');
foreach my $t (sort keys %tables)
{
	my ($type, $metric, $op, $d, $with) = @{ $tables{$t} };
	generate_rows($node, $t, $type, $metric, $d, 2000);
	$node->safe_psql('postgres', "CREATE INDEX ${t}_i ON $t USING @{[ method($t) ]} (v ${type}_${metric}_ops) WITH ($with);
		ANALYZE $t");
}

# A division by zero is a wrong answer.  Nobody may delete or move a row before it was looked for, so that is one
# transaction.  By inner product the nearest row is not the row itself (nor by sums of them), a graph may miss it, and the UPDATE gives many rows the vectors
# of those with id % 201 = 200.
sub script
{
	my ($t) = @_;
	my ($type, $metric, $op, $d) = @{ $tables{$t} };
	my $own = $metric eq 'ip' || $metric eq 'maxsim' || method($t) eq 'vchordg' ? '' :
	  "SELECT 1 / coalesce(bool_or(id = :id OR :id % 201 = 200), false)::int FROM (SELECT id FROM $t ORDER BY v $op @{[ row_value($type, $metric, $d, ':id') ]} LIMIT 5) s;";
	return qq(
\\set k random(0, 200)
\\set n random(1, 20)
SELECT nextval('ids')::int AS id \\gset
BEGIN;
INSERT INTO $t VALUES (:id, @{[ row_value($type, $metric, $d, ':id') ]});
$own
COMMIT;
INSERT INTO $t SELECT i, CASE WHEN i % 50 <> 0 THEN @{[ row_value($type, $metric, $d, 'i') ]} END FROM (SELECT nextval('ids')::int AS i FROM generate_series(1, :n)) s;
DELETE FROM $t WHERE id > 2000 AND id % 201 = :k;
UPDATE $t SET v = @{[ row_value($type, $metric, $d, 'id + :k') ]} WHERE id > 2000 AND id % 201 = 200 - :k;
SELECT 1 / (count(*) = 10)::int FROM (SELECT id FROM $t ORDER BY v $op @{[ row_value($type, $metric, $d, ':k') ]} LIMIT 10) s;
SELECT 1 / (count(*) = 7)::int FROM (SELECT id FROM $t WHERE id < 2000 AND id % 100 = 7 ORDER BY v $op @{[ row_value($type, $metric, $d, ':k') ]} LIMIT 7) s;
);
}

# transactions that end in every way
sub transactions
{
	my ($t, $level) = @_;
	my ($type, $metric, $op, $d) = @{ $tables{$t} };
	return qq(
\\set k random(0, 200)
SELECT nextval('ids')::int AS id \\gset
BEGIN ISOLATION LEVEL $level;
SAVEPOINT a;
INSERT INTO $t VALUES (:id, @{[ row_value($type, $metric, $d, ':id') ]});
ROLLBACK TO a;
INSERT INTO $t VALUES (:id, @{[ row_value($type, $metric, $d, ':id') ]});
SELECT 1 / (count(*) = 1)::int FROM (SELECT id FROM $t WHERE id = :id ORDER BY v $op @{[ row_value($type, $metric, $d, ':id') ]}) s;
SAVEPOINT b;
DELETE FROM $t WHERE id = :id;
\\if :k > 100
ROLLBACK TO b;
\\endif
\\if :k > 150
ROLLBACK;
\\else
COMMIT;
\\endif
);
}


$node->safe_psql('postgres', "ALTER DATABASE postgres SET enable_seqscan = off;
	ALTER DATABASE postgres SET enable_sort = off; ALTER DATABASE postgres SET enable_bitmapscan = off");

# an open snapshot that reads on while everything below it changes
my ($in, $out, $err) = ('', '', '');
my $reader = IPC::Run::start([ 'psql', '-X', '-At', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(counts(300, 2000)));
$in .= "BEGIN ISOLATION LEVEL REPEATABLE READ;\n";
$in .= "DECLARE c_$_ CURSOR FOR SELECT id FROM $_ ORDER BY v $tables{$_}[2] (SELECT v FROM $_ WHERE id = 17 LIMIT 1);\nMOVE 100 IN c_$_;\n"
  foreach sort keys %tables;
$in .= "SELECT 'open';\n";
$reader->pump until $out =~ /open/ || $err =~ /ERROR/;

my @clients;
foreach my $t (sort keys %tables)
{
	my ($type, $metric) = @{ $tables{$t} };
	# rows that moved may be locked in different orders: such a deadlock is no error of an index
	push @clients, client($node, script($t), '-c', 2, '-T', $seconds, '--max-tries=1000');
	push @clients, client($node, transactions($t, 'REPEATABLE READ'), '-c', 1, '-T', $seconds, '--max-tries=1000');
	push @clients, client($node, transactions($t, 'SERIALIZABLE'), '-c', 2, '-T', $seconds, '--max-tries=1000');
	push @clients, client($node, "VACUUM $t;\nSELECT pg_sleep(0.2);\n" x ($seconds * 2));
}

# These wait for the reader's snapshot, which ends before they do.  One after another: two such commands on one
# table may deadlock, whatever the access method, because the second waits for its lock with a snapshot that the
# first waits for.
my $reindex = "REINDEX INDEX CONCURRENTLY grouped_i;\nSELECT pg_sleep(0.5);\n";
my $concurrent = client($node, join '', $reindex, (map {
	"CREATE INDEX CONCURRENTLY ${_}_cic ON $_ USING @{[ method($_) ]} (v $tables{$_}[0]_$tables{$_}[1]_ops);\n"
} sort keys %tables), $reindex x 3);

sleep($seconds * 2 / 3);
$in .= "SELECT 'begin $_';\nFETCH ALL IN c_$_;\n" foreach sort keys %tables;
$in .= "SELECT 'begin end';\nCOMMIT;\n\\q\n";
$reader->finish;
is($err, '', 'the open snapshot reads without error');
foreach my $t (sort keys %tables)
{
	my ($ids) = $out =~ /begin $t\n(.*?)begin/s;
	my %ids = map { $_ => 1 } split /\n/, $ids // '';
	is(scalar(split /\n/, $ids // ''), 1900, "$t: the open snapshot reads on to its end");
	is(scalar(keys %ids), 1900, "$t: nothing twice");
	is(scalar(grep { $_ >= 2000 } keys %ids), 0, "$t: nothing newer");
}

is(finish_all(@clients, $concurrent), '', 'no client met an error');
my $work = join ' ', map { $_->{out} =~ /processed: (\d+)/g } @clients;
note("transactions: $work");
cmp_ok((sort { $a <=> $b } split ' ', $work)[0], '>', 0, 'every client worked');
foreach my $t (sort keys %tables)
{
	foreach my $index ('i', 'cic')
	{
		is($node->safe_psql('postgres', "SELECT indisvalid FROM pg_index WHERE indexrelid = '${t}_$index'::regclass"),
			't', "$t: ${t}_$index is valid");
	}
	sound($node, $t, $t, "${t}_i", $tables{$t}[1], point($t));
	is($node->safe_psql('postgres', "SELECT count(*) FROM @{[ method($t) ]}_index_check('${t}_cic', true)"), '0',
		"$t: index built beside the work");
	$node->safe_psql('postgres', "DROP INDEX ${t}_i; VACUUM $t");
	sound($node, "$t, the other index", $t, "${t}_cic", $tables{$t}[1], point($t));
}
server_lived($node, 'no backend died');
$node->stop;
done_testing();
