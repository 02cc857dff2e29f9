"""tools/bench write: G12: inserts and their WAL; VACUUM after few deletes beside a full rewrite.

What an index costs is the difference to the same table without it.  Commits do not wait for the disk
(synchronous_commit off).  WAL is counted with full_page_writes off, so that images after a checkpoint
do not hide the records; their volume is given apart.
"""

import time

from benchlib import datasets, stats
from benchlib.cluster import Watch, say

DIM = 768
TABLE = "bench_write"


def add_arguments(parser):
    parser.add_argument("--write-rows", type=int, default=100000, help="rows x 768 in the index")
    parser.add_argument("--inserts", type=int, default=20000)
    parser.add_argument("--write-lists", type=int, default=0, help="0: what the index chooses")
    parser.add_argument("--write-am", default="vchordrq,hnsw")


def short(args):
    args.write_rows, args.inserts = 20000, 3000


def index_sql(args, am):
    options = ""
    if am == "vchordrq" and args.write_lists:
        options = f" WITH (lists = '{args.write_lists}')"
    return f"CREATE INDEX {TABLE}_idx ON {TABLE} USING {am} (v vector_l2_ops){options}"


def full_page_writes(server, on):
    with server.connect() as conn:
        conn.query(f"ALTER SYSTEM SET full_page_writes = {'on' if on else 'off'}")
        conn.query("SELECT pg_reload_conf()")
        # the checkpointer tells everyone
        conn.query("CHECKPOINT")
        for _ in range(100):
            if conn.value("SHOW full_page_writes") == ("on" if on else "off"):
                break
            time.sleep(0.05)
        time.sleep(0.2)
        conn.query("CHECKPOINT")


