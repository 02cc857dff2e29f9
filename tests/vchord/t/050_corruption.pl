# 050_corruption.pl
# Index files damaged at random: structural fields, payload, lost and exchanged pages, file ends.  Whatever
# is done with such an index succeeds or fails with a clean error; the server never dies, nothing runs for
# ever, REINDEX brings everything back.  The long form makes 1,000 cases and more.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcDamage;
use VcTest;

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
	quantized => [ 'rabitq8', 'l2', '<->', 400, 300, 'lists = 4, rerank_in_table = off' ],
	levels => [ 'vector', 'ip', '<#>', 80, 900, "lists = '3,24'" ],
	arrays => [ 'vector', 'maxsim', '@#', 96, 150, 'lists = 8' ],
	arrays_exact => [ 'halfvec', 'maxsim', '@#', 12, 150, 'lists = 8' ],
	graph => [ 'vector', 'l2', '<->', 64, 400, 'm = 12' ],
	graph_wide => [ 'halfvec', 'cosine', '<=>', 1800, 60, 'm = 24' ]);
my %tables;
my %queries;
foreach my $layout (sort keys %layouts)
{
	my ($type, $metric, $op, $dim, $rows, $with) = @{ $layouts{$layout} };
	my $t = "${layout}_1";
	my $q = '[' . join(',', map { sprintf '%.3f', rand(2) - 1 } 1 .. $dim) . ']';
	$queries{$layout} = $metric eq 'maxsim' ? "{\"$q\",\"$q\"}" : $node->safe_psql('postgres', "SELECT '$q'::text::$type");
	generate_rows($node, $t, $type, $metric, $dim, $rows);
	$node->safe_psql('postgres', qq(
CREATE INDEX ${t}_i ON $t USING @{[ method($t) ]} (v ${type}_${metric}_ops) WITH ($with);
INSERT INTO $t SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM generate_series(10000, 10000 + $rows / 3) i;
DELETE FROM $t WHERE id % 3 = 0;
VACUUM $t;
INSERT INTO $t SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM generate_series(20000, 20000 + $rows / 6) i;
DELETE FROM $t WHERE id % 7 = 0;
VACUUM (INDEX_CLEANUP off) $t;
CREATE TABLE ${layout}_2 AS SELECT * FROM $t;
CREATE INDEX ${layout}_2_i ON ${layout}_2 USING @{[ method($layout) ]} (v ${type}_${metric}_ops) WITH ($with);
INSERT INTO ${layout}_2 SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM generate_series(30000, 30000 + $rows / 6) i;
CHECKPOINT));
	$tables{"${layout}_$_"} = $layouts{$layout} foreach 1, 2;
}
my %paths = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_filepath('${_}_i')") } keys %tables;
my %is_graph = map { $paths{$_} =~ s/.*\///r => 1 } grep { method($_) eq 'vchordg' } keys %paths;
$node->stop;

# a metapage whose checksum is right and whose content is not
sub damage_meta
{
	my ($path, $file, $blk) = @_;
	my $size = unpack('L', substr($file, 32, 4));
	my $crc_at = $is_graph{ $path =~ s/.*\///r } ? 104 : 60;
	my $meta = substr($file, 24, $size);
	my $from = 12 + 4 * int(rand(($size - 12) / 4));
	substr($meta, $from, 4) = rand() < 0.5 ? pack('L', odd32(length($file) / PAGE)) : flip(substr($meta, $from, 4));
	substr($meta, $crc_at, 4) = "\0" x 4;
	substr($meta, $crc_at, 4) = pack('L', crc32c($meta));
	patch_file($path, 24, $meta);
	return "meta at $from";
}

sub damage_head
{
	my ($path, $file, $blk) = @_;
	patch_file($path, $blk * PAGE + 24, flip(substr($file, $blk * PAGE + 24, 40)));
	return undef;
}

# fields of the head, of the special space, and of structs in the body
sub fields
{
	my ($lower) = @_;
	return (24 + 4 * int(rand(10)), 8160 + 4 * int(rand(8)), 64 + 4 * int(rand(($lower - 64) / 4)), 64 + 4 * int(rand(32)));
}

sub damage_file
{
	my ($path) = @_;
	return damage($path, kinds => 255, body => 64, fields => \&fields,
		hows => [qw(special head header body body field field zero garbage copy truncate cut meta)],
		own => { head => \&damage_head, meta => \&damage_meta });
}

# What is done with a damaged index.  The last statements show that nothing was lost.
sub script
{
	my ($t, $q) = @_;
	my ($type, $metric, $op, $dim) = @{ $tables{$t} };
	my $i = "${t}_i";
	my $am = method($t);
	my $near = "SELECT count(*) FROM (SELECT id FROM $t %s ORDER BY v $op '$q' %s) s;\n";
	return "SET statement_timeout = '30s';\n"
	  . "SELECT vc_use_index(true);\n"
	  . sprintf($near, '', 'LIMIT 10')
	  . sprintf($near, '', '')
	  . sprintf($near, 'WHERE id % 50 = 1', 'LIMIT 10')
	  . sprintf("SET %s;\n$near RESET ALL;\nSELECT vc_use_index(true);\nSET statement_timeout = '30s';\n",
		$am eq 'vchordg' ? 'vchordg.ef_search = 300' : "vchordrq.probes = '" . ($t =~ /levels/ ? '2,8' : '3') . "'", '', '')
	  . "SET $am.\"order\" = strict;\n" . sprintf($near, '', 'LIMIT 200') . "RESET $am.\"order\";\n"
	  . "SELECT count(*) FROM ${am}_index_check('$i', true);\n"
	  . "SELECT rows FROM ${am}_index_info('$i');\n"
	  . "SELECT length(${am}_prewarm('$i'));\n"
	  . "SELECT count(${am}_page_inspect('$i', b)) FROM generate_series(0, pg_relation_size('$i') / 8192 - 1) b;\n"
	  . "INSERT INTO $t SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM generate_series(40000, 40020) i;\n"
	  . "DELETE FROM $t WHERE id % 5 = 0;\n"
	  . "VACUUM $t;\nVACUUM $t;\n"
	  . "INSERT INTO $t SELECT i, @{[ row_value($type, $metric, $dim, 'i') ]} FROM generate_series(50000, 50020) i;\n"
	  . sprintf($near, '', 'LIMIT 10')
	  . "SELECT 'alive';\n"
	  . "REINDEX INDEX $i;\n"
	  . "SELECT 'check ' || count(*) FROM ${am}_index_check('$i', true);\n"
	  . "SELECT 'rows ' || vc_enumerate('$t', '$op', '$q');\n";
}

damage_rounds($node, cycles => counts(5, 85), paths => \%paths, damage => \&damage_file,
	script => sub { my ($t) = @_; return script($t, $queries{ $t =~ s/_\d$//r }) },
	end => qr/^REINDEX\ncheck 0\nrows \d+ missing=0 extra=0\n$/);
done_testing();
