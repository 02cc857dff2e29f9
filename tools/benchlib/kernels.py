"""tools/bench kernels: G1 to G6, G13, G19 and G20, kernels against the limits of the same run."""

import subprocess

from benchlib import limits, stats


def add_arguments(parser):
    parser.add_argument("--level", help="instruction set level (default: best)")
    parser.add_argument("--kmeans", action="store_true", help="also G14: clustering of 256k x 768")


def short(args):
    pass


def goals(rows, level):
    """(goal, what, ns, limit ns, limit, ask as text, reached)."""
    m = limits.machine(rows)
    wide = level.startswith("x86_v4")
    out = []

    def add(goal, what, ns, limit_ns, limit, ask, reached):
        out.append(
            {"goal": goal, "what": what, "ns": ns, "limit_ns": limit_ns, "limit": limit,
             "share": limit_ns / ns, "ask": ask, "reached": reached}
        )

    def row(case):
        return limits.kernel(rows, case, level)

    r = row("fastscan 768 L2")
    # 7.5 vector instructions for 64 bytes on four ports at the machine's clock: see perf notes
    if wide:
        add("G1", "fastscan 768, block of 32, L2", r["ns"], r["limit_ns"], "L2",
            ">= 50 % of L2 or <= 32 ns", r["share"] >= 0.5 or r["ns"] <= 32)
    else:
        add("G1", "fastscan 768, block of 32, L2", r["ns"], r["limit_ns"], "L2", "<= 60 ns",
            r["ns"] <= 60)
    for level_name, ask in [("L3", 0.85), ("DRAM", 0.75)]:
        r = row("fastscan 768 " + level_name)
        add("G2", f"fastscan 768, {level_name}", r["ns"], r["limit_ns"], level_name,
            f">= {ask:.0%}", r["share"] >= ask)
    r = row("lower_bounds")
    add("G3", "lower bounds of 32 codes", r["ns"], r["limit_ns"], "L1", "<= 3 ns", r["ns"] <= 3)
    rotate, lut = row("rotate 768"), row("build_lut6 768")
    # limit: rotation at its own (additions), the table written once to L1
    ns = rotate["ns"] + lut["ns"]
    add("G4", "query: rotate + quantise + table, 768", ns,
        rotate["limit_ns"] + (768 * 4 + 768 / 4 * 16) / m["l1"], "add+L1", "<= 1000 ns", ns <= 1000)
    for name in ["l2sq", "dot"]:
        r = row(f"{name}_f32_rows 768 L2")
        add("G5", f"f32 {name} 768, L2", r["ns"], r["limit_ns"], "L2",
            ">= 80 % or <= 20 ns" if wide else "<= 32 ns",
            r["share"] >= 0.8 or r["ns"] <= (20 if wide else 32))
        if wide:
            r = row(f"{name}_f32_rows 768 L3")
            add("G5", f"f32 {name} 768, L3", r["ns"], r["limit_ns"], "L3", ">= 95 %",
                r["share"] >= 0.95)
    for name in ["l2sq", "dot"]:
        for level_name, most in [("L2", 20), ("DRAM", 50)]:
            r = row(f"{name}_f16_rows 768 {level_name}")
            add("G6", f"f16 {name} 768, {level_name}", r["ns"], r["limit_ns"], level_name,
                f"<= {most} ns", r["ns"] <= most)
    r = row("assign_block 768 k 1024")
    ask = 0.8 if wide else 0.75
    add("G13", "k-means engine, a pair of 768", r["ns"], r["limit_ns"], "FMA", f">= {ask:.0%}",
        r["share"] >= ask)
    r = row("bitpack posting block")
    most = 18 if level == "x86_v4_icl" else 140 if level == "c" else 32
    add("G19", "posting block: documents, frequencies", r["ns"], r["limit_ns"], r["limit"], f"<= {most} ns",
        r["ns"] <= most)
    r = row("score dense posting")
    add("G20", "dense posting: decode, score, add, scan", r["ns"], r["limit_ns"], r["limit"], "<= 2 ns",
        r["ns"] <= 2)
    return out


def run_kmeans(build, rows):
    """G14: wall time of clustering, and the time its passes take at the machine's FMA rate."""
    m = limits.machine(rows)
    scan = limits.kernel(rows, "fastscan 768 L2")["ns"] / 32
    prepare = sum(limits.kernel(rows, c)["ns"] for c in ["rotate 768", "build_lut6 768"])
    out = []
    for n, c in [(262144, 1000), (262144, 4096)]:
        text = subprocess.run(
            [build.program("kmeans"), "--bench", str(n), "768", str(c), "2"],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout
        for line in text.splitlines():
            if " iterations," in line and line.split()[0] in ("lloyd", "hierarchical"):
                # two levels of sqrt(c) with ten passes each, then two passes by codes
                pairs = n * 2 * c**0.5 * 10
                limit = (pairs * 2 * 768 / m["gflops"] + 2 * n * (c * scan + prepare)) / 2 / 1e9
                seconds = float(line.split("threads: ")[1].split(" s")[0])
                out.append(
                    {"goal": "G14", "method": line.split()[0], "n": n, "lists": c,
                     "seconds": seconds, "limit_seconds": limit, "share": limit / seconds}
                )
    return out


def run(server, args, build):
    rows = limits.checkkern(build, args.level)
    level = args.level or limits.best_level(rows)
    out = {"level": level, "limits": limits.machine(rows), "goals": goals(rows, level), "rows": rows}
    if args.kmeans:
        out["kmeans"] = run_kmeans(build, rows)
    print("\n".join(render(out)), flush=True)
    return out


def render(out):
    m = out["limits"]
    lines = [
        "",
        f"### Kernels at {out['level']}",
        "",
        f"Limits: L1 {m['l1']:.0f}, L2 {m['l2']:.0f}, L3 {m['l3']:.0f}, DRAM {m['dram']:.0f} GB/s, "
        f"FMA {m['gflops']:.0f} GFLOPS",
        "",
    ]
    lines += stats.table(
        ["goal", "what", "ns", "limit ns", "of limit", "%", "asked", "reached"],
        [
            [g["goal"], g["what"], g["ns"], g["limit_ns"], g["limit"], 100 * g["share"], g["ask"],
             g["reached"]]
            for g in out["goals"]
        ],
    )
    if out.get("kmeans"):
        lines += [""] + stats.table(
            ["goal", "method", "rows", "lists", "s", "limit s", "%"],
            [
                [k["goal"], k["method"], k["n"], k["lists"], k["seconds"], k["limit_seconds"],
                 100 * k["share"]]
                for k in out["kmeans"]
            ],
        )
    return lines
