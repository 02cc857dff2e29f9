# 050_corruption.pl
# Index files damaged at random: structural fields, payload, lost and exchanged pages, file ends.  Whatever
# is done with such an index succeeds or fails with a clean error; the server never dies, nothing runs for
# ever, REINDEX brings everything back.  The long form makes 1,000 cases and more.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

use constant PAGE => 8192;

seed();
my $node = new_node('corruption', q{
fsync = off
shared_buffers = 32MB
maintenance_work_mem = '64MB'
max_parallel_maintenance_workers = 0
log_error_verbosity = verbose
}, extra => [ '--no-sync' ], damaged => 1);
is($node->safe_psql('postgres', 'SHOW data_checksums'), 'off', 'damage reaches the index');

# Every layout, twice; each with codes, appended rows, dead rows, free slots and tombstones.
my %layouts = (
	grouped => [ 'vector', 'l2', '<->', 96, 900, 'lists = 8' ],
	plain => [ 'halfvec', 'cosine', '<=>', 100, 900, 'lists = 8, residual_quantization = off' ],
	in_table => [ 'halfvec', 'ip', '<#>', 96, 900, 'lists = 8, rerank_in_table = on' ],
	exact => [ 'vector', 'l2', '<->', 12, 1500, 'lists = 8' ],
	wide => [ 'vector', 'cosine', '<=>', 2100, 60, 'lists = 3' ],
	levels => [ 'vector', 'ip', '<#>', 80, 900, "lists = '3,24'" ]);
my %tables;
foreach my $layout (sort keys %layouts)
{
	my ($type, $metric, $op, $dim, $rows, $with) = @{ $layouts{$layout} };
	my $t = "${layout}_1";
	generate($node, $t, $type, $dim, $rows);
	$node->safe_psql('postgres', qq(
CREATE INDEX ${t}_i ON $t USING vchordrq (v ${type}_${metric}_ops) WITH ($with);
INSERT INTO $t SELECT i, vc_vector(i, $dim)::$type FROM generate_series(10000, 10000 + $rows / 3) i;
DELETE FROM $t WHERE id % 3 = 0;
VACUUM $t;
INSERT INTO $t SELECT i, vc_vector(i, $dim)::$type FROM generate_series(20000, 20000 + $rows / 6) i;
DELETE FROM $t WHERE id % 7 = 0;
VACUUM (INDEX_CLEANUP off) $t;
CREATE TABLE ${layout}_2 AS SELECT * FROM $t;
CREATE INDEX ${layout}_2_i ON ${layout}_2 USING vchordrq (v ${type}_${metric}_ops) WITH ($with);
INSERT INTO ${layout}_2 SELECT i, vc_vector(i, $dim)::$type FROM generate_series(30000, 30000 + $rows / 6) i;
CHECKPOINT));
	$tables{"${layout}_$_"} = $layouts{$layout} foreach 1, 2;
}
my %paths = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_filepath('${_}_i')") } keys %tables;
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

# Damages one file; returns what was done, and whether the check has to see it.
sub damage
{
	my ($path) = @_;
	my $file = slurp_file($path);
	my $pages = length($file) / PAGE;
	my %kinds;
	push @{ $kinds{ unpack('S', substr($file, $_ * PAGE + 8188, 2)) & 255 } }, $_ foreach 0 .. $pages - 1;

	# every kind of page alike, however many there are of it
	my $blk = one_of(@{ $kinds{ one_of(sort keys %kinds) } });
	my $kind = unpack('S', substr($file, $blk * PAGE + 8188, 2)) & 255;
	my $at = $blk * PAGE;
	my $lower = unpack('S', substr($file, $at + 12, 2));
	my $how = one_of(qw(special head header body body field field zero garbage copy truncate cut meta));
	my $seen = 0;

	$lower = 4000 if $lower < 100 || $lower > 8160;
	if ($how eq 'special') { patch_file($path, $at + 8160, flip(substr($file, $at + 8160, 32))) }
	elsif ($how eq 'head') { patch_file($path, $at + 24, flip(substr($file, $at + 24, 40))) }
	elsif ($how eq 'header') { patch_file($path, $at + 8, flip(substr($file, $at + 8, 16))) }
	elsif ($how eq 'body')
	{
		my $n = 1 + int(rand(8));
		my $from = 64 + int(rand($lower - 64 - $n));
		patch_file($path, $at + $from, pack('C*', map { int(rand(256)) } 1 .. $n));
	}
	elsif ($how eq 'field')
	{
		# fields of the head, of the special space, and of structs in the body
		my $from = one_of(24 + 4 * int(rand(10)), 8160 + 4 * int(rand(8)), 64 + 4 * int(rand(($lower - 64) / 4)),
			64 + 4 * int(rand(32)));
		$how .= " $from";
		patch_file($path, $at + $from, pack('L', odd32($pages)));
	}
	elsif ($how eq 'zero') { patch_file($path, $at, "\0" x PAGE) }
	elsif ($how eq 'garbage') { patch_file($path, $at, pack('C*', map { int(rand(256)) } 1 .. PAGE)) }
	elsif ($how eq 'copy')
	{
		my $from = int(rand($pages));
		$how .= " of $from";
		patch_file($path, $at, substr($file, $from * PAGE, PAGE));
	}
	elsif ($how eq 'truncate') { truncate($path, $at) or die $! }
	elsif ($how eq 'cut') { truncate($path, $at + 1 + int(rand(PAGE - 1))) or die $! }
	else
	{
		# a metapage whose checksum is right and whose content is not
		my $size = unpack('L', substr($file, 32, 4));
		my $meta = substr($file, 24, $size);
		my $from = 12 + 4 * int(rand(($size - 12) / 4));
		substr($meta, $from, 4) = rand() < 0.5 ? pack('L', odd32($pages)) : flip(substr($meta, $from, 4));
		substr($meta, 60, 4) = "\0" x 4;
		substr($meta, 60, 4) = pack('L', crc32c($meta));
		patch_file($path, 24, $meta);
		return "meta at $from";
	}
	return "$how, block $blk of $pages, kind $kind";
}

