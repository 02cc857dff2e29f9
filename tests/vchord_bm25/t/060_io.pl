# 060_io.pl
# bm25.io says how pages are read, never what is found: every mode gives the same rows and scores in an index
# many times the size of shared buffers, by each algorithm, with filters, conditions, phrases, prefixes, deep
# scans and after merges.  And the modes do what they say.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node);

my $seed = seed();
my $node = new_node('io', "search_path = 'public, bm25_catalog'\nshared_buffers = '512kB'\nfsync = off\n");
my $rows = counts(16000, 80000);
my @modes = qw(auto prefetch_buffer read_stream);

# Words of any frequency: half of all documents hold w0, few w900.
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION IF NOT EXISTS vchord_bm25;
SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
CREATE TABLE t (id int, body text);
INSERT INTO t SELECT i, (SELECT string_agg('w' || floor(pow(1000, random()))::int - 1, ' ')
	FROM generate_series(1, 60) WHERE i > 0) FROM generate_series(1, $rows) i;
SQL

# Rows and what the scans said of themselves.
sub ask
{
	my ($sql, %settings) = @_;
	my $set = join '', map { "SET $_ = '$settings{$_}';\n" } sort keys %settings;
	my ($out, $err);

	$node->psql('postgres',
		"SET enable_seqscan = off; SET enable_sort = off; SET client_min_messages = debug2;\n$set$sql",
		stdout => \$out, stderr => \$err, on_error_stop => 1, on_error_die => 1);
	my @sums = (0) x 2;
	while ($err =~ /vchord_bm25 pages: (\d+) read, (\d+) asked for ahead/g)
	{
		$sums[0] += $1;
		$sums[1] += $2;
	}
	return ($out, @sums);
}

sub best
{
	my ($query, $limit, $where) = @_;

	return "SELECT id, body <&> to_bm25query('i', '$query') FROM t @{[ $where // '' ]} "
	  . "ORDER BY body <&> to_bm25query('i', '$query') LIMIT $limit;";
}

# auto leaves one list alone to the operating system before 17
# name => SQL, and whether enough pages follow each other that some must be asked for ahead
my %queries = (
	'one term' => [ best('w1', 10), 0 ],
	'one term, deep' => [ best('w1', 3000), 1 ],
	'terms' => [ best('w3 w7 w20 w50', 10), 1 ],
	'many terms' => [ best(join(' ', map { "w$_" } 0 .. 40), 10), 1 ],
	'everything' => [ best('w2 w9', 1000000), 1 ],
	'filter' => [ best('w3 w7 w20', 10, 'WHERE id % 7 = 1'), 1 ],
	'condition' => [ best('w3 w7', 10, "WHERE body @@ to_bm25query('i', 'w5 & w11')"), 1 ],
	'rare condition' => [ best('w3 w7', 10, "WHERE body @@ to_bm25query('i', 'w900 | w800')"), 0 ],
	'phrase' => [ best('w3 w7', 10, "WHERE body @@ to_bm25query('i', 'w2 <-> w3')"), 1 ],
	'prefix' => [ best('w5', 10, "WHERE body @@ to_bm25query('i', 'w3:*')"), 1 ],
	'no order' => [ "SELECT sum(id), count(*) FROM t WHERE body @@ to_bm25query('i', 'w3 & !w1');", 1 ]);

foreach my $with ("text_config = 'simple'", "text_config = 'simple', positions = on, norms = 'exact'")
{
	$node->safe_psql('postgres', "DROP INDEX IF EXISTS i; CREATE INDEX i ON t USING bm25 (body bm25_ops) WITH ($with)");
	# further segments
	$node->safe_psql('postgres', "DELETE FROM t WHERE id > $rows");
	foreach my $part (1 .. 3)
	{
		$node->safe_psql('postgres',
			"INSERT INTO t SELECT id + $rows * $part, body FROM t WHERE id % 20 = $part AND id <= $rows; SELECT bm25_flush('i')");
	}
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('i')"), '>', 3 << 19, "$with: larger than shared buffers");
	my %found;
	foreach my $round ('segments', 'merged')
	{
		foreach my $query (sort keys %queries)
		{
			my ($sql, $ahead) = @{ $queries{$query} };

			foreach my $algorithm ($query =~ /term|everything/ ? qw(auto wand maxscore exhaustive) : 'auto')
			{
				my $name = "$with, $round, $query by $algorithm";
				my ($expected, @plain) = ask($sql, 'bm25.io' => 'read_buffer', 'bm25.algorithm' => $algorithm);

				$found{$query} //= $expected;
				ok($expected eq $found{$query}, "$name finds what others find");
				cmp_ok(length($expected), '>', 4, "$name: rows are found");
				is($plain[1], 0, "$name: read_buffer does not read ahead");
				foreach my $mode (@modes)
				{
					my ($out, @n) = ask($sql, 'bm25.io' => $mode, 'bm25.algorithm' => $algorithm);

					ok($out eq $expected, "$name: $mode finds what read_buffer finds");
					cmp_ok($n[1], '>', 0, "$name: $mode reads ahead ($n[1] of $n[0])")
					  if $ahead && !($mode eq 'auto' && $query =~ /^one term/);
				}
			}
		}
		last if $round eq 'merged';
		# each way of reading, before the answers are compared again
		my $mode = $modes[ $with =~ /exact/ ? 1 : 2 ];
		$node->safe_psql('postgres', "SET bm25.io = '$mode'; SELECT bm25_merge('i', true)");
		is($node->safe_psql('postgres', "SELECT count(*) FROM bm25_index_check('i', true)"), 0, "$with: the merged index is sound");
	}
}

# In memory, auto leaves prefetching alone.
$node->append_conf('postgresql.conf', "shared_buffers = '128MB'");
$node->restart;
foreach my $query (grep { $_ ne 'no order' } sort keys %queries)
{
	ask($queries{$query}[0], 'bm25.io' => 'read_buffer');
	my (undef, @hot) = ask($queries{$query}[0]);
	cmp_ok($hot[0], '>', 0, "$query: pages are read");
	is($hot[1], 0, "$query: auto does not read ahead what is in memory");
}

$node->stop;
done_testing();
