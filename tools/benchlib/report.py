"""tools/bench report: Markdown tables and SVG plots from JSON results."""

import glob
import importlib
import json
import math
import os

COLOURS = {"vchordrq": "#c0392b", "hnsw": "#2c6fbb", "ivfflat": "#3a8f4d", "exact": "#777777"}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 400, 70, 36, 20, 48


def _ticks_log(low, high):
    out = []
    for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for m in (1, 2, 5):
            if low <= m * 10**e <= high:
                out.append(m * 10**e)
    return out


def plot(title, series):
    """SVG of recall (x) against queries a second (y, log); series = [(am, label, [(x, y)], line)]."""
    points = [p for _, _, ps, _ in series for p in ps]
    x0 = max(0.0, min(min(x for x, _ in points), 0.95) - 0.01)
    y0 = min(y for _, y in points) / 1.3
    y1 = max(y for _, y in points) * 1.3

    def at(x, y):
        px = LEFT + (x - x0) / (1.0 - x0) * (WIDTH - LEFT - RIGHT)
        py = TOP + (math.log(y1 / y) / math.log(y1 / y0)) * (HEIGHT - TOP - BOTTOM)
        return px, py

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-size="14">{title}</text>',
    ]
    for y in _ticks_log(y0, y1):
        _, py = at(1, y)
        out.append(f'<path d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{py + 4:.1f}" text-anchor="end">{y:,g}</text>')
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (1 - x0) / s <= 10)
    x = 1.0
    while x >= x0:
        px, _ = at(x, y0)
        out.append(f'<path d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        out.append(
            f'<text x="{px:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>'
        )
        x = round(x - step, 6)
    out.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">recall@10</text>'
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {HEIGHT / 2})">queries a second</text>'
    )
    for n, (am, label, ps, line) in enumerate(series):
        colour = COLOURS.get(am, "black")
        placed = [at(*p) for p in ps]
        if line:
            path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in placed)
            out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for a, b in placed:
            shape = (
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>'
                if line
                else f'<path d="M{a - 6:.1f} {b:.1f}h12m-6 -6v12" stroke="{colour}" '
                'stroke-width="3"/>'
            )
            out.append(shape)
        y = HEIGHT - BOTTOM - 10 - 16 * (len(series) - 1 - n)
        out.append(
            f'<rect x="{LEFT + 8}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{LEFT + 24}" y="{y}">{label}</text>'
        )
    return "\n".join(out + ["</svg>"]) + "\n"


def plots(folder, results):
    """Writes one plot for each set and metric; returns Markdown lines."""
    lines = []
    for r in results:
        series = [
            (am, am, [(p["recall"], p["qps"]) for p in ps], True)
            for am, ps in r["curves"].items()
            if ps
        ]
        series += [
            (p["am"], p["label"], [(p["recall"], p["qps"])], False)
            for p in r["points"]
            if p["qps"] and "0.99 point" not in p["label"]
        ]
        if not series:
            continue
        name = f"{r['set']}-{r['metric']}.svg"
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(plot(f"{r['set']} ({r['rows']:,} x {r['dim']}, {r['metric']})", series))
        lines += ["", f"![{r['set']} {r['metric']}]({name})"]
    return lines


def write(folder, files):
    """Writes report.md beside the results and returns its path."""
    parts = ["kernels", "query", "pages", "build", "write", "text"]
    if not files:
        newest = [sorted(glob.glob(os.path.join(folder, p + "-*.json")))[-1:] for p in parts]
        files = [f for group in newest for f in group]
    if not files:
        raise SystemExit(f"no results in {folder}")
    os.makedirs(folder, exist_ok=True)
    lines = ["# Benchmarks", ""]
    for path in files:
        with open(path, encoding="utf-8") as f:
            record = json.load(f)
        part = record["part"]
        lines += ["", f"## {part}", ""]
        lines.append(
            f"{record['date']}, commit {record['commit']}, {record['cpu']}, load "
            f"{record['load_before']:.1f} before and {record['load_after']:.1f} after"
            + (", **short run: coarse**" if record["short"] else "")
        )
        if record.get("settings"):
            s = record["settings"]
            extensions = ", ".join(
                f"{n} {v}" for n, v in sorted(s["extensions"].items()) if n != "plpgsql"
            )
            lines += [
                "",
                f"PostgreSQL {s['server']}, {extensions}, shared_buffers {s['shared_buffers']}, "
                f"wal_level {s['wal_level']}, {s['max_parallel_maintenance_workers']} parallel "
                "maintenance worker(s) for every method",
            ]
        render = importlib.import_module("benchlib." + part).render
        result = record["result"]
        for r in result if isinstance(result, list) else [result]:
            lines += render(r)
        if part == "query":
            lines += plots(folder, result)
    path = os.path.join(folder, "report.md")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path
