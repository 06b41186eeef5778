"""Warnings that adapting did harm or may have done: where they speak, and where they are silent."""

import warnings

import numpy as np
import pytest

from sk_dann import DANNClassifier
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
    return *_draw([200, 200], seed=0), _draw([200, 200], seed=1)[0]


@pytest.fixture(scope="module")
def shifted():
    """Equal shares in the source, .85 of class 0 in the target."""
    return *_draw([200, 200], seed=0), _draw([340, 60], seed=1)[0]


@pytest.mark.parametrize("label_shift", ["estimate", None, [0.5, 0.5]])
def test_silence_where_nothing_is_wrong(same, label_shift):
    assert _warned_of(same, label_shift=label_shift)[1] == {}


@pytest.mark.parametrize("lambda_adapt", [0, 1])
def test_a_label_shift_that_is_not_corrected(shifted, lambda_adapt):
    clf, warned = _warned_of(shifted, label_shift=None, lambda_adapt=lambda_adapt)
    assert np.array_equal(clf.target_class_shares_, clf.class_shares_)
    if lambda_adapt:
        assert list(warned) == [LabelShiftWarning]
        assert "rather than 50% of class" in warned[LabelShiftWarning]
        assert clf.share_estimate_.reason is None
        assert clf.source_only_proba(shifted[2]).shape == (400, 2)
    else:  # nothing is adapted
        assert warned == {}
        assert clf.share_estimate_ is None


@pytest.mark.parametrize("label_shift", ["estimate", [0.85, 0.15]])
def test_no_word_where_the_shift_is_corrected(shifted, label_shift):
    assert _warned_of(shifted, label_shift=label_shift)[1] == {}


def test_columns_that_contradict_each_other(same):
    X, y, X_tgt = same
    # As if each column had been measured anew, with an instrument of its own.
    move = np.array([5.0, -1, 4, -1, 3, 0, 3, -1])
    clf, warned = _warned_of((X, y, X_tgt + move))
    assert UncertainSharesWarning in warned
    assert clf.share_estimate_.reason is not None or clf.share_estimate_.at_edge


def test_domains_that_stay_apart(same):
    X, y, X_tgt = same
    far = 30 * np.eye(8)[0]
    clf, warned = _warned_of((X, y, X_tgt + far), lambda_adapt=1e-3)
    assert clf.domain_accuracy_ > 0.95
    assert SeparableDomainsWarning in warned


def test_accuracy_lost_on_the_source(same):
    X, y, X_tgt = same
    # A target of one class, and a game that is all about making the source look like it.
    one_class, game = X_tgt[:200], {"lambda_adapt": 100.0, "lambda_schedule": "constant"}
    clf, warned = _warned_of((X, y, one_class), label_shift=None, **game)
    assert clf.score(X, y) < clf._source_only.accuracy - 0.1
    assert SourceAccuracyWarning in warned


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


def test_labels_of_target_rows_change_no_warning(shifted):
    X, y, X_tgt = shifted
    both, domain = np.concatenate([X, X_tgt]), np.repeat([1, -1], 400)
    for placeholder in (np.zeros(400, int), np.arange(400) % 2):
        labels = np.concatenate([y, placeholder])
        with pytest.warns(LabelShiftWarning):
            DANNClassifier(random_state=0, label_shift=None).fit(both, labels, sample_domain=domain)


def test_without_a_target_there_is_nothing_to_guard(same):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DANNClassifier(random_state=0, label_shift=None).fit(*same[:2])
    assert not any(issubclass(w.category, AdaptationWarning) for w in caught)
