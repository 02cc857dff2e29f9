# 070_memory.pl
# Memory of a build with maintenance_work_mem = 64MB over a set larger than that, and of scans that return
# every row, from what the kernel says of the processes.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

plan skip_all => 'no /proc of Linux' if !-r '/proc/self/smaps_rollup';

seed();
my ($rows, $dim) = $long ? (400000, 768) : (60000, 512);
my $shared = 16;
my $node = new_node('memory', qq(
fsync = off
shared_buffers = ${shared}MB
huge_pages = off
maintenance_work_mem = '64MB'
max_wal_size = 4GB
min_parallel_table_scan_size = 0
));
generate($node, 'big', 'vector', $dim, $rows, clusters => 300);
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('big') + pg_table_size('big')") >> 20, '>', 110, 'larger than the budget');

foreach my $case (
	[ 'vectors in the index', 'vector', 'lists = 300' ],
	[ 'rerank in table', 'vector', 'lists = 300, rerank_in_table = on' ],
	[ 'lists by itself', 'vector', 'fillfactor = 0' ],
	[ 'expression, two levels', 'halfvec', "lists = '20,400'" ],
	[ 'quantised expression', 'rabitq8', 'lists = 300' ])
{
	my ($name, $type, $with) = @$case;
	my $what = $type eq 'halfvec' ? "((v::halfvec($dim)) halfvec_cosine_ops)"
	  : $type eq 'rabitq8' ? "((quantize_to_rabitq8(v)::rabitq8($dim)) rabitq8_l2_ops)" : '(v vector_l2_ops)';
	$with = $with =~ /fillfactor/ ? '' : "WITH ($with)";
	# 64 MB are enough for one worker beside the leader, by the server's rule of 32 MB each
	foreach my $max (0, 2)
	{
		my ($most, $workers) = watch($node, $shared, "SET max_parallel_maintenance_workers = $max;
			CREATE INDEX big_i ON big USING vchordrq $what $with;");
		is($workers, $max > 1 ? 1 : $max, "$name: workers");
		cmp_ok($most, '<=', 64 + 64 + 32 * $workers, "$name: memory of a build with $max workers");
		cmp_ok($most, '>', 5, "$name: it was measured");
		$node->safe_psql('postgres', 'DROP INDEX big_i');
		last if !$long && $name =~ /itself|expression/;
	}
}

# A scan that returns everything: low dimension makes many rows cheap.
my $many = counts(600000, 4000000);
generate($node, 'many', 'vector', 8, $many, clusters => 200);
$node->safe_psql('postgres', 'CREATE INDEX many_i ON many USING vchordrq (v vector_l2_ops); ANALYZE many');
foreach my $filter ('', 'WHERE id % 2 = 0')
{
	my ($most, undef, $out) = watch($node, $shared, "SET work_mem = '1MB'; SELECT vc_use_index(true);
		SELECT count(*) || ' ' || count(DISTINCT id) FROM (SELECT id FROM many $filter ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;
		SELECT count(id) || ' rows' FROM (SELECT id FROM many $filter ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;");
	my $n = $filter ? $many / 2 : $many;
	like($out, qr/^$n $n$/m, "every row once ${filter}");
	cmp_ok($most, '<=', 32, "memory of a scan ${filter}");
}

# The same of a graph: a build over less memory than the vectors need, and every row.
generate($node, 'graph', 'vector', 8, counts(8000, 100000), clusters => 200);
my ($built) = watch($node, $shared, "SET maintenance_work_mem = '1MB'; CREATE INDEX graph_i ON graph USING vchordg (v vector_l2_ops); ANALYZE graph;");
cmp_ok($built, '<=', 64, 'memory of the build of a graph');
{
	my ($most, undef, $out) = watch($node, $shared, "SET work_mem = '64MB'; SELECT vc_use_index(true);
		SELECT count(*) || ' ' || count(DISTINCT id) FROM (SELECT id FROM graph ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;");
	my $n = counts(8000, 100000);
	like($out, qr/^$n $n$/m, 'every row of the graph once');
	cmp_ok($most, '<=', 64 + 32, 'memory of a scan of the graph');
}

server_lived($node, 'no backend died');
$node->stop;
done_testing();
