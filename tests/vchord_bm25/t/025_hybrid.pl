# 025_hybrid.pl
# Words and vectors together (docs/hybrid.md): pgvector, vchord and vchord_bm25 in one database, the fused ranking
# by both indexes beside the same computed without any.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VcTest qw(counts seed new_node server_lived);

seed();
my $rows = counts(3000, 30000);
my $node = new_node('hybrid', "fsync = off\njit = off\nmax_parallel_workers_per_gather = 0\n");

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION vchord_bm25;
CREATE TABLE docs (id int PRIMARY KEY, shop int, body text, embedding vector(16));
INSERT INTO docs SELECT i, i % 10,
	(SELECT string_agg('w' || (abs(hashint8(i * 64 + j)) % (10 + 40 * j)), ' ') FROM generate_series(1, 5 + i % 20) j),
	(SELECT ('[' || string_agg(((hashint8(i * 64 + j) & 1023) / 512.0 - 1)::text, ',') || ']')::vector(16)
		FROM generate_series(1, 16) j)
FROM generate_series(1, $rows) i;
CREATE TABLE asked AS SELECT i AS q, 'w1 w' || i || ' w' || 3 * i AS words,
	(SELECT embedding FROM docs WHERE id = 7 * i) AS meaning FROM generate_series(1, 40) i;
CREATE INDEX docs_body ON docs USING bm25 (body bm25_ops) WITH (text_config = 'simple');
CREATE INDEX docs_embedding ON docs USING vchordrq (embedding vector_l2_ops) WITH (lists = '20');
ANALYZE docs;
CREATE TABLE answer (way text, q int, place int, id int, score float8);
SQL

# Probes of all lists: the vector arm is then exact, but for bounds of codes, which epsilon 4 keeps.
my $exact = 'SET vchordrq.probes = 20; SET vchordrq.epsilon = 4;';

sub hybrid
{
	# An index gives rows of equal score in the order of the table; elsewhere ties must be told.
	my ($where, $ties) = @_;
	$ties //= '';
	return qq{WITH v AS (
			SELECT id, row_number() OVER (ORDER BY d, id) AS rank
			FROM (SELECT id, embedding <-> \$1 AS d FROM docs WHERE $where ORDER BY d$ties LIMIT 30) x
		), b AS (
			SELECT id, row_number() OVER (ORDER BY s, id) AS rank
			FROM (SELECT id, body <&> to_bm25query(\$2, 'docs_body'::regclass) AS s FROM docs WHERE $where
				ORDER BY s$ties LIMIT 30) x
			WHERE s < 0
		)
		SELECT id, bm25_catalog.rrf(v.rank) + bm25_catalog.rrf(b.rank, \$3) AS score
		FROM v FULL JOIN b USING (id) ORDER BY score DESC, id LIMIT 10};
}

sub collect
{
	my ($way, $settings, $where, $ties) = @_;
	my $sql = hybrid($where, $ties);

	$node->safe_psql('postgres', "$settings
		DO \$do\$
		DECLARE
			one asked;
		BEGIN
			FOR one IN SELECT * FROM asked LOOP
				EXECUTE format('INSERT INTO answer SELECT %L, %s, row_number() OVER (), x.* FROM (%s) x', '$way', one.q,
					replace(replace(replace(\$sql\$$sql\$sql\$, '\$1', quote_literal(one.meaning) || '::vector'),
						'\$2', quote_literal(one.words) || '::text'), '\$3', '0.7'));
			END LOOP;
		END \$do\$");
	return;
}

foreach my $where ('true', 'shop = 3')
{
	my $plan = $node->safe_psql('postgres', "$exact SET plan_cache_mode = force_generic_plan;
		PREPARE h(vector, text, float8) AS " . hybrid($where) . ";
		EXPLAIN (COSTS OFF) EXECUTE h('[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'w1 w2', 0.7)");
	like($plan, qr/Index Scan using docs_embedding on docs/, "$where: the vector arm is an index scan");
	like($plan, qr/Index Scan using docs_body on docs/, "$where: the BM25 arm is an index scan");

	$node->safe_psql('postgres', 'TRUNCATE answer');
	collect('index', $exact, $where);
	collect('scan', 'SET enable_indexscan = off; SET enable_bitmapscan = off;', $where, ', ctid');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM answer WHERE way = 'index'}), 400,
		"$where: every LIMIT was filled");
	is( $node->safe_psql('postgres', q{SELECT count(*) FROM (
			SELECT q, place, score FROM answer WHERE way = 'index'
			EXCEPT SELECT q, place, score FROM answer WHERE way = 'scan') x}),
		0, "$where: scores of the fusion are those without indexes");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT 1 FROM answer GROUP BY way, q, id
			HAVING count(*) > 1) x}), 0, "$where: no row twice");
	my ($both, $one) = split /\|/, $node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE score > 1.7 / 90), count(*) FILTER (WHERE score <= 1.7 / 90)
		FROM answer WHERE way = 'index'});
	note("$where: $both rows of high, $one of low score");
}

# One function for one table: the planner looks into it.
$node->safe_psql('postgres', 'CREATE FUNCTION search_docs(words text, meaning vector) RETURNS TABLE (id int, score float8)
	LANGUAGE sql STABLE AS $$
	WITH v AS (
		SELECT id, row_number() OVER (ORDER BY d, id) AS rank
		FROM (SELECT id, embedding <-> meaning AS d FROM docs ORDER BY d LIMIT 60) x
	), b AS (
		SELECT id, row_number() OVER (ORDER BY s, id) AS rank
		FROM (SELECT id, body <&> to_bm25query(words, \'docs_body\'::regclass) AS s FROM docs ORDER BY s LIMIT 60) x
		WHERE s < 0
	)
	SELECT id, bm25_catalog.rrf(v.rank) + bm25_catalog.rrf(b.rank)
	FROM v FULL JOIN b USING (id)
	ORDER BY 2 DESC, 1 $$');
my $plan = $node->safe_psql('postgres', q{EXPLAIN (COSTS OFF) SELECT d.id FROM
	search_docs('w1 w2', '[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]') s JOIN docs d USING (id) ORDER BY s.score DESC LIMIT 5});
like($plan, qr/Index Scan using docs_embedding/, 'a function of one SELECT is inlined: vector arm');
like($plan, qr/Index Scan using docs_body/, 'a function of one SELECT is inlined: BM25 arm');

server_lived($node, 'no backend died');
$node->stop;
done_testing();
