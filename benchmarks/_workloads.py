"""What the speed benchmarks train on, and with which settings."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

BATCH_SIZE = 64  # rows of each domain
LEARNING_RATE = 1e-3
ALPHA = 1e-4


@dataclass(frozen=True)
class Workload:
    """Two domains of equal length, and the width of the hidden layer."""

    X_src: np.ndarray | sparse.csr_matrix
    y_src: np.ndarray
    X_tgt: np.ndarray | sparse.csr_matrix
    n_hidden: int

    @property
    def n_steps(self):
        """Steps of an epoch, the last one with what is left."""
        return math.ceil(self.X_src.shape[0] / BATCH_SIZE)

    @property
    def layers(self):
        """Inputs and outputs of the linear layers: features, labels, domains."""
        return [(self.X_src.shape[1], self.n_hidden), (self.n_hidden, 2), (self.n_hidden, 1)]

    def dense(self):
        """The same with dense rows, for those who take no others."""
        X_src, X_tgt = (X.toarray() if sparse.issparse(X) else X for X in (self.X_src, self.X_tgt))
        return Workload(X_src, self.y_src, X_tgt, self.n_hidden)

    def head(self, n_rows):
        """The first rows of both domains."""
        return Workload(
            self.X_src[:n_rows], self.y_src[:n_rows], self.X_tgt[:n_rows], self.n_hidden
        )


def table(n_rows=2000, n_features=20):
    """Make a dense table; the target is moved in directions that say nothing of the label."""
    rng = np.random.default_rng(0)
    X_src, X_tgt = rng.normal(size=(2, n_rows, n_features)).astype(np.float32)
    X_tgt[:, 10:] += 0.3
    y_src = (X_src[:, :5].sum(axis=1) + 0.5 * rng.normal(size=n_rows) > 0).astype(np.int64)
    return Workload(X_src, y_src, X_tgt, n_hidden=64)


def amazon(source="dvd", target="electronics"):
    """Load reviews as tf-idf in CSR, 5000 columns."""
    from _reviews import load

    X_src, y_src, X_tgt, _, _ = load(source, target)
    return Workload(X_src, (y_src > 0).astype(np.int64), X_tgt, n_hidden=50)


def hashed(n_features=2**20, n_rows=20_000, n_nonzero=100, *, words=False):
    """Make rows as a hashing vectorizer does: `n_nonzero` of very many columns.

    Words occur as in language, each as often as its rank says (Zipf's law), so that rows have
    many in common; else all columns are as likely, and rows have as little in common as can be.
    """
    rng = np.random.default_rng(0)
    place_of_word = rng.permutation(2**20) % n_features
    # One column out of each of `n_nonzero` equal stretches: in order, and none twice.
    stretch = n_features // n_nonzero
    starts = np.arange(n_nonzero, dtype=np.int32) * stretch
    indptr = np.arange(0, n_rows * n_nonzero + 1, n_nonzero, dtype=np.int32)

    def rows():
        if words:
            ranks = np.exp(rng.random((n_rows, n_nonzero)) * np.log(len(place_of_word)))
            columns = np.sort(place_of_word[ranks.astype(int) - 1], axis=1).astype(np.int32)
        else:
            columns = rng.integers(stretch, size=(n_rows, n_nonzero), dtype=np.int32) + starts
        values = rng.random(columns.size, dtype=np.float32) / np.float32(np.sqrt(n_nonzero))
        return sparse.csr_matrix((values, columns.ravel(), indptr), (n_rows, n_features))

    X_src = rows()
    y_src = (X_src @ rng.normal(size=n_features) > 0).astype(np.int64)
    return Workload(X_src, y_src, rows(), n_hidden=50)


WORKLOADS = {
    "table": table,
    "amazon": amazon,
    "hashed": hashed,
    "hashed 5000": lambda: hashed(n_features=5000),
    "hashed words": lambda: hashed(words=True),
    "hashed words 5000": lambda: hashed(n_features=5000, words=True),
}
