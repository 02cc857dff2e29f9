"""Vector sets: reading the real ones, making a large one, loading, exact distances and recall."""

import gzip
import os
import struct

import numpy as np

from benchlib import cluster

OPERATOR = {"l2": "<->", "ip": "<#>", "cos": "<=>"}
OPCLASS = {"l2": "vector_l2_ops", "ip": "vector_ip_ops", "cos": "vector_cosine_ops"}
# the metric that each set is meant for
SETS = {
    "siftsmall": "l2",
    "mnist784": "l2",
    "bible_bge1024": "cos",
    "sp500_openai1536": "cos",
    "arxiv_lsa256": "cos",
    "letter16": "l2",
    "wiki_lda8": "l2",
}


def folder():
    """The folder with real data sets, or None."""
    for path in [os.environ.get("VCHORD_DATA"), os.path.join(cluster.ROOT, "../shared/data")]:
        if path and os.path.isdir(os.path.join(path, "vec")):
            return os.path.realpath(path)
    return None


def available():
    base = folder()
    return [s for s in SETS if base and os.path.isdir(os.path.join(base, "vec", s))]


def read_vecs(path):
    """Reads a .fvecs, .ivecs or .bvecs file, compressed or not."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        raw = f.read()
    (d,) = struct.unpack_from("<i", raw)
    name = os.path.basename(path)
    if ".bvecs" in name:
        return np.frombuffer(raw, np.uint8).reshape(-1, 4 + d)[:, 4:].astype(np.float32)
    kind = "<i4" if ".ivecs" in name else "<f4"
    return np.ascontiguousarray(np.frombuffer(raw, kind).reshape(-1, 1 + d)[:, 1:])


class Set:
    """base, queries and, by metric, the distance of the k-th exact neighbour."""

    def __init__(self, name, base, queries, gt=None):
        self.name, self.base, self.queries, self.gt = name, base, queries, gt or {}

    @classmethod
    def real(cls, name, metrics):
        path = os.path.join(folder(), "vec", name)
        files = sorted(os.listdir(path))

        def vectors(part):
            return read_vecs(
                os.path.join(path, next(f for f in files if f.split(".")[0].endswith(part)))
            )

        gt = {m: read_vecs(os.path.join(path, f"gt_{m}_dist.fvecs.gz")) for m in metrics}
        return cls(name, vectors("base"), vectors("query"), gt)

    def dim(self):
        return self.base.shape[1]

    def raw_bytes(self):
        return self.base.shape[0] * self.base.shape[1] * 4

    def table(self):
        return "bench_" + self.name

    def load(self, conn):
        """Makes the tables bench_NAME (id, v), without an index, and bench_NAME_q (id, v)."""
        table, d = self.table(), self.dim()
        conn.query(f"DROP TABLE IF EXISTS {table}, {table}_q")
        conn.query(f"CREATE TABLE {table} (id int, v vector({d}))")
        create_queries(conn, f"{table}_q", d)
        conn.copy(f"COPY {table} FROM STDIN (FORMAT binary)", binary([self.base]))
        conn.copy(f"COPY {table}_q FROM STDIN (FORMAT binary)", binary([self.queries]))
        conn.query(f"VACUUM (ANALYZE, FREEZE) {table}")
        conn.query(f"VACUUM (ANALYZE, FREEZE) {table}_q")

    def distances(self, metric, query, rows):
        """Exact distances, smaller = nearer, in double."""
        q = self.queries[query].astype(np.float64)
        b = self.base[rows].astype(np.float64)
        if metric == "l2":
            return np.sqrt(((b - q) ** 2).sum(1))
        dots = b @ q
        if metric == "ip":
            return -dots
        return 1 - dots / (np.sqrt((b * b).sum(1)) * np.sqrt(q @ q) + 1e-300)

    def kth(self, metric, query, k, rows=None):
        """Distance of the k-th exact neighbour; among the given rows, if any are."""
        if rows is None and metric in self.gt:
            value = float(self.gt[metric][query][min(k, len(self.base)) - 1])
            return -value if metric == "ip" else value
        rows = np.arange(len(self.base)) if rows is None else rows
        return float(np.partition(self.distances(metric, query, rows), k - 1)[k - 1])

    def hits(self, metric, query, ids, kth):
        """How many of ids are as near as the k-th exact neighbour (so ties count as found)."""
        if not ids:
            return 0
        d = self.distances(metric, query, np.array(sorted(set(ids))))
        return int((d <= kth + 2e-6 * abs(kth) + 1e-6 * (metric != "l2") + 1e-9).sum())


def create_queries(conn, table, d):
    """Makes a table of query vectors.  They lie inside the pages where they fit: an exact scan would
    fetch a query vector from TOAST again for every row, which would flatter the indexes."""
    conn.query(f"CREATE TABLE {table} (id int PRIMARY KEY, v vector({d}))")
    if 4 * d + 8 <= 8000:
        conn.query(f"ALTER TABLE {table} ALTER v SET STORAGE plain")


def binary(blocks, first=0):
    """Yields a binary COPY of (id int4, v vector) over blocks of rows."""
    yield b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    for block in blocks:
        d = block.shape[1]
        record = np.dtype(
            [("fields", ">i2"), ("idlen", ">i4"), ("id", ">i4"), ("vlen", ">i4"), ("dim", ">i2"),
             ("unused", ">i2"), ("v", ">f4", (d,))]
        )
        for start in range(0, len(block), 4096):
            part = block[start : start + 4096]
            rows = np.zeros(len(part), record)
            rows["fields"], rows["idlen"], rows["vlen"], rows["dim"] = 2, 4, 4 + 4 * d, d
            rows["id"] = np.arange(first, first + len(part))
            rows["v"] = part
            first += len(part)
            yield rows.tobytes()
    yield struct.pack(">h", -1)


class Mixture:
    """A generator of vectors shaped like text embeddings, by blocks, from a seed.

    A few hundred topics of unequal size; each has a centre and spreads along directions of its own
    family with a decaying spectrum (variance of the i-th of 24 falls as 1/i), plus a little noise in
    all dimensions; every row has unit length.  Rows come shuffled.
    """

    LATENT = 24

    def __init__(self, d, seed=1, topics=400, families=8):
        rng = np.random.default_rng(seed)
        self.d, self.seed = d, seed
        spectrum = 1 / np.sqrt(np.arange(1, self.LATENT + 1))
        self.bases = [
            (rng.standard_normal((self.LATENT, d)) * spectrum[:, None] / np.sqrt(d)).astype("f4")
            for _ in range(families)
        ]
        self.family = rng.integers(0, families, topics)
        wide = rng.standard_normal((self.LATENT, d)) / np.sqrt(d)
        self.centres = (rng.standard_normal((topics, self.LATENT)) @ wide).astype("f4")
        self.centres *= 1.5 / np.sqrt((self.centres**2).sum(1).mean())
        weight = rng.lognormal(0, 1, topics)
        self.share = weight / weight.sum()

    def rows(self, n, stream):
        """n rows; the same stream gives the same rows."""
        rng = np.random.default_rng([self.seed, stream])
        topic = rng.choice(len(self.share), n, p=self.share)
        out = rng.standard_normal((n, self.d), dtype=np.float32)
        out *= np.float32(0.6 / np.sqrt(self.d))
        out += self.centres[topic]
        latent = rng.standard_normal((n, self.LATENT), dtype=np.float32)
        for family, basis in enumerate(self.bases):
            chosen = np.nonzero(self.family[topic] == family)[0]
            out[chosen] += latent[chosen] @ basis
        out /= np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
        return out

    def blocks(self, n, size=20000):
        for i in range(0, n, size):
            yield self.rows(min(size, n - i), 1 + i // size)

    def load(self, conn, table, n, queries=1000):
        conn.query(f"DROP TABLE IF EXISTS {table}, {table}_q")
        conn.query(f"CREATE TABLE {table} (id int, v vector({self.d}))")
        create_queries(conn, f"{table}_q", self.d)
        conn.copy(f"COPY {table} FROM STDIN (FORMAT binary)", binary(self.blocks(n)))
        conn.copy(f"COPY {table}_q FROM STDIN (FORMAT binary)", binary([self.rows(queries, 0)]))
        conn.query(f"VACUUM (ANALYZE, FREEZE) {table}")
        conn.query(f"VACUUM (ANALYZE, FREEZE) {table}_q")
