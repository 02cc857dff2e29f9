"""tools/demo, after setup: builds, starts a server, loads texts, makes the index, asks it things."""

import argparse
import json
import os
import shutil
import sys
import time

import numpy as np

from benchlib import cluster, datasets, texts
from benchlib.cluster import say

MARK = "vchord-demo.json"
D = 256


def show(title, rows=(), note=None):
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}", flush=True)
    width = shutil.get_terminal_size((110, 24)).columns
    for row in rows:
        print("    " + row[: width - 5])
    if note:
        print("    " + note)


def stop(folder):
    mark = os.path.join(folder, MARK)
    if not os.path.exists(mark):
        sys.exit(f"{folder}: no demo lives there")
    with open(mark, encoding="utf-8") as f:
        build = json.load(f)["bindir"]
    cluster.run(
        [os.path.join(build, "pg_ctl"), "-D", os.path.join(folder, "data"), "-m", "immediate", "-s",
         "stop"],
        cwd="/",
        **cluster.stepdown.identity(cluster.stepdown.test_user()),
    )
    shutil.rmtree(folder)
    say("gone:", folder)


def load_texts(conn):
    """Makes docs, terms and embed(text); returns the number of texts."""
    start = time.monotonic()
    found = texts.packages()
    docs = [("package", *package[:3]) for package in found]
    tags = [package[3] for package in found]
    if not docs:
        say("this machine has no apt index: PostgreSQL's own descriptions alone")
    docs += [
        ("postgres", name, kind, text)
        for name, kind, text in conn.query(
            """SELECT CASE WHEN d.classoid = 'pg_proc'::regclass THEN p.proname
                   ELSE coalesce((pg_identify_object(d.classoid, d.objoid, d.objsubid)).name,
                        (pg_identify_object(d.classoid, d.objoid, d.objsubid)).identity) END,
                   d.classoid::regclass::text, d.description
            FROM pg_description d
            LEFT JOIN pg_proc p ON d.classoid = 'pg_proc'::regclass AND p.oid = d.objoid
            ORDER BY d.classoid, d.objoid, d.objsubid"""
        )
    ]
    tags += [""] * (len(docs) - len(tags))
    vectors = texts.Vectors(
        [texts.words(doc[1], doc[3], tag) for doc, tag in zip(docs, tags)], D
    )
    say(f"{len(docs):,} texts, {len(vectors.words):,} words, vectors of {D} in "
        f"{time.monotonic() - start:.0f} s")
    conn.query(
        f"""CREATE TABLE docs (id int PRIMARY KEY, source text, name text, section text, body text,
            embedding vector({D}));
        CREATE TABLE terms (term text PRIMARY KEY, v vector({D}));
        CREATE TEMP TABLE d (id int, source text, name text, section text, body text);
        CREATE TEMP TABLE t (id int, term text);
        CREATE TEMP TABLE v (id int, v vector({D}))"""
    )
    conn.copy_text("COPY d FROM STDIN", ((i, *row) for i, row in enumerate(docs)))
    conn.copy("COPY v FROM STDIN (FORMAT binary)", datasets.binary([vectors.docs]))
    conn.query("INSERT INTO docs SELECT d.*, v FROM d JOIN v USING (id) ORDER BY id; TRUNCATE v")
    conn.copy_text("COPY t FROM STDIN", ((i, w) for i, w in enumerate(vectors.words)))
    conn.copy("COPY v FROM STDIN (FORMAT binary)", datasets.binary([vectors.terms]))
    conn.query("INSERT INTO terms SELECT term, v FROM t JOIN v USING (id); DROP TABLE d, t, v")
    conn.query(
        r"""CREATE FUNCTION embed(text) RETURNS vector LANGUAGE sql STABLE AS $$
            SELECT l2_normalize(sum(v)) FROM terms
            WHERE term = ANY (regexp_split_to_array(lower($1), '[^a-z0-9+]+')) $$"""
    )
    conn.query("CREATE INDEX ON docs (name)")
    for table in ("docs", "terms"):
        conn.query(f"VACUUM (ANALYZE) {table}")
    return len(docs)


