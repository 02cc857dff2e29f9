"""tools/bench build: G14 to G16: phases of CREATE INDEX, WAL, and the disk's share, beside their limit.

The limit is the sum that the design assumes, of quantities measured in the same run: clustering at
the machine's FMA rate and the kernel's speed, reading rows at the speed of a scan that detoasts,
rotation and assignment by the kernels, and pages at the speed of a plain writer with fsync (data and
WAL).
"""

import time

from benchlib import datasets, limits, pages, stats
from benchlib.cluster import MB, Watch, say

TABLE = "bench_build"
DIM = 768


def add_arguments(parser):
    parser.add_argument("--rows", type=int, default=1000000, help="rows x 768, generated")
    parser.add_argument("--lists", type=int, default=1000)
    parser.add_argument("--plain-storage", action="store_true",
                        help="vectors inside the table's pages, not in TOAST")
    parser.add_argument("--build-am", default="vchordrq", help="comma-separated")
    parser.add_argument("--wal-level", choices=["replica", "minimal"], default="replica")
    parser.add_argument("--build-repeat", type=int, default=1)
    parser.add_argument("--no-query", action="store_true")


def short(args):
    args.rows, args.lists = 50000, 100


def limit(args, kern, heap_seconds, index_bytes, write_rate, wal_factor, workers):
    """Seconds of each phase on `workers` processors."""
    m = limits.machine(kern)
    block = limits.kernel(kern, "fastscan 768 L2")["ns"]
    prepare = limits.kernel(kern, "rotate 768")["ns"] + limits.kernel(kern, "build_lut6 768")["ns"]
    encode = (
        limits.kernel(kern, "rotate 768")["ns"]
        + limits.kernel(kern, "encode_bits 768 L1")["ns"]
        + limits.kernel(kern, "fastscan_pack 768")["ns"] / 32
    )
    sample = min(args.rows, 256 * args.lists)
    # two levels of sqrt(lists) with ten passes, then two flat passes by codes
    cluster = sample * 2 * args.lists**0.5 * 10 * 2 * DIM / m["gflops"]
    cluster += 2 * sample * (args.lists / 32 * block + prepare)
    assign = args.rows * (args.lists / 32 * block + prepare)
    out = {
        "sample": heap_seconds * sample / args.rows,
        "k-means": cluster / 1e9 / workers,
        "rows": (heap_seconds + (assign + args.rows * encode) / 1e9) / workers,
        "pages": index_bytes * (1 + wal_factor) / write_rate,
    }
    out["total"] = sum(out.values())
    return out


def one(server, args, am, kern, write_rate):
    name = f"{TABLE}_{am}"
    using = f"USING {am} (v vector_l2_ops)"
    if am == "vchordrq":
        using += f" WITH (lists = '{args.lists}')" if args.lists else ""
    with server.connect({"client_min_messages": "debug1"}) as conn:
        conn.query(f"DROP INDEX IF EXISTS {name}")
        conn.query("CHECKPOINT")
        heap_start = time.monotonic()
        conn.query("SET max_parallel_workers_per_gather = 0")
        conn.query(f"SELECT sum(vector_dims(v)) FROM {TABLE}")
        heap_seconds = time.monotonic() - heap_start
        wal = conn.value("SELECT pg_current_wal_insert_lsn()")
        conn.notices.clear()
        watch = Watch(
            server,
            "SELECT phase FROM pg_stat_progress_create_index",
        )
        with watch:
            start = time.monotonic()
            conn.query(f"CREATE INDEX {name} ON {TABLE} {using}")
            seconds = time.monotonic() - start
        messages = [(t - start, text) for t, text in conn.notices]
        wal_bytes = int(conn.value(f"SELECT pg_current_wal_insert_lsn() - '{wal}'"))
        size = int(conn.value(f"SELECT pg_relation_size('{name}')"))
        workers = 1 + int(conn.value("SHOW max_parallel_maintenance_workers"))
    out = {
        "am": am,
        "seconds": seconds,
        "heap_seconds": heap_seconds,
        "bytes": size,
        "wal_bytes": wal_bytes,
        "wal_of_index": wal_bytes / size,
        "phases": watch.phases(),
        "messages": messages,
        "workers": workers,
    }
    if am == "vchordrq":
        wal_factor = 1 if args.wal_level == "replica" else 0
        want = limit(args, kern, heap_seconds, size, write_rate, wal_factor, workers)
        # vectors are written while rows are read, codes in the phase after that
        writing = sum(
            s for p, s in out["phases"].items() if "inserting" in p or "compacting" in p
        )
        out.update(limit=want, times_limit=seconds / want["total"], write_seconds=writing)
        if writing:
            out["write_share"] = want["pages"] / writing
    return out


