# CREATE INDEX: walks the file page by page, by vchordrq/format.h and nothing else, and compares what it
# finds with the table.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(crc32c);

use constant {
	PAGE => 8192,
	BODY => 8064,
	META => 1,
	CHAIN => 2,
	VECTOR => 4,
	LIST => 8,
	CENTROID => 16,
	LEVEL => 32,
	DIRECTORY => 64,
	NONE => 0xFFFFFFFF,
	SEGMENT => 8064,
};

sub up { my ($n, $to) = @_; return int(($n + $to - 1) / $to) * $to; }

my $node = PostgreSQL::Test::Cluster->new('build');
$node->init;
$node->append_conf(
	'postgresql.conf', q(
max_parallel_workers = 4
min_parallel_table_scan_size = 0
client_min_messages = warning
autovacuum = off
));
$node->start;

# What an index file holds: {meta, lists => [[tid, ...] ...], slots => {tid => elements}, rows, problems}
sub walk
{
	my ($index) = @_;
	my $path = $node->data_dir . '/'
	  . $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('$index')");
	my $file = slurp_file($path);
	my @problems;
	my %seen;
	my $pages = length($file) / PAGE;
	my $complain = sub { push @problems, join('', @_) if @problems < 10; };

	# body of a page of a run; crc over what never changes
	my $body = sub {
		my ($blk, $kind, $owner, $incarnation, $ordinal) = @_;
		return $complain->("block $blk beyond the end") || '' if $blk >= $pages;
		my $page = substr($file, $blk * PAGE, PAGE);
		my ($o, $i, undef, $k, $id) = unpack('L L L S S', substr($page, 8176, 16));
		my ($lower, $upper, $special) = unpack('S S S', substr($page, 12, 6));
		$complain->("block $blk read twice") if $seen{$blk}++;
		$complain->("block $blk: kind $k, expected $kind") if $k != $kind;
		$complain->("block $blk: page id $id") if $id != 0xFF8A;
		$complain->("block $blk: owner $o/$i, expected $owner/$incarnation")
		  if $o != $owner || $i != $incarnation;
		$complain->("block $blk: bounds $lower $upper $special")
		  if $special != 8160 || $upper != 8160 || $lower > $upper;
		my ($crc, $from, $used, $n) = unpack('L S S L', substr($page, 24, 12));
		return substr($page, 64, BODY) if $kind == VECTOR;
		$complain->("block $blk: ordinal $n, expected $ordinal") if $n != $ordinal;
		$complain->("block $blk: lower $lower, used $used") if $lower != 64 + $used;
		$complain->("block $blk: crc")
		  if $crc != crc32c(substr($page, 64 + $from, $used - $from));
		return substr($page, 64, $used);
	};
	my $run = sub {
		my ($first, $n, $kind, $owner, $incarnation) = @_;
		return join('', map { $body->($first + $_, $kind, $owner, $incarnation, $_) } 0 .. $n - 1);
	};

	my %m;
	@m{
		qw(magic version size flags dim type metric levels chains group_pages group_slots
		  slot_bytes lists directory_first directory_pages build_rows build_radius crc)
	} = unpack('L5 S6 L4 d f L', substr($file, 24, 64));
	$seen{0} = $seen{1} = 1;
	$complain->('magic') if $m{magic} != 0x51524356;
	my $disk = substr($file, 24, $m{size});
	substr($disk, 60, 4) = "\0" x 4;
	$complain->('crc of the metapage') if $m{crc} != crc32c($disk);

	# the tree: children of a level are numbered in the order of their parents
	my $centroid_bytes = up(32 + 4 * $m{dim}, 64);
	my $rows_of_leaves = [];
	my $expected;
	foreach my $l (0 .. $m{levels})
	{
		my ($cells, $code_first, $code_blocks, $code_pages, $c_first, $c_pages, $n_first, $n_pages) =
		  unpack('L8', substr($file, 24 + 80 + 32 * $l, 32));
		my $centroids = $run->($c_first, $c_pages, CENTROID, $l, 0);
		$complain->("level $l: length of centroids")
		  if length($centroids) != $cells * $centroid_bytes;
		$complain->("level $l: $cells cells, parents count $expected")
		  if $l > 0 && $cells != $expected;
		if ($l > 0)
		{
			my $codes = $run->($code_first, $code_pages, LEVEL, $l, 0);
			my $block = up(int(($m{dim} + 3) / 4) * 16 + 320, 64);
			$complain->("level $l: length of codes") if length($codes) != $code_blocks * $block;
		}
		my @norms = $l > 0 ? unpack('f*', $run->($n_first, $n_pages, CENTROID, $l, 0)) : ();
		$complain->("level $l: number of norms") if $l > 0 && @norms != $cells;
		$expected = 0;
		my $next_block = 0;
		foreach my $cell (0 .. $cells - 1)
		{
			my ($norm2, $radius, $max, $first, $count, $blk, $rows) =
			  unpack('f3 L4', substr($centroids, $cell * $centroid_bytes, 28));
			my @c = unpack('f*', substr($centroids, $cell * $centroid_bytes + 32, 4 * $m{dim}));
			my $sum = 0;
			$sum += $_ * $_ for @c;
			$complain->("level $l cell $cell: norm $norm2, is $sum")
			  if abs($norm2 - $sum) > 1e-4 * ($sum + 1e-30);
			$complain->("level $l cell $cell: norm $norm2, beside it $norms[$cell]")
			  if $l > 0 && $norms[$cell] != $norm2;
			$complain->("level $l cell $cell: radius $radius of $max") if $radius > $max * 1.001;
			if ($l == $m{levels})
			{
				push @$rows_of_leaves, $rows;
				$complain->("leaf $cell is list $first") if $first != $cell || $count != 0;
				next;
			}
			$complain->("level $l cell $cell: children $first, block $blk")
			  if $first != $expected || $blk != $next_block;
			$expected += $count;
			$next_block += int(($count + 31) / 32);
		}
	}

	my $directory = $run->($m{directory_first}, $m{directory_pages}, DIRECTORY, 0, 0);
	my $exact = $m{flags} & 4;
	my $grouped = !$exact && !($m{flags} & 2);
	my $strip_bytes = $grouped ? 12 : 6;
	my $block_bytes = up(int(($m{dim} + 3) / 4) * 16 + 320, 64);
	my (@lists, %slots, %groups, %vectors);
	my $group_bodies = sub {
		my ($first) = @_;
		return $groups{$first} //=
		  join('', map { $body->($first + $_, VECTOR, 0, 0, $_) } 0 .. $m{group_pages} - 1);
	};
	foreach my $list (0 .. $m{lists} - 1)
	{
		my ($next, undef, $first, $rows, $dead, $inc) =
		  unpack('L6', substr($directory, 128 * $list, 24));
		my @tids;
		$rows = 0 if $first == NONE;
		$complain->("list $list has $rows rows, its centroid says $rows_of_leaves->[$list]")
		  if $rows != $rows_of_leaves->[$list];
		my $blk = $first;
		my $ordinal = 0;
		for (my $left = $rows; $left > 0; $left -= SEGMENT)
		{
			my $n = $left < SEGMENT ? $left : SEGMENT;
			my $strip = up($n * $strip_bytes, 64);
			my $stream = '';
			my $want = $exact ? $strip : $strip + int(($n + 31) / 32) * $block_bytes;
			my $found = 0;

			# strip and codes are one stream; rows of an exact index are never cut
			while (length($stream) < $want || ($exact && $found < $n))
			{
				my $page = $body->($blk++, LIST, $list, $inc, $ordinal++);
				last if $page eq '';
				my $at = 0;
				if (length($stream) < $want)
				{
					$at = $want - length($stream);
					$at = BODY if $at > BODY;
					$at = length($page) if $at > length($page);
					$stream .= substr($page, 0, $at);
				}
				next unless $exact && length($stream) >= $want;
				for (; $at + 4 * $m{dim} <= length($page) && $found < $n; $at += 4 * $m{dim})
				{
					my ($hi, $lo, $off) =
					  unpack('S3', substr($stream, $found++ * $strip_bytes, 6));
					$slots{ '(' . ($hi << 16 | $lo) . ",$off)" } =
					  substr($page, $at, 4 * $m{dim});
				}
			}
			$complain->("list $list: segment of ", length($stream), " bytes, expected $want")
			  if length($stream) != $want;
			foreach my $row (0 .. $n - 1)
			{
				my ($hi, $lo, $off, $slot, $group) =
				  unpack('S3 S L', substr($stream, $row * $strip_bytes, $strip_bytes) . "\0" x 6);
				my $tid = '(' . ($hi << 16 | $lo) . ",$off)";
				push @tids, $tid;
				next if !$grouped;
				my $bytes =
				  substr($group_bodies->($group), $slot * $m{slot_bytes}, $m{slot_bytes});
				$complain->("$tid: slot of another row")
				  if substr($bytes, 0, 6) ne pack('S3', $hi, $lo, $off);
				$slots{$tid} = substr($bytes, $m{metric} == 2 ? 12 : 8);
			}
		}
		push @lists, \@tids;
	}
	my $unread = grep { !$seen{$_} } 0 .. $pages - 1;
	return {
		meta => \%m,
		lists => \@lists,
		slots => \%slots,
		problems => \@problems,
		pages => $pages,
		unread => $unread,
	};
}

