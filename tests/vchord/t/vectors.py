"""Writes vectors as a file for COPY (id int, v vector|halfvec) in binary format.

  vectors.py SOURCE OUT --type vector|halfvec [--first N] [--rows N] [--order O] [--seed S] ...

SOURCE is a .fvecs.gz or .bvecs.gz file, or generate:DIM for a mixture of Gaussian clusters.  Ids are the
rows' numbers in the source, from 0, plus --base; --first and --rows cut after ordering:

  natural    as stored
  shuffled   a random permutation
  clustered  rows of one neighbourhood follow each other
  drifted    sorted along a random direction, so that what comes later lies elsewhere
"""

import argparse
import gzip

import numpy as np


def read(path):
    with gzip.open(path) as f:
        data = f.read()
    dim = int(np.frombuffer(data, "<i4", 1)[0])
    item = np.dtype("<f4") if ".fvecs" in path else np.dtype("u1")
    rows = np.frombuffer(data, np.dtype([("dim", "<i4"), ("v", item, dim)]))
    return rows["v"].astype(np.float32)


def generate(dim, rows, rng, clusters):
    centres = rng.standard_normal((clusters, dim)).astype(np.float32)
    which = rng.integers(0, clusters, rows)
    return centres[which] + 0.5 * rng.standard_normal((rows, dim), dtype=np.float32)


def order(vectors, how, rng):
    n = len(vectors)
    if how == "shuffled":
        return rng.permutation(n)
    if how == "clustered":
        seeds = vectors[rng.choice(n, min(n, 32), replace=False)]
        near = np.argmin((seeds**2).sum(1)[None, :] - 2 * vectors @ seeds.T, axis=1)
        return np.argsort(near, kind="stable")
    if how == "drifted":
        ends = vectors[rng.choice(n, 2, replace=False)]
        return np.argsort(vectors @ (ends[1] - ends[0]), kind="stable")
    return np.arange(n)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--type", choices=["vector", "halfvec"], required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--base", type=int, default=0)
    parser.add_argument("--clusters", type=int, default=64)
    parser.add_argument("--order", default="natural")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    if args.source.startswith("generate:"):
        dim = int(args.source.split(":")[1])
        vectors = generate(dim, args.first + args.rows, rng, args.clusters)
    else:
        vectors = read(args.source)
    ids = order(vectors, args.order, rng)
    ids = ids[args.first : None if args.rows is None else args.first + args.rows]
    dim = vectors.shape[1]
    item = np.dtype(">f4") if args.type == "vector" else np.dtype(">f2")
    row = np.dtype(
        [
            ("fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i4"),
            ("bytes", ">i4"),
            ("dim", ">i2"),
            ("unused", ">i2"),
            ("v", item, dim),
        ]
    )
    with open(args.out, "wb") as f:
        f.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8)
        for start in range(0, len(ids), 10000):
            part = ids[start : start + 10000]
            table = np.zeros(len(part), row)
            table["fields"] = 2
            table["id_bytes"] = 4
            table["id"] = part + args.base
            table["bytes"] = 4 + dim * item.itemsize
            table["dim"] = dim
            table["v"] = vectors[part]
            f.write(table.tobytes())
        f.write(b"\xff\xff")


main()
