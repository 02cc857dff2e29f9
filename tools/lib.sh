# tools/lib.sh: what the shell tools share.  Source it; it changes to the root of the source tree.

set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VC_ROOT=$PWD

say()
{
	printf '== %s\n' "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Prints the head comment of the tool and ends it, if its arguments ask for that.
help_if_asked()
{
	local arg
	for arg in "$@"; do
		case $arg in
		-h | --help)
			sed -n '2,/^[^#]/s/^# \{0,1\}//p' "tools/${0##*/}"
			exit 0
			;;
		esac
	done
}

# Runs a command with root's rights; never asks for a password.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		sudo -n --preserve-env=DEBIAN_FRONTEND,LC_ALL "$@"
	else
		die "needs root's rights to run: $*"
	fi
}

# Prints the archive that this machine's own apt sources name for the release it runs.
apt_mirror()
{
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v r="$codename" '$2 == r && $3 == "main" { print $1; exit }'
}

# Prints the keyring that signs Debian's releases.
debian_keyring()
{
	echo /usr/share/keyrings/debian-archive-keyring.gpg
}

# Prints the major version of the server to build for: PG_MAJOR, the one pg_config belongs to, or the
# distribution's current one.
pg_major()
{
	if [ -n "${PG_MAJOR:-}" ]; then
		echo "$PG_MAJOR"
	elif [ -n "${PG_CONFIG:-}" ]; then
		"$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
	else
		apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
	fi
}

# Prints the pg_config to build with.
pg_config_path()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		echo "$PG_CONFIG"
	elif [ -x "/usr/lib/postgresql/$(pg_major)/bin/pg_config" ]; then
		echo "/usr/lib/postgresql/$(pg_major)/bin/pg_config"
	else
		command -v pg_config || die "no pg_config: run tools/setup or set PG_CONFIG"
	fi
}
