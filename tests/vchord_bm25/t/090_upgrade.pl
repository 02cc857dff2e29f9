# 090_upgrade.pl
# The extension of an ordinary user through pg_dump and through pg_upgrade: objects in pg_catalog, columns of
# its types, a stored query, indexes with their options and answers.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->append_conf('postgresql.conf', "fsync = off\n");
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE kept OWNER owner');
my $text = join ' || ', map { "(ARRAY['red','green','blue','cat','dogs','of the'])[1 + (i * $_ + i / $_) % 6] || ' '" } (1, 3, 5, 7);
$old->safe_psql('kept', <<"END", extra_params => [ '-U', 'owner' ]);
CREATE EXTENSION vchord_bm25;
SET search_path = public, bm25_catalog;
CREATE TEXT SEARCH CONFIGURATION own (COPY = english);
CREATE TABLE docs (id int PRIMARY KEY, body text, words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED, v bm25vector);
INSERT INTO docs (id, body, v) SELECT i, b, bm25_tokenize('simple', b) FROM (SELECT i, $text AS b FROM generate_series(1, 3000) i) s;
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'public.own', k1 = 1.6, positions = on);
CREATE INDEX docs_words ON docs USING bm25 (words bm25_ops) WITH (options = 'b = 0.5', limit = 7);
CREATE INDEX docs_v ON docs USING bm25 (v) WHERE id % 2 = 0;
CREATE INDEX docs_expression ON docs USING bm25 (to_tsvector('english', body));
CREATE VIEW ranked AS SELECT id, body <&> to_bm25query('red dogs', 'docs_body') AS score FROM docs
	ORDER BY body <&> to_bm25query('red dogs', 'docs_body') LIMIT 10;
DELETE FROM docs WHERE id % 100 = 0;
VACUUM docs;
INSERT INTO docs (id, body, v) SELECT i, 'one more red cat', '{1:1}'::bm25vector FROM generate_series(5001, 5010) i;
END

# What both must have in common.  Without ctid order, as a restored table has another.
my $questions = <<'END';
SET extra_float_digits = 1;
SELECT count(*) FROM docs;
SELECT relname, reloptions FROM pg_class WHERE relname ~ '^docs_' ORDER BY 1;
SELECT array_agg(score) FROM ranked;
SET enable_seqscan = off;
SELECT array_agg(s), count(*) FROM (SELECT words <&> to_bm25query(to_tsvector('simple', 'cat of'), 'docs_words') AS s FROM docs
	ORDER BY words <&> to_bm25query(to_tsvector('simple', 'cat of'), 'docs_words')) t;
SELECT array_agg(s) FROM (SELECT v <&> to_bm25query('docs_v', bm25_catalog.bm25_tokenize('simple', 'blue cat')) AS s FROM docs WHERE id % 2 = 0
	ORDER BY v <&> to_bm25query('docs_v', bm25_catalog.bm25_tokenize('simple', 'blue cat')) LIMIT 20) t;
SELECT array_agg(s) FROM (SELECT to_tsvector('english', body) <&> to_bm25query(to_tsvector('english', 'dog'), 'docs_expression') AS s FROM docs
	ORDER BY to_tsvector('english', body) <&> to_bm25query(to_tsvector('english', 'dog'), 'docs_expression') LIMIT 20) t;
END

sub answers
{
	my ($node, $db) = @_;
	my ($code, $out, $err) = $node->psql($db, $questions);
	is($err, '', $node->name . " $db: no complaint");
	return $out;
}

# a restored index is a new one: the dead of the old one are what may differ, so there must be none
$old->safe_psql('kept', 'REINDEX TABLE docs');
my $before = answers($old, 'kept');
like($before, qr/^2980\n/, 'there is something to compare') or diag $before;

# dump and restore
my $dump = PostgreSQL::Test::Utils::tempdir() . '/kept.sql';
$old->command_ok([ 'pg_dump', '-f', $dump, '-d', $old->connstr('kept') ], 'pg_dump');
my $script = slurp_file($dump);
unlike($script, qr/CREATE (TYPE|OPERATOR|FUNCTION|ACCESS METHOD)/, 'members of the extension are not dumped');
$old->safe_psql('postgres', 'CREATE DATABASE restored OWNER owner');
$old->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $old->connstr('restored') ], 'restored');
is(answers($old, 'restored'), $before, 'the same answers from what was restored');
$old->safe_psql('postgres', 'DROP DATABASE restored');

# Stored queries know their index by OID, which pg_upgrade keeps; in a dump they come before the indexes, like any
# regclass that names one.
$old->safe_psql('kept', <<'END', extra_params => [ '-U', 'owner' ]);
SET search_path = public, bm25_catalog;
CREATE TABLE queries (n int, q bm25query, older bm25_catalog.bm25query);
INSERT INTO queries VALUES (1, to_bm25query('dog', 'docs_body'), to_bm25query('docs_v', '{1:1}')),
	(2, to_bm25query(to_tsquery('red & !cat'), 'docs_words', 0.25), NULL);
END
my $stored = 'SELECT n, q, older, body <&> q AS score FROM queries JOIN docs ON id = 4 WHERE n = 1;
	SELECT n, q, older, words <&> q FROM queries JOIN docs ON id = 4 WHERE n = 2';
my $queries = $old->safe_psql('kept', $stored);
like($queries, qr/"docs_v".*\|-\d/, 'stored queries');

# pg_upgrade, to a cluster of the same version
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', "fsync = off\n");
my $bindir = $old->config_data('--bindir');
$old->stop;
chdir PostgreSQL::Test::Utils::tempdir();
command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
	'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
is(answers($new, 'kept'), $before, 'the same answers from what was upgraded');
my $check = $new->safe_psql('kept', <<'END');
SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.deptype = 'e' WHERE extname = 'vchord_bm25';
END
is($new->safe_psql('kept', $stored), $queries, 'stored queries are as they were');
cmp_ok($check, '>', 50, 'its members belong to the extension');
$new->safe_psql('kept', "INSERT INTO docs (id, body, v) SELECT i, 'a dog after the upgrade', '{1:1}'::bm25_catalog.bm25vector FROM generate_series(6001, 6010) i; VACUUM docs");
is($new->safe_psql('kept', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM docs WHERE id > 6000 ORDER BY body <&> to_bm25query('upgrade', 'docs_body')) s"),
	10, 'new rows are found');
$new->safe_psql('kept', 'DROP EXTENSION vchord_bm25 CASCADE');
is($new->safe_psql('kept', "SELECT count(*) FROM pg_type WHERE typname ~ 'bm25'"), 0, 'DROP EXTENSION removes its types');
$new->stop;
done_testing();
