# vchordrq_index_check: each kind of damage is found and named, none ends the server, and a sound index
# beside the damaged ones stays sound.  One index a case, one restart for all.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

use constant PAGE => 8192;

seed();
my $node = new_node('check', '', damaged => 1);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int, v vector(96));
CREATE FUNCTION vec(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * (k + 1.5)))::vector FROM generate_series(1, 96) k $$;
INSERT INTO t SELECT i, vec(i) FROM generate_series(1, 1000) i;
SQL

# Flip a byte of the file at (block, offset), or replace bytes there.
sub flip
{
	my ($file, $block, $offset) = @_;
	substr($$file, $block * PAGE + $offset, 1) ^= "\x5a";
}

sub put
{
	my ($file, $block, $offset, $bytes) = @_;
	substr($$file, $block * PAGE + $offset, length $bytes) = $bytes;
}

sub u32
{
	my ($file, $block, $offset) = @_;
	return unpack('L', substr($$file, $block * PAGE + $offset, 4));
}

# name, kind of page, how to damage (file, block), what the check says, or an error; of damage that only writers
# meet: what INSERT says
my @cases = (
	['none', 'meta', sub { }, qr/^$/],
	['metapage', 'meta', sub { flip(@_, 40) }, qr/ERROR.*corrupted at block 0/],
	['format version', 'meta', sub { flip(@_, 28) }, qr/ERROR.*has format version/],
	['page header', 'level', sub { flip(@_, 19) }, qr/^\d+\|/],
	['page id', 'centroid', sub { flip(@_, 8190) }, qr/^\d+\|/],
	['page of zeros', 'list', sub { put(@_, 0, "\0" x PAGE) }, qr/\|page was never written/],
	['owner', 'list', sub { flip(@_, 8176) }, qr/\|page belongs to/],
	['ordinal', 'list', sub { flip(@_, 32) }, qr/\|page is number \d+ of its run/],
	['bytes in use', 'list', sub { flip(@_, 30) }, qr/\|page holds \d+ bytes/],
	[
		'code', 'list',
		sub { my ($f, $b) = @_; flip($f, $b, 64 + unpack('S', substr($$f, $b * PAGE + 28, 2)) + 100) },
		qr/\|checksum of the immutable part/
	],
	['row address', 'list', sub { flip(@_, 68) }, qr/is not in the index/],
	['dead row', 'list', sub { put(@_, 64, "\0" x 6) }, qr/is not in the index/],
	['impossible address', 'list', sub { put(@_, 68, "\xff\xff") }, qr/no possible address/],
	['vector group of a row', 'list', sub { put(@_, 72, pack('L', 1)) }, qr/in slot \d+ of block 1, where/],
	['centroid', 'centroid', sub { flip(@_, 200) }, qr/\|checksum of the immutable part/],
	['code of a centroid', 'level', sub { flip(@_, 70) }, qr/\|checksum of the immutable part/],
	['place of an extent', 'directory', sub { put(@_, 72, pack('L', 0x7fffffff)) }, qr/\|list 0 has an extent/],
	['extent of another list', 'directory', sub { put(@_, 72, pack('L', u32(@_, 200))) }, qr/\|page belongs to/],
	['rows of an extent', 'directory', sub { put(@_, 76, pack('L', 0)) }, qr/\|list 0 has an extent/],
	['dead rows of an extent', 'directory', sub { put(@_, 80, pack('L', 1)) }, qr/claims 1 dead rows, but has 0/],
	['tail of a chain', 'directory', sub { put(@_, 108, pack('L', 0)) }, qr/append chain of list 0 ends here/],
	['appended rows', 'append', sub { put(@_, 24, pack('L', 100000)) }, qr/\|append page claims 100000 rows/],
	['dead appended rows', 'append', sub { put(@_, 28, pack('L', 1)) }, qr/\|append page claims 1 dead/],
	['closed chain', 'append', sub { put(@_, 32, pack('L', 1)) }, qr/\|append page is closed/],
	['appended code', 'append', sub { flip(@_, 64 + 24 + 3) }, qr/\|code of row/],
	['appended factor', 'append', sub { flip(@_, 64 + 12 + 3) }, qr/\|base of row/],
	['bitmap of slots', 'vector', sub { flip(@_, 36) }, qr/\|vector group has \d+ slots in use/],
	['free slots', 'vector', sub { flip(@_, 28) }, qr/\|vector group has \d+ slots in use/],
	['number in the group', 'vector', sub { flip(@_, 24) }, qr/where none is/],
	['owner of a vector', 'vector', sub { flip(@_, 64) }, qr/\|place of the vector of row/],
	['vector', 'vector', sub { flip(@_, 64 + 8 + 40) }, qr/\|vector of row/],
	['open group', 'chain', sub { put(@_, 64, pack('L', 1)) }, qr/\|block is no vector group/],
	[
		'free space', 'append',
		sub { flip(@_, 8150) },
		qr/\|the free space is not zero/, qr/XX002.*the free space is not zero/
	],
	[
		'limit of the free space', 'append',
		sub { put(@_, 14, pack('S', 8152)) },
		qr/\|page ends at byte 8152/, qr/XX002.*append page claims/
	],
	[
		'lost appended rows', 'append',
		sub { put(@_, 24, pack('L', u32(@_, 24) - 20)) },
		qr/\|append page claims/, qr/XX002.*append page claims/
	],
	[
		'end of the appended rows', 'append',
		sub { my ($f, $b) = @_; put($f, $b, 12, pack('S', unpack('S', substr($$f, $b * PAGE + 12, 2)) - 400)) },
		qr/\|the free space is not zero/, qr/XX002/
	],
	['end of the file', 'meta', sub { my ($f) = @_; $$f = substr($$f, 0, length($$f) - PAGE) }, qr/\|the block does not exist/],
);

