import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from sk_dann.shift import em_shares, estimate_class_shares, no_estimate, shrink_shares
from sk_dann.shift._estimate import why_not


@given(n_classes=st.integers(2, 5), seed=st.integers(0, 10_000))
def test_a_source_that_is_its_own_target_has_not_shifted(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = np.append(np.repeat(np.arange(n_classes), 10), rng.integers(0, n_classes, 150))
    scores = 3 * log_softmax(rng.normal(2 * np.eye(n_classes)[y]), axis=1)
    estimate = estimate_class_shares(scores, y, scores, n_bootstrap=10)
    assert estimate.reason is None
    assert np.array_equal(estimate.target_shares, estimate.source_shares)
    for shares in (estimate.mean_posterior, estimate.em_shares, estimate.black_box):
        assert shares == pytest.approx(estimate.source_shares, abs=1e-5)


def test_it_is_the_recipe(draw_scores):
    source, y = draw_scores([300, 300], seed=0, distance=1)
    target, _ = draw_scores([400, 100], seed=1, distance=1)
    estimate = estimate_class_shares(source, y, target, strength=0.05)
    bias = estimate.calibration.bias
    q = np.exp(log_softmax(target / estimate.calibration.temperature + bias, axis=1))
    mean = q.mean(axis=0)
    assert estimate.mean_posterior == pytest.approx(mean)
    prior = 0.05 / estimate.separation**2 * 500 * mean
    held = em_shares(np.log(q), [0.5, 0.5], prior)
    assert estimate.target_shares == pytest.approx(shrink_shares(held, [0.5, 0.5], 0.1), abs=1e-6)
    low, high = estimate.interval
    assert np.all(low < held)
    assert np.all(held < high)


@pytest.mark.parametrize("true", [[0.9, 0.1], [0.25, 0.75], [0.1, 0.2, 0.3, 0.4]])
def test_shares_come_nearer_to_the_true_ones(draw_scores, true):
    true = np.array(true)
    source, y = draw_scores([1000] * len(true), seed=0)
    target, _ = draw_scores(np.round(2000 * true).astype(int), seed=1)
    # Scores of a network that is too sure, and leans.
    lean = np.arange(len(true))
    estimate = estimate_class_shares(3 * source + lean, y, 3 * target + lean)
    assert estimate.em_shares == pytest.approx(true, abs=0.03)
    assert estimate.black_box == pytest.approx(true, abs=0.03)
    errors = [
        np.abs(shares - true).max() for shares in (estimate.target_shares, estimate.source_shares)
    ]
    assert errors == sorted(errors)
    assert errors[0] < errors[1] / 2


@given(n_classes=st.integers(2, 4), seed=st.integers(0, 1000))
def test_permuting_the_classes_permutes_everything(n_classes, seed):
    rng = np.random.default_rng(seed)
    order, y = rng.permutation(n_classes), np.arange(120) % n_classes
    source = log_softmax(rng.normal(2 * np.eye(n_classes)[y]), axis=1)
    target = source[rng.integers(0, 120, 80)]
    plain = estimate_class_shares(source, y, target, n_bootstrap=10)
    permuted = estimate_class_shares(
        source[:, order], np.argsort(order)[y], target[:, order], n_bootstrap=10
    )
    for name in ("source_shares", "target_shares", "interval", "em_shares"):
        values = getattr(permuted, name)
        assert values == pytest.approx(getattr(plain, name)[..., order], abs=1e-5), name


def test_weights_of_rows_count(draw_scores):
    source, y = draw_scores([100, 100], seed=0)
    target, _ = draw_scores([50, 150], seed=1)
    weight = np.where(y == 1, 3, 1)
    weighted = estimate_class_shares(source, y, target, sample_weight=weight)
    repeated = estimate_class_shares(
        np.repeat(source, weight, axis=0), np.repeat(y, weight), target
    )
    assert weighted.source_shares == pytest.approx([0.25, 0.75])
    assert weighted.target_shares == pytest.approx(repeated.target_shares, abs=1e-6)
    assert weighted.separation == pytest.approx(repeated.separation)


def test_the_interval_is_as_wide_as_repeated_draws_differ(draw_scores):
    rng = np.random.default_rng(0)

    def estimate(seed, n_bootstrap):
        n_source, n_target = rng.binomial([400, 300], [0.5, 0.3])
        source, y = draw_scores([400 - n_source, n_source], seed)
        target, _ = draw_scores([300 - n_target, n_target], seed + 1000)
        return estimate_class_shares(source, y, target, threshold=0, n_bootstrap=n_bootstrap)

    spread = np.std([estimate(seed, 2).target_shares[1] for seed in range(100)])
    # 90 % of a normal distribution.
    width = np.diff(estimate(100, 300).interval, axis=0)[0, 1]
    assert width == pytest.approx(2 * 1.645 * spread, rel=0.25)


def test_the_same_seed_gives_the_same_interval(draw_scores):
    (source, y), (target, _) = draw_scores([50, 50], seed=0), draw_scores([30, 70], seed=1)
    first, again, other = (
        estimate_class_shares(source, y, target, seed=seed).interval for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def _refused(source, y, target, **kwargs):
    estimate = estimate_class_shares(source, y, target, **kwargs)
    assert np.array_equal(estimate.target_shares, estimate.source_shares)
    assert np.array_equal(estimate.interval[0], np.zeros_like(estimate.source_shares))
    assert np.array_equal(estimate.interval[1], np.ones_like(estimate.source_shares))
    for field in dataclasses.fields(estimate):
        if field.name not in ("reason", "calibration"):
            assert np.isfinite(getattr(estimate, field.name)).all(), field.name
    return estimate.reason


def test_a_tiny_class_ends_in_no_correction(draw_scores):
    source, y = draw_scores([100, 100, 4], seed=0)
    target, _ = draw_scores([50, 50, 50], seed=1)
    assert _refused(source, y, target) == "a class has only 4 source rows, fewer than 5"
    source, y = draw_scores([100, 0], seed=0)
    assert _refused(source, y, target[:, :2]) == "a class has only 0 source rows, fewer than 5"
    # Rows without weight are none.
    source, y = draw_scores([100, 100], seed=0)
    weight = (np.arange(200) < 103).astype(float)
    assert "a class has only 3" in _refused(source, y, target[:, :2], sample_weight=weight)


@pytest.mark.parametrize("n", [1, 19])
def test_a_tiny_target_ends_in_no_correction(draw_scores, n):
    source, y = draw_scores([100, 100], seed=0)
    reason = _refused(source, y, draw_scores([0, n], seed=1)[0])
    assert reason == f"the target has only {n} rows, fewer than 20"


def test_scores_that_say_nothing_end_in_no_correction():
    rng = np.random.default_rng(0)
    source = log_softmax(rng.normal(size=(500, 3)), axis=1)
    reason = _refused(source, np.arange(500) % 3, source[:300] + np.array([0, 5, 0]))
    assert "next to nothing" in reason


def test_a_target_of_a_single_class_ends_in_no_correction(draw_scores):
    source, y = draw_scores([200, 200, 200], seed=0, distance=4)
    target, _ = draw_scores([0, 200, 0], seed=1, distance=4)
    assert _refused(source, y, target) == "there seems to be nothing but class 1 in the target"


def test_a_missing_class_is_no_reason(draw_scores):
    source, y = draw_scores([200, 200, 200], seed=0, distance=4)
    target, _ = draw_scores([200, 200, 0], seed=1, distance=4)
    estimate = estimate_class_shares(source, y, target)
    assert estimate.reason is None
    assert estimate.target_shares == pytest.approx([0.5, 0.5, 0], abs=0.02)


def test_the_mean_posterior_holds_an_estimate_that_runs_to_the_edge(draw_scores):
    # Every row leans a little towards class 1, more so than the source rows of that class do on
    # average: EM finds nothing else, though no single row is sure.
    source, y = draw_scores([200, 200], seed=0, distance=0.5)
    target = np.log(np.tile([0.35, 0.65], (200, 1)))
    estimate = estimate_class_shares(source, y, target)
    assert estimate.em_shares[0] < 0.01
    assert estimate.reason is None
    assert estimate.target_shares[0] > 0.3


def test_what_the_policy_says_of_every_case():
    plain = {
        "n_source": np.array([50, 50]),
        "n_target": 100,
        "separation": 0.5,
        "held": np.array([0.3, 0.7]),
    }
    assert why_not(**plain) is None
    for change, reason in (
        ({"n_source": np.array([50, 4])}, "a class has only 4 source rows, fewer than 5"),
        ({"n_target": 3}, "the target has only 3 rows, fewer than 20"),
        ({"separation": 0.01}, "the scores on the source rows say next to nothing"),
        ({"held": np.array([0.001, 0.999])}, "there seems to be nothing but class 1"),
    ):
        assert why_not(**plain | change).startswith(reason)


def test_no_estimate_is_the_source():
    estimate = no_estimate(np.array([0.2, 0.8]), "why")
    assert estimate.reason == "why"
    assert estimate.target_shares.tolist() == [0.2, 0.8]
    assert estimate.interval.tolist() == [[0, 0], [1, 1]]


def test_several_classifiers_see_the_same_rows(draw_scores):
    source, y = draw_scores([200, 200], seed=0)
    target, _ = draw_scores([160, 40], seed=1)
    one = estimate_class_shares(source, y, target)
    same = estimate_class_shares(source, y, np.stack([target, target]))
    np.testing.assert_allclose(one.target_shares, same.target_shares, atol=1e-4)
    # Rows, not looks at them, say how sure it is.
    np.testing.assert_allclose(one.interval, same.interval, atol=1e-2)


def test_scores_of_minus_infinity_are_survived(draw_scores):
    source, y = draw_scores([100, 100], seed=0)
    target, _ = draw_scores([80, 20], seed=1)
    source[0], target[0] = [-np.inf, 0], [0, -np.inf]
    estimate = estimate_class_shares(source, y, target)
    assert estimate.reason is None
    assert estimate.target_shares == pytest.approx([0.8, 0.2], abs=0.15)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros((4, 2)), np.zeros((4, 3)), r"\(4, 2\) and \(4, 3\)"),
        (np.zeros(4), np.zeros((4, 2)), r"\(4,\) and \(4, 2\)"),
        (np.zeros((4, 2)), np.zeros((0, 2)), "no rows"),
    ],
)
def test_arrays_of_other_shapes_are_refused(source, target, message):
    with pytest.raises(ValueError, match=message):
        estimate_class_shares(source, [0, 1, 0, 1], target)


def test_what_comes_in_is_left_alone(draw_scores):
    arrays = [*draw_scores([50, 50], seed=0), draw_scores([30, 70], seed=1)[0], np.ones(100)]
    for array in arrays:
        array.setflags(write=False)
    source, y, target, weight = arrays
    estimate_class_shares(source, y, target, sample_weight=weight)


def test_single_precision_scores_give_nearly_the_same(draw_scores):
    (source, y), (target, _) = draw_scores([50, 50], seed=0), draw_scores([30, 70], seed=1)
    double = estimate_class_shares(source, y, target)
    single = estimate_class_shares(source.astype(np.float32), y, target.astype(np.float32))
    assert single.target_shares == pytest.approx(double.target_shares, abs=1e-5)
    assert single.target_shares.dtype == np.float64
