"""Reverse validation against ADAPT's, where ADAPT (which brings TensorFlow) is installed."""

import numpy as np
import pytest

from sk_dann import DANNClassifier
from sk_dann.metrics import reverse_validation_score

adapt_metrics = pytest.importorskip("adapt.metrics", exc_type=ImportError)


@pytest.mark.parametrize("lambda_adapt", [0.0, 1.0, 5.0])
def test_reverse_validation(lambda_adapt):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 4)), np.arange(120) % 3
    X[:, 0] += 2 * y
    X_tgt = rng.normal([1.5, 1, 0, 0], [2, 1, 1, 1], size=(80, 4))
    clf = DANNClassifier(
        hidden_layer_sizes=(6,), max_iter=20, lambda_adapt=lambda_adapt, random_state=0
    ).fit(X, y, X_tgt)
    expected = adapt_metrics.reverse_validation(clf, X, y, X_tgt)
    assert reverse_validation_score(clf, X, y, X_tgt) == expected
