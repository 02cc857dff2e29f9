# 070_memory.pl
# Memory of builds, merges, VACUUM and checks of bm25 indexes over sets larger than maintenance_work_mem, of large
# documents, and of searches that return every row, from what the kernel says of the processes.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node server_lived watch $long);

plan skip_all => 'no /proc of Linux' if !-r '/proc/self/smaps_rollup';

seed();
my $rows = counts(40000, 1000000);
my $shared = 16;
my $budget = counts(8, 32);
# caches of catalogs, code that is private once it is relocated, the table of terms and tokens (16 MB)
my $constant = 24;
my $node = new_node('memory', qq(
fsync = off
shared_buffers = ${shared}MB
huge_pages = off
maintenance_work_mem = '${budget}MB'
max_wal_size = 4GB
min_parallel_table_scan_size = 0
search_path = 'public, bm25_catalog'
));
# texts of 100 words from few pieces, so that making them costs less than indexing them; some words have
# lists as long as the table
$node->safe_psql('postgres', qq(
CREATE EXTENSION vchord_bm25;
CREATE TABLE pieces AS SELECT p, (SELECT string_agg('w' || abs(hashint8(p * 1000 + j)) % (1 + abs(hashint8(p * 77 + j)) % 20000), ' ')
	FROM generate_series(1, 50) j) AS piece FROM generate_series(0, 1999) p;
CREATE UNLOGGED TABLE big (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT i, 'all every ' || a.piece || ' ' || b.piece || ' one' || i FROM generate_series(1, $rows) i
	JOIN pieces a ON a.p = i % 1999 JOIN pieces b ON b.p = i * 7 % 2000;
ANALYZE big));

foreach my $case (
	[ 'plain', "text_config = 'simple'", 0 ],
	[ 'positions', "text_config = 'simple', positions = on", 0 ],
	[ 'positions, parallel', "text_config = 'simple', positions = on", 2 ])
{
	my ($name, $with, $max) = @$case;
	my ($most, $workers) = watch($node, $shared, "SET max_parallel_maintenance_workers = $max;
		SET maintenance_work_mem = '@{[ $max > 0 ? 64 : $budget ]}MB';
		CREATE INDEX big_i ON big USING bm25 (body) WITH ($with);");
	my $allowed = $max > 0 ? 64 : $budget;
	is($workers, $max > 0 ? 1 : 0, "$name: workers");
	cmp_ok($most, '<=', $allowed + $constant * (1 + $workers), "$name: memory of a build");
	cmp_ok($most, '>', 5, "$name: it was measured");
	$node->safe_psql('postgres', 'DROP INDEX big_i') if $name ne 'positions, parallel';
}
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('big_i')") / 1e6, '>', $budget + 4, 'larger than the budget');

# Maintenance; the checks after it make it true that something was done.
foreach my $sql (
	"INSERT INTO big SELECT id + 10000000, body FROM big WHERE id % 10 = 1;",
	"SELECT bm25_flush('big_i') AS flush;",
	"SELECT bm25_merge('big_i', true) AS merge;",
	"DELETE FROM big WHERE id % 3 = 0;\nVACUUM big;",
	"SELECT count(*) AS findings FROM bm25_index_check('big_i', true) HAVING count(*) > 0;",
	# one document of five million words
	"INSERT INTO big SELECT 1, repeat('all over again, ', @{[ counts(200000, 1700000) ]});")
{
	my ($most, undef, $out) = watch($node, $shared, $sql);
	my ($name) = $sql =~ /^(.{20})/;
	# a large document is held as a whole, a few times: text, occurrences, terms, bytes
	my $more = $sql =~ /repeat/ ? counts(3, 26) * 12 : 0;
	cmp_ok($most, '<=', $budget + $constant + $more, "memory of $name");
	is($out, '', "$name: nothing found") if $sql =~ /findings/;
}
$node->safe_psql('postgres', 'VACUUM big');

# A search that returns everything, from one list and from several.
my $all = $node->safe_psql('postgres', 'SELECT count(*) FROM big');
foreach my $words ('all', 'all every w1 w2 w3')
{
	my ($most, undef, $out) = watch($node, $shared, "SET work_mem = '1MB'; SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) FROM (SELECT id FROM big ORDER BY body <&> to_bm25query('$words', 'big_i')) s;
		SELECT count(*) FROM big WHERE body @@ to_bm25query('$words', 'big_i');");
	like($out, qr/^$all\n$all$/m, "$words: every row once");
	cmp_ok($most, '<=', 32 + $rows * 16 / 1e6, "$words: memory of a search");
}

server_lived($node, 'no backend died');
$node->stop;
done_testing();
