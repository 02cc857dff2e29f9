"""Proves that the lint checks can fail: plants one violation of each kind and expects it to be named.

  selftest.py --include SERVER-INCLUDES --cc COMPILER...
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HEAD = "/*\n * {path}\n *\t\tPlanted.\n */\n"
# check, file, text after the head comment, part of the message
PLANTED = [
    ("includes", "core/a.c", '#include "postgres.h"\n#include "vchordrq/b.h"\n', "may not include"),
    ("includes", "core/simd/a.c", "#include <pthread.h>\n", "C library headers only"),
    ("includes", "core/a.h", '#include "postgres.h"\n', "never includes"),
    ("includes", "core/a.h", "#ifndef WRONG_H\n#endif\n", "include guard"),
    ("includes", "vchordrq/a.c", '#include "fmgr.h"\n', "postgres.h first"),
    ("versions", "core/a.c", "#if PG_VERSION_NUM >= 170000\n#endif\n", "version test"),
    ("pages", "vchordrq/a.c", "\tLockBuffer(buf, 1);\n", "belongs to core/buf.c"),
    ("comments", "core/a.c", "/* TODO */\n", "unfinished"),
    ("comments", "core/a.c", "#if 0\n#endif\n", "dead code"),
    ("format", "core/a.c", "int  main( void ){return 0;}\n", "clang-formatted"),
    ("headers", "core/a.h", "extern Nowhere nowhere;\n", "does not compile alone"),
    ("tests", "core/a.c", "", "is in no meson.build"),
    ("tests", "tests/x/sql/a.sql", "", "is not declared"),
    ("tests", "tests/x/expected/a.out", "", "belongs to no declared test"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--include", required=True)
    parser.add_argument("--cc", nargs="+", required=True)
    args = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    style = os.path.join(here, "..", "..", ".clang-format")

    def lint(root, check, *options):
        return subprocess.run(
            [sys.executable, os.path.join(here, "lint.py"), "--root", root, check, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    bad = 0
    print(f"1..{len(PLANTED) + 1}")
    for number, (check, path, text, message) in enumerate(PLANTED, 1):
        root = tempfile.mkdtemp()
        shutil.copy(style, root)
        for name in (path, "vchordrq/b.h", "core/meson.build", "vchordrq/meson.build"):
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as f:
                if name == path:
                    f.write(HEAD.format(path=path) + text)
        options = {
            "headers": ["--include", args.include, "--cc", *args.cc],
            "tests": ["--set", "tests/x"],
        }
        done = lint(root, check, *options.get(check, []))
        if done.returncode == 77:
            print(f"ok {number} - {check}: {message} # SKIP no tool")
        else:
            good = done.returncode == 1 and message in done.stdout
            bad += not good
            print(f"{'ok' if good else 'not ok'} {number} - {check}: {message}")
        shutil.rmtree(root)

    root = tempfile.mkdtemp()
    source, module = os.path.join(root, "a.c"), os.path.join(root, "vchordx.so")
    with open(source, "w", encoding="utf-8") as f:
        f.write("void helper(void);\nvoid helper(void) {}\nvoid Pg_magic_func(void) {}\n")
    subprocess.run([*args.cc, "-shared", "-fPIC", "-o", module, source], check=True)
    done = lint(root, "symbols", "--module", module)
    good = done.returncode == 1 and "exports helper" in done.stdout
    bad += not good
    print(f"{'ok' if good else 'not ok'} {len(PLANTED) + 1} - symbols: exports")
    shutil.rmtree(root)
    return 1 if bad else 0


sys.exit(main())
