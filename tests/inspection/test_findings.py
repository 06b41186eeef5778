"""Troubles of training, each made on purpose and found."""

import numpy as np
import pytest

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.inspection import adaptation_report

WIDE = {"hidden_layer_sizes": (50,), "dropout": 0}


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(100, random_state=0)[:3]


def found(estimator, X_src, y_src, X_tgt, n_splits=2):
    """Return what the report finds, as one text."""
    report = adaptation_report(estimator, X_src, y_src, X_tgt, n_splits=n_splits)
    return " ".join(map(str, report.findings))


def test_a_sound_training_is_left_alone(moons):
    words = found(DANNClassifier(dropout=0, hidden_layer_sizes=50), *moons, n_splits=5)
    assert words == ""


def test_a_domain_classifier_that_is_right_to_the_last(moons):
    X_src, y_src, X_tgt = moons
    X_src, X_tgt = (np.column_stack([X, np.full(len(X), d)]) for X, d in ((X_src, 0), (X_tgt, 9)))
    X_src[0, 2] = 0.1  # else the column were constant, and left out
    words = found(DANNClassifier(lambda_adapt=0.001), X_src, y_src, X_tgt)
    assert "right about 100% of the rows to the last" in words
    assert "leaving out columns that give the domain away" in words


def test_a_domain_classifier_that_never_plays(moons):
    X_src, y_src, X_tgt = moons
    far = X_tgt + [3, 0]
    stuck = DANNClassifier(lambda_schedule="constant", domain_hidden_layer_sizes=(1,), max_iter=10)
    stuck.set_params(lambda_adapt=50, learning_rate_init=1e-5)
    words = found(stuck, X_src, y_src, far)
    assert "at chance from the first epoch" in words
    assert "domain loss 1.3" in words
    assert 'lambda_schedule="dann"' in words


def test_domains_that_do_not_differ(moons):
    X_src, y_src, _ = moons
    words = found(DANNClassifier(), X_src[::2], y_src[::2], X_src[1::2])
    assert "at chance all along" in words
    assert "nothing to adapt. Try: lambda_adapt=0" in words


def test_labels_that_were_not_learned(moons):
    words = found(DANNClassifier(max_iter=5, learning_rate_init=1e-6), *moons)
    assert "hardly learned the source's labels" in words


def test_training_that_was_stopped_too_early(moons):
    words = found(DANNClassifier(**WIDE, max_iter=10, learning_rate_init=0.02), *moons)
    assert "still fell in the last fifth" in words
    assert "Try: a larger max_iter" in words


def test_steps_that_are_too_long(moons):
    words = found(DANNClassifier(learning_rate_init=0.5, dropout=0, max_iter=40), *moons)
    assert "to the last. Where training ends is a matter of chance" in words
    assert "a smaller learning_rate_init" in words


def test_a_source_that_is_forgotten(moons):
    X_src, y_src, X_tgt = moons
    # All of the target is like one class: to be alike, the classes have to be.
    words = found(DANNClassifier(lambda_adapt=5), X_src, y_src, X_src[y_src == 1] + 0.01)
    assert "Accuracy on held-out source rows falls from" in words
    assert "Try: a smaller lambda_adapt" in words


def test_a_class_that_nothing_is_predicted_as(moons):
    X_src, y_src, X_tgt = moons
    words = found(DANNClassifier(lambda_adapt=0.001), X_src, y_src, X_src[y_src == 1])
    assert "Next to no target row is predicted as 0; 9" in words or "100% are as 1" in words


def test_seeds_that_disagree():
    rng = np.random.default_rng(0)
    X, X_tgt = rng.normal(size=(100, 5)), rng.normal(size=(200, 5))
    words = found(DANNClassifier(), X, rng.integers(2, size=100), X_tgt, n_splits=3)
    assert "Two seeds disagree on" in words
    assert "n_estimators=8" in words


def test_a_rare_class_and_a_small_target(moons):
    X_src, y_src, X_tgt = moons
    rows = np.r_[np.flatnonzero(y_src == 0), np.flatnonzero(y_src == 1)[:6]]
    words = found(DANNClassifier(max_iter=3), X_src[rows], y_src[rows], X_tgt[:40])
    assert "Class 1 has 5.7% of the source rows" in words
    assert 'class_weight="balanced"' in words
    assert "The target has 40 rows" in words
