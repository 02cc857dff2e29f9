#!/usr/bin/env python3
"""Runs a fuzz target for a bounded number of inputs.

  run.py TARGET SEEDS SHORT LONG

TARGET is a libFuzzer program, SEEDS a folder of inputs to start from, which stays as it is.  SHORT inputs
are tried, LONG with VC_TEST_LONG set.  VC_TEST_SEED repeats a run.  An input that fails is kept beside the
target; "TARGET file" tries it again.
"""
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile


def main():
    target, seeds, short, long = sys.argv[1:]
    runs = int(long if os.environ.get("VC_TEST_LONG") else short)
    # 0 would ask libFuzzer for a seed of its own
    seed = int(os.environ.get("VC_TEST_SEED", secrets.randbelow(1 << 31))) % (1 << 31) or 1
    with tempfile.TemporaryDirectory() as corpus:
        shutil.copytree(seeds, corpus, dirs_exist_ok=True)
        done = subprocess.run(
            [
                target,
                f"-runs={runs}",
                f"-seed={seed}",
                "-max_len=512",
                "-timeout=20",
                "-rss_limit_mb=2048",
                "-print_final_stats=1",
                f"-artifact_prefix={target}-",
                corpus,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    executed = int(units.group(1)) if units else 0
    if done.returncode != 0 or executed < runs:
        print(done.stdout)
    print(f"{os.path.basename(target)}: {executed} inputs of {runs}, seed {seed}")
    return done.returncode or executed < runs


if __name__ == "__main__":
    sys.exit(main())
