# 050_corruption.pl
# Files of bm25 indexes damaged at random: structural fields, payload with wrong and with right checksums, lost
# and exchanged pages, file ends.  Whatever is done with such an index succeeds or fails with a clean error; the
# server never dies, nothing runs for ever, REINDEX brings everything back.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node client finish_all server_lived patch_file crc32c $long);

use constant PAGE => 8192;

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
my $pristine = $node->basedir . '/pristine';
system_or_bail('cp', '-a', $node->data_dir, $pristine);

sub one_of { return $_[ int(rand(@_)) ]; }

# a value that field checks are prone to let through
sub odd32
{
	my ($pages) = @_;
	return one_of(0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, $pages, $pages - 1,
		int(rand($pages)), int(rand($pages)), int(rand(1 << 16)), int(rand(0xFFFFFFFF)));
}

sub flip
{
	my ($bytes) = @_;
	my $at = int(rand(length $bytes));
	substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1)) ^ (1 << int(rand(8))));
	return $bytes;
}

# Damages one file; returns what was done.
sub damage
{
	my ($path) = @_;
	my $file = slurp_file($path);
	my $pages = length($file) / PAGE;
	my %kinds;
	push @{ $kinds{ unpack('S', substr($file, $_ * PAGE + 8188, 2)) & 0x3FFF } }, $_ foreach 0 .. $pages - 1;

	# every kind of page alike, however many there are of it
	my $blk = one_of(@{ $kinds{ one_of(sort keys %kinds) } });
	my $page = substr($file, $blk * PAGE, PAGE);
	my $kind = unpack('S', substr($page, 8188, 2)) & 0x3FFF;
	my ($lower, $upper) = unpack('SS', substr($page, 12, 4));
	my $how = one_of(qw(special header body body body field field field zero garbage copy truncate cut));

	$lower = 4000 if $lower < 60 || $lower > 8160;
	if ($how eq 'truncate' || $how eq 'cut')
	{
		truncate($path, $blk * PAGE + ($how eq 'cut' ? 1 + int(rand(PAGE - 1)) : 0)) or die $!;
		return "$how, block $blk of $pages, kind $kind";
	}
	if ($how eq 'special') { substr($page, 8160) = flip(substr($page, 8160)) }
	elsif ($how eq 'header') { substr($page, 8, 16) = flip(substr($page, 8, 16)) }
	elsif ($how eq 'body')
	{
		my $n = 1 + int(rand(8));
		substr($page, 24 + int(rand($lower - 24 - $n)), $n) = pack('C*', map { int(rand(256)) } 1 .. $n);
	}
	elsif ($how eq 'field')
	{
		# fields in front, of structs in the body, and of the special space
		my $from = one_of(24 + 4 * int(rand(20)), 24 + 4 * int(rand(($lower - 24) / 4)), 24 + 4 * int(rand(160)), 8160 + 4 * int(rand(8)));
		$how .= " $from";
		substr($page, $from, 4) = pack('L', odd32($pages));
	}
	elsif ($how eq 'zero') { $page = "\0" x PAGE }
	elsif ($how eq 'garbage') { $page = pack('C*', map { int(rand(256)) } 1 .. PAGE) }
	else
	{
		my $from = int(rand($pages));
		$how .= " of $from";
		$page = substr($file, $from * PAGE, PAGE);
	}
	# mostly with a checksum that is right, so that the contents are looked at
	if ($how =~ /body|field/ && rand() < 0.75)
	{
		my $identity = substr($page, 8176, 8) . pack('L', unpack('S', substr($page, 8188, 2)) & 0x3FFF);
		substr($page, 8184, 4) = pack('L', crc32c(substr($page, 24, $lower - 24) .
			  ($upper >= $lower && $upper <= 8160 ? substr($page, $upper, 8160 - $upper) : '') . $identity))
		  if unpack('S', substr($page, 8188, 2)) & 0x4000;
		$how .= ', sealed';
	}
	patch_file($path, $blk * PAGE, $page);
	return "$how, block $blk of $pages, kind $kind";
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

# our error; the server's for a page or a file end it cannot read; another format
my %clean = map { $_ => 1 } qw(XX002 XX001 0A000);
my ($cases, $refused, @bad) = (0, 0);
foreach my $cycle (1 .. counts(12, 350))
{
	my %done;
	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	$done{$_} = damage($node->data_dir . "/$paths{$_}") foreach sort keys %paths;
	$node->start;
	foreach my $t (sort keys %layouts)
	{
		my $client = client($node, script($t));
		my $said = finish_all($client);
		my @codes = $said =~ /(?:ERROR|FATAL|PANIC):  (\w{5})/g;
		my @wrong = grep { !$clean{$_} } @codes;
		my ($end) = $client->{out} =~ /alive\n(.*)/s;

		$cases++;
		$refused++ if @codes;
		$end //= 'no end';
		next if !@wrong && $said !~ /server closed|connection/ && $end =~ /^REINDEX\ncheck 0\nrows 0\n$/;
		push @bad, "cycle $cycle, $t, $done{$t}: " . join(" ", (map { s/\s+$//r =~ s/^\S+client//r } grep { /ERROR|FATAL|server/ } split /\n/, $said), $end =~ tr/\n/ /r);
	}
	$node->stop('immediate');
}
diag($_) foreach @bad[ 0 .. ($#bad > 30 ? 30 : $#bad) ];
is(scalar(@bad), 0, "$cases damaged indexes: clean errors, all back after REINDEX");
cmp_ok($refused, '>', $cases / 10, "damage is noticed ($refused of $cases)");
server_lived($node, 'the server never died');
done_testing();
