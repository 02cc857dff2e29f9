# 050_check.pl
# bm25_index_check: each kind of damage is found and named, none ends the server, and a sound index beside the
# damaged ones stays sound.  One index a case, one restart for all.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(seed new_node crc32c);

use constant PAGE => 8192;

seed();
my $node = new_node('check', q{
fsync = off
max_wal_size = 4GB
search_path = 'public, bm25_catalog'
}, damaged => 1);
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE TABLE t (id int, body text) WITH (autovacuum_enabled = off);
CREATE FUNCTION words(i int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT 'all ' || CASE WHEN i % 3 > 0 THEN 'often often ' ELSE '' END || 'some' || i % 40 || ' one' || i || ' a' || i * 7 $$;
INSERT INTO t SELECT i, words(i) FROM generate_series(1, 1250) i;
SQL

sub bytes { my ($file, $block, $offset, $n) = @_; return substr($$file, $block * PAGE + $offset, $n); }
sub u16 { return unpack('S', bytes(@_, 2)); }
sub u32 { return unpack('L', bytes(@_, 4)); }

# Flip a byte of the file at (block, offset), or replace bytes there.
sub flip { my ($file, $block, $offset) = @_; substr($$file, $block * PAGE + $offset, 1) ^= "\x55"; return; }

sub put
{
	my ($file, $block, $offset, $bytes) = @_;
	substr($$file, $block * PAGE + $offset, length $bytes) = $bytes;
	return;
}

sub add { my ($file, $block, $offset, $n) = @_; put($file, $block, $offset, pack('L', u32($file, $block, $offset) + $n)); return; }

# Makes the checksum of a page right again.
sub seal
{
	my ($file, $block) = @_;
	my ($lower, $upper) = unpack('SS', bytes($file, $block, 12, 4));
	my $identity = bytes($file, $block, 8176, 8) . pack('L', u16($file, $block, 8188) & 0x3FFF);
	put($file, $block, 8184, pack('L',
		crc32c(bytes($file, $block, 24, $lower - 24) . bytes($file, $block, $upper, 8160 - $upper) . $identity)));
	return;
}

# the same with the checksum made right, so that only the contents are wrong
sub sealed { my ($damage) = @_; return sub { $damage->(@_); seal(@_[ 0, 1 ]) }; }
sub set { my ($offset, $bytes) = @_; return sub { put(@_[ 0, 1 ], $offset, $bytes) }; }
sub sealed_set { return sealed(set(@_)); }
sub more { my ($offset, $n) = @_; return sub { add(@_[ 0, 1 ], $offset, $n) }; }

my $unusual = pack('L', 0x7fffffff);

# name, kind of page, how to damage (file, block), what the check says, or an error
my @cases = (
	[ 'none', 'meta', sub { }, qr/^$/ ],
	[ 'metapage', 'meta', sub { flip(@_, 24) }, qr/ERROR.*corrupted at block 0/ ],
	[ 'format version', 'meta', sub { flip(@_, 28) }, qr/ERROR.*has format version/ ],
	[ 'flags', 'meta', sub { flip(@_, 37) }, qr/ERROR.*corrupted at block 0/ ],
	[ 'header of a segment', 'meta', sub { my ($f) = @_; put($f, 0, 516, pack('L', u32($f, 0, 520))) }, qr/ERROR.*corrupted at block 0/ ],
	[ 'header at another page', 'meta', more(516, -1), qr/^\d+\|page is of kind/m ],
	[ 'header beyond the end', 'meta', set(516, $unusual), qr/\|the block does not exist/ ],
	[ 'documents of a segment', 'meta', set(524, $unusual), qr/\|header of segment \d+ is wrong/ ],
	[ 'unknown incarnation', 'meta', set(512, $unusual), qr/^0\|incarnation \d+ of a segment was never given out/m ],
	[ 'growing tape at another page', 'meta', more(328, -1), qr/\|page is of kind|\|page is used twice/ ],
	[ 'incarnation of the tape', 'meta', more(332, 1), qr/\|page belongs to/ ],
	[ 'no growing tape', 'meta', set(328, "\xff" x 4), qr/is not in the index/ ],
	[ 'page header', 'length', sub { flip(@_, 19) }, qr/\|wrong page size/ ],
	[ 'page id', 'document', sub { flip(@_, 8190) }, qr/\|wrong page id/ ],
	[ 'page of zeros', 'position', set(0, "\0" x PAGE), qr/\|the page was never written/ ],
	[ 'owner', 'posting', sub { flip(@_, 8176) }, qr/\|page belongs to/ ],
	[ 'kind', 'summary', sealed_set(8188, pack('S', 0x4020)), qr/\|page is of kind/ ],
	[ 'tombstone', 'summary', sub { put(@_, 8188, pack('S', u16(@_, 8188) | 0x8000)) }, qr/\|page is free and in use/ ],
	[ 'checksum', 'posting', sub { flip(@_, 100) }, qr/\|checksum does not match/ ],
	[ 'no checksum', 'term', sub { put(@_, 8188, pack('S', u16(@_, 8188) & 0x3fff)) }, qr/\|page of a segment has no checksum/ ],
	[ 'place of an extent', 'header', sealed_set(24 + 464 + 4, $unusual), qr/\|extent 0 of segment/ ],
	[ 'wrong place of an extent', 'header', sealed(more(24 + 464 + 4, 1)), qr/\|page is of kind/ ],
	[ 'number of extents', 'header', sealed(more(24 + 8, 1)), qr/\|segment \d+ has 1 of 2 extents/ ],
	[ 'number of terms', 'header', sealed(more(24 + 12, 1)), qr/\|segment \d+: terms or postings are not as many/ ],
	[ 'number of large terms', 'header', sealed(more(24 + 16, 1)), qr/terms or postings are not as many|first page of a file/ ],
	[ 'root of the dictionary', 'header', sealed(more(24 + 20, -1)), qr/\|header of segment \d+ is wrong: root/ ],
	[ 'levels of the dictionary', 'header', sealed(more(24 + 24, 1)), qr/not where it should be/ ],
	[ 'number of postings', 'header', sealed(more(24 + 32, 1)), qr/terms or postings are not as many/ ],
	[ 'positions', 'header', sealed(more(24 + 40, -1)), qr/damaged positions|belong to no term/ ],
	[ 'sections', 'header', sealed(more(24 + 52, 1)), qr/is wrong|page is of kind/ ],
	[ 'documents of a field', 'header', sealed(more(24 + 80, 1)), qr/are not what its header sums up/ ],
	[ 'lengths of a field', 'header', sealed(more(24 + 208, 1)), qr/are not what its header sums up/ ],
	[ 'number of the dead', 'state', more(24, 1), qr/dead documents, but counts/ ],
	[ 'dead that are counted', 'state', more(28, 1), qr/\|state of segment \d+ is wrong/ ],
	[ 'living documents', 'state', more(48, 1), qr/are not what its state sums up/ ],
	[ 'living lengths', 'state', more(176, 1), qr/are not what its state sums up/ ],
	[ 'file of another', 'state', sub { my ($f, $b) = @_; put($f, $b, 40, bytes($f, $b, 32, 8)) }, qr/\|page is used twice/ ],
	[ 'place of the bitmap', 'state', more(32, 1), qr/\|page is of kind|\|page belongs to/ ],
	[ 'bitmap', 'dead_bits', set(24, "\xff" x 8), qr/is not in the index/ ],
	[ 'bitmap, revived', 'dead_bits', set(24, "\0" x 64), qr/dead documents, but counts/ ],
	[ 'bitmap, beyond the end', 'dead_bits', set(24 + 156, "\xff"), qr/documents are dead that segment \d+ does not have/ ],
	[ 'number in the file', 'dead_bits', more(8172, 1), qr/\|page is not number 0 of its file/ ],
	[ 'dead documents by term', 'dead_counts', more(24, 1), qr/a wrong number of dead documents/ ],
	[ 'file', 'inode', sub { flip(@_, 24) }, qr/\|the first page of a file/ ],
	[ 'restart', 'term', sealed(sub { put(@_, 30, pack('S', u16(@_, 30) + 1)) }), qr/dictionary page has a wrong restart/ ],
	[ 'number of entries', 'term', sealed(sub { put(@_, 24, pack('S', u16(@_, 24) - 1)) }), qr/dictionary page has/ ],
	[ 'first key', 'term', sealed(sub { put(@_, 24 + u16(@_, 28) + 3, 'A') }), qr/first key that is not the one above/ ],
	[ 'order of keys', 'term', sealed(sub { put(@_, 24 + u16(@_, 30) + 3, "\x01") }), qr/keys out of order/ ],
	[ 'last position', 'term', sealed(sub { add(@_, u16(@_, 12) - 4, 1 << 24) }), qr/with other contents/ ],
	[ 'child', 'term_index', sealed(sub { flip(@_, u16(@_, 12) - 1) }), qr/not where it should be/ ],
	[ 'key of a child', 'term_index', sealed(sub { put(@_, 24 + u16(@_, 28) + 3, 'A') }), qr/first key that is not the one above/ ],
	[ 'last of a block', 'summary', sealed(more(24, 1)), qr/a block of wrong contents/ ],
	[ 'page of a block', 'summary', sealed(more(28, 1)), qr/a block that does not follow|a block of a wrong size/ ],
	[ 'place of a block', 'summary', sealed(sub { put(@_, 32, pack('S', 4)) }), qr/a block that does not follow/ ],
	[ 'bytes of a block', 'summary', sealed(sub { put(@_, 34, pack('S', 20)) }), qr/a block of a wrong size/ ],
	[ 'bound of a block', 'summary', sealed_set(36, "\0" x 4), qr/a posting above the bound of its block/ ],
	[ 'count of a block', 'posting', sealed_set(24, "\x01"), qr/a block of a wrong size/ ],
	[ 'norms of a block', 'posting', sealed(more(28, 1)), qr/norm that is not of its document/ ],
	[ 'positions of a block', 'posting', sealed(more(32, 1)), qr/positions that do not follow/ ],
	[ 'documents of a block', 'posting', sealed(sub { flip(@_, 24 + 16) }), qr/a block of wrong contents|do not ascend/ ],
	[ 'position', 'position', sealed(sub { put(@_, 24, chr(ord(bytes(@_, 24, 1)) + 1)) }), qr/with other contents/ ],
	[ 'impossible address', 'document', sealed_set(28, "\xff\xff"), qr/which is no row's/ ],
	[ 'address beyond the table', 'document', sealed_set(24, "\x01\x00"), qr/which is no row's/ ],
	[ 'two addresses', 'document', sealed(sub { put(@_, 24 + 18, bytes(@_, 24 + 6, 6)) }), qr/\|1 rows are in the index more than once/ ],
	[ 'length', 'length', sealed(more(28, 5)), qr/norm that is not of its document/ ],
	[ 'item', 'growing', sub { put(@_, 24, pack('L', 0x7fff | 1 << 15 | 40 << 17)) }, qr/growing document 1 is beyond/ ],
	[ 'growing address', 'growing', sub { my $at = u32(@_, 24) & 0x7fff; put(@_, $at + 4, "\0\0") }, qr/which is no row's/ ],
	[ 'growing terms', 'growing', sub { my $at = u32(@_, 24) & 0x7fff; add(@_, $at + 8, -1) }, qr/has bytes behind its last term/ ],
	[ 'more growing terms', 'growing', sub { my $at = u32(@_, 24) & 0x7fff; add(@_, $at + 8, 1) }, qr/has a damaged term/ ],
	[ 'growing length', 'growing', sub { my $at = u32(@_, 24) & 0x7fff; add(@_, $at + 12, 1) }, qr/with other contents/ ],
	[ 'growing key', 'growing', sub { my $at = u32(@_, 24) & 0x7fff; put(@_, $at + 18, 'z') }, qr/has a damaged term|with other contents/ ],
	[ 'dead growing document', 'growing', sub { put(@_, 24, pack('L', u32(@_, 24) | 3 << 15)) }, qr/is not in the index/ ],
	[ 'closed tape', 'growing_tail', sub { put(@_, 8168, pack('L', $_[1])) }, qr/\|the tape is closed/ ],
	[ 'number in the tape', 'growing_tail', more(8172, 1), qr/\|page is number \d+ of its tape/ ],
	[ 'circle', 'growing_tail', sub { my ($f, $b) = @_; put($f, $b, 8168, pack('L', u32($f, 0, 328))) }, qr/\|page is used twice/ ],
	[ 'redirection', 'more', sub { put(@_, 12, pack('S', u16(@_, 12) - 8)) }, qr/\|page holds \d+ bytes of a document/ ],
	[ 'large document', 'more', sub { flip(@_, 60) }, qr/has a damaged term|with other contents|bytes behind/ ],
	[ 'owner of a large document', 'more', sub { flip(@_, 8180) }, qr/\|page belongs to/ ],
	[ 'end of the file', 'meta', sub { my ($f) = @_; $$f = substr($$f, 0, length($$f) - PAGE) }, qr/\|the block does not exist/ ],
);

$node->safe_psql('postgres', join '', map {
	"CREATE INDEX i$_ ON t USING bm25 (body) WITH (text_config = 'simple', positions = on);\n"
} 0 .. $#cases);
# dead documents and their numbers by term; growing documents, large ones at both ends of the file
$node->safe_psql('postgres', q{
DELETE FROM t WHERE id % 10 = 3;
VACUUM t;
INSERT INTO t SELECT i, words(i) FROM generate_series(2001, 2300) i;
INSERT INTO t SELECT 3000, string_agg('many' || n, ' ') FROM generate_series(1, 2000) n;
INSERT INTO t SELECT 3001, repeat('w ', 9000);
CHECKPOINT});

# the first page of the kind that is in use
my %places = (
	dead_bits => "p ->> 'kind' = 'dead_bits' AND p -> 'owner' = (SELECT p -> 'bits_root' FROM pages WHERE p ->> 'kind' = 'state')",
	dead_counts => "p ->> 'kind' = 'dead_bits' AND p -> 'owner' = (SELECT p -> 'dead_root' FROM pages WHERE p ->> 'kind' = 'state')",
	growing_tail => "p ->> 'kind' = 'growing' AND p ->> 'next' IS NULL AND p ->> 'skip' <> '0'");
my @files = map {
	my $kind = $cases[$_][1];
	my $place = $places{$kind} // "p ->> 'kind' = '$kind'";
	my $block = $node->safe_psql('postgres', <<"SQL");
WITH pages AS (SELECT b, bm25_page_inspect('i$_', b::int)::jsonb AS p FROM generate_series(0, pg_relation_size('i$_') / 8192 - 1) b)
SELECT coalesce(min(b), -1) FROM pages WHERE $place AND p ->> 'free' = 'false'
SQL
	cmp_ok($block, '>=', 0, "$cases[$_][0]: there is such a page");
	[ $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('i$_')"), $block ];
} 0 .. $#cases;
is($node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT * FROM bm25_index_check('i$_', true)" } 0, $#cases), '',
	'sound before');
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
	close $handle or die "$path: $!";
}
$node->start;

for my $i (0 .. $#cases)
{
	my ($name, undef, undef, $says) = @{ $cases[$i] };
	my ($status, $out, $err) = $node->psql('postgres', "SELECT * FROM bm25_index_check('i$i', true)");

	like(join("\n", grep { $_ ne '' } $out, $err), $says, "$name: found");
	# looking at it, searching it: answers or an error, both after more than one look
	for my $query (
		"SELECT count(bm25_page_inspect('i$i', b::int)) FROM generate_series(0, pg_relation_size('i$i') / 8192 - 1) b",
		"SELECT documents FROM bm25_stats('i$i')",
		"SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY body <&> to_bm25query('often some3', 'i$i') LIMIT 5) s")
	{
		($status, $out, $err) = $node->psql('postgres', $query);
		ok($status == 0 || $err =~ / is corrupted|has format version/, "$name: $query")
		  or diag($err);
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 1427, 'the server lives');
$node->stop;
done_testing();