def queries(server, args, kern):
    """G9: a query with 10 probes, and with no knob, beside the sum of its parts in this run."""
    m = limits.machine(kern)
    sql = pages.query_sql(TABLE, "$1")
    script = f"\\set q random(0, 999)\n{pages.query_sql(TABLE, ':q')};\n"
    seconds = 1 if args.short else 5
    row = limits.random_rows(DIM)
    prepare = limits.kernel(kern, "rotate 768")["ns"] + limits.kernel(kern, "build_lut6 768")["ns"]
    block = limits.kernel(kern, "fastscan 768 L2")["ns"]
    with server.connect() as conn:
        conn.query(f"SELECT vchordrq_prewarm('{TABLE}_vchordrq')")
        conn.query("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        conn.query(f"SELECT pg_prewarm('{TABLE}')")
        exact = {}
        conn.query("SET max_parallel_workers_per_gather = 2; SET enable_indexscan = off")
        conn.prepare("q", sql)
        nq = 20 if args.short else 30
        for q in range(nq):
            exact[q] = {r[0] for r in conn.run("q", q)}
    server.pin(True)
    floor = 1e6 / server.pgbench(
        f"\\set q random(0, 999)\nSELECT id FROM {TABLE}_q WHERE id = :q;\n", seconds=seconds
    )
    out = []
    for label, options in [("probes 10", {"vchordrq.probes": "10"}), ("no knob", {})]:
        options = {**options, "enable_seqscan": "off"}
        lists, codes, reranks = pages.counters(server, sql, options, 100)
        with server.connect(options) as conn:
            conn.prepare("q", sql)
            recall = sum(
                len(exact[q] & {r[0] for r in conn.run("q", q)}) for q in range(nq)
            ) / (10 * nq)
        script_us = [
            1e6 / server.pgbench(script, seconds=seconds, options=options) for _ in range(3)
        ]
        us = stats.median(script_us)
        parts = {
            "statement": floor,
            "query": prepare / 1e3,
            "centroids": (args.lists / 32 * block + 16 * row) / 1e3,
            "codes": codes / 68 * 8192 / m["dram"] / 1e3,
            "rerank": reranks * row / 1e3,
        }
        want = sum(parts.values())
        out.append({"point": label, "us": us, "limit_us": want, "share": want / us, "lists": lists,
                    "codes": codes, "reranks": reranks, "recall": recall, "parts": parts})
    server.pin(False)
    return out


def run(server, args, build):
    if args.wal_level == "minimal":
        server.settings.update(wal_level="minimal", max_wal_senders="0")
    else:
        server.settings.pop("wal_level", None)
    server.restart()
    server.setup()
    kern = limits.checkkern(build)
    say(f"build: making {args.rows} x {DIM}")
    start = time.monotonic()
    with server.connect() as conn:
        conn.query(f"DROP TABLE IF EXISTS {TABLE}, {TABLE}_q")
        if args.plain_storage:
            conn.query(
                "UPDATE pg_type SET typstorage = 'p' WHERE typname = 'vector' AND typstorage <> 'p'"
            )
        datasets.Mixture(DIM).load(conn, TABLE, args.rows)
    say(f"build: loaded in {time.monotonic() - start:.0f} s")
    probe = min(max(args.rows * 4096, 256 * MB), 2048 * MB)
    before = limits.disk_write(server.folder, probe)
    results = []
    for am in args.build_am.split(","):
        for _ in range(args.build_repeat):
            results.append(one(server, args, am, kern, before))
            say(f"  {am}: {results[-1]['seconds']:.1f} s")
    after = limits.disk_write(server.folder, probe)
    out = {
        "rows": args.rows,
        "dim": DIM,
        "lists": args.lists,
        "wal_level": args.wal_level,
        "write_rate_before": before,
        "write_rate_after": after,
        "builds": results,
        "limits": limits.machine(kern),
    }
    if not args.no_query and "vchordrq" in args.build_am.split(","):
        out["queries"] = queries(server, args, kern)
    with server.connect() as conn:
        conn.query(f"DROP TABLE {TABLE}, {TABLE}_q")
    print("\n".join(render(out)), flush=True)
    return out


def render(out):
    lines = [
        "",
        f"### CREATE INDEX over {out['rows']:,} x {out['dim']}, {out['lists']} lists, wal_level "
        f"{out['wal_level']}",
        "",
        f"A plain writer with fsync: {out['write_rate_before'] / 1e6:.0f} MB/s before, "
        f"{out['write_rate_after'] / 1e6:.0f} MB/s after.",
        "",
    ]
    lines += stats.table(
        ["index", "s", "limit s", "times limit (asked <= 2.5)", "MB", "WAL of index (asked <= 1.02)"],
        [
            [b["am"], b["seconds"], b["limit"]["total"] if "limit" in b else None,
             b.get("times_limit"), b["bytes"] / 1e6, f"{b['wal_of_index']:.4f}"]
            for b in out["builds"]
        ],
    )
    for b in out["builds"]:
        lines += ["", f"{b['am']}, phases seen in pg_stat_progress_create_index:", ""]
        lines += stats.table(["phase", "s"], [[p, s] for p, s in b["phases"].items()])
        if "limit" in b:
            lines += ["", "Limit by part (s): " + ", ".join(
                f"{p} {s:.2f}" for p, s in b["limit"].items())]
        if b.get("write_share"):
            lines += ["", f"Inserting and compacting take {b['write_seconds']:.2f} s, in which data "
                      f"and WAL are written at {100 * b['write_share']:.0f} % of the disk's rate "
                      "(G15 asks >= 60 % of the phase that is bound by the disk)."]
    if out.get("queries"):
        lines += [""] + stats.table(
            ["query", "us", "limit us", "% (asked >= 60)", "recall@10", "lists", "codes", "reranked"],
            [[q["point"], q["us"], q["limit_us"], 100 * q["share"], q["recall"], q["lists"],
              q["codes"], q["reranks"]] for q in out["queries"]],
        )
    return lines
