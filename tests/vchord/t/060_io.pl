# 060_io.pl
# vchordrq.io_search and io_rerank say how pages are read, never what is found: every mode gives the same
# rows in an index many times the size of shared buffers, with vectors in the index, in the table, and
# instead of codes; with filters, deep scans and the pass over all lists.  And the modes do what they say.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

my $seed = seed();
my $node = new_node('io', "shared_buffers = '512kB'\nfsync = off\n");
my $server = $node->safe_psql('postgres', 'SHOW server_version_num');
my @modes = qw(auto read_buffer prefetch_buffer read_stream);
my $rows = counts(20000, 100000);
my $dim = 96;

$node->safe_psql('postgres', <<"SQL");
SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
CREATE TABLE t (id int, v vector($dim));
-- lists of very different length
INSERT INTO t SELECT i, (SELECT array_agg(((i % 7) * (i % 7) % 7) * (j % 3) + random()) FROM generate_series(1, $dim) j
	WHERE i > 0)::vector FROM generate_series(1, $rows) i;
CREATE TABLE q AS SELECT id, v FROM t ORDER BY hashint4(id) LIMIT @{[ counts(12, 60) ]};
CREATE INDEX ON q (id);
ANALYZE;
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
	my @sums = (0) x 4;
	while ($err =~ /vchordrq pages: (\d+) of lists, (\d+) read ahead; (\d+) of vectors, (\d+) read ahead/g)
	{
		my @n = ($1, $2, $3, $4);
		$sums[$_] += $n[$_] for 0 .. 3;
	}
	return ($out, @sums);
}

sub near
{
	my ($where, $limit) = @_;
	return "SELECT q.id, array(SELECT id FROM t $where ORDER BY v <-> q.v LIMIT $limit) FROM q ORDER BY q.id;";
}

my %indexes = (
	'vectors in the index' => "lists = '60'",
	'vectors in the table' => "lists = '60', rerank_in_table = on",
	'two levels, residual' => "lists = '8,60', residual_quantization = on",
	'one list' => '');
my %queries = (
	nearest => near('', 10),
	deep => near('', 700),
	filter => near('WHERE id % 5 = 1', 10),
	'filter that matches little' => near('WHERE id % 4999 = 1', 10));

foreach my $name (sort keys %indexes)
{
	my $with = $indexes{$name} eq '' ? '' : "WITH ($indexes{$name})";

	$node->safe_psql('postgres', "DROP INDEX IF EXISTS i; CREATE INDEX i ON t USING vchordrq (v vector_l2_ops) $with");
	# half of a list's rows in extents, the rest appended
	$node->safe_psql('postgres', "INSERT INTO t SELECT id + $rows, v FROM t WHERE id % 50 = 0 AND id <= $rows");
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('i')"), '>', 1 << 20,
		"$name: larger than shared buffers");
	foreach my $query (sort keys %queries)
	{
		my ($expected, @plain);

		foreach my $mode ('read_buffer', grep { $_ ne 'read_buffer' } @modes)
		{
			my ($out, @n) = ask($queries{$query}, 'vchordrq.io_search' => $mode, 'vchordrq.io_rerank' => $mode,
				'vchordrq.prefilter' => 'on', work_mem => '1MB');

			if ($mode eq 'read_buffer')
			{
				($expected, @plain) = ($out, @n);
				cmp_ok(length($out), '>', 100, "$name, $query: rows are found");
				is("$n[1] $n[3]", '0 0', "$name, $query: read_buffer does not read ahead");
				next;
			}
			ok($out eq $expected, "$name, $query: $mode finds what read_buffer finds");
			next if $query eq 'filter that matches little';
			cmp_ok($n[1], '>', $plain[0] / 10, "$name, $query: $mode reads lists ahead ($n[1] of $n[0])");
			cmp_ok($n[3], '>', $plain[2] / 10, "$name, $query: $mode reads vectors ahead ($n[3] of $n[2])")
			  if $plain[2] > 0 && $query !~ /filter/;
		}
	}
	$node->safe_psql('postgres', "DELETE FROM t WHERE id > $rows");
}

# In memory, auto leaves prefetching alone.
$node->safe_psql('postgres', "DROP INDEX i; CREATE INDEX i ON t USING vchordrq (v vector_l2_ops) WITH (lists = '60')");
$node->append_conf('postgresql.conf', "shared_buffers = '128MB'");
$node->restart;
ask($queries{nearest}, 'vchordrq.io_search' => 'read_buffer', 'vchordrq.io_rerank' => 'read_buffer');
my (undef, @hot) = ask($queries{nearest});
cmp_ok($hot[0], '>', 0, 'pages are read');
is("$hot[1] $hot[3]", '0 0', 'auto does not read ahead what is in memory');

# Kernels of any level find the same rows.
my ($expected) = ask($queries{nearest}, 'vchord.simd_level' => 'c');
foreach my $level (qw(x86_v3 x86_v4 x86_v4_icl a64_neon auto))
{
	my ($out) = ask($queries{nearest}, 'vchord.simd_level' => $level);
	ok($out eq $expected, "simd_level $level finds what c finds");
}
my $err;
$node->safe_psql('postgres', 'CREATE ROLE somebody');
$node->psql('postgres', "SET ROLE somebody; SELECT vchord_version(); SET vchord.simd_level = 'c'", stderr => \$err);
like($err, qr/permission denied to set parameter "vchord.simd_level"/, 'simd_level is for superusers');
$node->psql('postgres', "SELECT vchord_version(); SET vchord.simd_level = 'sse'", stderr => \$err);
like($err, qr/invalid value for parameter "vchord.simd_level"/, 'simd_level knows its values');

$node->stop;
done_testing();