def inserts(server, args, am):
    """us and WAL bytes a row, single rows and one statement, for an index or none."""
    out = {"am": am}
    n = args.inserts
    with server.connect() as conn:
        conn.query(f"TRUNCATE {TABLE}; DROP INDEX IF EXISTS {TABLE}_idx")
        conn.query(f"INSERT INTO {TABLE} SELECT * FROM {TABLE}_all")
        if am != "none":
            start = time.monotonic()
            conn.query(index_sql(args, am))
            out["build_seconds"] = time.monotonic() - start
        conn.query("CHECKPOINT")
    base = {"synchronous_commit": "off"}

    def wal(conn):
        return int(conn.value("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    for images in (False, True):
        full_page_writes(server, images)
        key = "fpi" if images else "wal"
        with server.connect(base) as conn:
            conn.query(f"SELECT sum(vector_dims(v)) FROM {TABLE}_new")
            server.pin(not images)
            w0 = wal(conn)
            script = (
                f"\\set i random(0, {n - 1})\n"
                f"INSERT INTO {TABLE} SELECT id, v FROM {TABLE}_new WHERE id = :i;\n"
            )
            tps = server.pgbench(script, transactions=n, options=base)
            out[f"single_{key}"] = (wal(conn) - w0) / n
            if not images:
                out["single_us"] = 1e6 / tps
        with server.connect(base) as conn:
            w0 = wal(conn)
            start = time.monotonic()
            conn.query(f"INSERT INTO {TABLE} SELECT id, v FROM {TABLE}_new")
            if not images:
                out["multi_us"] = (time.monotonic() - start) / n * 1e6
            out[f"multi_{key}"] = (wal(conn) - w0) / n
        server.pin(False)
    return out


def vacuum(server, args):
    """Index phases of VACUUM after 1 % random deletes, beside REINDEX."""
    progress = "SELECT phase FROM pg_stat_progress_vacuum"
    with server.connect() as conn:
        conn.query(f"TRUNCATE {TABLE}; DROP INDEX IF EXISTS {TABLE}_idx")
        conn.query(f"INSERT INTO {TABLE} SELECT * FROM {TABLE}_all")
        conn.query(index_sql(args, "vchordrq"))
        conn.query(f"VACUUM {TABLE}")
        conn.query("CHECKPOINT")
        size = int(conn.value(f"SELECT pg_relation_size('{TABLE}_idx')"))
        full_page_writes(server, False)
        conn.query(f"DELETE FROM {TABLE} WHERE hashint4(id) % 100 = 0")
        deleted = args.write_rows - int(conn.value(f"SELECT count(*) FROM {TABLE}"))
        w0 = int(conn.value("SELECT pg_current_wal_insert_lsn() - '0/0'"))
        with Watch(server, progress, 0.0005) as watch:
            start = time.monotonic()
            conn.query(f"VACUUM (INDEX_CLEANUP on, PARALLEL 0, TRUNCATE off) {TABLE}")
            seconds = time.monotonic() - start
        wal_bytes = int(conn.value("SELECT pg_current_wal_insert_lsn() - '0/0'")) - w0
        phases = watch.phases()
        index = sum(s for p, s in phases.items() if "index" in p)
        full_page_writes(server, True)
        with Watch(server, "SELECT phase FROM pg_stat_progress_create_index", 0.002) as watch:
            start = time.monotonic()
            conn.query(f"REINDEX INDEX {TABLE}_idx")
            rewrite = time.monotonic() - start
        build = watch.phases()
    writing = sum(s for p, s in build.items() if "inserting" in p or "compacting" in p)
    return {
        "rows": args.write_rows, "deleted": deleted, "seconds": seconds, "phases": phases,
        "index_seconds": index, "wal_bytes": wal_bytes, "index_bytes": size,
        "reindex_seconds": rewrite, "reindex_phases": build, "rewrite_seconds": writing,
        "of_rewrite": index / writing if writing else None, "of_reindex": index / rewrite,
    }


def run(server, args, build):
    server.setup()
    payload = 4 * DIM + 8
    mixture = datasets.Mixture(DIM)
    say(f"write: {args.write_rows} x {DIM} and {args.inserts} inserts")
    with server.connect() as conn:
        for name, n, stream in [("all", args.write_rows, None), ("new", args.inserts, 10**6)]:
            table = f"{TABLE}_{name}"
            conn.query(f"DROP TABLE IF EXISTS {table}")
            conn.query(f"CREATE UNLOGGED TABLE {table} (id int, v vector({DIM}))")
            blocks = mixture.blocks(n) if stream is None else [mixture.rows(n, stream)]
            conn.copy(f"COPY {table} FROM STDIN (FORMAT binary)", datasets.binary(blocks))
            conn.query(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
            conn.query(f"VACUUM (ANALYZE, FREEZE) {table}")
        conn.query(f"DROP TABLE IF EXISTS {TABLE}")
        conn.query(f"CREATE TABLE {TABLE} (id int, v vector({DIM}))")
    ams = [a for a in args.write_am.split(",") if a in server.ams()]
    results = [inserts(server, args, am) for am in ["none"] + ams]
    none = results[0]
    for r in results[1:]:
        for way in ("single", "multi"):
            r[f"{way}_index_us"] = r[f"{way}_us"] - none[f"{way}_us"]
            r[f"{way}_index_wal"] = r[f"{way}_wal"] - none[f"{way}_wal"]
            r[f"{way}_index_fpi"] = (
                r[f"{way}_fpi"] - none[f"{way}_fpi"] - r[f"{way}_index_wal"]
            )
            r[f"{way}_wal_of_payload"] = r[f"{way}_index_wal"] / payload
    out = {"rows": args.write_rows, "inserts": args.inserts, "payload": payload, "inserts_by": results}
    if "vchordrq" in ams:
        out["vacuum"] = vacuum(server, args)
    with server.connect() as conn:
        conn.query(f"DROP TABLE {TABLE}, {TABLE}_all, {TABLE}_new")
    print("\n".join(render(out)), flush=True)
    return out


def render(out):
    lines = [
        "",
        f"### Writes: {out['inserts']:,} rows of 768 into {out['rows']:,}; payload "
        f"{out['payload']} bytes a row",
        "",
        "What the index adds (G12 asks <= 60 us and WAL <= 1.15 x payload; limit 10 us, 3.4 kB):",
        "",
    ]
    lines += stats.table(
        ["index", "statement", "us a row", "of it index", "WAL a row of the index", "of payload",
         "full-page images"],
        [
            [r["am"], label, r[f"{way}_us"], r.get(f"{way}_index_us"), r.get(f"{way}_index_wal"),
             r.get(f"{way}_wal_of_payload"), r.get(f"{way}_index_fpi")]
            for r in out["inserts_by"]
            for way, label in [("single", "one row each"), ("multi", "INSERT ... SELECT")]
        ],
    )
    if out.get("vacuum"):
        v = out["vacuum"]
        lines += [
            "",
            f"VACUUM after {v['deleted']:,} of {v['rows']:,} rows were deleted at random: "
            f"{v['seconds']:.3f} s, of it index phases {v['index_seconds']:.3f} s, WAL "
            f"{v['wal_bytes'] / 1e6:.1f} MB (index {v['index_bytes'] / 1e6:.0f} MB). REINDEX "
            f"{v['reindex_seconds']:.2f} s, of it rewriting rows {v['rewrite_seconds']:.2f} s: the "
            f"index phase is {100 * (v['of_rewrite'] or 0):.1f} % of a rewrite (asked <= 5 %), "
            f"{100 * v['of_reindex']:.1f} % of REINDEX.",
        ]
    return lines
