# 090_upgrade.pl
# The extension of an ordinary user through pg_dump and through pg_upgrade: objects in pg_catalog, columns of
# its types, a stored query, indexes with their options and answers.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# An older server that our extensions and pgvector are installed for: its folder of bin and lib.  tools/matrix gives
# one to the newer versions.
my $older = $ENV{VC_TEST_OLD_SERVER};

# no page checksums, which 18 has by default and older ones have not
sub new_node
{
	my ($name, %args) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, %args);
	$node->init(extra => [ $node->pg_version >= 18 ? '--no-data-checksums' : () ]);
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\n");
	return $node;
}

# Of vectors, too: what each kind of index of vchordrq finds.
my %vectors = (
	plain => '(v vector_l2_ops) WITH (lists = 20)',
	levels => "(v vector_ip_ops) WITH (lists = '4,16')",
	in_table => '(h halfvec_cosine_ops) WITH (lists = 10, rerank_in_table = on)',
	residual => '(v vector_l2_ops) WITH (lists = 10, residual_quantization = on)',
	expression => '((v::halfvec(24)) halfvec_l2_ops) WITH (lists = 8)',
	partial => '(v vector_cosine_ops) WHERE id % 2 = 0',
	exact => '(small vector_l2_ops) WITH (lists = 6)');
my %nearest = (
	plain => 'v <-> $q$::vector(24)', levels => 'v <#> $q$::vector(24)', in_table => 'h <=> $q$::halfvec(24)', residual => 'v <-> $q$::vector(24)',
	expression => '(v::halfvec(24)) <-> $q$::halfvec(24)', partial => 'v <=> $q$::vector(24)', exact => 'small <-> $s$::vector(8)');

sub make_vectors
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE vectors');
	$node->safe_psql('vectors', <<'END' . join('', map {
CREATE EXTENSION vchord CASCADE;
CREATE FUNCTION some_vector(n int, dim int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((hashint8(n * 1000 + i) % 1000 + 300 * (n % 9))::real / 100) FROM generate_series(1, dim) i $$;
END
	"CREATE TABLE $_ (id int, v vector(24), h halfvec(24), small vector(8));
	INSERT INTO $_ SELECT i, some_vector(i, 24)::vector, some_vector(i, 24)::halfvec, some_vector(i, 8)::vector FROM generate_series(1, 1500) i;
	CREATE INDEX ${_}_i ON $_ USING vchordrq $vectors{$_};
	DELETE FROM $_ WHERE id % 10 = 3; VACUUM $_;
	INSERT INTO $_ SELECT i, some_vector(i, 24)::vector, some_vector(i, 24)::halfvec, some_vector(i, 8)::vector FROM generate_series(2001, 2100) i;\n"
	} sort keys %vectors));
	return;
}

sub vector_answers
{
	my ($node, $name) = @_;
	my $q = '\'[' . join(',', map { $_ % 5 } 1 .. 24) . "]'";
	my $s = '\'[' . join(',', map { $_ % 5 } 1 .. 8) . "]'";
	my $sql = "SET enable_seqscan = off; SET enable_sort = off;\n" . join '', map {
		my $order = $nearest{$_} =~ s/\$q\$/$q/r =~ s/\$s\$/$s/r;
		my $where = $_ eq 'partial' ? 'WHERE id % 2 = 0' : '';
		"EXPLAIN (COSTS OFF) SELECT id FROM $_ $where ORDER BY $order LIMIT 20;
		SELECT string_agg(id::text, ',') FROM (SELECT id FROM $_ $where ORDER BY $order LIMIT 20) t;
		SELECT count(*), sum(id) FROM (SELECT id FROM $_ $where ORDER BY $order) t;
		SELECT 'damage', * FROM vchordrq_index_check('${_}_i', true);\n"
	} sort keys %vectors;
	my ($code, $out, $err) = $node->psql('vectors', $sql);
	is($err, '', "$name: no complaint");
	unlike($out, qr/damage/, "$name: check of vectors");
	is(scalar(() = $out =~ /Index Scan using/g), scalar(keys %vectors), "$name: by index");
	return join "\n", grep { !/Index Scan|Limit|Order By/ } split /\n/, $out;
}

