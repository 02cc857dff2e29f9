# The module works the same whether loaded by its first call, by session or by shared preloading.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vchord CASCADE');

my $version = $node->safe_psql('postgres',
	"SELECT extversion FROM pg_extension WHERE extname = 'vchord'");

foreach my $setting ('', 'session_preload_libraries', 'shared_preload_libraries')
{
	if ($setting ne '')
	{
		$node->append_conf('postgresql.conf', "$setting = 'vchordrq'");
		$node->restart;
	}
	is($node->safe_psql('postgres', 'SELECT vchord_version()'),
		$version, 'version, ' . ($setting || 'loaded by the call'));
	$node->adjust_conf('postgresql.conf', $setting, "''") if $setting ne '';
}

$node->stop;
done_testing();