# What is done with a damaged index.  The last statements show that nothing was lost.
sub script
{
	my ($t, $q) = @_;
	my ($type, $metric, $op, $dim) = @{ $tables{$t} };
	my $i = "${t}_i";
	my $near = "SELECT count(*) FROM (SELECT id FROM $t %s ORDER BY v $op '$q' %s) s;\n";
	return "SET statement_timeout = '30s';\n"
	  . "SELECT vc_use_index(true);\n"
	  . sprintf($near, '', 'LIMIT 10')
	  . sprintf($near, '', '')
	  . sprintf($near, 'WHERE id % 50 = 1', 'LIMIT 10')
	  . sprintf("SET vchordrq.probes = '%s';\n$near RESET vchordrq.probes;\n", $t =~ /levels/ ? '2,8' : '3', '', '')
	  . "SET vchordrq.\"order\" = strict;\n" . sprintf($near, '', 'LIMIT 200') . "RESET vchordrq.\"order\";\n"
	  . "SELECT count(*) FROM vchordrq_index_check('$i', true);\n"
	  . "SELECT rows FROM vchordrq_index_info('$i');\n"
	  . "SELECT length(vchordrq_prewarm('$i'));\n"
	  . "SELECT count(vchordrq_page_inspect('$i', b)) FROM generate_series(0, pg_relation_size('$i') / 8192 - 1) b;\n"
	  . "INSERT INTO $t SELECT i, vc_vector(i, $dim)::$type FROM generate_series(40000, 40020) i;\n"
	  . "DELETE FROM $t WHERE id % 5 = 0;\n"
	  . "VACUUM $t;\nVACUUM $t;\n"
	  . "INSERT INTO $t SELECT i, vc_vector(i, $dim)::$type FROM generate_series(50000, 50020) i;\n"
	  . sprintf($near, '', 'LIMIT 10')
	  . "SELECT 'alive';\n"
	  . "REINDEX INDEX $i;\n"
	  . "SELECT 'check ' || count(*) FROM vchordrq_index_check('$i', true);\n"
	  . "SELECT 'rows ' || vc_enumerate('$t', '$op', '$q');\n";
}

# our error; the server's for a page or a file end it cannot read; another format
my %clean = map { $_ => 1 } qw(XX002 XX001 0A000);
my ($cases, $refused, @bad) = (0, 0);
my %queries = map { my $dim = $layouts{$_}[3]; $_ => join(',', map { sprintf '%.3f', rand(2) - 1 } 1 .. $dim) } keys %layouts;
foreach my $cycle (1 .. counts(5, 85))
{
	my %done;
	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	$done{$_} = damage($node->data_dir . "/$paths{$_}") foreach sort keys %paths;
	$node->start;
	foreach my $t (sort keys %tables)
	{
		my $client = client($node, script($t, '[' . $queries{ $t =~ s/_\d$//r } . ']'));
		my $said = finish_all($client);
		my @codes = $said =~ /(?:ERROR|FATAL|PANIC):  (\w{5})/g;
		my @wrong = grep { !$clean{$_} } @codes;
		my ($end) = $client->{out} =~ /alive\n(.*)/s;

		$cases++;
		$refused++ if @codes;
		$end //= 'no end';
		next if !@wrong && $said !~ /server closed|connection/ && $end =~ /^REINDEX\ncheck 0\nrows \d+ missing=0 extra=0\n$/;
		push @bad, "cycle $cycle, $t, $done{$t}: " . join(" ", (map { s/\s+$//r =~ s/^\S+client//r } grep { /ERROR|FATAL|server/ } split /\n/, $said), $end =~ tr/\n/ /r);
	}
	$node->stop('immediate');
}
diag($_) foreach @bad[ 0 .. ($#bad > 30 ? 30 : $#bad) ];
is(scalar(@bad), 0, "$cases damaged indexes: clean errors, all back after REINDEX");
cmp_ok($refused, '>', $cases / 10, "damage is noticed ($refused of $cases)");
server_lived($node, 'the server never died');
done_testing();
