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


# Two rankings, each its index and a LIMIT, joined by reciprocal rank fusion (docs/hybrid.md).
HYBRID = """WITH v AS (
    SELECT id, row_number() OVER (ORDER BY d, id) AS rank
    FROM (SELECT id, embedding <=> embed($1) AS d FROM docs ORDER BY d LIMIT 60) x
), b AS (
    SELECT id, row_number() OVER (ORDER BY s, id) AS rank
    FROM (SELECT id, body <&> to_bm25query($1, 'docs_bm25'::regclass) AS s FROM docs
          ORDER BY s LIMIT 60) x
    WHERE s < 0
)
SELECT rrf(v.rank) + rrf(b.rank) AS score, name, coalesce(v.rank::text, '-') AS v,
    coalesce(b.rank::text, '-') AS b, body
FROM v FULL JOIN b USING (id) JOIN docs USING (id)
ORDER BY score DESC, id LIMIT 8"""


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def build_text_index(conn):
    with_options = "text_config = 'english', positions"
    sql = f"CREATE INDEX docs_bm25 ON docs USING bm25 (body bm25_ops) WITH ({with_options})"
    start = time.monotonic()
    conn.query(sql)
    seconds = time.monotonic() - start
    size = int(conn.value("SELECT pg_relation_size('docs_bm25')"))
    start = time.monotonic()
    conn.query("SELECT sum(length(to_tsvector('english', body))) FROM docs")
    alone = time.monotonic() - start
    show(sql, [f"{seconds:.2f} s, {size / 1e6:.0f} MB (to_tsvector of all texts alone: {alone:.2f} s)"])
    # for rrf(); the rest is found with any path
    conn.query("SET search_path = \"$user\", public, bm25_catalog")


def text_questions(conn, packages):
    """Words, words with conditions, and words and meaning together."""
    short = "regexp_replace(left(body, 90), '\\s+', ' ', 'g')"
    asked = "chess engine" if packages else "current date and time"
    neighbours(
        conn,
        f"By words:  ... ORDER BY body <&> to_bm25query('{asked}', 'docs_bm25') LIMIT 6",
        f"""SELECT body <&> to_bm25query('{asked}', 'docs_bm25') AS score, name, {short} FROM docs
        ORDER BY score LIMIT 6""",
    )
    gate = "text <-> editor & !(vim | emacs)" if packages else "time & !zone"
    query = f"to_bm25query(to_tsquery('english', '{gate}'), 'docs_bm25')"
    neighbours(
        conn,
        f"With conditions:  ... WHERE body @@ q ORDER BY body <&> q LIMIT 6   (q: '{gate}')",
        f"""SELECT body <&> {query} AS score, name, {short} FROM docs
        WHERE body @@ {query} ORDER BY score LIMIT 6""",
    )
    asked = "manage passwords" if packages else "how much disk space does a table take"
    rows = conn.query(HYBRID.replace("$1", quoted(asked)))
    show(
        f"Both together, '{asked}':  rrf(rank by vector) + rrf(rank by words)",
        [f"{float(r[0]):.4f}  vector {r[2]:>2}  words {r[3]:>2}  {r[1]:<28}  "
         + " ".join(r[4][:70].split()) for r in rows],
    )
    lines = [r[0] for r in conn.query("EXPLAIN (COSTS OFF) " + HYBRID.replace("$1", quoted(asked)))]
    scans = [line for line in lines if "Scan using docs_" in line or "Order By:" in line]
    show("... and both arms of its plan are index scans", [line.strip(" ->") for line in scans])


def text_times(server):
    """Milliseconds of the first words of texts as queries; the answers beside those of no index."""
    with server.connect() as conn:
        asked = [
            r[0]
            for r in conn.query(
                """SELECT array_to_string((string_to_array(body, ' '))[1:6], ' ') FROM docs
                ORDER BY hashint4(id) LIMIT 100"""
            )
        ]
    ranked = """SELECT id, body <&> to_bm25query($1::text, 'docs_bm25'::regclass) AS score FROM docs
        ORDER BY score LIMIT 10"""
    statements = {
        "words, bm25 index": (ranked, "on", 100),
        "words and meaning, both indexes": (HYBRID, "on", 100),
        "words, no index": (ranked, "off", 2),
        "to_tsvector @@ any word, ts_rank, no index": (
            """SELECT id FROM docs, (SELECT replace(plainto_tsquery('english', $1)::text, '&', '|')::tsquery
            AS q) x WHERE to_tsvector('english', body) @@ q
            ORDER BY ts_rank(to_tsvector('english', body), q) DESC LIMIT 10""", "on", 2),
    }
    lines, answers = [], {}
    for label, (sql, index, n) in statements.items():
        options = {"bm25.enable_scan": index, "max_parallel_workers_per_gather": "0"}
        with server.connect(options) as conn:
            conn.query("SET search_path = \"$user\", public, bm25_catalog")
            conn.prepare("q", sql)
            conn.run("q", asked[0])
            start = time.perf_counter()
            answers[label] = [conn.run("q", text) for text in asked[:n]]
            ms = (time.perf_counter() - start) / n * 1e3
            lines.append(f"{label:<44} {ms:10.2f} ms")
    few = len(answers["words, no index"])
    scores = [[[r[1] for r in one] for one in answers[label][:few]]
              for label in ("words, bm25 index", "words, no index")]
    # where rows share a score, another row of that score is as good
    lines.append(f"scores with and without the index, {few} queries: "
                 + ("equal to the last digit" if scores[0] == scores[1] else "DIFFERENT"))
    show(f"Times of {len(asked)} queries (the first six words of texts), one processor", lines)


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
    with server.connect({"client_min_messages": "warning"}) as conn:
        build_text_index(conn)
        text_questions(conn, conn.value("SELECT count(*) FROM docs WHERE source = 'package'") != "0")
    text_times(server)
    return (
        "SELECT name, body FROM docs ORDER BY embedding <=> embed('terminal music player') LIMIT 5;\n"
        "          SELECT name, body FROM docs "
        "ORDER BY body <&> to_bm25query('terminal music player', 'docs_bm25') LIMIT 5;"
    )


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
        say("server started, extensions vector, vchord and vchord_bm25 created; vchordg is not "
            "built yet")
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
