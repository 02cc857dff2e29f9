"""Makes the temporary installation that server tests run in.

The server finds its files relative to its own binary, so the programs are copied as real files, the
shared folders are filled with links, and our build is installed over that.  Needs no privilege and
leaves the system's installation alone.
"""

import argparse
import os
import shutil
import subprocess
import sys

import stepdown

OURS = ("vchord", "vc_test_")


def rooted(root, path):
    return os.path.join(root, path.lstrip("/"))


def link_tree(source, target):
    """Fills target with links to the files of source, ours left out."""
    for folder, dirs, files in os.walk(source):
        if "pgxs" in dirs:
            dirs.remove("pgxs")
        if "bitcode" in dirs:
            dirs.remove("bitcode")
        to = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(to, exist_ok=True)
        for name in files:
            if not name.startswith(OURS):
                os.symlink(os.path.join(folder, name), os.path.join(to, name))


def main():
    parser = argparse.ArgumentParser()
    for name in ("meson", "build", "bindir", "pkglibdir", "sharedir"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--lib", nargs="*", default=[])
    parser.add_argument("--extension", nargs="*", default=[])
    args = parser.parse_args()

    extensions = os.path.join(args.sharedir, "extension")
    if not os.path.exists(os.path.join(extensions, "vector.control")):
        sys.exit("pgvector is not installed for this server: run tools/setup")

    root = os.path.join(stepdown.base_dir(args.build), "tmp_install")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    # Our folders lie inside the server's, which on some systems nest (bin and lib in one folder).
    os.makedirs(rooted(root, args.bindir), exist_ok=True)
    for name in os.listdir(args.bindir):
        path = os.path.join(args.bindir, name)
        if os.path.isfile(path):
            shutil.copy(path, os.path.join(rooted(root, args.bindir), name))
    link_tree(args.sharedir, rooted(root, args.sharedir))
    link_tree(args.pkglibdir, rooted(root, args.pkglibdir))

    meson = [sys.executable, args.meson] if args.meson.endswith(".py") else [args.meson]
    log = subprocess.run(
        meson + ["install", "-C", args.build, "--no-rebuild", "--destdir", root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if log.returncode != 0:
        sys.exit(log.stdout)
    for path in args.lib:
        shutil.copy(path, rooted(root, args.pkglibdir))
    for path in args.extension:
        shutil.copy(path, rooted(root, extensions))
    with open(os.path.join(root, "stamp"), "w", encoding="utf-8") as f:
        f.write(args.build + "\n")


main()
