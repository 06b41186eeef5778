"""Troubles of training, each made on purpose and found."""

import re

import numpy as np
import pytest

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.inspection import adaptation_report

WIDE = {"hidden_layer_sizes": 50, "dropout": 0}


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(100, random_state=0)[:3]


@pytest.fixture(scope="module")
def upper(moons):
    """The source's rows of one class, as a target."""
    X_src, y_src, _ = moons
    return X_src[y_src == 1] + 0.01


def found(estimator, X_src, y_src, X_tgt):
    """Return what the report finds, as one text."""
    report = adaptation_report(estimator, X_src, y_src, X_tgt, n_splits=2)
    return " ".join(map(str, report.findings))


def test_a_sound_training_is_left_alone(moons):
    sound = DANNClassifier(**WIDE, lambda_adapt=0.3, max_iter=40, learning_rate_init=0.005)
    assert found(sound, *moons) == ""


def test_a_domain_classifier_that_is_right_to_the_last(moons):
    X_src, y_src, X_tgt = moons
    far = X_tgt + np.array([0, 5])
    words = found(DANNClassifier(**WIDE, lambda_adapt=0.001, max_iter=40), X_src, y_src, far)
    assert re.search("right about (9[1-9]|100)% of the rows to the last", words)
    assert "leaving out columns that give the domain away" in words


def test_a_domain_classifier_that_never_plays(moons):
    X_src, y_src, X_tgt = moons
    far = X_tgt + np.array([3, 0])
    stuck = DANNClassifier(lambda_schedule="constant", domain_hidden_layer_sizes=1, max_iter=10)
    stuck.set_params(lambda_adapt=50, learning_rate_init=1e-5)
    words = found(stuck, X_src, y_src, far)
    assert "at chance from the first epoch" in words
    assert "domain loss 1.3" in words
    assert 'lambda_schedule="dann"' in words


def test_domains_that_do_not_differ(moons):
    X_src, y_src, _ = moons
    noise = 0.05 * np.random.default_rng(0).normal(size=X_src.shape)
    words = found(DANNClassifier(max_iter=20), X_src, y_src, X_src + noise)
    assert "at chance all along" in words
    assert "nothing to adapt. Try: lambda_adapt=0" in words


def test_labels_that_were_not_learned(moons):
    words = found(DANNClassifier(max_iter=5, learning_rate_init=1e-6), *moons)
    assert "hardly learned the source's labels" in words


def test_training_that_was_stopped_too_early(moons):
    words = found(DANNClassifier(**WIDE, max_iter=10), *moons)
    assert "still fell in the last fifth" in words
    assert "Try: a larger max_iter" in words


def test_steps_that_are_too_long(moons):
    words = found(DANNClassifier(learning_rate_init=0.5, dropout=0, max_iter=40), *moons)
    assert "to the last. Where training ends is a matter of chance" in words
    assert "a smaller learning_rate_init" in words


def test_a_source_that_is_forgotten(moons, upper):
    # All of the target is like one class: to be alike, the classes have to be.
    strict = DANNClassifier(dropout=0, lambda_adapt=30, max_iter=60, learning_rate_init=0.01)
    words = found(strict, *moons[:2], upper)
    assert "Accuracy on held-out source rows falls from" in words
    assert "Try: a smaller lambda_adapt" in words


def test_a_class_that_nothing_is_predicted_as(moons, upper):
    alone = DANNClassifier(dropout=0, lambda_adapt=0, max_iter=60, learning_rate_init=0.01)
    words = found(alone, *moons[:2], upper)
    assert re.search("Next to no target row is predicted as 0; (9[5-9]|100)% are as 1", words)


def test_seeds_that_disagree():
    rng = np.random.default_rng(0)
    X, X_tgt = rng.normal(size=(100, 5)), rng.normal(size=(200, 5))
    words = found(DANNClassifier(max_iter=50), X, rng.integers(2, size=100), X_tgt)
    assert "Two seeds disagree on" in words
    assert "n_estimators=8" in words


def test_a_rare_class_and_a_small_target(moons):
    X_src, y_src, X_tgt = moons
    rows = np.r_[np.flatnonzero(y_src == 0), np.flatnonzero(y_src == 1)[:6]]
    words = found(DANNClassifier(max_iter=3), X_src[rows], y_src[rows], X_tgt[:40])
    assert "Class 1 has 10.7% of the source rows" in words
    weighted = DANNClassifier(max_iter=3, class_weight="balanced")
    assert "of the source rows" not in found(weighted, X_src[rows], y_src[rows], X_tgt[:40])
    assert 'class_weight="balanced"' in words
    assert "The target has 40 rows" in words