# An index must hold each row that `condition` selects once, in TID order within a list, with the
# very elements of `expression`.
sub check
{
	my ($name, $index, $table, $expression, $condition) = @_;
	my $w = walk($index);
	my $m = $w->{meta};
	my $format = $m->{type} == 1 && !($m->{flags} & 4) ? 'half' : 'f';
	my %rows = map { split /\|/, $_, 2 } split /\n/,
	  $node->safe_psql('postgres', "SELECT ctid, $expression FROM $table WHERE $condition");
	my @order = grep {
		my $list = $_;
		my @key = map { /\((\d+),(\d+)\)/; $1 << 16 | $2 } @$list;
		grep { $key[$_] <= $key[ $_ - 1 ] } 1 .. $#key;
	} @{ $w->{lists} };
	my @tids = map { @$_ } @{ $w->{lists} };
	my $wrong = 0;

	is_deeply($w->{problems}, [], "$name: pages");
	is(scalar(@order), 0, "$name: lists are in TID order");
	is_deeply([ sort @tids ], [ sort keys %rows ], "$name: every row once");
	is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = '$index'"),
		scalar(keys %rows), "$name: reltuples");
	is($m->{build_rows}, scalar(keys %rows), "$name: rows in the metapage");
	if (%{ $w->{slots} } && $format eq 'f' && $m->{metric} != 2)
	{
		foreach my $tid (keys %rows)
		{
			my @x = $rows{$tid} =~ /[^\[\],]+/g;
			$wrong++ if pack('f*', @x) ne substr($w->{slots}{$tid}, 0, 4 * $m->{dim});
		}
		is($wrong, 0, "$name: stored vectors");
	}
	return $w;
}