for my $i (0 .. $#cases)
{
	$node->safe_psql('postgres', "CREATE TABLE w$i AS SELECT * FROM t") if $cases[$i][4];
	$node->safe_psql('postgres', "CREATE INDEX i$i ON " . ($cases[$i][4] ? "w$i" : 't') . " USING vchordrq (v vector_l2_ops) "
		  . "WITH (lists = '3', degree_of_parallelism = 1)");
}
$node->safe_psql('postgres', "INSERT INTO $_ SELECT i, vec(i) FROM generate_series(1001, 1200) i")
	foreach 't', map { "w$_" } grep { $cases[$_][4] } 0 .. $#cases;
$node->safe_psql('postgres', 'CHECKPOINT');

# the first block of the kind that is in use
my @files = map {
	my $i = $_;
	my $kind = $cases[$i][1];
	my $block = $node->safe_psql('postgres', <<"SQL");
SELECT min(b) FROM generate_series(0, pg_relation_size('i$i') / 8192 - 1) b,
	vchordrq_page_inspect('i$i', b) p
WHERE p ->> 'kind' = '$kind' AND p ->> 'free' = 'false'
SQL
	[$node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('i$i')"), $block];
} 0 .. $#cases;
$node->stop;
for my $i (0 .. $#cases)
{
	my ($path, $block) = @{ $files[$i] };
	my $file = slurp_file($path);
	my $before = $file;

	$cases[$i][2]->(\$file, $block);
	ok(($file ne $before) == ($i > 0), "$cases[$i][0]: damaged");
	open my $handle, '+<:raw', $path or die "$path: $!";
	print $handle $file;
	truncate $handle, length $file;
	close $handle;
}
$node->start;

for my $i (0 .. $#cases)
{
	my ($name, undef, undef, $says, $writer_says) = @{ $cases[$i] };
	my ($status, $out, $err) =
	  $node->psql('postgres', "SELECT * FROM vchordrq_index_check('i$i', true)");

	like(join("\n", grep { $_ ne '' } $out, $err), $says, "$name: found");
	# looking at it, searching it: answers or an error, both after more than one look
	for my $query (
		"SELECT count(vchordrq_page_inspect('i$i', b)) FROM generate_series(0, pg_relation_size('i$i') / 8192 - 1) b",
		"SELECT vchordrq_prewarm('i$i')",
		"SELECT rows FROM vchordrq_index_info('i$i')")
	{
		($status, $out, $err) = $node->psql('postgres', $query);
		ok($status == 0 || $err =~ /is corrupted at block|has format version/, "$name: $query")
		  or diag($err);
	}
	next if !$writer_says;
	($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose
		INSERT INTO w$i SELECT i, vec(i) FROM generate_series(2001, 2200) i");
	like($err, $writer_says, "$name: INSERT");
	is($node->safe_psql('postgres', "SELECT count(*) FROM w$i"), 1200, "$name: nothing was inserted");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 1200, 'the server lives');
server_lived($node, 'no backend died');
$node->stop;
done_testing();
