# 050_corruption.pl
# Files of bm25 indexes damaged at random: structural fields, payload with wrong and with right checksums, lost
# and exchanged pages, file ends.  Whatever is done with such an index succeeds or fails with a clean error; the
# server never dies, nothing runs for ever, REINDEX brings everything back.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcDamage;
use VcTest qw(counts seed new_node crc32c);

seed();
my $node = new_node('corruption', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '16MB'
max_parallel_maintenance_workers = 0
log_error_verbosity = verbose
search_path = 'public, bm25_catalog'
}, extra => [ '--no-sync' ], damaged => 1);
is($node->safe_psql('postgres', 'SHOW data_checksums'), 'off', 'damage reaches the index');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'all ' || coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 900), ' '), '')
	  FROM generate_series(1, n) j $$;
SQL

# Every layout; each with two segments, dead rows, their numbers by term, growing rows, large ones, tombstones.
my %layouts = (
	plain => [ 'body', "text_config = 'simple'" ],
	places => [ 'title, body', "text_config = 'simple', positions = on" ],
	exact => [ 'body, tags', "text_config = 'simple', norms = 'exact'" ]);
sub rows
{
	my ($t, $from, $to) = @_;
	return "INSERT INTO $t SELECT i, to_tsvector('simple', words(i, i % 4)), words(i, CASE WHEN i % 173 = 0 THEN 3000 ELSE i % 40 END),
		format('{%s:%s, 4000000000:1}', i % 300, i % 9 + 1)::bm25vector FROM generate_series($from, $to) i;\n";
}
foreach my $t (sort keys %layouts)
{
	my ($columns, $with) = @{ $layouts{$t} };
	$node->safe_psql('postgres', "CREATE TABLE $t (id int, title tsvector, body text, tags bm25vector) WITH (autovacuum_enabled = off);
		" . rows($t, 1, 900) . "CREATE INDEX ${t}_i ON $t USING bm25 ($columns) WITH ($with);" . rows($t, 1001, 1400));
	$node->safe_psql('postgres', "SELECT bm25_flush('${t}_i')");
	$node->safe_psql('postgres', rows($t, 2001, 2300) . "DELETE FROM $t WHERE id % 12 = 5");
	$node->safe_psql('postgres', "VACUUM $t");
	$node->safe_psql('postgres', rows($t, 3001, 3100) . 'CHECKPOINT');
}
my %paths = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_filepath('${_}_i')") } keys %layouts;
$node->stop;

# fields in front, of structs in the body, and of the special space
sub fields
{
	my ($lower) = @_;
	return (24 + 4 * int(rand(20)), 24 + 4 * int(rand(($lower - 24) / 4)), 24 + 4 * int(rand(160)), 8160 + 4 * int(rand(8)));
}

# mostly with a checksum that is right, so that the contents are looked at
sub seal
{
	my ($page, $how, $lower) = @_;
	my $kind = unpack('S', substr($page, 8188, 2));
	return ($page, $how) if $how !~ /body|field/ || rand() >= 0.75;
	my ($upper) = unpack('S', substr($page, 14, 2));
	my $items = $upper >= $lower && $upper <= 8160 ? substr($page, $upper, 8160 - $upper) : '';
	substr($page, 8184, 4) = pack('L', crc32c(substr($page, 24, $lower - 24) . $items . substr($page, 8176, 8) . pack('L', $kind & 0x3FFF)))
	  if $kind & 0x4000;
	return ($page, "$how, sealed");
}

sub damage_file
{
	my ($path) = @_;
	return damage($path, kinds => 0x3FFF, body => 24, fields => \&fields, finish => \&seal,
		hows => [qw(special header limits hole body body body field field field zero garbage copy truncate cut)]);
}

# What is done with a damaged index.  The last statements show that nothing was lost.
sub script
{
	my ($t) = @_;
	my $i = "${t}_i";
	my $scan = "SELECT count(*) FROM (SELECT id FROM $t %s ORDER BY body <&> to_bm25query('%s', '$i') LIMIT %d) s;\n";
	my $match = "SELECT count(*) FROM $t WHERE body @@ to_bm25query('all', '$i');\n";
	return "SET statement_timeout = '60s';\nSET enable_seqscan = off;\n"
	  . sprintf($scan, '', 'all w1 w2 w3 w77', 10)
	  . sprintf($scan, '', 'w1 w5 w300', 100000)
	  . sprintf($scan, 'WHERE id % 50 = 1', 'w2 w4', 10)
	  . join('', map { "SET bm25.algorithm = '$_';\n" . sprintf($scan, '', 'w1 w2 w10 w20 w30 w40', 15) } qw(wand maxscore exhaustive))
	  . "RESET bm25.algorithm;\n"
	  . $match
	  . "SELECT count(*) FROM bm25_index_check('$i', true);\n"
	  . "SELECT documents FROM bm25_stats('$i');\n"
	  . "SELECT count(bm25_page_inspect('$i', b::int)) FROM generate_series(0, pg_relation_size('$i') / 8192 - 1) b;\n"
	  . rows($t, 4001, 4020)
	  . "DELETE FROM $t WHERE id % 5 = 0;\n"
	  . "VACUUM $t;\nSELECT bm25_flush('$i');\nSELECT bm25_merge('$i', true);\nVACUUM $t;\n"
	  . rows($t, 5001, 5020)
	  . sprintf($scan, '', 'all w1', 10)
	  . "SELECT 'alive';\n"
	  . "REINDEX INDEX $i;\n"
	  . "SELECT 'check ' || count(*) FROM bm25_index_check('$i', true);\n"
	  . "SELECT 'rows ' || ((SELECT count(*) FROM $t WHERE body @@ to_bm25query('all', '$i')) - count(*)) FROM $t;\n";
}

damage_rounds($node, cycles => counts(12, 350), paths => \%paths, damage => \&damage_file, script => \&script,
	end => qr/^REINDEX\ncheck 0\nrows 0\n$/);
done_testing();
