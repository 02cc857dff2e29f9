"""tools/bench text: BM25 search of real texts: quality, queries a second, builds, sizes, inserts.

Beside it in the same run: PostgreSQL's own to_tsvector, and tsvector + GIN + ts_rank.  Quality is compared
with BM25 computed independently (tests/vchord_bm25/t/reference.py).  Each set is searched in two
forms: its texts with the configuration english, and texts normalised to the tokens of the reference with
simple.
"""

import collections
import json
import os
import re
import sys
import threading
import time

import numpy as np

from benchlib import cluster, datasets, stats
from benchlib.cluster import say

sys.path.insert(0, os.path.join(cluster.ROOT, "tests", "vchord_bm25", "t"))
import reference  # noqa: E402  (tests/vchord_bm25/t/reference.py)

K = 10
# pg_textsearch 1.5-dev as published by its users for a machine of this kind (2 cores, PostgreSQL 17, one
# client, prepared, top 10, english): QPS, nDCG@10, bytes of the index, seconds of its build.  And
# tsvector + GIN + ts_rank with the words joined by OR: milliseconds a query.
PUBLISHED = {
    "scifact": {"qps": 1840, "ndcg": 0.688, "asked": 4},
    "arxiv35k": {"qps": 575, "ndcg": 0.918, "asked": 6, "bytes": 19e6, "build": 4.0, "gin_ms": 131},
}
DOCUMENT = 100  # tokens of a document that is inserted
MARGIN = 1e-9
# letters, so that neither parser nor stop list takes them apart
WORD = re.compile(r"[a-z]{4,12}")


def add_arguments(parser):
    parser.add_argument("--text-sets", help="comma-separated (default: all there are)")
    parser.add_argument("--text-seconds", type=float, default=5, help="of one timed run")
    parser.add_argument("--text-rounds", type=int, default=3, help="timed runs, taking turns")
    parser.add_argument("--text-inserts", type=int, default=100000)
    parser.add_argument("--documents", type=int, default=1000000, help="of the large corpus; 0: none")


def short(args):
    args.text_sets = args.text_sets or "cranfield,scifact"
    args.text_seconds, args.text_rounds = 1, 1
    args.text_inserts, args.documents = 5000, 20000


def available():
    base = datasets.folder()
    path = os.path.join(base, "text") if base else ""
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


class Texts:
    """A set: documents and queries as they are and normalised."""

    def __init__(self, name):
        folder = os.path.join(datasets.folder(), "text", name)
        self.name, self.ids, self.texts, self.queries, self.qrels = reference.read(folder)
        self.theirs = reference.read_top(folder)
        self.docs = [reference.parsed(reference.tokens(name, text)) for text in self.texts]
        self.asked = [reference.parsed(reference.tokens(name, q[1])) for q in self.queries]

    def tables(self, conn):
        """bench_text and bench_norm (id, body), bench_ask (id, body, norm)."""
        conn.query(
            """DROP TABLE IF EXISTS bench_text, bench_norm, bench_ask;
            CREATE TABLE bench_text (id int, body text);
            CREATE TABLE bench_norm (id int, body text);
            CREATE TABLE bench_ask (id int PRIMARY KEY, body text, norm text)"""
        )
        conn.copy_text("COPY bench_text FROM STDIN", enumerate(self.texts))
        conn.copy_text(
            "COPY bench_norm FROM STDIN", enumerate(" ".join(doc) for doc in self.docs)
        )
        conn.copy_text(
            "COPY bench_ask (id, body, norm) FROM STDIN",
            ((i, text, " ".join(self.asked[i])) for i, (_, text) in enumerate(self.queries)),
        )
        ready(conn, ["bench_text", "bench_norm"])


def ready(conn, tables):
    """The queries' tsquery forms, bench_any and bench_all (id, q), and statistics.  Tables of their own,
    for tsquery cannot be stored out of line."""
    forms = {
        "bench_all": "plainto_tsquery('english', body)",
        "bench_any": "replace(plainto_tsquery('english', body)::text, ' & ', ' | ')::tsquery",
    }
    for table, form in forms.items():
        conn.query(
            f"""DROP TABLE IF EXISTS {table};
            CREATE TABLE {table} AS SELECT id, {form} AS q FROM bench_ask;
            ALTER TABLE {table} ADD PRIMARY KEY (id)"""
        )
    for table in [*tables, "bench_ask", *forms]:
        conn.query(f"VACUUM (ANALYZE, FREEZE) {table}")


