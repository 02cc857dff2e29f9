"""What the machine can do, measured in the same run as what is compared with it."""

import json
import mmap
import os
import subprocess
import time

import numpy as np

from benchlib import stats
from benchlib.cluster import MB


def checkkern(build, level=None, family=None, pin=True):
    """Rows of checkkern --bench --json: limits first, then kernels."""
    command = [build.program("checkkern"), "--bench", "--json"]
    if level:
        command += ["--level", level]
    if family:
        command += ["--family", family]
    free = sorted(os.sched_getaffinity(0))
    out = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, {free[-1]})) if pin else None,
    )
    return json.loads(out.stdout)


def best_level(rows):
    return [r["level"] for r in rows if r["family"] == "limits"][-1]


def machine(rows):
    """The limits of the best level: l1, l2, l3, dram in bytes/ns, gflops."""
    return [r for r in rows if r["family"] == "limits"][-1]


def kernel(rows, case, level=None):
    """The row of a case at a level, None if there is none."""
    level = level or best_level(rows)
    return next((r for r in rows if r.get("case") == case and r["level"] == level), None)


def disk_write(folder, size, repeat=2):
    """Bytes a second of a plain writer with fsync at the end, best of the repetitions."""
    block = os.urandom(MB)
    path = os.path.join(folder, "bench-write")
    best = 0
    for _ in range(repeat):
        start = time.monotonic()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for _ in range(size // MB):
                os.write(fd, block)
            os.fsync(fd)
        finally:
            os.close(fd)
            os.unlink(path)
        best = max(best, size // MB * MB / (time.monotonic() - start))
    return best


def random_rows(d=768, total=1 << 30, n=20480):
    """Nanoseconds to read one row of d floats at a random place of `total` bytes."""
    data = np.frombuffer(mmap.mmap(-1, total), np.float32)[: total // (4 * d) * d].reshape(-1, d)
    data[:, :: 4096 // 4 // 2] = 1
    out = np.empty((64, d), np.float32)
    rng = np.random.default_rng(5)
    times = []
    for _ in range(5):
        rows = rng.integers(0, len(data), n).reshape(-1, 64)
        start = time.perf_counter()
        for r in rows:
            np.take(data, r, axis=0, out=out, mode="clip")
        times.append((time.perf_counter() - start) / rows.size * 1e9)
    return stats.median(times)


def evict(paths):
    """Drops the pages of files from the system's cache."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def cold_read(paths, window, n=2000):
    """Microseconds a page of random 8 kB reads with `window` pages announced ahead."""
    evict(paths)
    files = [(os.open(p, os.O_RDONLY), os.path.getsize(p) // 8192) for p in paths]
    total = sum(blocks for _, blocks in files)
    rng = np.random.default_rng(9)
    chosen = rng.choice(total, min(n, total // 2), replace=False)
    places = []
    for c in chosen:
        for fd, blocks in files:
            if c < blocks:
                places.append((fd, int(c) * 8192))
                break
            c -= blocks
    for fd, _ in files:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    start = time.perf_counter()
    for i, (fd, offset) in enumerate(places):
        if window:
            ahead = places[i + window : i + window + 1] if i else places[1 : window + 1]
            for f, o in ahead:
                os.posix_fadvise(f, o, 8192, os.POSIX_FADV_WILLNEED)
        os.pread(fd, 8192, offset)
    elapsed = time.perf_counter() - start
    for fd, _ in files:
        os.close(fd)
    return elapsed / len(places) * 1e6
