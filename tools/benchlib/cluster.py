"""A private server in a folder of its own, or the one that PG* names; and pgbench against it.

The private server runs from the temporary installation that tests use (tests/tmp_install.py), as the
user that tests step down to, and listens on a socket only.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from benchlib import pq

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import stepdown  # noqa: E402  (tests/stepdown.py)

MB = 1 << 20


def say(*words):
    print("==", *words, file=sys.stderr, flush=True)


def run(command, **kwargs):
    """Runs a program silently; its output is shown if it fails."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **kwargs,
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stdout}")
    return result.stdout


def memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def pg_config():
    """The pg_config to build with: tools/lib.sh decides."""
    return run(["bash", "-c", f'. "{ROOT}/tools/lib.sh"; pg_config_path'], cwd=ROOT).strip()


class Build:
    """A build folder with its temporary installation."""

    def __init__(self, folder, build=True, quick=False):
        """quick: builds what a server needs and no tests."""
        self.folder = os.path.realpath(folder)
        config = pg_config()
        if build:
            say(f"building in {self.folder}")
            if not os.path.exists(os.path.join(self.folder, "build.ninja")):
                run(["meson", "setup", self.folder, ROOT, "-Dpg_config=" + config])
            if not quick:
                run(["meson", "compile", "-C", self.folder])
            # This test makes the temporary installation; what it needs is built with it.
            run(["meson", "test", "-C", self.folder, "--suite", "setup"])
        self.root = os.path.join(stepdown.base_dir(self.folder), "tmp_install")
        bindir = run([config, "--bindir"]).strip()
        self.bindir = os.path.join(self.root, bindir.lstrip("/"))
        if not os.path.exists(os.path.join(self.bindir, "postgres")):
            sys.exit(f"{self.folder}: no temporary installation; run without --no-build")

    def program(self, name):
        """Path of a test program (checkkern, kmeans)."""
        return os.path.join(self.folder, "tests", "test_" + name)

    def commit(self):
        out = subprocess.run(
            ["git", "-C", ROOT, "describe", "--always", "--dirty"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return out.stdout.strip() or "unknown"


class Server:
    """What a measurement needs of a server; External and Private differ in what they may change."""

    def __init__(self, conninfo, bindir):
        self.conninfo = conninfo
        self.bindir = bindir
        self.private = False
        self.cpus = None
        self.client_cpus = None

    def connect(self, options=None, database=None):
        """Opens a connection; options = settings of the session."""
        info = self.conninfo
        if database is not None:
            info += f" dbname={database}"
        conn = pq.Conn(info)
        for name, value in (options or {}).items():
            conn.query(f"SET {name} = '{value}'")
        return conn

    def ams(self):
        """Access methods for vectors that this server has, best known first."""
        with self.connect() as conn:
            have = {row[0] for row in conn.query("SELECT amname FROM pg_am")}
        return [am for am in ("vchordrq", "vchordg", "hnsw", "ivfflat") if am in have]

    def setup(self, test_module=False):
        with self.connect({"client_min_messages": "warning"}) as conn:
            conn.query("CREATE EXTENSION IF NOT EXISTS vector")
            for (name,) in conn.query(
                "SELECT name FROM pg_available_extensions WHERE name IN ('vchord', 'vchord_bm25')"
            ):
                conn.query(f"CREATE EXTENSION IF NOT EXISTS {name} CASCADE")
            if test_module:
                conn.query("CREATE EXTENSION IF NOT EXISTS vc_test_core")

    def describe(self):
        with self.connect() as conn:
            return {
                "server": conn.value("SHOW server_version"),
                "extensions": dict(conn.query("SELECT extname, extversion FROM pg_extension")),
                "shared_buffers": conn.value("SHOW shared_buffers"),
                "wal_level": conn.value("SHOW wal_level"),
                "max_parallel_maintenance_workers": conn.value(
                    "SHOW max_parallel_maintenance_workers"
                ),
            }

    def pgbench(self, script, seconds=None, transactions=None, options=None, variables=None):
        """Runs one client over a script, prepared; returns transactions a second."""
        handle, path = tempfile.mkstemp(prefix="vchord-bench-", suffix=".sql")
        with os.fdopen(handle, "w") as f:
            f.write(script)
        command = [os.path.join(self.bindir, "pgbench"), "-n", "-M", "prepared", "-c", "1"]
        command += ["-t", str(transactions)] if transactions else ["-T", str(seconds)]
        for name, value in (variables or {}).items():
            command += ["-D", f"{name}={value}"]
        env = dict(os.environ)
        env["PGOPTIONS"] = " ".join(f"-c {n}={v}" for n, v in (options or {}).items())
        cpus = self.client_cpus
        try:
            out = subprocess.run(
                command + ["-f", path, self.conninfo],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=env,
                check=False,
                preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
            )
        finally:
            os.unlink(path)
        found = re.search(r"^tps = ([0-9.]+) \(without", out.stdout, re.M)
        if out.returncode != 0 or not found:
            sys.exit(f"pgbench failed\n{out.stdout}{out.stderr}")
        return float(found.group(1))

    def pin(self, on):
        """Keeps backends that start from now on, and pgbench, on one CPU; or sets them free."""

    def stop(self):
        """Ends the server if it is ours."""


class External(Server):
    """The server that PG* names.  Nothing but a schema of ours is changed there."""

    def __init__(self, bindir):
        super().__init__("dbname=" + os.environ.get("PGDATABASE", "postgres"), bindir)


class Private(Server):
    """A new cluster in a folder of its own."""

    def __init__(self, build, settings=None, where=None, keep=False):
        self.build = build
        self.user = stepdown.test_user()
        self.keep = keep
        self.folder = tempfile.mkdtemp(prefix="vchord-", dir=where or "/var/tmp")
        # Closed to other users: whoever reaches the socket is the server's superuser.
        stepdown.give(self.folder)
        super().__init__(f"host={self.folder} user=postgres dbname=postgres", build.bindir)
        self.private = True
        self.data = os.path.join(self.folder, "data")
        self.settings = {
            "shared_buffers": f"{min(memory() // 4, 4096 * MB) // MB}MB",
            "maintenance_work_mem": f"{min(memory() // 8, 1024 * MB) // MB}MB",
            "max_wal_size": "32GB",
            "checkpoint_timeout": "1h",
            "autovacuum": "off",
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
            "max_parallel_maintenance_workers": str(max(os.cpu_count() - 1, 1)),
            "max_worker_processes": "16",
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
        }
        self.settings.update(settings or {})
        self._program(
            "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "--no-locale",
            "-E", "UTF8",
        )
        self.start()

    def _program(self, name, *args):
        return run(
            [os.path.join(self.bindir, name), *args],
            cwd=self.folder,
            env={"PATH": self.bindir + ":/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            **stepdown.identity(self.user),
        )

    def start(self, **settings):
        """Starts the server; settings are added to those of the cluster."""
        conf = os.path.join(self.data, "postgresql.auto.conf")
        with open(conf, "w", encoding="utf-8") as f:
            for name, value in {**self.settings, **settings}.items():
                f.write(f"{name} = {value}\n")
        if self.cpus:
            os.sched_setaffinity(0, range(os.cpu_count()))
        log = os.path.join(self.folder, "log")
        self._program("pg_ctl", "-D", self.data, "-l", log, "-w", "-t", "120", "-s", "start")
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as f:
            self.pid = int(f.readline())

    def restart(self, **settings):
        self._program("pg_ctl", "-D", self.data, "-w", "-s", "-m", "fast", "stop")
        self.start(**settings)
        self.pin(self.cpus is not None)

    def pin(self, on):
        free = sorted(os.sched_getaffinity(0))
        # One CPU for both: they take turns, and waking the other CPU costs more than a switch.
        self.cpus = self.client_cpus = {free[-1]} if on and len(free) > 1 else None
        try:
            os.sched_setaffinity(self.pid, self.cpus or set(free))
        except PermissionError:
            self.cpus = self.client_cpus = None

    def stop(self):
        if self.folder is None:
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._program("pg_ctl", "-D", self.data, "-w", "-s", "-m", "immediate", "stop")
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None


class Watch:
    """Samples a query in the background: with Watch(server, sql) as w: ...; w.samples."""

    def __init__(self, server, sql, interval=0.01):
        import threading

        self.conn = server.connect()
        self.sql, self.interval = sql, interval
        self.samples = []
        self.running = True
        self.thread = threading.Thread(target=self._loop, daemon=True)

    def _loop(self):
        while self.running:
            rows = self.conn.query(self.sql)
            self.samples.append((time.monotonic(), rows[0] if rows else None))
            time.sleep(self.interval)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()
        self.conn.close()

    def phases(self):
        """Seconds by first column, percentages left out, in order of appearance."""
        seconds = {}
        for (t0, a), (t1, _) in zip(self.samples, self.samples[1:]):
            if a is not None:
                name = re.sub(r"^building index: | \(\d+ %\)$", "", a[0])
                seconds[name] = seconds.get(name, 0) + t1 - t0
        return seconds