def timed(conn, sql):
    start = time.monotonic()
    conn.query(sql)
    return time.monotonic() - start


def timed_cpu(conn, sql):
    """Seconds, and those in which the backend ran (None if the system does not tell)."""
    start = cpu_time(conn)
    seconds = timed(conn, sql)
    return seconds, None if start is None else cpu_time(conn) - start


# ---- statements ----


def bm25_sql(table, column, parameter, score=False):
    """The K best for the query of bench_ask's column."""
    order = (
        f"body <&> (SELECT to_bm25query({column}, '{table}_bm25'::regclass) FROM bench_ask "
        f"WHERE id = {parameter})"
    )
    if score:
        return f"SELECT id, {order} AS score FROM {table} ORDER BY score LIMIT {K}"
    return f"SELECT id FROM {table} ORDER BY {order} LIMIT {K}"


def gate_sql(table, parameter):
    """The K best of those that have all words."""
    query = (
        f"(SELECT to_bm25query(q, '{table}_bm25'::regclass) FROM bench_all WHERE id = {parameter})"
    )
    return f"SELECT id FROM {table} WHERE body @@ {query} ORDER BY body <&> {query} LIMIT {K}"


def gin_sql(queries, parameter):
    query = f"(SELECT q FROM {queries} WHERE id = {parameter})"
    return (
        f"SELECT id FROM bench_gin WHERE tsv @@ {query} ORDER BY ts_rank(tsv, {query}) DESC "
        f"LIMIT {K}"
    )


INDEX_ONLY = {"enable_seqscan": "off"}


def measure_qps(server, sql, queries, seconds, rounds=1, options=None):
    """Queries a second of statements that take turns.  sql: {label: statement of :q}."""
    runs = {label: [] for label in sql}
    server.pin(True)
    for _ in range(rounds):
        for label, statement in sql.items():
            script = f"\\set q random(0, {queries - 1})\n{statement};\n"
            runs[label].append(
                server.pgbench(script, seconds=max(1, round(seconds)), options=options or INDEX_ONLY)
            )
    server.pin(False)
    return {label: stats.median(values) for label, values in runs.items()}


