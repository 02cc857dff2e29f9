# 070_memory.pl
# Memory of a build with maintenance_work_mem = 64MB over a set larger than that, and of scans that return
# every row, from what the kernel says of the processes.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
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

# MB of a process: what is its own, and what it shares with others beyond shared buffers (dynamic segments)
sub memory
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/status" or return (0, 0, 0);
	my $text = join '', <$f>;
	my ($anon) = $text =~ /RssAnon:\s+(\d+)/;
	my ($shm) = $text =~ /RssShmem:\s+(\d+)/;
	my ($peak) = $text =~ /VmHWM:\s+(\d+)/;
	return map { ($_ // 0) / 1024 } ($anon, $shm, $peak);
}

sub children
{
	my ($postmaster) = @_;
	my %found;
	foreach my $path (glob '/proc/[0-9]*')
	{
		open my $f, '<', "$path/cmdline" or next;
		my $line = <$f> // '';
		next if $line !~ /^postgres: .*(parallel worker|CREATE INDEX|SELECT)/;
		open my $s, '<', "$path/stat" or next;
		my ($parent) = (<$s> // '') =~ /\) \S (\d+)/;
		$found{ $path =~ s/.*\///r } = $line =~ /parallel worker/ ? 'worker' : 'leader'
		  if defined $parent && $parent == $postmaster;
	}
	return %found;
}

# Runs SQL; returns the most memory that all its processes had at one time beside shared buffers, and the
# most workers seen.
sub watch
{
	my ($sql) = @_;
	my $client = client($node, $sql);
	my ($most, $workers, $text) = (0, 0, '');
	while ($client->{run}->pumpable && eval { $client->{run}->pump_nb; 1 })
	{
		my %pids = children($node->{_pid});
		my ($sum, $shm, $n, $now) = (0, 0, 0, '');
		foreach my $pid (sort keys %pids)
		{
			my ($own, $with, $peak) = memory($pid);
			$sum += $own;
			$shm = $with if $with > $shm;
			$n++ if $pids{$pid} eq 'worker';
			$now .= sprintf ' %s %.0f+%.0f(%.0f)', $pids{$pid}, $own, $with, $peak;
		}
		$sum += $shm - $shared if $shm > $shared;
		($most, $text) = ($sum, $now) if $sum > $most;
		$workers = $n if $n > $workers;
		usleep(15_000);
	}
	is(finish_all($client), '', 'no complaint');
	note(sprintf 'at most %.0f MB, %d workers; own+shared(peak):%s', $most, $workers, $text);
	return ($most, $workers, $client->{out});
}

foreach my $case (
	[ 'vectors in the index', 'vector', 'lists = 300' ],
	[ 'rerank in table', 'vector', 'lists = 300, rerank_in_table = on' ],
	[ 'lists by itself', 'vector', 'fillfactor = 0' ],
	[ 'expression, two levels', 'halfvec', "lists = '20,400'" ])
{
	my ($name, $type, $with) = @$case;
	my $what = $type eq 'halfvec' ? "((v::halfvec($dim)) halfvec_cosine_ops)" : '(v vector_l2_ops)';
	$with = $with =~ /fillfactor/ ? '' : "WITH ($with)";
	# 64 MB are enough for one worker beside the leader, by the server's rule of 32 MB each
	foreach my $max (0, 2)
	{
		my ($most, $workers) = watch("SET max_parallel_maintenance_workers = $max;
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
	my ($most, undef, $out) = watch("SET work_mem = '1MB'; SELECT vc_use_index(true);
		SELECT count(*) || ' ' || count(DISTINCT id) FROM (SELECT id FROM many $filter ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;
		SELECT count(id) || ' rows' FROM (SELECT id FROM many $filter ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;");
	my $n = $filter ? $many / 2 : $many;
	like($out, qr/^$n $n$/m, "every row once ${filter}");
	cmp_ok($most, '<=', 32, "memory of a scan ${filter}");
}

server_lived($node, 'no backend died');
$node->stop;
done_testing();
