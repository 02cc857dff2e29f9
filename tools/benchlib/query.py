"""tools/bench query: recall and queries a second, build time and size, with filters too.

All access methods index the same table; which one a query uses is chosen by pg_index.indisvalid, so
that runs of different methods can take turns (A B A B ...).  A query takes its vector from a table by a
sub-select and is prepared.  Recall counts a row as found if it is as near as the k-th exact
neighbour.
"""

import time

import numpy as np

from benchlib import datasets, stats
from benchlib.cluster import say

K = 10
DEFAULT_CURVES = {"probes": [1, 2, 4, 8, 16, 32, 64, 128], "ef": [10, 20, 40, 80, 160, 320]}
FILTERS = [
    ("1 %", "id % 100 = 7", lambda i: i % 100 == 7),
    ("10 %", "id % 10 = 3", lambda i: i % 10 == 3),
    ("nothing", "id % 100 = 100", lambda i: i < 0),
]


def add_arguments(parser):
    parser.add_argument("--sets", help="comma-separated, or all (default: mnist784,arxiv_lsa256)")
    parser.add_argument("--metrics", default="primary", help="primary, all, or some of l2,ip,cos")
    parser.add_argument("--am", help="comma-separated (default: all there are, and exact)")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5, help="of one timed run")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each, taking turns")
    parser.add_argument("--probes", help="curve of vchordrq (default 1,2,4,...)")
    parser.add_argument("--ef", help="curve of hnsw and vchordg (default 10,20,40,...)")
    parser.add_argument("--ivf-probes", help="curve of ivfflat (default 1,2,4,...)")
    parser.add_argument("--no-curve", action="store_true")
    parser.add_argument("--no-filters", action="store_true")
    parser.add_argument("--with", dest="options", default="", help="WITH options for vchordrq")
    parser.add_argument("--knobs", action="append", default=[], metavar="NAME=VALUE",
                        help="setting for the vchordrq points (repeatable)")


def short(args):
    args.queries, args.seconds, args.rounds = min(args.queries, 200), 1, 2
    args.probes, args.ef, args.ivf_probes = "4,16", "20,80", "4,16"


class Point:
    """A method with its settings."""

    def __init__(self, label, am, options):
        self.label, self.am, self.options = label, am, options
        self.recall = self.full = None
        self.qps = []

    def result(self):
        return {
            "label": self.label,
            "am": self.am,
            "options": self.options,
            "recall": self.recall,
            "full": self.full,
            "qps": stats.median(self.qps) if self.qps else None,
            "runs": self.qps,
        }


