"""Tasks whose target has other class shares than the source, made from balanced data.

Reviews: rows of a target of Amazon are left out until positives have a given share. Digits (to
develop on), wine, breast cancer and iris (to report) of scikit-learn: half of the rows are the
source; the other half is changed (rotated, blurred, noisy, dimmed, drifted) and resampled. Half of
a target's rows are for testing.
"""

from functools import lru_cache

import numpy as np
from _reviews import load
from _tasks import Domains
from scipy import ndimage
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sk_dann.datasets import fetch_amazon_reviews

POSITIVE_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
# Shares of the classes in the target, in proportion, by number of classes.
CLASS_SHARES = {
    "no shift": np.ones,
    "graded": lambda n: np.arange(1, n + 1),
    "missing": lambda n: np.arange(n) < (n + 1) // 2,
}
DIGITS_CHANGES = ("rotated", "blurred", "noisy", "dimmed")
DRIFTED = {"wine": load_wine, "breast cancer": load_breast_cancer, "iris": load_iris}


def resample(y, shares, rng):
    """Return sorted positions of as many rows as can have these class shares, each at most once."""
    shares = np.asarray(shares, dtype=float)
    shares = shares / shares.sum()
    counts = np.bincount(y, minlength=len(shares))
    occurs = shares > 0
    n_rows = np.min(counts[occurs] / shares[occurs])
    # Not all of the rarest class where rounding asks for one more.
    wanted = np.minimum(np.rint(n_rows * shares).astype(int), counts)
    rows = [rng.permutation(np.flatnonzero(y == k))[:n] for k, n in enumerate(wanted)]
    return np.sort(np.concatenate(rows))


@lru_cache(maxsize=1)  # tasks come pair by pair
def read_reviews(task):
    """Both domains as tf-idf, with the labels of the target's training rows, classes 0 and 1."""
    X_src, y_src, X_tgt, X_test, y_test = load(*task)
    y_tgt = fetch_amazon_reviews(*task).y_tgt
    y_src, y_tgt, y_test = ((y > 0).astype(int) for y in (y_src, y_tgt, y_test))
    return Domains(X_src, y_src, X_tgt, y_tgt, X_test, y_test)


def load_reviews(task, share, seed):
    """Return a task of Amazon whose target has this share of positives."""
    domains = read_reviews(task)
    rng = np.random.default_rng(seed)
    train, test = (resample(y, (1 - share, share), rng) for y in (domains.y_tgt, domains.y_test))
    return domains._replace(
        X_tgt=domains.X_tgt[train],
        y_tgt=domains.y_tgt[train],
        X_test=domains.X_test[test],
        y_test=domains.y_test[test],
    )


def _change(X, change, rng):
    """Change the target's columns; digits are images of 8 by 8, from 0 to 16."""
    images = X.reshape(len(X), 8, 8) if change in DIGITS_CHANGES else None
    match change:
        case "rotated":
            images = ndimage.rotate(images, 25, axes=(1, 2), reshape=False, order=1)
        case "blurred":
            images = ndimage.gaussian_filter(images, (0, 0.8, 0.8))
        case "noisy":
            images = images + 4 * rng.normal(size=images.shape)
        case "dimmed":
            images = 0.6 * images + 1.6
        case "drifted":
            scale = X.std(axis=0)
            return X * rng.uniform(0.8, 1.2, X.shape[1]) + scale * rng.uniform(-1, 1, X.shape[1])
    return images.reshape(len(X), -1)


def load_classes(data, change, shift, seed):
    """Return data of scikit-learn with a changed target of other class shares."""
    X, y = {"digits": load_digits, **DRIFTED}[data](return_X_y=True)
    rng = np.random.default_rng(seed)
    X_src, X_tgt, y_src, y_tgt = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    X_tgt = _change(X_tgt, change, rng)
    # Class 0 is not always the rarest.
    shares = rng.permutation(CLASS_SHARES[shift](y.max() + 1))
    rows = resample(y_tgt, shares, rng)
    return split_and_scale(X_src, y_src, X_tgt[rows], y_tgt[rows], seed)


def split_and_scale(X_src, y_src, X_tgt, y_tgt, seed):
    """Keep half of the target's rows for testing; scale by all others. Return float32."""
    X_tgt, X_test, y_tgt, y_test = train_test_split(
        X_tgt, y_tgt, test_size=0.5, stratify=y_tgt, random_state=seed
    )
    scaler = StandardScaler().fit(np.concatenate([X_src, X_tgt]))
    X_src, X_tgt, X_test = (scaler.transform(A).astype(np.float32) for A in (X_src, X_tgt, X_test))
    return Domains(X_src, y_src, X_tgt, y_tgt, X_test, y_test)