def build_index(conn, table, column, opclass):
    start = time.monotonic()
    conn.query(f"CREATE INDEX {table}_vchordrq ON {table} USING vchordrq ({column} {opclass})")
    seconds = time.monotonic() - start
    size = int(conn.value(f"SELECT pg_relation_size('{table}_vchordrq')"))
    lists = conn.value(f"SELECT lists FROM vchordrq_index_info('{table}_vchordrq')")
    show(f"CREATE INDEX ON {table} USING vchordrq ({column} {opclass})",
         [f"{seconds:.2f} s, {size / 1e6:.0f} MB, {lists} lists, no option given"])


def neighbours(conn, title, sql):
    rows = conn.query(sql)
    show(title, [f"{float(r[0]):.3f}  {r[1]:<32}  {r[2]}" for r in rows])


def questions(conn):
    """Searches that people can judge by reading them."""
    like = next(
        (
            r[0]
            for r in conn.query(
                """SELECT name FROM docs WHERE source = 'package' AND name ~ '^postgresql-[0-9]+$'
                ORDER BY name LIMIT 1"""
            )
        ),
        None,
    )
    short = "regexp_replace(left(body, 90), '\\s+', ' ', 'g')"
    if like:
        neighbours(
            conn,
            f"Packages like {like}:  ... WHERE name <> '{like}' ORDER BY embedding <=> (its embedding)",
            f"""SELECT embedding <=> q.v, name, {short}
            FROM docs, (SELECT embedding AS v FROM docs WHERE name = '{like}') q
            WHERE name <> '{like}'
            ORDER BY embedding <=> (SELECT embedding FROM docs WHERE name = '{like}') LIMIT 8""",
        )
        asked = "solve equations and plot mathematical functions"
        neighbours(
            conn,
            f"A question in words:  ... ORDER BY embedding <=> embed('{asked}') LIMIT 6",
            f"""SELECT embedding <=> embed('{asked}'), name, {short} FROM docs
            ORDER BY embedding <=> embed('{asked}') LIMIT 6""",
        )
        asked = "chess engine"
        neighbours(
            conn,
            f"With a filter:  ... WHERE section = 'games' ORDER BY embedding <=> embed('{asked}')",
            f"""SELECT embedding <=> embed('{asked}'), name, {short} FROM docs
            WHERE section = 'games' ORDER BY embedding <=> embed('{asked}') LIMIT 6""",
        )
    asked = "number of seconds between dates"
    neighbours(
        conn,
        f"PostgreSQL's functions:  ... WHERE section = 'pg_proc' ORDER BY embedding <=> "
        f"embed('{asked}')",
        f"""SELECT embedding <=> embed('{asked}'), name, {short} FROM docs
        WHERE section = 'pg_proc' ORDER BY embedding <=> embed('{asked}') LIMIT 6""",
    )


def compare(server, table, column, operator, query, n, filters):
    """Recall against the exact answer, and times beside it.  query: SQL of the query vector, by id $1."""
    rng = np.random.default_rng(3)
    chosen = [int(i) for i in rng.choice(n, min(n, 100), replace=False)]
    lines = []
    for label, where in [("all rows", "true")] + filters:
        sql = (
            f"SELECT id, {column} {operator} ({query}) FROM {table} WHERE {where} "
            f"ORDER BY {column} {operator} ({query}) LIMIT 10"
        )
        answers, times = [], []
        for scan in ("on", "off"):
            options = {"vchordrq.enable_scan": scan, "max_parallel_workers_per_gather": "0"}
            with server.connect(options) as conn:
                conn.prepare("q", sql)
                conn.run("q", chosen[0])
                start = time.perf_counter()
                answers.append([conn.run("q", i) for i in chosen])
                times.append((time.perf_counter() - start) / len(chosen) * 1e3)
        found = want = 0
        for ours, exact in zip(*answers):
            # a row as near as the last exact one is as good
            last = max((float(r[1]) for r in exact), default=0)
            found += sum(float(r[1]) <= last + 1e-6 * abs(last) + 1e-9 for r in ours)
            want += len(exact)
        lines.append(
            f"{label:<34} recall@10 {found / max(want, 1):.3f}   index {times[0]:7.2f} ms   "
            f"exact scan {times[1]:7.2f} ms   {times[1] / times[0]:5.1f} x"
        )
    show(f"Recall and times of {len(chosen)} queries, no setting changed, one processor", lines)


