"""Data that all tests of storage share."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def draw():
    """Draw source rows, labels and target rows; the fourth column is constant in the source."""

    def draw(n_classes=3, dtype=np.float64, labels=None):
        rng = np.random.default_rng(0)
        y = np.arange(60) % n_classes
        X, X_tgt = (np.abs(rng.normal(size=(n, 5))).astype(dtype) for n in (60, 40))
        X[:, 0] += y.astype(dtype)
        X[:, 3] = 1
        return X, y if labels is None else np.array(labels)[y], X_tgt

    return draw


@pytest.fixture(scope="session")
def data(draw):
    """Three classes with names."""
    return draw(labels=["bad", "fair", "good"])
