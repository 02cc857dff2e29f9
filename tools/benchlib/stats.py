"""Medians and small tables."""

import statistics


def median(values):
    return statistics.median(values)


def ratio(a, b):
    return a / b if b else None


def text(value):
    """A number as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value != value:
            return "–"
        size = abs(value)
        return f"{value:,.0f}" if size >= 100 else f"{value:.3g}" if size < 10 else f"{value:.1f}"
    return str(value)


def table(head, rows):
    """Lines of a Markdown table, aligned as plain text too."""
    cells = [[text(c) for c in row] for row in [head] + rows]
    width = [max(len(r[i]) for r in cells) for i in range(len(head))]
    left = [all(not isinstance(r[i], (int, float)) for r in rows) for i in range(len(head))]

    def line(row):
        return (
            "| "
            + " | ".join(
                c.ljust(w) if flush else c.rjust(w) for c, w, flush in zip(row, width, left)
            )
            + " |"
        )

    rule = "|" + "|".join("-" * (w + 1) + ("-" if f else ":") for w, f in zip(width, left)) + "|"
    return [line(cells[0]), rule] + [line(r) for r in cells[1:]]
