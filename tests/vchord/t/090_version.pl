# 090_version.pl
# An index of another format version: inserts and VACUUM say so and name REINDEX, planning and the
# functions that need no index do not care, and REINDEX helps.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest;

seed();
my $dim = 96;
my $node = new_node('version', "fsync = off\n", damaged => 1);
generate($node, 't', 'vector', $dim, 1000);
$node->safe_psql('postgres', 'CREATE INDEX t_i ON t USING vchordrq (v vector_l2_ops) WITH (lists = 5); ANALYZE t');
my $q = $node->safe_psql('postgres', "SELECT vc_vector(5, $dim)");
my $path = index_path($node, 't_i');
my ($scan, $insert) = ("SELECT id FROM t ORDER BY v <-> '$q' LIMIT 3",
	"INSERT INTO t VALUES (-1, '$q')");
$node->safe_psql('postgres', 'CHECKPOINT');
my $version = unpack('L', substr(slurp_file($path), 28, 4));
cmp_ok($version, '>', 0, 'version in the metapage');
my $message = qr/ERROR:  0A000: index "t_i" has format version (\d+), but this library reads $version\b/;

sub said
{
	my ($sql) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET client_min_messages = warning; SET enable_seqscan = off; SET enable_sort = off;\n$sql");
	return join '', grep { !/INFO:|LOCATION:/ } split /^/, $err;
}

foreach my $other (0, $version + 1, 0xFFFFFFFF)
{
	foreach my $sum ('kept', 'right')
	{
		my $name = "version $other, checksum $sum";
		$node->stop;
		my $file = slurp_file($path);
		my $meta = substr($file, 24, unpack('L', substr($file, 32, 4)));
		substr($meta, 4, 4) = pack('L', $other);
		if ($sum eq 'right')
		{
			substr($meta, 60, 4) = "\0" x 4;
			substr($meta, 60, 4) = pack('L', crc32c($meta));
		}
		patch_file($path, 24, $meta);
		$node->start;

		foreach my $statement ($insert, 'DELETE FROM t WHERE id = 3; VACUUM t', "SELECT * FROM vchordrq_index_info('t_i')")
		{
			my $err = said($statement);
			like($err, $message, "$name: " . substr($statement, 0, 30));
			like($err, qr/HINT:.*REINDEX/, "$name: the hint");
		}
		is(said("EXPLAIN $scan"), '', "$name: planning");

		# the planner goes round such an index where it can
		like(said($scan), qr/^$|$message/, "$name: scan");
		is(said("SET enable_indexscan = off; SET enable_seqscan = on; SELECT id FROM t ORDER BY v <-> '$q' LIMIT 3"), '', "$name: other plans");
		unlike(said("SELECT * FROM vchordrq_index_check('t_i', true)"), qr/XX000|closed/, "$name: check");
		is(said('REINDEX INDEX t_i'), '', "$name: REINDEX");
		is(said($scan), '', "$name: scan after REINDEX");
		is(said("$insert; DELETE FROM t WHERE id < 0; VACUUM t"), '', "$name: the rest after REINDEX");
		$path = index_path($node, 't_i');
	}
}
sound($node, 'in the end', 't', 't_i', 'l2', $q);
server_lived($node, 'no backend died');
$node->stop;
done_testing();