def run_texts(server):
    with server.connect({"client_min_messages": "warning"}) as conn:
        n = load_texts(conn)
        build_index(conn, "docs", "embedding", "vector_cosine_ops")
        conn.query("ANALYZE docs")
        questions(conn)
    compare(
        server, "docs", "embedding", "<=>", "SELECT embedding FROM docs WHERE id = $1", n,
        [("section = 'libdevel'", "section = 'libdevel'"),
         ("source = 'postgres'", "source = 'postgres'"), ("id % 100 = 7", "id % 100 = 7")],
    )
    return "SELECT name, body FROM docs ORDER BY embedding <=> embed('terminal music player') LIMIT 5;"


def run_set(server, name):
    metric = datasets.SETS[name]
    data = datasets.Set.real(name, [metric])
    table, op = data.table(), datasets.OPERATOR[metric]
    with server.connect({"client_min_messages": "warning"}) as conn:
        say(f"loading {name}: {len(data.base):,} x {data.dim()}")
        data.load(conn)
        build_index(conn, table, "v", datasets.OPCLASS[metric])
    compare(
        server, table, "v", op, f"SELECT v FROM {table}_q WHERE id = $1", len(data.queries),
        [("id % 10 = 3", "id % 10 = 3"), ("id % 100 = 7", "id % 100 = 7")],
    )
    return f"SELECT id FROM {table} ORDER BY v {op} (SELECT v FROM {table}_q WHERE id = 1) LIMIT 5;"


def main():
    parser = argparse.ArgumentParser(prog="tools/demo")
    parser.add_argument("--data", metavar="SET")
    parser.add_argument("--rm", action="store_true", help="remove the server at the end")
    parser.add_argument("--stop", metavar="FOLDER")
    args = parser.parse_args()
    if args.stop:
        stop(os.path.realpath(args.stop))
        return
    if args.data and args.data not in datasets.available():
        there = ", ".join(datasets.available()) or "none: set VCHORD_DATA"
        sys.exit(f"no set {args.data} here; there are: {there}")
    begin = time.monotonic()
    build = cluster.Build(
        os.environ.get("VC_BUILD_DIR", os.path.join(cluster.ROOT, "build-demo")), quick=True
    )
    say(f"built in {time.monotonic() - begin:.0f} s")
    buffers = min(cluster.memory() // 8, 1024 * cluster.MB) // cluster.MB
    server = cluster.Private(build, {"shared_buffers": f"{buffers}MB"})
    done = False
    try:
        with open(os.path.join(server.folder, MARK), "w", encoding="utf-8") as f:
            json.dump({"bindir": build.bindir}, f)
        server.setup()
        say("server started, extensions vector and vchord created; vchordg and vchord_bm25 are "
            "not built yet, so this is vchordrq alone")
        example = run_set(server, args.data) if args.data else run_texts(server)
        done = True
    finally:
        if args.rm or not done:
            server.stop()
    print(f"\nAll in {time.monotonic() - begin:.0f} s.")
    if not args.rm:
        psql = shutil.which("psql") or os.path.join(build.bindir, "psql")
        print(f'Connect:  {psql} "{server.conninfo}"')
        print(f"  try:    {example}")
        print(f"Remove:   tools/demo --stop {server.folder}")


if __name__ == "__main__":
    main()