def cpu_time(conn):
    """Seconds that the backend has run, if the system tells."""
    try:
        with open(f"/proc/{conn.pid()}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def measure_cpu(server, sql, queries, most=1000):
    """Milliseconds of the backend's processor time a query: other load of the machine disturbs it less."""
    out = {}
    for label, statement in sql.items():
        with server.connect(INDEX_ONLY) as conn:
            conn.prepare("q", statement.replace(":q", "$1"))
            for q in range(10):
                conn.run("q", q % queries)
            n = 20 if label.startswith("GIN, any") else most
            start = cpu_time(conn)
            if start is None:
                return {}
            for q in range(n):
                conn.run("q", q % queries)
            out[label] = (cpu_time(conn) - start) / n * 1e3
    return out


def plan(conn, sql):
    return [r[0].strip() for r in conn.query("EXPLAIN (COSTS OFF) " + sql)]


# ---- builds ----


def build(conn, table, workers, options):
    """Seconds of CREATE INDEX and its bytes; the index stays."""
    conn.query(f"DROP INDEX IF EXISTS {table}_bm25")
    conn.query(f"ALTER TABLE {table} SET (parallel_workers = {workers})")
    conn.query(f"SET max_parallel_maintenance_workers = {workers}")
    conn.query("CHECKPOINT")
    seconds = timed(
        conn, f"CREATE INDEX {table}_bm25 ON {table} USING bm25 (body bm25_ops) WITH ({options})"
    )
    return seconds, int(conn.value(f"SELECT pg_relation_size('{table}_bm25')"))


def posting_bytes(conn, index):
    """Bytes of the pages that hold postings of terms of 128 rows and more."""

    def page(number):
        return json.loads(conn.value(f"SELECT bm25_catalog.bm25_page_inspect('{index}', {number})"))

    total = 0
    for segment in page(0)["segments"]:
        sections = page(segment["header"])["sections"]
        total += 8192 * (sections["position"] - sections["posting"])
    return total


def to_tsvector(conn, table, workers):
    """Seconds of turning all texts into tsvector."""
    conn.query(f"ALTER TABLE {table} SET (parallel_workers = {workers})")
    conn.query(
        f"""SET max_parallel_workers_per_gather = {workers}; SET parallel_setup_cost = 0;
        SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"""
    )
    sql = f"SELECT sum(length(to_tsvector('english', body))) FROM {table}"
    if workers and not any("Parallel" in line for line in plan(conn, sql)):
        raise SystemExit("to_tsvector does not run in parallel")
    seconds = timed(conn, sql)
    conn.query("RESET max_parallel_workers_per_gather")
    return seconds


def builds(conn, table, repeat):
    """By workers: CREATE INDEX beside to_tsvector, taking turns; and the english index stays."""
    out = []
    for workers in (0, 1, 2):
        ours, theirs = [], []
        for _ in range(repeat):
            theirs.append(to_tsvector(conn, table, workers))
            seconds, size = build(conn, table, workers, "text_config = 'english'")
            ours.append(seconds)
        out.append(
            {
                "workers": workers,
                "seconds": stats.median(ours),
                "to_tsvector": stats.median(theirs),
                "bytes": size,
            }
        )
    return out


def gin(conn, table):
    """bench_gin: the texts of a table as tsvector with GIN."""
    conn.query("DROP TABLE IF EXISTS bench_gin")
    conn.query(f"CREATE TABLE bench_gin AS SELECT id, to_tsvector('english', body) AS tsv FROM {table}")
    conn.query("SET max_parallel_maintenance_workers = 0")
    seconds = timed(conn, "CREATE INDEX bench_gin_gin ON bench_gin USING gin (tsv)")
    conn.query("VACUUM (ANALYZE, FREEZE) bench_gin")
    return {
        "seconds": seconds,
        "bytes": int(conn.value("SELECT pg_relation_size('bench_gin_gin')")),
        "postings": int(conn.value("SELECT sum(length(tsv)) FROM bench_gin")),
    }


def vector_build(conn, texts):
    """G22: CREATE INDEX over bm25vector: no text is taken apart."""
    conn.query("DROP TABLE IF EXISTS bench_vector")
    conn.query("CREATE TABLE bench_vector (id int, body bm25_catalog.bm25vector)")
    number, rows = {}, []
    for i, doc in enumerate(texts.docs):
        count = {}
        for word in doc:
            n = number.setdefault(word, len(number))
            count[n] = count.get(n, 0) + 1
        rows.append((i, "{" + ",".join(f"{n}:{c}" for n, c in sorted(count.items())) + "}"))
    conn.copy_text("COPY bench_vector FROM STDIN", rows)
    conn.query("VACUUM (ANALYZE, FREEZE) bench_vector")
    runs = []
    for _ in range(3):
        conn.query("DROP INDEX IF EXISTS bench_vector_bm25; CHECKPOINT")
        conn.query("SET max_parallel_maintenance_workers = 0")
        runs.append(
            timed_cpu(
                conn, "CREATE INDEX bench_vector_bm25 ON bench_vector USING bm25 (body bm25_ops)"
            )
        )
    conn.query("DROP TABLE bench_vector")
    return sorted(runs)[1]


# ---- quality ----


def answers(server, table, column, queries, k=20):
    """[(id, score)] of each query."""
    sql = bm25_sql(table, column, "$1", score=True).replace(f"LIMIT {K}", f"LIMIT {k}")
    with server.connect(INDEX_ONLY) as conn:
        explained = plan(conn, sql.replace("$1", "0"))
        if not any(f"Index Scan using {table}_bm25" in line for line in explained):
            raise SystemExit("no index scan: " + " / ".join(explained))
        conn.prepare("q", sql)
        return [[(int(r[0]), -float(r[1])) for r in conn.run("q", q)] for q in range(queries)]


def ndcg(texts, found):
    """found: row numbers by query number."""
    return reference.mean_ndcg(
        {
            query: [texts.ids[row] for row in found[i]]
            for i, (query, _) in enumerate(texts.queries)
        },
        texts.qrels,
    )


def compare(texts, found, index):
    """Largest relative difference of scores by rank, and both nDCG."""
    worst, short = 0.0, 0
    want = [index.top(query) for query in texts.asked]
    for ours, theirs in zip(found, want):
        short += abs(len(ours) - len(theirs))
        for (_, a), (b, _) in zip(ours, theirs):
            worst = max(worst, abs(a - b) / b)
        # and of each document, for ties may come in another order
        known = {row: score for score, row in theirs}
        for row, a in ours:
            if row in known:
                worst = max(worst, abs(a - known[row]) / known[row])
    return {
        "worst": worst,
        "missing": short,
        "ndcg": ndcg(texts, [[row for row, _ in one] for one in found]),
        "reference": ndcg(texts, [[row for _, row in one] for one in want]),
    }


def quality(server, conn, texts):
    """Both forms of lengths, with the normalised text; and english, by nDCG alone."""
    out = {}
    n = len(texts.queries)
    for norms in ("exact", "quantised"):
        build(conn, "bench_norm", 0, f"text_config = 'simple', norms = '{norms}'")
        found = answers(server, "bench_norm", "norm", n)
        out[norms] = compare(texts, found, reference.Bm25(texts.docs, norms))
        if norms == "exact":
            files = {
                query: [doc for _, doc in texts.theirs.get(query, [])] for query, _ in texts.queries
            }
            out["files"] = reference.mean_ndcg(files, texts.qrels)
            # rounded to six decimal places, and of tokens that the parser has not seen (1e12leon)
            out["files_worst"] = max(
                (
                    abs(a - b)
                    for (query, _), one in zip(texts.queries, found)
                    for (_, a), (b, _) in zip(one, texts.theirs.get(query, []))
                ),
                default=0.0,
            )
    out["english"] = ndcg(
        texts, [[row for row, _ in one] for one in answers(server, "bench_text", "body", n)]
    )
    return out


# ---- one set ----


def one_set(server, args, name):
    texts = Texts(name)
    n = len(texts.queries)
    out = {"set": name, "documents": len(texts.ids), "queries": n,
           "tokens": sum(len(d) for d in texts.docs)}
    say(f"text: {name}, {out['documents']:,} documents, {out['tokens']:,} tokens")
    with server.connect({"client_min_messages": "warning"}) as conn:
        texts.tables(conn)
        out["builds"] = builds(conn, "bench_text", args.text_rounds)
        out["gin"] = gin(conn, "bench_text")
        out["quality"] = quality(server, conn, texts)
        # quality() leaves the index of normalised texts with quantised lengths
        out["simple_bytes"] = int(conn.value("SELECT pg_relation_size('bench_norm_bm25')"))
        df = collections.Counter(word for doc in texts.docs for word in set(doc))
        out["simple_postings"] = sum(df.values())
        out["large_postings"] = sum(n for n in df.values() if n >= 128)
        out["large_bytes"] = posting_bytes(conn, "bench_norm_bm25")
        out["vector_seconds"], out["vector_cpu"] = vector_build(conn, texts)
        out["plans"] = {
            "gate": plan(conn, gate_sql("bench_text", "1")),
            "score": plan(conn, bm25_sql("bench_text", "body", "1", score=True)),
        }
    statements = {
            "english": bm25_sql("bench_text", "body", ":q"),
            "english, score": bm25_sql("bench_text", "body", ":q", score=True),
            "simple": bm25_sql("bench_norm", "norm", ":q"),
            "simple, score": bm25_sql("bench_norm", "norm", ":q", score=True),
            "gate, all words": gate_sql("bench_text", ":q"),
            "GIN, any word": gin_sql("bench_any", ":q"),
            "GIN, all words": gin_sql("bench_all", ":q"),
            "no search": "SELECT body FROM bench_ask WHERE id = :q",
        }
    out["qps"] = measure_qps(server, statements, n, args.text_seconds, args.text_rounds)
    out["cpu_ms"] = measure_cpu(server, statements, n)
    with server.connect() as conn:
        conn.query("DROP TABLE bench_text, bench_norm, bench_ask, bench_gin, bench_any, bench_all")
    out["goals"] = goals(out)
    return out


def goals(out):
    """[(what, value, bound, at least or at most)]"""
    q, serial = out["qps"], out["builds"][0]
    worst = out["quality"]["quantised"]
    exact = out["quality"]["exact"]
    found = [
        ("scores against the reference, relative", worst["worst"], MARGIN, "<="),
        ("nDCG@10 - reference", abs(worst["ndcg"] - worst["reference"]), 0.0005, "<="),
        ("nDCG@10 - that of exact lengths", abs(worst["ndcg"] - out["quality"]["files"]), 0.01, "<="),
        ("norms exact: nDCG@10 - that of exact lengths",
         abs(exact["ndcg"] - out["quality"]["files"]), 0.0005, "<="),
        ("any word: QPS / GIN", q["english"] / q["GIN, any word"], 300, ">="),
        ("all words: QPS / GIN", q["gate, all words"] / q["GIN, all words"], 3, ">="),
        ("build of bm25vector, ns of CPU a posting",
         1e9 * (out["vector_cpu"] or out["vector_seconds"]) / out["simple_postings"], 60, "<="),
        ("simple: bytes a posting", out["simple_bytes"] / out["simple_postings"], 3, "<="),
        ("simple: bytes of lists a posting, terms of 128 rows and more",
         out["large_bytes"] / max(out["large_postings"], 1), 2.35, "<="),
    ]
    found += [
        (f"build / to_tsvector, {b['workers']} workers", b["seconds"] / b["to_tsvector"], 1.25, "<=")
        for b in out["builds"]
    ]
    if out["set"] != "arxiv35k":
        # the larger set speaks for these
        found = [g for g in found if "GIN" not in g[0] and "a posting" not in g[0]]
    known = PUBLISHED.get(out["set"])
    if known:
        for label in ("english", "english, score"):
            found.append((f"{label}: QPS / {known['qps']:,} of pg_textsearch, published",
                          q[label] / known["qps"], known["asked"], ">="))
        found.append((f"english: nDCG@10 / {known['ndcg']} of pg_textsearch, published",
                      out["quality"]["english"] / known["ndcg"], 0.995, ">="))
        if "bytes" in known:
            found.append((f"english: bytes / {known['bytes'] / 1e6:.0f} MB of pg_textsearch, published",
                          serial["bytes"] / known["bytes"], 0.6, "<="))
    return found


def met(goal):
    _, value, bound, sense = goal
    return value >= bound if sense == ">=" else value <= bound


# ---- writes ----


def percentiles(seconds):
    a = np.array(seconds) * 1e3
    return {"p50": float(np.percentile(a, 50)), "p99": float(np.percentile(a, 99)),
            "max": float(a.max()), "n": len(a)}


def statement_times(conn, name, params):
    out = []
    for p in params:
        start = time.perf_counter()
        conn.run(name, p)
        out.append(time.perf_counter() - start)
    return out


def segments(conn, index):
    return int(conn.value(f"SELECT segments FROM bm25_catalog.bm25_stats('{index}')"))


def writes(server, args):
    """Inserts of short documents, with seals in the inserter's path; searches while a merge runs."""
    n = args.text_inserts
    docs, asked = short_documents(2 * n)
    out = {"inserts": n, "tokens": DOCUMENT}
    say(f"text: {2 * n:,} inserts")
    with server.connect({"client_min_messages": "warning", "synchronous_commit": "off"}) as conn:
        conn.query(
            """DROP TABLE IF EXISTS bench_text, bench_new, bench_ask, bench_plain;
            CREATE TABLE bench_text (id int, body text); CREATE TABLE bench_plain (id int, body text);
            CREATE TABLE bench_new (id int PRIMARY KEY, body text);
            CREATE TABLE bench_ask (id int PRIMARY KEY, body text, norm text)"""
        )
        conn.copy_text("COPY bench_new FROM STDIN", enumerate(docs))
        conn.copy_text("COPY bench_ask (id, body) FROM STDIN", enumerate(asked))
        ready(conn, ["bench_new"])
        build(conn, "bench_text", 0, "text_config = 'english'")
        out["plain_seconds"] = timed(
            conn, f"INSERT INTO bench_plain SELECT * FROM bench_new WHERE id < {n}"
        )
        server.pin(True)
        with server.connect({"synchronous_commit": "off"}) as pinned:
            out["seconds"], out["cpu"] = timed_cpu(
                pinned, f"INSERT INTO bench_text SELECT * FROM bench_new WHERE id < {n}"
            )
        server.pin(False)
        out["segments"] = segments(conn, "bench_text_bm25")
        conn.prepare("i", "INSERT INTO bench_text SELECT * FROM bench_new WHERE id = $1")
        conn.query("BEGIN")
        out["latency"] = percentiles(statement_times(conn, "i", range(n, 2 * n)))
        conn.query("COMMIT")
        conn.query("VACUUM (ANALYZE) bench_text")
        # searches at rest, then while another session merges again and again
        reader = server.connect(INDEX_ONLY)
        reader.prepare("q", bm25_sql("bench_text", "body", "$1"))
        params = [i % len(asked) for i in range(400)]
        statement_times(reader, "q", params)
        quiet = statement_times(reader, "q", params * 3)
        busy, merges = [], 0
        for _ in range(2 if args.short else 6):
            conn.query(f"INSERT INTO bench_text SELECT * FROM bench_new WHERE id < {n // 20}")
            conn.query("SELECT bm25_catalog.bm25_flush('bench_text_bm25')")
            statement_times(reader, "q", params[:20])
            merge = threading.Thread(
                target=conn.query, args=["SELECT bm25_catalog.bm25_merge('bench_text_bm25', true)"]
            )
            merge.start()
            while merge.is_alive():
                busy += statement_times(reader, "q", params[:5])
            merge.join()
            merges += 1
        reader.close()
        out["quiet"], out["merging"], out["merges"] = percentiles(quiet), percentiles(busy), merges
        conn.query("DROP TABLE bench_text, bench_plain, bench_new, bench_ask, bench_any, bench_all")
    out["goals"] = [
        ("inserts a second, one transaction", n / out["seconds"], 8000, ">="),
        ("inserts a second of CPU", n / (out["cpu"] or out["seconds"]), 8000, ">="),
        ("insert p99, ms", out["latency"]["p99"], 20, "<="),
        ("query p50 while merging / quiet", out["merging"]["p50"] / out["quiet"]["p50"], 2, "<="),
        ("query p99 while merging / quiet", out["merging"]["p99"] / out["quiet"]["p99"], 2, "<="),
    ]
    return out


def sentences(names):
    for name in names:
        _, _, texts, _, _ = reference.read(os.path.join(datasets.folder(), "text", name))
        for text in texts:
            yield from (s for s in re.split(r"(?<=[.!?])\s+", text) if len(s) > 20)


def short_documents(n):
    """n documents of DOCUMENT words, and 100 queries of three words."""
    words = []
    docs = []
    while len(docs) < n:
        for sentence in sentences(available_large()):
            words += sentence.split()
            while len(words) >= DOCUMENT:
                docs.append(" ".join(words[:DOCUMENT]))
                words = words[DOCUMENT:]
            if len(docs) >= n:
                break
    rng = np.random.default_rng(5)
    return docs[:n], [" ".join(ask(rng, docs, 3)) for _ in range(100)]


def available_large():
    """Sets in English, the large ones first."""
    order = ["arxiv35k", "scifact", "pgcommits57k"]
    there = available()
    return [s for s in order if s in there] + [s for s in there if s not in order + ["arcd"]]


def ask(rng, docs, terms):
    """Different words of one document, so that they do occur together."""
    while True:
        words = sorted(set(WORD.findall(docs[rng.integers(len(docs))].lower())))
        if len(words) >= terms:
            return [words[i] for i in rng.choice(len(words), terms, replace=False)]


# ---- the large corpus ----


def million(server, args):
    """Sentences of all sets, repeated until there are enough; queries of 1 to 8 words."""
    n = args.documents
    docs = []
    while len(docs) < n:
        docs.extend(sentences(available_large()))
    docs = docs[:n]
    rng = np.random.default_rng(11)
    each = 100
    asked = [" ".join(ask(rng, docs, terms)) for terms in range(1, 9) for _ in range(each)]
    say(f"text: {n:,} sentences")
    out = {"documents": n, "terms": []}
    with server.connect({"client_min_messages": "warning"}) as conn:
        conn.query(
            """DROP TABLE IF EXISTS bench_text, bench_ask;
            CREATE TABLE bench_text (id int, body text);
            CREATE TABLE bench_ask (id int PRIMARY KEY, body text, norm text)"""
        )
        conn.copy_text("COPY bench_text FROM STDIN", enumerate(docs))
        conn.copy_text("COPY bench_ask (id, body) FROM STDIN", enumerate(asked))
        ready(conn, ["bench_text"])
        del docs
        out["builds"] = builds(conn, "bench_text", 1)
        out["gin"] = gin(conn, "bench_text")
        out["same"] = algorithms(server, len(asked))
    for terms in range(1, 9):
        first = (terms - 1) * each

        def shift(sql, first=first):
            return sql.replace(":q", f":q + {first}")

        qps = measure_qps(
            server,
            {
                "any": shift(bm25_sql("bench_text", "body", ":q")),
                "any, score": shift(bm25_sql("bench_text", "body", ":q", score=True)),
                "all": shift(gate_sql("bench_text", ":q")),
                "GIN, any": shift(gin_sql("bench_any", ":q")),
                "GIN, all": shift(gin_sql("bench_all", ":q")),
            },
            each, args.text_seconds, 1,
        )
        out["terms"].append({"terms": terms, **qps})
        say(f"  {terms} terms: " + ", ".join(f"{k} {v:,.0f}/s" for k, v in qps.items()))
    with server.connect() as conn:
        conn.query("DROP TABLE bench_text, bench_ask, bench_gin, bench_any, bench_all")
    out["goals"] = [
        ("answers of all algorithms differ in queries", out["same"], 0, "<="),
        ("any word: least QPS / GIN", min(t["any"] / t["GIN, any"] for t in out["terms"]), 2, ">="),
        ("all words: least QPS / GIN", min(t["all"] / t["GIN, all"] for t in out["terms"]), 2, ">="),
    ] + [
        (f"build / to_tsvector, {b['workers']} workers", b["seconds"] / b["to_tsvector"], 1.25, "<=")
        for b in out["builds"]
    ]
    return out


def algorithms(server, queries):
    """How many queries some algorithm answers differently."""
    found = []
    for algorithm in ("wand", "maxscore", "exhaustive"):
        with server.connect({**INDEX_ONLY, "bm25.algorithm": algorithm}) as conn:
            conn.prepare("q", bm25_sql("bench_text", "body", "$1", score=True))
            found.append([conn.run("q", q) for q in range(0, queries, 7)])
    return sum(len({str(one) for one in answer}) > 1 for answer in zip(*found))


# ---- run and report ----


def run(server, args, build_):
    server.setup()
    there = available()
    names = [n for n in (args.text_sets or ",".join(there)).split(",") if n in there]
    if not names:
        raise SystemExit("none of these text sets is there: set VCHORD_DATA")
    with server.connect() as conn:
        if conn.value("SELECT count(*) FROM pg_am WHERE amname = 'bm25'") == "0":
            raise SystemExit("the server has no access method bm25")
    out = {"sets": []}
    for name in names:
        out["sets"].append(one_set(server, args, name))
        print("\n".join(render_set(out["sets"][-1])), flush=True)
    if args.text_inserts:
        out["writes"] = writes(server, args)
        print("\n".join(render_writes(out["writes"])), flush=True)
    if args.documents:
        out["million"] = million(server, args)
        print("\n".join(render_million(out["million"])), flush=True)
    return out


def goal_lines(found):
    return stats.table(
        ["goal", "here", "asked", "met"],
        [[g[0], f"{g[1]:.3g}", f"{g[3]} {g[2]:g}", met(g)] for g in found],
    )


def build_lines(out):
    return stats.table(
        ["workers", "CREATE INDEX s", "to_tsvector s", "ratio", "MB", "bytes a posting", "of GIN"],
        [
            [b["workers"], b["seconds"], b["to_tsvector"], b["seconds"] / b["to_tsvector"],
             b["bytes"] / 1e6, b["bytes"] / out["gin"]["postings"], b["bytes"] / out["gin"]["bytes"]]
            for b in out["builds"]
        ],
    )


def render_set(out):
    quality_ = out["quality"]
    lines = [
        "",
        f"### {out['set']} ({out['documents']:,} documents, {out['tokens']:,} tokens, "
        f"{out['queries']} queries, k {K})",
        "",
    ]
    lines += build_lines(out)
    lines += ["", f"GIN over tsvector: {out['gin']['seconds']:.2f} s without to_tsvector.", ""]
    lines += stats.table(
        ["lengths", "nDCG@10", "reference", "worst score, relative", "missing"],
        [
            [norms, f"{quality_[norms]['ndcg']:.4f}", f"{quality_[norms]['reference']:.4f}",
             f"{quality_[norms]['worst']:.1e}", quality_[norms]["missing"]]
            for norms in ("quantised", "exact")
        ],
    )
    lines += [
        "",
        f"With english: nDCG@10 {quality_['english']:.4f}.  Reference files (exact lengths): "
        f"{quality_['files']:.4f}, scores within {quality_['files_worst']:.1e} of them (they have six "
        "decimal places, and take strings like 1e12leon for one word).",
        "",
    ]
    lines += stats.table(
        ["query", "QPS", "ms", "ms of CPU"],
        [[k, v, 1e3 / v, out["cpu_ms"].get(k)] for k, v in out["qps"].items()],
    )
    known = PUBLISHED.get(out["set"])
    if known:
        more = f", {known['bytes'] / 1e6:.0f} MB, build {known['build']} s" if "bytes" in known else ""
        more += f"; GIN + ts_rank {known['gin_ms']} ms" if "gin_ms" in known else ""
        lines += ["", f"pg_textsearch 1.5-dev, published on this kind of machine: {known['qps']:,} QPS, "
                  f"nDCG@10 {known['ndcg']}{more}."]
        if "gin_ms" in known:
            here = 1e3 / out["qps"]["GIN, any word"]
            scaled = out["qps"]["english"] / known["qps"] * here / known["gin_ms"]
            lines.append(
                f"GIN + ts_rank takes {here:.0f} ms here; with both machines made equal by that, english "
                f"has {scaled:.1f} times the published QPS."
            )
    return lines + [""] + goal_lines(out["goals"])


def render_writes(out):
    lines = [
        "",
        f"### Inserts of {out['tokens']} tokens, english",
        "",
        f"{out['inserts']:,} rows in one statement: {out['seconds']:.2f} s on one CPU "
        f"({out['plain_seconds']:.2f} s without the index); {out['segments']} segments after it.",
        "",
    ]
    lines += stats.table(
        ["latency, ms", "p50", "p99", "max", "statements"],
        [
            [label, x["p50"], x["p99"], x["max"], x["n"]]
            for label, x in [
                ("insert of a row, seals included", out["latency"]),
                ("search, quiet", out["quiet"]),
                (f"search during {out['merges']} full merges", out["merging"]),
            ]
        ],
    )
    return lines + [""] + goal_lines(out["goals"])


def render_million(out):
    lines = ["", f"### {out['documents']:,} sentences, english", ""]
    lines += build_lines(out)
    lines.append("")
    lines += stats.table(
        ["words", "any, QPS", "with score", "GIN", "times", "all, QPS", "GIN", "times"],
        [
            [t["terms"], t["any"], t["any, score"], t["GIN, any"], t["any"] / t["GIN, any"], t["all"],
             t["GIN, all"], t["all"] / t["GIN, all"]]
            for t in out["terms"]
        ],
    )
    return lines + [""] + goal_lines(out["goals"])


def render(out):
    lines = []
    for one in out["sets"]:
        lines += render_set(one)
    if "writes" in out:
        lines += render_writes(out["writes"])
    if "million" in out:
        lines += render_million(out["million"])
    return lines
