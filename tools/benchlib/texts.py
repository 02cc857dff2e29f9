"""Texts that every machine has, and vectors of words and texts made from them.

The vectors are made by random indexing, twice reflected (Cohen, Schvaneveldt and Widdows 2010): each
word begins with a random vector; a text is the sum of its words' vectors by tf-idf; a word becomes the
sum of the texts it occurs in; and so on.  Words that occur in like texts come to have like vectors.
"""

import re
import subprocess

import numpy as np

TOKEN = re.compile(r"[a-z][a-z0-9+]+")
# Words that say nothing about what a text is about, however rare they are in short texts.
STOP = frozenset(
    "about all an and any are as at based be been both but by can do does each either else for from "
    "get given has have how if in into is it its just like make makes many may more most much new no "
    "not of off on one only or other our out over own same set should so some such than that the "
    "their them then these they this those to two under up use used useful user uses using very via "
    "was well what when where which while who will with without world you your".split()
)


def packages():
    """(name, section, text, tags) of the packages in apt's index; empty without apt."""
    try:
        out = subprocess.run(
            ["apt-cache", "dumpavail"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.CalledProcessError):
        return []
    found = {}
    for entry in out.split("\n\n"):
        field = {}
        name = None
        for line in entry.split("\n"):
            if line[:1] == " " and name:
                field[name] += " " + line.strip(" .")
            elif ": " in line:
                name, value = line.split(": ", 1)
                field[name] = value
            else:
                name = None
        text = field.get("Description-en") or field.get("Description")
        if text and "Package" in field:
            found[field["Package"]] = (
                field.get("Section", "").split("/")[-1], text, field.get("Tag", "")
            )
    return [(name, *rest) for name, rest in found.items()]


def words(*parts):
    return [w for w in TOKEN.findall(" ".join(parts).lower()) if w not in STOP]


class Vectors:
    """docs: unit vectors of the texts; terms: word -> vector with its weight, to sum up and scale."""

    def __init__(self, texts, d=256, seed=7):
        vocabulary = {}
        rows, columns = [], []
        for i, tokens in enumerate(texts):
            for word in set(tokens):
                columns.append(vocabulary.setdefault(word, len(vocabulary)))
                rows.append(i)
        rows, columns = np.array(rows), np.array(columns)
        n = len(texts)
        df = np.bincount(columns, minlength=len(vocabulary))
        # words of one text tell nothing about others, words of many tell little
        keep = (df >= 2) & (df <= n // 8)
        number = np.cumsum(keep) - 1
        chosen = keep[columns]
        rows, columns = rows[chosen], number[columns[chosen]]
        df = df[keep]
        idf = np.log(n / df).astype(np.float32)
        self.words = [w for w, i in vocabulary.items() if keep[i]]

        by_text = _Sparse(rows, columns, idf[columns], n)
        by_word = _Sparse(columns, rows, idf[columns], len(df))
        rng = np.random.default_rng(seed)
        term = _unit(rng.choice(np.float32([-1, 0, 0, 1]), (len(df), d)))
        for _ in range(2):
            doc = _unit(by_text.times(term))
            # the direction common to all words says nothing about any of them
            term = by_word.times(doc)
            term = _unit(_unit(term) - _unit(term).mean(0))
        self.terms = term * idf[:, None]
        self.docs = by_text.times(term)
        empty = ~self.docs.any(1)
        self.docs[empty] = rng.standard_normal((int(empty.sum()), d))
        self.docs = _unit(self.docs)


class _Sparse:
    """A matrix by rows; times() multiplies it by a dense one."""

    def __init__(self, rows, columns, values, n):
        order = np.argsort(rows, kind="stable")
        self.columns, self.values = columns[order], values[order]
        self.start = np.searchsorted(rows[order], np.arange(n + 1))
        self.n = n

    def times(self, dense, block=20000):
        out = np.zeros((self.n, dense.shape[1]), np.float32)
        for i in range(0, self.n, block):
            start = self.start[i : i + block + 1]
            part = slice(start[0], start[-1])
            if start[0] == start[-1]:
                continue
            terms = dense[self.columns[part]] * self.values[part, None]
            full = np.nonzero(np.diff(start))[0]
            out[i + full] = np.add.reduceat(terms, start[full] - start[0], axis=0)
        return out


def _unit(a):
    return a / np.maximum(np.sqrt(np.einsum("ij,ij->i", a, a)), 1e-12)[:, None]
