"""All layers of a stack, one after another, of chunks of rows."""

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.utils import check_random_state, gen_batches

from ._denoising import Sums, encode

_CHUNK_BYTES = 2**26


def read_chunks(parts, width):
    """Yield chunks of rows that take no more than 64 MiB as dense rows of `width` columns.

    Parameters
    ----------
    parts : list of ndarray or CSR matrix of shape (n, d)
    width : int
        Number of columns of the hidden layers that are made of them.

    Yields
    ------
    place : slice
        Which rows of their part.
    rows : ndarray or CSR matrix of shape (n_rows, d)
    """
    for X in parts:
        widest = width if sparse.issparse(X) else max(width, X.shape[1])
        n_rows = max(1, _CHUNK_BYTES // (widest * X.dtype.itemsize))
        for place in gen_batches(X.shape[0], n_rows):
            yield place, X[place]


def most_frequent(parts, n_wanted):
    """Find the columns that are not zero in the most rows.

    Parameters
    ----------
    parts : list of ndarray or CSR matrix of shape (n, d)
    n_wanted : int or None
        None, or more than there are, for all.

    Returns
    -------
    ndarray of int
        In ascending order.
    """
    n_features = parts[0].shape[1]
    if n_wanted is None or n_wanted >= n_features:
        return np.arange(n_features)
    counts = sum(_count_nonzero(rows) for _, rows in read_chunks(parts, n_wanted))
    return np.sort(np.argsort(-counts, kind="stable")[:n_wanted])


def _count_nonzero(X):
    if not sparse.issparse(X):
        return np.count_nonzero(X, axis=0)
    X = X.copy()  # a chunk of all rows may be the caller's own
    X.sum_duplicates()
    return np.bincount(X.indices[X.data != 0], minlength=X.shape[1])


def learn_layers(parts, features, n_layers, noise, alpha, random_state):
    """Learn a stack of denoising layers.

    Parameters
    ----------
    parts : list of ndarray or CSR matrix of shape (n, d)
    features : ndarray of int of shape (r,)
        The columns to reconstruct. If these are not all, the first layer is an average over subsets
        of the columns.
    n_layers : int
    noise, alpha : float
        As in :meth:`Sums.learn`.
    random_state : int, RandomState instance or None
        Of the subsets.

    Returns
    -------
    list of (ndarray of shape (n_in, r), ndarray of shape (r,))
        Coefficients and intercepts of each layer.
    """
    layers, kept, width = [], {}, len(features)
    if width < parts[0].shape[1]:
        layers.append(_learn_from_subsets(parts, features, noise, alpha, random_state))
    # The hidden layer below the one that is learned, of the first chunks; others are made again.
    n_kept = get_config()["working_memory"] * 2**20 // _CHUNK_BYTES
    while len(layers) < n_layers:
        sums = Sums(width, parts[0].dtype)
        for number, (_, rows) in enumerate(read_chunks(parts, width)):
            depth, hidden = kept.get(number, (0, rows))
            for layer in layers[depth:]:
                hidden = encode(hidden, *layer)
            if layers and number < n_kept:
                kept[number] = len(layers), hidden
            sums.add(hidden)
        layers.append(sums.learn(noise, alpha))
    return layers


def _learn_from_subsets(parts, features, noise, alpha, random_state):
    """Reconstruct `features` from each of several disjoint subsets of all columns; average."""
    n_features, width = parts[0].shape[1], len(features)
    order = check_random_state(random_state).permutation(n_features)
    subsets = np.array_split(order, -(-n_features // width))
    coef = np.empty((n_features, width), dtype=parts[0].dtype)
    intercepts = []
    for subset in subsets:
        sums = Sums(len(subset), coef.dtype, width)
        for _, rows in read_chunks(parts, width):
            sums.add(rows[:, subset], rows[:, features])
        part, intercept = sums.learn(noise, alpha)
        coef[subset] = part / len(subsets)
        intercepts.append(intercept)
    return coef, np.mean(intercepts, axis=0)