$node->safe_psql(
	'postgres', q(
CREATE EXTENSION vchord CASCADE;
CREATE FUNCTION vec(n int, dim int) RETURNS text LANGUAGE sql AS $$
	SELECT '[' || string_agg(round(((hashint8(n * 100000::bigint + i) % 1000) / 500.0
		+ (n % 13) * sin(i * (n % 13)))::numeric, 3)::text, ',') || ']'
	FROM generate_series(1, dim) i $$;
CREATE TABLE t (id int, v vector(100));
INSERT INTO t SELECT i, vec(i, 100)::vector FROM generate_series(1, 5000) i;
UPDATE t SET v = NULL WHERE id % 50 = 0;
DELETE FROM t WHERE id % 70 = 0;
CREATE TABLE low (id int, v vector(5));
INSERT INTO low SELECT i, vec(i, 5)::vector FROM generate_series(1, 20000) i;
CREATE TABLE wide (id int, v vector(2100));
INSERT INTO wide SELECT i, vec(i, 2100)::vector FROM generate_series(1, 300) i;
CREATE TABLE few (id int, v vector(70));
INSERT INTO few SELECT i, vec(i, 70)::vector FROM generate_series(1, 9) i;
));

my $ops = 'USING vchordrq (v vector_l2_ops)';
my $w;

# serial and parallel builds of the same index have the same lists
my %lists;
foreach my $workers (0, 1, 3)
{
	$node->safe_psql('postgres', qq(
SET max_parallel_maintenance_workers = $workers;
SET maintenance_work_mem = '256MB';
SET client_min_messages = error;
CREATE INDEX t_$workers ON t $ops WITH (lists = '20', build_threads = @{[ $workers + 1 ]})));
	$w = check("$workers workers", "t_$workers", 't', 'v', 'v IS NOT NULL');
	is($w->{meta}{lists}, 20, "$workers workers: lists");
	$lists{$workers} = $w->{lists};
	is($w->{unread}, 0, "no page is unused") if $workers == 0;
}
is_deeply($lists{1}, $lists{0}, 'one worker makes the lists of a serial build');
is_deeply($lists{3}, $lists{0}, 'so do three');

