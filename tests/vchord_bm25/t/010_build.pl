# 010_build.pl
# A build makes the same file whatever the memory, the workers and the block at which its scan begins: a
# scan that joins where another one was goes around the end of the table.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(seed new_node server_lived wait_until);

seed();

# Few buffers: scans of a table of more than a quarter of them are synchronised.
my $node = new_node('build', q{
fsync = off
shared_buffers = 1MB
max_parallel_maintenance_workers = 2
min_parallel_table_scan_size = 0
});
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vchord_bm25;
CREATE EXTENSION vc_test_bm25;
CREATE FUNCTION words(seed bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(string_agg('w' || abs(hashint8(seed * 1000 + j)) % (1 + abs(hashint8(seed * 77 + j)) % 1500), ' '), '')
	  FROM generate_series(1, n) j $$;
CREATE TABLE docs (id int, title text, body text) WITH (fillfactor = 80, autovacuum_enabled = off);
INSERT INTO docs SELECT i, words(i, i % 6), words(i, i % 50) FROM generate_series(1, 12000) i;
CREATE FUNCTION fingerprint(index regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bytes bytea;
BEGIN
	CHECKPOINT;
	bytes := pg_read_binary_file(pg_relation_filepath(index));
	RETURN (SELECT md5(string_agg(substr(bytes, p * 8192 + 11, 8182), ''::bytea ORDER BY p))
		FROM generate_series(0, length(bytes) / 8192 - 1) p);
END $$;
SQL

sub build
{
	my ($settings, $join) = @_;
	# the place of this scan is remembered when it ends
	my $scan = $join ? 'BEGIN; DECLARE c CURSOR FOR SELECT FROM docs; MOVE 7000 FROM c; COMMIT;' : '';
	return $node->safe_psql('postgres', "DROP INDEX IF EXISTS docs_i; $settings; $scan
		CREATE INDEX docs_i ON docs USING bm25 (title, body) WITH (text_config = 'simple', positions = on);
		SELECT fingerprint('docs_i'), documents FROM bm25_catalog.bm25_stats('docs_i')");
}

my $serial = 'SET max_parallel_maintenance_workers = 0; SET synchronize_seqscans = off';
my $plain = build($serial);
like($plain, qr/^\w{32}\|12000$/, 'a build');
is($node->safe_psql('postgres', "SET client_min_messages = error; SELECT vc_test_bm25_compare('docs_i') > 100000"), 't',
	'it holds the table');
# HOT chains, whose members a scan meets in another order than that of their roots
$node->safe_psql('postgres', 'UPDATE docs SET id = -id WHERE id % 9 = 0');
ok(wait_until($node, "SELECT n_tup_hot_upd > 1000 FROM pg_stat_user_tables WHERE relname = 'docs'"), 'there are HOT chains');
$plain = build($serial);
foreach my $memory ('1MB', '64MB', '256MB')
{
	foreach my $workers (0, 1, 2)
	{
		foreach my $join (0, 1)
		{
			is(build("SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '$memory'", $join),
				$plain, "the same with $memory, $workers workers" . ($join ? ', in the middle of a scan' : ''));
		}
	}
}

server_lived($node, 'no backend died by itself');
$node->stop;
done_testing();
