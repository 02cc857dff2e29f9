"""BM25 computed independently of the index, over real text sets; and the files that tests load.

  reference.py FOLDER OUT [--queries N]

FOLDER is a set of ../shared/data/text.  Written into the folder OUT, in COPY's text format:

  docs       row number, text: the normalised one
  queries    query number, text: likewise
  top        norms (quantised or exact), query number, rank, row number, score: the 20 best
  qrels      query number, row number, grade

Formula and code of lengths are written down here once more, from the literature and not from the
extension's sources: idf = ln((N + 1) / (df + 0.5)), the factor k1 + 1 is kept, a term counts as often as
the query has it, and lengths are rounded down to one of 256 values, exact up to 40 and with three bits
of mantissa after that; the average length is that of exact lengths.
"""

import argparse
import collections
import gzip
import json
import os
import re

import numpy as np

# sets whose queries are titles: the text alone is searched
KNOWN_ITEM = {"arxiv35k", "pgcommits57k"}


def tokens(name, text):
    """The tokens that the sets' own reference files count."""
    return re.findall(r"[^\W]+" if name == "arcd" else "[a-z0-9]+", text.lower())


def parsed(words):
    """The same as PostgreSQL's default parser takes them: 1e12leon is a number and a word."""
    return [part for word in words for part in re.sub(r"^(\d+e\d+)(?=[^\W\d])", r"\1 ", word).split()]


def read(folder):
    """A set: its name, ids and texts of documents and of queries, and {query: {document: grade}}."""
    name = os.path.basename(os.path.normpath(folder))
    ids, texts = [], []
    with gzip.open(os.path.join(folder, "corpus.jsonl.gz"), "rt", encoding="utf-8") as f:
        for line in f:
            doc = json.loads(line)
            ids.append(doc["id"])
            title = "" if name in KNOWN_ITEM else doc.get("title") or ""
            texts.append(f"{title} {doc['text']}")
    with open(os.path.join(folder, "queries.tsv"), encoding="utf-8") as f:
        queries = [line.rstrip("\n").split("\t")[:2] for line in f]
    qrels = collections.defaultdict(dict)
    with open(os.path.join(folder, "qrels.tsv"), encoding="utf-8") as f:
        for line in f:
            query, doc, grade = line.rstrip("\n").split("\t")[:3]
            qrels[query][doc] = int(grade)
    return name, ids, texts, queries, qrels


def read_top(folder):
    """The exact-length reference that comes with a set: {query: [(score, document)]}."""
    top = collections.defaultdict(list)
    with gzip.open(os.path.join(folder, "bm25_ref_top20.tsv.gz"), "rt", encoding="utf-8") as f:
        for line in f:
            query, _, doc, score = line.rstrip("\n").split("\t")
            top[query].append((float(score), doc))
    return top


def quantised(lengths):
    """Lengths rounded down to what one byte tells."""
    table = list(range(24))
    for i in range(232):
        step = i // 8 - 1
        table.append(24 + (i % 8 if step < 0 else (8 + i % 8) << step))
    table = np.array(table, np.int64)
    return table[np.searchsorted(table, lengths, side="right") - 1]


class Bm25:
    """An inverted index in memory."""

    def __init__(self, docs, norms="quantised", k1=1.2, b=0.75):
        """docs: lists of tokens."""
        self.k1 = k1
        self.n = len(docs)
        words, rows, number = [], [], {}
        lengths = np.zeros(self.n, np.int64)
        for row, doc in enumerate(docs):
            lengths[row] = len(doc)
            words.extend(number.setdefault(word, len(number)) for word in doc)
            rows.append(np.full(len(doc), row, np.int64))
        rows = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        pairs, counts = np.unique(np.array(words, np.int64) * self.n + rows, return_counts=True)
        self.number = number
        self.rows, self.tf = pairs % self.n, counts.astype(np.float64)
        self.start = np.searchsorted(pairs // self.n, np.arange(len(number) + 1))
        self.length = int(lengths.sum())
        self.postings = len(pairs)
        used = quantised(lengths) if norms == "quantised" else lengths
        self.k = k1 * (1 - b + b * (used / (self.length / self.n)))

    def scores(self, query):
        """(row numbers, scores) of the documents that share a token with the query."""
        total = np.zeros(self.n)
        found = []
        for word, count in sorted(
            collections.Counter(query).items(), key=lambda item: item[0].encode()
        ):
            if word not in self.number:
                continue
            part = slice(*self.start[self.number[word] :][:2])
            rows, tf = self.rows[part], self.tf[part]
            weight = count * np.log((self.n + 1) / (len(rows) + 0.5)) * (self.k1 + 1)
            total[rows] += weight * (tf / (tf + self.k[rows]))
            found.append(rows)
        rows = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return rows, total[rows]

    def top(self, query, k=20):
        """[(score, row number)], best first, ties by row number."""
        rows, scores = self.scores(query)
        if len(rows) > 4 * k:
            best = scores >= -np.partition(-scores, k - 1)[k - 1]
            rows, scores = rows[best], scores[best]
        order = np.lexsort((rows, -scores))[:k]
        return [(float(scores[i]), int(rows[i])) for i in order]


def ndcg(found, grades, k=10):
    """nDCG@k of documents in the order found; None if nothing is relevant."""
    ideal = sorted((g for g in grades.values() if g > 0), reverse=True)[:k]
    if not ideal:
        return None
    gain = sum(grades.get(doc, 0) / np.log2(i + 2) for i, doc in enumerate(found[:k]))
    return float(gain / sum(g / np.log2(i + 2) for i, g in enumerate(ideal)))


def mean_ndcg(found, qrels, k=10):
    """found: {query: [document]}.  The mean over the queries that have a relevant document."""
    values = [ndcg(found.get(query, []), grades, k) for query, grades in qrels.items()]
    values = [v for v in values if v is not None]
    return sum(values) / len(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--queries", type=int)
    args = parser.parse_args()

    name, ids, texts, queries, qrels = read(args.folder)
    docs = [parsed(tokens(name, text)) for text in texts]
    queries = queries[: args.queries]
    asked = [parsed(tokens(name, text)) for _, text in queries]
    row = {doc: i for i, doc in enumerate(ids)}

    def write(file, lines):
        with open(os.path.join(args.out, file), "w", encoding="utf-8") as f:
            f.writelines("\t".join(str(v) for v in line) + "\n" for line in lines)

    write("docs", ((i, " ".join(doc)) for i, doc in enumerate(docs)))
    write("queries", ((i, " ".join(query)) for i, query in enumerate(asked)))
    write(
        "top",
        (
            (norms, q, rank, doc, repr(score))
            for norms in ("quantised", "exact")
            for index in [Bm25(docs, norms)]
            for q, query in enumerate(asked)
            for rank, (score, doc) in enumerate(index.top(query), 1)
        ),
    )
    write(
        "qrels",
        (
            (q, row[doc], grade)
            for q, (query, _) in enumerate(queries)
            for doc, grade in qrels.get(query, {}).items()
            if doc in row
        ),
    )


if __name__ == "__main__":
    main()