class Bench:
    def __init__(self, server, args, data, metric):
        self.server, self.args, self.data, self.metric = server, args, data, metric
        self.table = data.table()
        self.op = datasets.OPERATOR[metric]
        self.nq = min(args.queries, len(data.queries), 1000)
        self.conn = server.connect()
        # Plans of interest use the one valid index; the exact plan has none.
        self.base = {"enable_seqscan": "on"}
        self.lists = 0
        self.levels = 0
        self.wheres = {}

    def use(self, am):
        """Makes the index of one method the only valid one; None: no index."""
        self.conn.query(
            f"""UPDATE pg_index SET indisvalid = (indexrelid::regclass::text = '{self.table}_{am}')
            WHERE indrelid = '{self.table}'::regclass"""
        )

    def sql(self, parameter, where=None):
        return (
            f"SELECT id FROM {self.table} " + (f"WHERE {where} " if where else "")
            + f"ORDER BY v {self.op} (SELECT v FROM {self.table}_q WHERE id = {parameter}) "
            + f"LIMIT {K}"
        )

    def session(self, point):
        options = dict(point.options)
        options["enable_seqscan"] = "on" if point.am == "exact" else "off"
        return options

    def measure_recall(self, point, where=None, mask=None, nq=None):
        """Sets recall and the share of queries that got their whole LIMIT."""
        self.use(point.am)
        nq = nq or self.nq
        rows = np.nonzero(mask)[0] if mask is not None else None
        want = min(K, len(rows) if rows is not None else len(self.data.base))
        found = full = 0
        key = (where, self.metric)
        known = self.wheres.setdefault(key, {})
        with self.server.connect(self.session(point)) as conn:
            conn.prepare("q", self.sql("$1", where))
            for q in range(nq):
                ids = [int(r[0]) for r in conn.run("q", q)]
                full += len(ids) == want
                if want:
                    if q not in known:
                        known[q] = self.data.kth(self.metric, q, want, rows)
                    found += self.data.hits(self.metric, q, ids, known[q])
        point.recall = found / (nq * want) if want else 1.0
        point.full = full / nq
        return point.recall

    def plan(self, point, where=None):
        """The top scan node that the planner takes by itself (nothing forced)."""
        self.use(point.am)
        with self.server.connect(point.options) as conn:
            lines = [r[0] for r in conn.query("EXPLAIN " + self.sql("1", where))]
        scans = [x.strip(" ->").split("  (")[0] for x in lines if "Scan" in x]
        return next((x for x in scans if not x.endswith("_q")), "?")

    def measure_qps(self, point, where=None, seconds=None):
        self.use(point.am)
        self.server.pin(True)
        script = f"\\set q random(0, {self.nq - 1})\n{self.sql(':q', where)};\n"
        qps = self.server.pgbench(
            script, seconds=max(1, round(seconds or self.args.seconds)),
            options=self.session(point)
        )
        self.server.pin(False)
        point.qps.append(qps)
        return qps

    def take_turns(self, points, where=None):
        for _ in range(self.args.rounds):
            for p in points:
                self.measure_qps(p, where)

    # ---- indexes ----

    def build(self, am):
        """Builds an index and returns seconds, bytes and what it was built with."""
        column = f"v {datasets.OPCLASS[self.metric]}"
        n = len(self.data.base)
        ivf = max(10, n // 1000)
        options = {
            "vchordrq": self.args.options,
            "vchordg": "",
            "hnsw": "m = 16, ef_construction = 64",
            "ivfflat": f"lists = {ivf}",
        }[am]
        name = f"{self.table}_{am}"
        self.conn.query(f"DROP INDEX IF EXISTS {name}; CHECKPOINT")
        start = time.monotonic()
        self.conn.query(
            f"CREATE INDEX {name} ON {self.table} USING {am} ({column})"
            + (f" WITH ({options})" if options else "")
        )
        seconds = time.monotonic() - start
        size = int(self.conn.value(f"SELECT pg_relation_size('{name}')"))
        result = {
            "seconds": seconds,
            "bytes": size,
            "of_raw": size / self.data.raw_bytes(),
            "options": options,
        }
        if am == "vchordrq":
            levels, lists = self.conn.query(
                f"SELECT levels, lists FROM vchordrq_index_info('{name}')"
            )[0]
            self.levels, self.lists = int(levels), int(lists)
            result.update(levels=self.levels, lists=self.lists)
        if am == "ivfflat":
            result["lists"] = self.lists_ivf = ivf
        return result

    def build_in_table(self):
        """The same index without vectors of its own."""
        options, self.args.options = self.args.options, "rerank_in_table = true"
        try:
            return self.build("vchordrq")
        finally:
            self.args.options = options

    # ---- points ----

    def point(self, am, knob=None):
        own = dict(k.split("=", 1) for k in self.args.knobs)
        if am == "vchordrq":
            if knob is None:
                return Point("vchordrq, no knob" if not own else "vchordrq", am, own)
            return Point(f"vchordrq, probes {knob}", am, {**own, "vchordrq.probes": str(knob)})
        if am == "vchordg":
            if knob is None:
                return Point("vchordg, no knob", am, {})
            return Point(f"vchordg, ef_search {knob}", am, {"vchordg.ef_search": str(knob)})
        if am == "hnsw":
            if knob is None:
                return Point("hnsw, default ef_search 40", am, {})
            return Point(f"hnsw, ef_search {knob}", am, {"hnsw.ef_search": str(knob)})
        if am == "ivfflat":
            if knob is None:
                return Point("ivfflat, default probes 1", am, {})
            return Point(f"ivfflat, probes {knob}", am, {"ivfflat.probes": str(knob)})
        return Point("exact", "exact", {})

    def knob_range(self, am):
        """Largest sensible knob, 0 if the method has none here."""
        if am == "vchordrq":
            return self.lists if self.levels == 1 else 0
        return {"hnsw": 1000, "vchordg": 1000, "ivfflat": getattr(self, "lists_ivf", 0), "exact": 0}[am]

    def knob_for(self, am, target):
        """Smallest knob that reaches a recall, by bisection; None if there is none."""
        low, high = 0, self.knob_range(am)
        if high == 0:
            return None
        step = 10 if am in ("hnsw", "vchordg") else 1
        while True:
            p = self.point(am, min(step, high))
            if self.measure_recall(p) >= target:
                high = min(step, high)
                break
            if step >= high:
                return None
            low, step = step, step * 2
        while high - low > max(1, high // 40):
            middle = (low + high) // 2
            p = self.point(am, middle)
            if self.measure_recall(p) >= target:
                high = middle
            else:
                low = middle
        return high

    def curve(self, am):
        arguments = {
            "vchordrq": self.args.probes,
            "vchordg": self.args.ef,
            "hnsw": self.args.ef,
            "ivfflat": self.args.ivf_probes,
        }
        given = arguments.get(am)
        default = DEFAULT_CURVES["ef" if am in ("hnsw", "vchordg") else "probes"]
        knobs = [int(x) for x in given.split(",")] if given else default
        points = []
        for knob in knobs:
            if knob > self.knob_range(am):
                break
            p = self.point(am, knob)
            self.measure_recall(p)
            self.measure_qps(p, seconds=min(2, self.args.seconds))
            points.append(p)
            if p.recall > 0.9995:
                break
        return points

    def run(self, ams):
        out = {
            "set": self.data.name,
            "metric": self.metric,
            "rows": len(self.data.base),
            "dim": self.data.dim(),
            "queries": self.nq,
            "raw_bytes": self.data.raw_bytes(),
            "build": {},
            "curves": {},
        }
        say(f"{self.data.name} {self.metric}: {out['rows']} x {out['dim']}")
        self.data.load(self.conn)
        if "vchordrq" in ams and not self.args.options:
            out["build"]["vchordrq, rerank_in_table"] = self.build_in_table()
        for am in [a for a in ams if a != "exact"]:
            out["build"][am] = self.build(am)
            say(f"  {am}: built in {out['build'][am]['seconds']:.2f} s, "
                f"{out['build'][am]['bytes'] / 1e6:.1f} MB")
        if not self.args.no_curve:
            for am in [a for a in ams if a != "exact"]:
                out["curves"][am] = [p.result() for p in self.curve(am)]
        points = []
        for am in ams:
            p = self.point(am)
            self.measure_recall(p, nq=min(self.nq, 20) if am == "exact" else None)
            points.append(p)
            knob = self.knob_for(am, 0.99)
            if knob is not None:
                at = self.point(am, knob)
                self.measure_recall(at)
                at.label += " (0.99 point)"
                points.append(at)
        self.take_turns(points)
        out["points"] = [p.result() for p in points]
        for p, result in zip(points, out["points"]):
            result["plan"] = self.plan(p)
        return out

    def run_filters(self, ams):
        """Filters of 1 %, 10 % and nothing: no knob, relaxed_order, exact."""
        out = []
        ids = np.arange(len(self.data.base))
        for label, where, test in FILTERS:
            points = []
            for am in ams:
                p = self.point(am)
                if am == "hnsw":
                    p = Point("hnsw, relaxed_order", am, {"hnsw.iterative_scan": "relaxed_order"})
                if am == "ivfflat":
                    continue
                slow = am not in ("vchordrq", "vchordg")
                nq = min(self.nq, 100) if slow else self.nq
                self.measure_recall(p, where, test(ids), nq)
                points.append(p)
            self.take_turns(points, where)
            results = [p.result() for p in points]
            for p, result in zip(points, results):
                result["plan"] = self.plan(p, where)
            out.append({"filter": label, "where": where, "points": results})
            say(f"  filter {label}: " + ", ".join(
                f"{p.label} {stats.median(p.qps):.0f}/s recall {p.recall:.3f}" for p in points))
        return out


def compare(points):
    """Ratios that people ask for: ours to hnsw at 0.99, and both defaults."""
    by = {}
    for p in points:
        kind = "at99" if "0.99 point" in p["label"] else "default"
        by[p["am"], kind] = p
    ours = by.get(("vchordrq", "default"))
    best99 = [
        p for (am, _), p in by.items() if am == "vchordrq" and p["recall"] >= 0.99 and p["qps"]
    ]
    out = {}
    if best99 and by.get(("hnsw", "at99")):
        out["qps vs hnsw at recall 0.99"] = (
            max(p["qps"] for p in best99) / by["hnsw", "at99"]["qps"]
        )
    if ours and by.get(("hnsw", "default")):
        out["no knob: qps vs hnsw default"] = ours["qps"] / by["hnsw", "default"]["qps"]
    if ours and by.get(("exact", "default")):
        out["no knob: qps vs exact"] = ours["qps"] / by["exact", "default"]["qps"]
    return out


def run(server, args, build):
    server.setup()
    there = datasets.available()
    names = (args.sets or "mnist784,arxiv_lsa256").split(",")
    names = there if args.sets == "all" else [n for n in names if n in there]
    if not names:
        raise SystemExit("none of these sets is there: set VCHORD_DATA")
    ams = server.ams() + ["exact"]
    if args.am:
        ams = [a for a in args.am.split(",") if a in ams]
    results = []
    for name in names:
        wanted = {"primary": datasets.SETS[name], "all": "l2,ip,cos"}.get(args.metrics, args.metrics)
        metrics = wanted.split(",")
        data = datasets.Set.real(name, metrics)
        for metric in metrics:
            bench = Bench(server, args, data, metric)
            out = bench.run(ams)
            out["ratios"] = compare(out["points"])
            b = out["build"]
            if "vchordrq" in b and "hnsw" in b:
                out["ratios"]["build: hnsw seconds / ours"] = (
                    b["hnsw"]["seconds"] / b["vchordrq"]["seconds"]
                )
                out["ratios"]["index size: ours / hnsw"] = b["vchordrq"]["bytes"] / b["hnsw"]["bytes"]
            if name == "arxiv_lsa256" and not args.no_filters:
                out["filters"] = bench.run_filters(ams)
            results.append(out)
            bench.conn.query(f"DROP TABLE {bench.table}, {bench.table}_q")
            bench.conn.close()
            print("\n".join(render(out)), flush=True)
    return results


def render(out):
    """Lines of Markdown for one set and metric."""
    lines = [
        "",
        f"### {out['set']}, {out['metric']} ({out['rows']:,} x {out['dim']}, "
        f"{out['queries']} queries, k {K})",
        "",
    ]
    if out["build"]:
        hnsw = out["build"].get("hnsw")
        lines += stats.table(
            ["index", "build s", "vs hnsw", "MB", "of raw vectors", "of hnsw"],
            [
                [am, b["seconds"], hnsw and hnsw["seconds"] / b["seconds"], b["bytes"] / 1e6,
                 b["of_raw"], hnsw and b["bytes"] / hnsw["bytes"]]
                for am, b in out["build"].items()
            ],
        )
        lines.append("")
    lines += stats.table(
        ["point", "recall@10", "full LIMIT", "QPS", "plan by itself"],
        [[p["label"], f"{p['recall']:.4f}", p["full"], p["qps"], p["plan"]] for p in out["points"]],
    )
    lines.append("")
    for name, value in out["ratios"].items():
        lines.append(f"- {name}: {value:.2f}x")
    for f in out.get("filters", []):
        lines += ["", f"Filter {f['filter']} (`{f['where']}`):", ""]
        exact = next((p for p in f["points"] if p["am"] == "exact"), None)
        relaxed = next((p for p in f["points"] if p["am"] == "hnsw"), None)
        lines += stats.table(
            ["point", "recall@10", "full LIMIT", "QPS", "vs relaxed_order", "vs exact", "plan by itself"],
            [
                [p["label"], f"{p['recall']:.4f}", p["full"], p["qps"],
                 relaxed and p["qps"] / relaxed["qps"], exact and p["qps"] / exact["qps"], p["plan"]]
                for p in f["points"]
            ],
        )
    return lines