# pg_upgrade of a cluster to one of this version; nothing if it is too old.  The minor releases of November 2026 note
# something with each column that older minor releases, of newer versions too, refuse to take over.
sub upgraded
{
	my ($old, $name) = @_;
	my $new = new_node($name);
	if ($old->safe_psql('kept', q{SELECT count(*) FROM pg_attribute WHERE attoptions::text ~ 'pg_attver'}) > 0)
	{
		$new->start;
		my ($status) = $new->psql('postgres', 'CREATE TABLE t (a int); ALTER TABLE t ALTER a SET (pg_attver = 1); DROP TABLE t', on_error_stop => 1);
		$new->psql('postgres', 'DROP TABLE IF EXISTS t');
		$new->stop;
		SKIP: { skip('this server is too old for what ' . $old->safe_psql('kept', 'SHOW server_version') . ' writes', 1) if $status != 0; }
		return if $status != 0;
	}
	my $from = $old->config_data('--bindir');
	my $to = $new->config_data('--bindir');
	$old->stop;
	chdir PostgreSQL::Test::Utils::tempdir();
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $from, '-B', $to,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ], "pg_upgrade: $name");
	$new->start;
	return $new;
}

# What all indexes of bm25 say of themselves.
sub bm25_sound
{
	my ($node, $db, $name) = @_;
	is($node->safe_psql($db, "SELECT c.relname, k.* FROM pg_class c JOIN pg_am a ON a.oid = c.relam,
		bm25_catalog.bm25_index_check(c.oid, true) k WHERE a.amname = 'bm25'"), '', "$name: check");
	return is($node->safe_psql($db, "SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'bm25'"), 7,
		"$name: of all indexes");
}

sub try_upgrade
{
	my ($title, @install) = @_;
	my $name = $title =~ s/\W+/_/gr;
	my $old = new_node("old_$name", @install);
	$old->start;
	$old->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE kept OWNER owner');
	make_vectors($old);
	my $text = join ' || ', map { "(ARRAY['red','green','blue','cat','dogs','of the'])[1 + (i * $_ + i / $_) % 6] || ' '" } (1, 3, 5, 7);
	$old->safe_psql('kept', <<"END", extra_params => [ '-U', 'owner' ]);
CREATE EXTENSION vchord_bm25;
SET search_path = public, bm25_catalog;
CREATE TEXT SEARCH CONFIGURATION own (COPY = english);
CREATE TABLE docs (id int PRIMARY KEY, title text, body text, words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED, v bm25vector);
INSERT INTO docs (id, title, body, v) SELECT i, CASE WHEN i % 9 > 0 THEN left(b, 12) END, b, bm25_tokenize('simple', b) FROM (SELECT i, $text AS b FROM generate_series(1, 3000) i) s;
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'public.own', k1 = 1.6, positions = on);
CREATE INDEX docs_words ON docs USING bm25 (words bm25_ops) WITH (options = 'b = 0.5', limit = 7);
CREATE INDEX docs_v ON docs USING bm25 (v) WHERE id % 2 = 0;
CREATE INDEX docs_sum ON docs USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', weights = '2, 0.5', norms = 'exact');
CREATE INDEX docs_array ON docs USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', positions = on, growing_limit = 3);
CREATE INDEX docs_columns ON docs USING bm25 (title, body) WITH (text_config = 'simple', weights = '3, 1');
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
SELECT md5(array_agg(score)::text) FROM ranked;
SET enable_seqscan = off;
SELECT md5(array_agg(s)::text), min(s), count(*) FROM (SELECT words <&> to_bm25query(to_tsvector('simple', 'cat of'), 'docs_words') AS s FROM docs
	ORDER BY words <&> to_bm25query(to_tsvector('simple', 'cat of'), 'docs_words')) t;
SELECT md5(array_agg(s)::text), min(s) FROM (SELECT v <&> to_bm25query('docs_v', bm25_catalog.bm25_tokenize('simple', 'blue cat')) AS s FROM docs WHERE id % 2 = 0
	ORDER BY v <&> to_bm25query('docs_v', bm25_catalog.bm25_tokenize('simple', 'blue cat')) LIMIT 20) t;
SELECT md5(array_agg(s)::text), min(s) FROM (SELECT to_tsvector('english', body) <&> to_bm25query(to_tsvector('english', 'dog'), 'docs_expression') AS s FROM docs
	ORDER BY to_tsvector('english', body) <&> to_bm25query(to_tsvector('english', 'dog'), 'docs_expression') LIMIT 20) t;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY ARRAY[title, body] <&> to_bm25query('red cat', 'docs_sum') LIMIT 5;
SELECT md5(array_agg(s)::text), min(s), count(*) FROM (SELECT ARRAY[title, body] <&> to_bm25query('red cat', 'docs_sum') AS s FROM docs
	ORDER BY ARRAY[title, body] <&> to_bm25query('red cat', 'docs_sum')) t;
SELECT md5(array_agg(s)::text), min(s), count(*) FROM (SELECT ARRAY[title, body] <&> to_bm25query('red cat', 'docs_array') AS s FROM docs
	WHERE ARRAY[title, body] @@ to_bm25query('red <-> cat'::tsquery, 'docs_array')
	ORDER BY ARRAY[title, body] <&> to_bm25query('red cat', 'docs_array')) t;
SELECT md5(array_agg(s)::text), min(s) FROM (SELECT title <&> bm25_field(to_bm25query('blue', 'docs_columns'), 'title') AS s FROM docs
	ORDER BY title <&> bm25_field(to_bm25query('blue', 'docs_columns'), 'title') LIMIT 20) t;
END

	my $answers = sub {
		my ($node, $db) = @_;
		my ($code, $out, $err) = $node->psql($db, $questions);
		is($err, '', $node->name . " $db: no complaint");
		return $out;
	};

	# a restored index is a new one: the dead of the old one are what may differ, so there must be none
	$old->safe_psql('kept', 'REINDEX TABLE docs');
	my $before = $answers->($old, 'kept');
	like($before, qr/^2980\n/, 'there is something to compare') or diag $before;

	# a dump, by the newer pg_dump
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";
	command_ok([ 'pg_dump', '-f', $dump, '-d', $old->connstr('kept') ], 'pg_dump');
	my $script = slurp_file($dump);
	unlike($script, qr/CREATE (TYPE|OPERATOR|FUNCTION|ACCESS METHOD)/, 'members of the extension are not dumped');

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

	my $near = vector_answers($old, 'vectors before');
	bm25_sound($old, 'kept', 'before');

	my $new = upgraded($old, "new_$name") or return;
	is($answers->($new, 'kept'), $before, 'the same answers from what was upgraded');
	is(vector_answers($new, 'vectors upgraded'), $near, 'the same vectors are near');
	bm25_sound($new, 'kept', 'upgraded');
	my $check = $new->safe_psql('kept', <<'END');
SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.deptype = 'e' WHERE extname = 'vchord_bm25';
END
	is($new->safe_psql('kept', $stored), $queries, 'stored queries are as they were');
	cmp_ok($check, '>', 50, 'its members belong to the extension');
	$new->safe_psql('kept', "INSERT INTO docs (id, body, v) SELECT i, 'a dog after the upgrade', '{1:1}'::bm25_catalog.bm25vector FROM generate_series(6001, 6010) i; VACUUM docs");
	is($new->safe_psql('kept', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM docs WHERE id > 6000 ORDER BY body <&> to_bm25query('upgrade', 'docs_body')) s"),
		10, 'new rows are found');
	bm25_sound($new, 'kept', 'used after the upgrade');
	$new->safe_psql('vectors', join '', map { "DELETE FROM $_ WHERE id % 7 = 0;
		INSERT INTO $_ SELECT i, some_vector(i, 24)::vector, some_vector(i, 24)::halfvec, some_vector(i, 8)::vector FROM generate_series(3001, 3200) i;
		VACUUM $_;\n" } sort keys %vectors);
	like(vector_answers($new, 'vectors used after the upgrade'), qr/^1\d\d\d\|/m, 'vectors go on');

	# restored beside it
	$new->safe_psql('postgres', 'CREATE DATABASE restored OWNER owner');
	$new->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $new->connstr('restored') ], 'restored');
	is($answers->($new, 'restored'), $before, 'the same answers from what was restored');
	bm25_sound($new, 'restored', 'restored');
	$new->safe_psql('kept', 'DROP EXTENSION vchord_bm25 CASCADE');
	is($new->safe_psql('kept', "SELECT count(*) FROM pg_type WHERE typname ~ 'bm25'"), 0, 'DROP EXTENSION removes its types');
	$new->stop;
	return;
}

try_upgrade('to the same version');
SKIP:
{
	skip('no older server with our extensions: VC_TEST_OLD_SERVER', 1) if !$older;
	# libraries that are not of this system are beside its modules
	local $ENV{LD_LIBRARY_PATH} = "$older/lib";
	try_upgrade('from an older version', install_path => $older);
}
done_testing();
