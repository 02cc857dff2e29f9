"""Checks of the source tree that no compiler makes: lint.py CHECK [options].

Each check prints what is wrong, one line each with file and line, and returns 1.  What a failure means
and how to mend it stands in CONTRIBUTING.md, one section per check.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
FOLDERS = ("core", "vchordrq", "vchordg", "vchord_bm25", "tests")

# Folder -> folders it may include from.  The longest prefix of a file's path decides.
MAY_INCLUDE = {
    "core/simd": ["core/simd"],
    "core/simd/vector": ["core/simd", "core/simd/vector"],
    "core/simd/bitpack": ["core/simd", "core/simd/bitpack"],
    "core": ["core"],
    "core/vector": ["core", "core/vector", "core/simd", "core/simd/vector"],
    "vchordrq": ["vchordrq", "core", "core/vector", "core/simd", "core/simd/vector"],
    "vchordg": ["vchordg", "core", "core/vector", "core/simd", "core/simd/vector"],
    "vchord_bm25": ["vchord_bm25", "core", "core/simd", "core/simd/bitpack"],
}
# What a kernel may include besides its own headers: the C library, intrinsics, the auxiliary vector.
KERNEL_HEADERS = re.compile(
    r"^(assert|errno|float|inttypes|limits|math|stdalign|stdatomic|stdbool|stddef|stdint|stdio|stdlib"
    r"|string|immintrin|x86intrin|cpuid|arm_neon|sys/auxv|asm/hwcap)\.h$"
)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
EXPORTED = re.compile(r"^(_PG_init|Pg_magic_func|pg_finfo_\w+|_?(vchord|bm25)\w*)$")
EXPORTED_BY_TESTS = re.compile(r"^(_PG_init|Pg_magic_func|pg_finfo_\w+|vc_test_\w+|_?bm25\w+)$")
PAGE_ACCESS = re.compile(r"\b(ReadBuffer\w*|LockBuffer\w*|ConditionalLockBuffer\w*|GenericXLog\w*)\s*\(")

problems = []


def problem(where, text):
    problems.append(f"{where}: {text}")


def sources(*suffixes):
    for folder in FOLDERS:
        for path, dirs, files in os.walk(folder):
            dirs.sort()
            for name in sorted(files):
                if name.endswith(suffixes):
                    yield os.path.join(path, name)


def lines(path):
    with open(path, encoding="utf-8") as f:
        return f.read().splitlines()


def blanked(path):
    """Returns the text of a file with comments and strings blanked out, lines kept."""
    with open(path, encoding="utf-8") as f:
        text = f.read()

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(
        r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S
    )


def is_template(path):
    """Returns whether a header says that it is included several times, after macros that it uses."""
    return any("included once" in line.lower() for line in lines(path)[:10])


def rule_of(path):
    """Returns the key of MAY_INCLUDE that holds for a file, or None (tests may include anything)."""
    folder = os.path.dirname(path)
    while folder:
        if folder in MAY_INCLUDE:
            return folder
        folder = os.path.dirname(folder)
    return None


def is_servers(line):
    """Returns whether a line includes a header of the server: in quotes, and not ours."""
    match = INCLUDE.match(line)
    return bool(match) and match.group(1) == '"' and not os.path.exists(match.group(2))


def check_includes(args):
    """Include directions, order and guards."""
    for path in sources(".c", ".h", ".cc"):
        rule = rule_of(path)
        pure = path.startswith("core/simd/")
        names = [match.group(2) for match in map(INCLUDE.match, lines(path)) if match]
        # Pure computation in core/vector does without the server's headers; what uses one starts so.
        if rule is not None and path.endswith(".c") and names and names[0] != "postgres.h":
            if any(is_servers(line) for line in lines(path)):
                problem(path, "a .c file of server code includes postgres.h first")
        for number, line in enumerate(lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, name = match.groups()
            where = f"{path}:{number}"
            if path.endswith(".h") and name in ("postgres.h", "postgres_fe.h", "c.h"):
                problem(where, "a header never includes " + name)
            if rule is None:
                continue
            # Two modules never share a header, so a path is ours if its folder is in the tree.
            if os.path.exists(name):
                target = os.path.dirname(name)
                if target not in MAY_INCLUDE[rule]:
                    problem(where, f"{rule} may not include {name}")
            elif os.path.exists(os.path.join(os.path.dirname(path), name)):
                problem(where, f"include {name} by its path from the root")
            elif pure and not (kind == "<" and KERNEL_HEADERS.match(name)):
                problem(where, f"a kernel includes C library headers only, not {name}")
        if path.endswith(".h") and rule is not None and not is_template(path):
            stem = re.sub(r"\W", "_", path).upper()
            guard = next((x.split()[1] for x in lines(path) if x.startswith("#ifndef ")), "none")
            if guard != ("" if stem.startswith("VC") else "VC_") + stem:
                problem(path, f"include guard is {guard}, should come from the path")


def check_versions(args):
    """Server versions are told apart in core/compat.h only."""
    for path in sources(".c", ".h", ".cc"):
        # The stubs of the unit tests stand for the server, so they follow its signatures.
        if path in ("core/compat.h", "tests/unit/pg_stubs.c"):
            continue
        for number, line in enumerate(blanked(path).splitlines(), 1):
            if re.search(r"\bPG_(VERSION_NUM|MAJORVERSION\w*|VERSION)\b", line):
                problem(f"{path}:{number}", "version test outside core/compat.h")


def check_pages(args):
    """Pages are read, locked and logged in core/buf.c only."""
    for path in sources(".c", ".h"):
        if path in ("core/buf.c", "core/compat.h") or path.startswith("tests/"):
            continue
        for number, line in enumerate(blanked(path).splitlines(), 1):
            match = PAGE_ACCESS.search(line)
            if match:
                problem(f"{path}:{number}", f"{match.group(1)} belongs to core/buf.c")


def check_comments(args):
    """Head comments; nothing unfinished, nothing dead; file sizes."""
    for path in sources(".c", ".h", ".cc"):
        text = lines(path)
        if len(text) < 2 or text[0] != "/*" or text[1].strip() != "* " + path:
            problem(path, "does not open with a head comment that names it")
        for number, line in enumerate(text, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                problem(f"{path}:{number}", "unfinished work is an issue, not a comment")
            if re.match(r"\s*#\s*if\s+0\b", line):
                problem(f"{path}:{number}", "dead code")
        if len(text) > 1000:
            problem(path, f"{len(text)} lines: a file holds one idea, in 800 lines or fewer")


def check_headers(args):
    """Every header compiles alone: kernels' after nothing, the others after postgres.h."""
    work = tempfile.mkdtemp()
    try:
        for path in sources(".h"):
            if rule_of(path) is None or is_template(path):
                continue
            prelude = "" if path.startswith("core/simd/") else '#include "postgres.h"\n'
            unit = os.path.join(work, "unit.c")
            with open(unit, "w", encoding="utf-8") as f:
                f.write(f'{prelude}#include "{path}"\n#include "{path}"\n')
            done = subprocess.run(
                [*args.cc, "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
                + ["-I.", "-isystem", args.include, unit],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                problem(path, "does not compile alone\n" + done.stdout)
    finally:
        shutil.rmtree(work)


def check_format(args):
    """clang-format has nothing to change."""
    program = shutil.which("clang-format-14")
    if program is None:
        print("clang-format-14 is not there")
        sys.exit(SKIPPED)
    files = list(sources(".c", ".h", ".cc"))
    done = subprocess.run(
        [program, "--dry-run", "-Werror", *files],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    for line in done.stderr.splitlines():
        if "error:" in line:
            problem(*line.split(": error: ", 1))


def nm(path, *options):
    done = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        parts = line.split()
        if len(parts) >= 2 and len(parts[-2]) == 1:
            found[parts[-1].split("@")[0]] = parts[-2]
    return found


def library(name):
    """Returns the exported symbols of a shared library that the linker would find, or none."""
    for cc in ("cc", "gcc", "clang"):
        if shutil.which(cc):
            path = subprocess.run(
                [cc, "-print-file-name=" + name], stdout=subprocess.PIPE, text=True, check=True
            ).stdout.strip()
            if os.path.isabs(path):
                return set(nm(path, "-D", "--defined-only"))
    return set()


def check_symbols(args):
    """What modules export, what they take from mimalloc, and that no vector code is where it must not be."""
    mimalloc = library("libmimalloc.so") - library("libc.so.6")
    vector = set()
    for archive in args.vector_library:
        vector |= {s for s, t in nm(archive, "--defined-only").items()
                   if t in "TtDdBbRr" and not s.startswith("__func__")}
    for path in args.module + args.module_without_vector:
        name = os.path.basename(path)
        allowed = EXPORTED_BY_TESTS if name.startswith("vc_test_") else EXPORTED
        exported = nm(path, "-D", "--defined-only")
        if "Pg_magic_func" not in exported:
            problem(name, "exports no magic block")
        for symbol in sorted(exported):
            if not allowed.match(symbol):
                problem(name, f"exports {symbol}")
        for symbol in sorted(set(nm(path, "-D", "--undefined-only")) & mimalloc):
            if not symbol.startswith("mi_"):
                problem(name, f"takes {symbol} from mimalloc")
        if path in args.module_without_vector:
            for symbol in sorted(nm(path, "--defined-only")):
                if symbol in vector or re.match(r"vcv_|vcs_vector_", symbol):
                    problem(name, f"contains vector code: {symbol}")


def check_tests(args):
    """Every test is declared, every expected file belongs to a test, every source file is built."""
    for entry in args.set:
        folder, *declared = entry.split(",")
        declared = set(declared)
        for kind, suffix in (("sql", ".sql"), ("specs", ".spec"), ("t", ".pl")):
            path = os.path.join(folder, kind)
            for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
                if not name.endswith(suffix):
                    continue
                title = "t/" + name if kind == "t" else name[: -len(suffix)]
                if title not in declared:
                    problem(os.path.join(path, name), "is not declared in meson.build")
                if kind != "t" and not os.path.exists(f"{folder}/expected/{title}.out"):
                    problem(os.path.join(path, name), "has no expected file")
        path = os.path.join(folder, "expected")
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            # A second expected file of a test ends in _1, _2, ...
            title = re.sub(r"(_\d)?\.out$", "", name)
            full = re.sub(r"\.out$", "", name)
            if not {title, full} & declared:
                problem(os.path.join(path, name), "belongs to no declared test")
    for path in sources(".c", ".cc"):
        if rule_of(path) is None:
            continue
        folder, name = os.path.split(path)
        while not os.path.exists(os.path.join(folder, "meson.build")):
            folder = os.path.dirname(folder)
        with open(os.path.join(folder, "meson.build"), encoding="utf-8") as f:
            if os.path.relpath(path, folder) not in f.read():
                problem(path, "is in no meson.build")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check")
    parser.add_argument("--root", required=True)
    parser.add_argument("--include")
    parser.add_argument("--cc", nargs="+", default=["cc"])
    parser.add_argument("--module", nargs="*", default=[])
    parser.add_argument("--module-without-vector", nargs="*", default=[])
    parser.add_argument("--vector-library", nargs="*", default=[])
    parser.add_argument("--set", nargs="*", default=[])
    args = parser.parse_args()
    for option in ("module", "module_without_vector", "vector_library"):
        setattr(args, option, [os.path.abspath(p) for p in getattr(args, option)])
    os.chdir(args.root)
    globals()["check_" + args.check](args)
    for line in problems:
        print(line)
    return 1 if problems else 0


sys.exit(main())