# options
foreach my $case (
	[ 'automatic', 't', '', 9, 1 ],
	[ 'one_list', 't', q(WITH (options = 'build.internal = {}')), 1, 0 ],
	[ 'plain_codes', 't', q(WITH (lists = 10, residual_quantization = off)), 10, 1 ],
	[ 'two_levels', 't', q(WITH (options = 'build.internal.lists = [5, 50]')), 50, 2 ],
	[ 'four_levels', 't', q(WITH (lists = '2,6,6,40')), 40, 4 ],
	[ 'more_lists_than_rows', 'few', q(WITH (lists = 40)), 40, 1 ],
	[ 'few_rows', 'few', '', 1, 0 ],
	[ 'part_of_dimensions', 't', q(WITH (lists = 12, kmeans_dimension = 16)), 12, 1 ],
	[ 'one_chain', 't', q(WITH (lists = 7, degree_of_parallelism = 1)), 7, 1 ],
	[ 'segments', 'low', q(WITH (options = 'build.internal.lists = []')), 1, 0 ],
	[ 'segments_coded', 'low', q(WITH (options = 'build.internal.lists = []', rerank_in_table = on)), 1, 0 ],
	[ 'exact_lists', 'low', '', 40, 1 ],
	[ 'vectors_over_pages', 'wide', q(WITH (lists = 3)), 3, 1 ],
	[ 'in_table', 't', q(WITH (lists = 5, rerank_in_table = on)), 5, 1 ])
{
	my ($name, $table, $with, $lists, $levels) = @$case;
	$node->safe_psql('postgres',
		"SET client_min_messages = error; CREATE INDEX $name ON $table $ops $with");
	$w = check($name, $name, $table, 'v', 'v IS NOT NULL');
	is($w->{meta}{lists}, $lists, "$name: lists");
	is($w->{meta}{levels}, $levels, "$name: levels");
}

# kinds of index
$node->safe_psql('postgres', q(CREATE INDEX half ON t
	USING vchordrq ((v::halfvec(100)) halfvec_cosine_ops)));
check('expression', 'half', 't', 'v', 'v IS NOT NULL');
$node->safe_psql('postgres', "CREATE INDEX part ON t $ops WHERE id < 3000");
check('partial', 'part', 't', 'v', 'v IS NOT NULL AND id < 3000');
$node->safe_psql('postgres', "CREATE INDEX CONCURRENTLY cic ON t $ops");
check('concurrently', 'cic', 't', 'v', 'v IS NOT NULL');
$node->safe_psql('postgres', "REINDEX INDEX CONCURRENTLY cic; REINDEX INDEX part");
check('reindexed concurrently', 'cic', 't', 'v', 'v IS NOT NULL');
check('reindexed', 'part', 't', 'v', 'v IS NOT NULL AND id < 3000');

# an index made in the transaction that made its table, and one that a crash empties
$node->safe_psql('postgres', qq(
BEGIN;
CREATE TABLE fresh AS SELECT id, v FROM t WHERE id < 2500;
ALTER TABLE fresh ALTER v TYPE vector(100);
CREATE INDEX fresh_i ON fresh $ops;
COMMIT;
CREATE UNLOGGED TABLE unlogged AS SELECT id, v FROM t;
ALTER TABLE unlogged ALTER v TYPE vector(100);
CREATE INDEX unlogged_i ON unlogged $ops));
check('same transaction', 'fresh_i', 'fresh', 'v', 'v IS NOT NULL');
# checkpoints leave pages of unlogged relations alone, but for that of a shutdown
$node->restart;
check('unlogged', 'unlogged_i', 'unlogged', 'v', 'v IS NOT NULL');
$node->safe_psql('postgres', "CREATE INDEX logged ON t $ops WITH (lists = 6)");
$node->stop('immediate');
$node->start;
check('after a crash', 'logged', 't', 'v', 'v IS NOT NULL');
$w = walk('unlogged_i');
is_deeply($w->{problems}, [], 'unlogged after a crash: pages');
is_deeply($w->{lists}, [ [] ], 'unlogged after a crash: one empty list');

# an empty table
$node->safe_psql('postgres', qq(SET client_min_messages = error;
CREATE TABLE empty (v vector(30));
CREATE INDEX empty_one ON empty $ops;
CREATE INDEX empty_many ON empty $ops WITH (lists = '10,1000')));
check('empty table', 'empty_one', 'empty', 'v', 'true');
$w = check('empty table, many lists', 'empty_many', 'empty', 'v', 'true');
is($w->{meta}{lists}, 1000, 'lists of an empty table');

# full pages are logged once, with little around them
my ($before, $after) = ($node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()'));
$node->safe_psql('postgres', "CREATE INDEX wal ON wide $ops");
$after = $node->safe_psql('postgres',
	"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before') / pg_relation_size('wal')");
cmp_ok($after, '<', 1.1, 'WAL of a build per byte of the index');

$node->stop;
done_testing();
