"""Adds up Meson's test logs: summary.py testlog.json... [--skipped=WHAT...]

A test that speaks TAP counts by its lines, any other as one.  The preparation of the temporary
installation counts only if it fails, and a log that is missing or empty is a failure.
"""

import json
import re
import sys

TAP_LINE = re.compile(r"^(ok|not ok)\b(?:\s+\d+)?\s*(.*)$", re.M)
# "vchord:setup / tmp_install", from Meson 1.7 on "setup - vchord:tmp_install"
SETUP = re.compile(r"\bsetup (/|-) ")
GOOD = ("OK", "EXPECTEDFAIL")


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.strip()]
    except OSError:
        return []


def main():
    passed, failed, skipped = 0, [], []
    for path in sys.argv[1:]:
        if path.startswith("--skipped="):
            skipped.append(path.split("=", 1)[1])
            continue
        tests = read(path)
        if not tests:
            failed.append(f"no test ran: {path}")
        for test in tests:
            name, result = test["name"], test["result"]
            lines = TAP_LINE.findall(test.get("stdout") or "")
            bad = 0
            for verdict, text in lines:
                title = f"{name}: {text.lstrip('- ')}"
                if re.search(r"# *skip", text, re.I):
                    skipped.append(title)
                elif verdict == "ok" or re.search(r"# *todo", text, re.I):
                    passed += 1
                else:
                    failed.append(title)
                    bad += 1
            if result == "SKIP":
                if not lines:
                    skipped.append(name)
            elif result not in GOOD:
                if not bad:
                    failed.append(f"{name}: {result}")
            elif not lines and not SETUP.search(name):
                passed += 1
    for title in skipped:
        print(f"skipped: {title}")
    for title in failed:
        print(f"FAILED: {title}")
    if not passed and not failed:
        failed.append("nothing ran")
    tail = f", {len(skipped)} skipped" if skipped else ""
    print(f"{passed} passed, {len(failed)} failed{tail}")
    return 1 if failed else 0


sys.exit(main())
