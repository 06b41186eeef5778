"""The two kinds of features of the paper's Table 1, for both directions of a pair of domains."""

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from sk_dann.datasets import fetch_amazon_reviews
from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder

FEATURES = ("counts", "mSDA")


class Side(NamedTuple):
    """Rows of one domain."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any


def by_pair(tasks):
    """Return the tasks in lists of those between the same two domains, in either direction."""
    pairs = {}
    for task in tasks:
        pairs.setdefault(frozenset(task), []).append(task)
    return list(pairs.values())


def counts_of(pair):
    """Return domain → Side, with the counts of 5000 words and pairs of words."""
    sides = {}
    for source, target in (pair, pair[::-1]):
        data = fetch_amazon_reviews(source, target)
        X, X_test = (each.astype(np.float32) for each in (data.X_tgt, data.X_test))
        sides[target] = Side(X, data.y_tgt, X_test, data.y_test)
    return sides


def msda_of(pair):
    """Return domain → Side, with mSDA's 30 000 features in the basis of `rotate`.

    mSDA is fitted on the counts of the training rows of both domains.
    """
    sides = counts_of(pair)
    msda = MarginalizedStackedDenoisingAutoencoder(n_layers=5, noise=0.5)
    msda.fit(sparse.vstack([sides[name].X for name in pair]))
    parts = [msda.transform(X) for name in pair for X in (sides[name].X, sides[name].X_test)]
    X, X_test, Z, Z_test = rotate(parts[::2], parts[1::2])
    first, second = pair
    return {
        first: sides[first]._replace(X=X, X_test=X_test),
        second: sides[second]._replace(X=Z, X_test=Z_test),
    }


def rotate(rows, others):
    """Return coordinates of rows in an orthonormal basis of what the training rows span.

    They have the same scalar products with the training rows, which are all that a linear SVM, and
    a network whose first layer starts without direction, get to see: 4000 columns instead of
    30 000.

    Parameters
    ----------
    rows : pair of ndarray of shape (n_a, d) and (n_b, d)
        The training rows.
    others : pair of ndarray of shape (n, d)

    Returns
    -------
    list of four ndarray of shape (n, n_a + n_b)
        The first training rows, the first others, the second training rows, the second others.
    """
    X = np.concatenate(rows)
    gram = (X @ X.T).astype(np.float64)
    # Rows that occur twice span nothing new: a little of a direction of its own for each.
    gram[np.diag_indices_from(gram)] += 1e-5 * gram.diagonal().mean()
    root = linalg.cholesky(gram, lower=True)
    trained = np.split(root.astype(X.dtype), [len(rows[0])])
    tested = [
        linalg.solve_triangular(root, (other @ X.T).T.astype(np.float64), lower=True).T.astype(
            X.dtype
        )
        for other in others
    ]
    return [trained[0], tested[0], trained[1], tested[1]]


MAKERS = {"counts": counts_of, "mSDA": msda_of}
