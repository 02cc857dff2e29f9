"""Joins the topic files of an extension into its installation script: join.py OUTPUT INPUT..."""

import sys

parts = []
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as f:
        parts.append(f.read().rstrip("\n") + "\n")
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write("\n".join(parts))
