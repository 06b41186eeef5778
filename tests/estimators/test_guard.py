"""Warnings that adapting did harm or may have done: where they speak, and where they are silent."""

import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from sk_dann import DANNClassifier
from sk_dann.estimators._guard import _judge_accuracy
from sk_dann.exceptions import (
    AdaptationWarning,
    CollapsedClassWarning,
    LabelShiftWarning,
    SeparableDomainsWarning,
    SourceAccuracyWarning,
    UncertainSharesWarning,
)


def _draw(counts, seed, move=0.0):
    """Gaussian classes that every column tells a little of."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(y), 8)) + 0.8 * y[:, None] + move, y


def _warned_of(data, **params):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = DANNClassifier(random_state=0, **params).fit(*data)
    caught = [w for w in caught if issubclass(w.category, AdaptationWarning)]
    # Where the user called.
    assert all(w.filename == __file__ for w in caught)
    return clf, {w.category: str(w.message) for w in caught}


@pytest.fixture(scope="module")
def same():
    return *_draw([500, 500], seed=0), _draw([500, 500], seed=1)[0]


@pytest.fixture(scope="module")
def shifted():
    """Equal shares in the source, .85 of class 0 in the target."""
    return *_draw([500, 500], seed=0), _draw([850, 150], seed=1)[0]


@pytest.mark.parametrize("label_shift", ["estimate", None, [0.5, 0.5]])
def test_silence_where_nothing_is_wrong(same, label_shift):
    assert _warned_of(same, label_shift=label_shift)[1] == {}


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_a_label_shift_that_is_not_corrected(shifted, n_estimators):
    clf, warned = _warned_of(shifted, n_estimators=n_estimators)
    assert list(warned) == [LabelShiftWarning]
    assert "rather than 50% of class" in warned[LabelShiftWarning]
    # It was a look, nothing else.
    assert clf.share_estimate_ is None
    assert np.array_equal(clf.target_class_shares_, clf.class_shares_)


def test_looking_changes_nothing(shifted):
    told = _warned_of(shifted, label_shift=[0.5, 0.5])[0]
    looked = _warned_of(shifted)[0]
    assert np.array_equal(told.predict_proba(shifted[2]), looked.predict_proba(shifted[2]))
    assert len(pickle.dumps(looked)) < 1.01 * len(pickle.dumps(told))


@pytest.mark.parametrize(
    "params", [{"lambda_adapt": 0}, {"lambda_schedule": "constant"}, {"max_iter": 4}]
)
def test_no_look_where_it_would_tell_nothing(shifted, params):
    assert LabelShiftWarning not in _warned_of(shifted, **params)[1]


def test_labels_of_target_rows_change_no_warning(shifted):
    X, y, X_tgt = shifted
    both, domain = np.concatenate([X, X_tgt]), np.repeat([1, -1], 1000)
    for placeholder in (np.zeros(1000, int), np.arange(1000) % 2):
        labels = np.concatenate([y, placeholder])
        with pytest.warns(LabelShiftWarning):
            DANNClassifier(random_state=0).fit(both, labels, sample_domain=domain)


def test_too_few_rows_of_a_class_are_not_looked_at(shifted):
    X, y, X_tgt = shifted
    rows = slice(0, 504)  # four of class 1
    assert LabelShiftWarning not in _warned_of((X[rows], y[rows], X_tgt))[1]


@pytest.mark.parametrize("label_shift", ["estimate", [0.85, 0.15]])
def test_no_word_where_the_shift_is_corrected(shifted, label_shift):
    assert _warned_of(shifted, label_shift=label_shift)[1] == {}


def test_columns_that_contradict_each_other(same):
    X, y, X_tgt = same
    # As if each column had been measured anew, with an instrument of its own.
    move = np.array([5.0, -1, 4, -1, 3, 0, 3, -1])
    clf, warned = _warned_of((X, y, X_tgt + move), label_shift="estimate")
    assert UncertainSharesWarning in warned
    assert clf.share_estimate_.reason is not None or clf.share_estimate_.at_edge


def test_domains_that_stay_apart(same):
    X, y, X_tgt = same
    far = 30 * np.eye(8)[0]
    clf, warned = _warned_of((X, y, X_tgt + far), lambda_adapt=1e-3)
    assert clf.domain_accuracy_ > 0.95
    assert SeparableDomainsWarning in warned


def test_accuracy_lost_on_the_source(same):
    X, y, _ = same
    clf, warned = _warned_of(same, label_shift="estimate")
    assert warned == {}
    data, rows = SimpleNamespace(y=y, domain_weight=None), np.arange(len(y))
    always_0 = np.log(np.tile([0.9, 0.1], (len(y), 1)))
    with pytest.warns(SourceAccuracyWarning, match="50% of its training rows"):
        _judge_accuracy(clf, data, always_0, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _judge_accuracy(clf, data, clf.predict_log_proba(X), rows)


def test_a_class_that_is_no_longer_predicted():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 200)
    X, X_tgt = (rng.normal(size=(600, 8)) + 5 * np.eye(8)[y] for _ in range(2))
    two_classes = X_tgt[y < 2]
    _, warned = _warned_of((X, y, two_classes), label_shift=np.full(3, 1 / 3), lambda_adapt=0.01)
    assert CollapsedClassWarning in warned
    assert "predicted as 2" in warned[CollapsedClassWarning]
    # Said to be missing, it is not missed.
    assert _warned_of((X, y, two_classes), label_shift=[0.5, 0.5, 0])[1] == {}


def test_without_a_target_there_is_nothing_to_guard(same):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DANNClassifier(random_state=0, label_shift=None).fit(*same[:2])
    assert not any(issubclass(w.category, AdaptationWarning) for w in caught)
