"""Runs one set of server tests in an empty folder, as an unprivileged user, and speaks TAP.

  testwrap.py --build B --bindir B --pgxs-test P --name N --dir D --kind regress|isolation|tap
              [pg_regress options] -- test...

The inputs are copied into the folder of the run, so the user of the run need not be able to read the
source tree.  pg_regress speaks TAP only from PostgreSQL 16 on; its lines are translated.  Every test
asked for counts: one that left no line in the output has failed.
"""

import argparse
import glob
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys

import stepdown

CONFIG = """\
fsync = off
max_prepared_transactions = 10
max_worker_processes = 16
log_min_messages = warning
log_line_prefix = '%m [%p] %q%a '
"""
# "test a ... ok 12 ms", "     a ... FAILED", "ok 1     - a   12 ms", "not ok 2 + a   3 ms"
OLD_LINE = re.compile(r"^(?:test)?\s+(\S+)\s+\.\.\.\s+(ok|FAILED)")
NEW_LINE = re.compile(r"^(ok|not ok)\s+\d+\s+[-+]\s+(\S+)")
TAP_LINE = re.compile(r"^(ok|not ok|1\.\.|Bail out!|#|    )")


def environment(args, run, root):
    env = dict(os.environ)
    # Meson's own, and whatever points to another server, stay outside.
    for name in list(env):
        if name.startswith("PG") or name in ("LD_LIBRARY_PATH", "MALLOC_PERTURB_"):
            del env[name]
    bindir = os.path.join(root, args.bindir.lstrip("/"))
    env.update(
        PATH=bindir + os.pathsep + env.get("PATH", "/usr/bin:/bin"),
        HOME=run,
        TMPDIR="/tmp",
        LC_ALL="C",
        TZ="UTC",
        TESTDIR=run,
        TESTDATADIR=os.path.join(run, "data"),
        TESTLOGDIR=os.path.join(run, "log"),
        PG_REGRESS=os.path.join(args.pgxs_test, "regress", "pg_regress"),
        top_builddir=run,
        VC_TEST_SEED=env.get("VC_TEST_SEED", str(secrets.randbelow(1 << 31))),
    )
    # Real data sets lie beside the source tree unless the caller names another place.
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    data = os.path.join(os.path.dirname(source), "shared", "data")
    if "VCHORD_DATA" not in env and os.path.isdir(data):
        env["VCHORD_DATA"] = data
    return env


def run_program(command, run, env, each_line):
    """Runs a program in a process group of its own and hands on its lines; returns the exit code."""
    proc = subprocess.Popen(
        command,
        cwd=run,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        **stepdown.identity(stepdown.test_user()),
    )

    def stop(signum, frame):
        os.killpg(proc.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for line in proc.stdout:
        each_line(line.rstrip("\n"))
    return proc.wait()


def regress(args, run, env):
    program = "pg_regress" if args.kind == "regress" else "pg_isolation_regress"
    folder = "regress" if args.kind == "regress" else "isolation"
    conf = os.path.join(run, "in", "postgresql.conf")
    with open(os.path.join(run, "test.conf"), "w", encoding="utf-8") as f:
        f.write(CONFIG)
        if os.path.exists(conf):
            with open(conf, encoding="utf-8") as own:
                f.write(own.read())
    results = {}
    tail = []

    def each_line(line):
        tail.append(line)
        old = OLD_LINE.match(line)
        new = NEW_LINE.match(line)
        if old:
            results[old.group(1)] = old.group(2) == "ok"
        elif new:
            results[new.group(2)] = new.group(1) == "ok"

    code = run_program(
        [
            os.path.join(args.pgxs_test, folder, program),
            "--inputdir=in",
            "--outputdir=.",
            "--temp-instance=" + os.path.join(run, "server"),
            "--temp-config=test.conf",
            "--bindir=",
            "--encoding=UTF8",
            "--no-locale",
            "--dbname=" + args.kind,
        ]
        + args.options
        + args.tests,
        run,
        env,
        each_line,
    )
    failed = 0
    for number, name in enumerate(args.tests, 1):
        good = results.get(os.path.basename(name), False)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    print(f"1..{len(args.tests)}")
    if code != 0 or failed:
        for line in tail[-40:]:
            print("# " + line)
        for path in ["regression.diffs", "output_iso/regression.diffs", "log/postmaster.log"]:
            path = os.path.join(run, path)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    for line in f.read().splitlines()[-300:]:
                        print("# " + line)
        return code or 1
    return 0


def tap(args, run, env):
    script = os.path.join(run, "in", args.tests[0])

    def each_line(line):
        print(line if TAP_LINE.match(line) else "# " + line, flush=True)

    code = run_program(
        ["perl"]
        + ["-I" + path for path in (os.path.join(args.pgxs_test, "perl"), os.path.join(run, "lib"))]
        + [script],
        run,
        env,
        each_line,
    )
    if code != 0:
        for path in sorted(glob.glob(os.path.join(run, "**", "log", "*"), recursive=True)):
            print("# log: " + path)
    return code


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "bindir", "pgxs-test", "name", "dir"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--kind", required=True, choices=["regress", "isolation", "tap"])
    split = sys.argv.index("--")
    args, args.options = parser.parse_known_args(sys.argv[1:split])
    args.tests = sys.argv[split + 1 :]

    base = stepdown.base_dir(args.build)
    root = os.path.join(base, "tmp_install")
    stamp = os.path.join(root, "stamp")
    built = glob.glob(os.path.join(args.build, "vchord*", "vchord*.so")) + glob.glob(
        os.path.join(args.build, "sql", "*", "*.sql")
    )
    if not os.path.exists(stamp) or any(
        os.path.getmtime(path) > os.path.getmtime(stamp) for path in built
    ):
        print("Bail out! the temporary installation is older than the build: add --suite setup")
        return 1

    label = args.kind
    if args.kind == "tap":
        label = os.path.splitext(os.path.basename(args.tests[0]))[0]
    run = os.path.join(base, args.name, label)
    stepdown.empty_dir(run)
    source = os.path.join(run, "in")
    os.mkdir(source)
    for entry in os.listdir(args.dir):
        path = os.path.join(args.dir, entry)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(source, entry))
        else:
            shutil.copy(path, source)
    # what Perl tests share
    os.makedirs(os.path.join(run, "lib"))
    for path in glob.glob(os.path.join(os.path.dirname(args.dir), "vchord", "t", "*.p[my]")):
        shutil.copy(path, os.path.join(run, "lib"))
    os.makedirs(os.path.join(run, "data"))
    os.makedirs(os.path.join(run, "log"))
    stepdown.give(run)
    env = environment(args, run, root)
    print("# seed " + env["VC_TEST_SEED"] + ", folder " + run, flush=True)
    return tap(args, run, env) if args.kind == "tap" else regress(args, run, env)


sys.exit(main())
