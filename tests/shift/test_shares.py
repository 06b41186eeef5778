import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax, logit

from sk_dann.shift import (
    calibrate,
    class_shares,
    fit_calibration,
    move_posterior,
    separation,
    shrink_shares,
)


@st.composite
def shares(draw, n_classes=None):
    n_classes = draw(st.integers(2, 5)) if n_classes is None else n_classes
    parts = draw(hnp.arrays(float, n_classes, elements=st.floats(0.01, 1)))
    return parts / parts.sum()


pairs = st.integers(2, 5).flatmap(lambda n: st.tuples(shares(n), shares(n)))


def _log_proba(n_classes, seed=0, n=20):
    return log_softmax(3 * np.random.default_rng(seed).normal(size=(n, n_classes)), axis=1)


def test_class_shares_by_hand():
    assert class_shares([0, 2, 2, 2], 4) == pytest.approx([0.25, 0, 0.75, 0])
    assert class_shares([0, 1, 1], 2, [2, 1, 1]) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [([0, 2], None, "positions up to 2"), ([0, 1], [0, 0], "at least one row")],
)
def test_class_shares_refuses_what_has_none(y, weight, message):
    with pytest.raises(ValueError, match=message):
        class_shares(y, 2, weight)


def test_move_posterior_by_hand():
    # 0.8 * 0.3 / 0.6 against 0.2 * 0.7 / 0.4.
    moved = np.exp(move_posterior(np.log([[0.8, 0.2]]), [0.6, 0.4], [0.3, 0.7]))
    assert moved == pytest.approx(np.array([[0.4, 0.35]]) / 0.75)


@given(pairs)
def test_moving_there_and_back_is_the_identity(pair):
    here, there = pair
    log_proba = _log_proba(len(here))
    moved = move_posterior(move_posterior(log_proba, here, there), there, here)
    assert moved == pytest.approx(log_proba, abs=1e-9)
    assert move_posterior(log_proba, here, here) == pytest.approx(log_proba, abs=1e-12)


def test_move_posterior_survives_zeros():
    log_proba = np.array([[-np.inf, 0.0], [0.0, -np.inf], [np.log(0.5), np.log(0.5)]])
    moved = np.exp(move_posterior(log_proba, [0.5, 0.5], [0, 1]))
    # The second row is sure of a class that the target lacks: nothing is left of it.
    assert moved == pytest.approx(np.array([[0, 1], [0, 1], [0, 1]]))
    moved = np.exp(move_posterior(log_proba, [1, 0], [0.4, 0.6]))
    assert moved == pytest.approx(np.array([[0.4, 0.6], [1, 0], [1, 0]]))


@given(pair=st.tuples(shares(2), shares(2)), threshold=st.floats(0, 2))
def test_two_classes_are_soft_thresholded_in_log_odds(pair, threshold):
    source, target = pair
    shift = logit(target[1]) - logit(source[1])
    expected = logit(source[1]) + np.sign(shift) * max(abs(shift) - threshold, 0)
    shrunk = shrink_shares(target, source, threshold)
    assert logit(shrunk[1]) == pytest.approx(expected, abs=1e-9)
    assert shrunk.sum() == pytest.approx(1)


@given(pairs)
def test_shrinking_ends_at_the_source_and_starts_at_the_target(pair):
    source, target = pair
    assert shrink_shares(target, source, 0) == pytest.approx(target)
    assert np.array_equal(shrink_shares(target, source, 20), source)


def test_small_shifts_are_exactly_none():
    source = np.array([0.3, 0.6, 0.1])
    assert np.array_equal(shrink_shares(source * [1.02, 1, 0.98], source, 0.2), source)


def test_a_class_of_share_zero_keeps_it():
    source = np.array([0.2, 0.3, 0.5])
    shrunk = shrink_shares([0.4, 0.6, 0], source, 0.2)
    assert shrunk == pytest.approx([0.4, 0.6, 0])
    assert shrink_shares([0, 1], [0.5, 0.5], 0.2) == pytest.approx([0, 1])
    assert shrink_shares([0, 1], [1, 0], 0.2) == pytest.approx([1, 0])


@given(n_classes=st.integers(2, 5), seed=st.integers(0, 1000))
def test_separation_is_the_trace_that_defines_it(n_classes, seed):
    log_proba = _log_proba(n_classes, seed)
    proba = np.exp(log_proba)
    s = proba.mean(axis=0)
    most = np.diag(s) - np.outer(s, s)
    covariance = np.cov(proba.T, bias=True)
    expected = np.trace(np.linalg.pinv(most, rcond=1e-10) @ covariance) / (n_classes - 1)
    assert separation(log_proba) == pytest.approx(expected)
    assert 0 <= separation(log_proba) <= 1


def test_separation_is_the_difference_of_mean_posteriors(draw_scores):
    scores, y = draw_scores([400, 100], seed=0, distance=1.0)
    log_proba = calibrate(scores, fit_calibration(scores, y))
    proba = np.exp(log_proba[:, 1])
    # Exact for a calibrated classifier, near for one that is calibrated by two parameters.
    difference = proba[y == 1].mean() - proba[y == 0].mean()
    assert separation(log_proba) == pytest.approx(difference, abs=0.01)


def test_separation_at_its_ends():
    with np.errstate(divide="ignore"):
        assert separation(np.log(np.eye(3))) == pytest.approx(1)
        assert separation(np.log([[1.0, 0.0]] * 3)) == 0
    assert separation(np.log(np.full((5, 4), 0.25))) == pytest.approx(0)


def test_separation_counts_weighted_rows_as_repeated():
    log_proba, weight = _log_proba(3), 1 + np.arange(20) % 3
    repeated = np.repeat(log_proba, weight, axis=0)
    assert separation(log_proba, weight) == pytest.approx(separation(repeated))
