import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from sk_dann.shift import (
    calibrate,
    em_shares,
    estimate_class_shares,
    no_estimate,
    shrink_shares,
)
from sk_dann.shift._estimate import _spread, is_edge, why_not

INSIGNIFICANT = "the shift is less than 2 standard errors of its estimate"


@given(n_classes=st.integers(2, 5), seed=st.integers(0, 10_000))
def test_a_source_that_is_its_own_target_has_not_shifted(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = np.append(np.repeat(np.arange(n_classes), 10), rng.integers(0, n_classes, 150))
    scores = 3 * log_softmax(rng.normal(2 * np.eye(n_classes)[y]), axis=1)
    estimate = estimate_class_shares(scores, y, scores, n_bootstrap=10)
    assert estimate.reason == INSIGNIFICANT
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
    assert np.all(np.isposinf(estimate.standard_error))
    for field in dataclasses.fields(estimate):
        if field.name not in ("reason", "calibration", "standard_error"):
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
    assert estimate_class_shares(source, y, target).at_edge


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
    assert estimate.at_edge
    assert estimate.reason is None
    assert estimate.target_shares[0] > 0.3
    # The mean posterior, and nothing of EM.
    expected = shrink_shares(estimate.mean_posterior, [0.5, 0.5], 0.1)
    assert estimate.target_shares == pytest.approx(expected)
    low, high = estimate.interval
    assert np.all(low < estimate.mean_posterior)
    assert np.all(estimate.mean_posterior < high)
    # And of views too.
    moved = np.log(np.tile([0.45, 0.55], (200, 1)))
    apart = estimate_class_shares(source, y, target, views=[(source, target), (source, moved)])
    means = np.array([estimate.mean_posterior, _mean(apart, moved)])
    log_odds = np.log(means / (1 - means))
    added = apart.standard_error**2 - estimate.standard_error**2
    assert added == pytest.approx(log_odds.var(axis=0, ddof=1), rel=1e-3)


def _mean(estimate, scores):
    return np.exp(calibrate(scores, estimate.calibration)).mean(axis=0)


def test_away_from_the_edge_em_is_held(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([40, 160], seed=1)
    assert not estimate_class_shares(source, y, target).at_edge


@pytest.mark.parametrize(
    ("shares", "source_shares", "expected"),
    [
        # The rest has .02, less than .05 * .5; then .03, which is more.
        ([0.98, 0.02], [0.5, 0.5], True),
        ([0.97, 0.03], [0.5, 0.5], False),
        # Where it is rare in the source too, .01 is as much as before.
        ([0.99, 0.01], [0.9, 0.1], False),
        ([0.996, 0.004], [0.9, 0.1], True),
        ([0.0, 0.99, 0.01], [0.3, 0.4, 0.3], True),
        ([0.5, 0.5, 0.0], [0.3, 0.4, 0.3], False),
    ],
)
def test_the_edge_is_where_the_rest_is_nearly_gone(shares, source_shares, expected):
    assert is_edge(np.array(shares), np.array(source_shares)) is expected


def test_what_the_policy_says_of_every_case():
    plain = {
        "n_source": np.array([50, 50]),
        "n_target": 100,
        "separation": 0.5,
        "found": np.array([0.3, 0.7]),
        "source_shares": np.array([0.5, 0.5]),
    }
    assert why_not(**plain) is None
    for change, reason in (
        ({"n_source": np.array([50, 4])}, "a class has only 4 source rows, fewer than 5"),
        ({"n_target": 3}, "the target has only 3 rows, fewer than 20"),
        ({"separation": 0.01}, "the scores on the source rows say next to nothing"),
        ({"found": np.array([0.001, 0.999])}, "there seems to be nothing but class 1"),
        ({"found": np.array([0.98, 0.02])}, "there seems to be nothing but class 0"),
    ):
        assert why_not(**plain | change).startswith(reason)
    rare = {"found": np.array([0.98, 0.02]), "source_shares": np.array([0.9, 0.1])}
    assert why_not(**plain | rare) is None


def test_no_estimate_is_the_source():
    estimate = no_estimate(np.array([0.2, 0.8]), "why")
    assert estimate.reason == "why"
    assert estimate.target_shares.tolist() == [0.2, 0.8]
    assert estimate.interval.tolist() == [[0, 0], [1, 1]]
    assert estimate.standard_error.tolist() == [np.inf, np.inf]


def test_spread_of_views_that_say_equally_much_is_the_sample_variance():
    log_odds = np.array([[0.0, 5.0], [1.0, 5.0], [5.0, 5.0]])
    # Mean 2: (4 + 1 + 9) / 2.
    assert _spread(log_odds, [0.3, 0.3, 0.3]) == pytest.approx([7, 0])


def test_spread_by_hand_where_a_view_says_twice_as_much():
    # Weights 1/2, 1/4, 1/4 and mean 1: variance 1/2 + 0 + 1/2; 1 / (1/4 + 1/16 + 1/16) = 8/3 views.
    assert _spread(np.array([[0.0], [1.0], [3.0]]), [2, 1, 1]) == pytest.approx([1.5 * 8 / 5])


@given(n_views=st.integers(2, 12), seed=st.integers(0, 1000))
def test_spread_of_views(n_views, seed):
    rng = np.random.default_rng(seed)
    log_odds, information = rng.normal(size=(n_views, 3)), rng.uniform(0.5, 1, n_views)
    plain = _spread(log_odds, information)
    assert np.all(plain > 0)
    order = rng.permutation(n_views)
    assert _spread(log_odds[order], information[order]) == pytest.approx(plain)
    # In units of its own, and wherever zero is.
    assert _spread(3 * log_odds + 7, information / 9) == pytest.approx(9 * plain)
    # A view without information has no say.
    silent = _spread(np.vstack([log_odds, [[50.0, -50, 0]]]), np.append(information, 0))
    assert silent == pytest.approx(plain)


@pytest.mark.parametrize("information", [[0, 0, 0], [1, 0, 0], [1, 0.1, 0.1]])
def test_where_only_one_view_says_anything_there_is_nothing_to_compare(information):
    assert _spread(np.array([[1.0], [-3], [7]]), information) == pytest.approx([0])


def test_views_that_agree_add_nothing_to_the_error(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([60, 140], seed=1)
    alone = estimate_class_shares(source, y, target)
    views = [(source[::2], target)] * 4
    agreed = estimate_class_shares(
        source, y, target, views=iter(views), view_rows=np.arange(0, 400, 2)
    )
    assert agreed.standard_error == pytest.approx(alone.standard_error, rel=1e-6)
    assert agreed.reason is None
    assert np.array_equal(agreed.target_shares, alone.target_shares)


def test_views_that_contradict_each_other_undo_the_correction(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([60, 140], seed=1)
    views = [(source, target + np.array([lean, 0])) for lean in (-2, -1, 0, 1, 2, 3)]
    apart = estimate_class_shares(source, y, target, views=views)
    assert apart.reason == INSIGNIFICANT
    assert np.array_equal(apart.target_shares, apart.source_shares)
    # What was found remains to be seen.
    alone = estimate_class_shares(source, y, target)
    assert np.all(apart.standard_error > 3 * alone.standard_error)
    assert np.array_equal(apart.em_shares, alone.em_shares)
    low, high = apart.interval
    assert np.all(low < alone.interval[0])
    assert np.all(high > alone.interval[1])


def test_views_that_say_nothing_do_not_contradict(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([60, 140], seed=1)
    rng = np.random.default_rng(0)
    noise = [log_softmax(rng.normal(size=(400, 2)), axis=1) for _ in range(3)]
    views = [(source, target)] * 3 + [(n, n[:200] + np.array([0, 3])) for n in noise]
    estimate = estimate_class_shares(source, y, target, views=views)
    alone = estimate_class_shares(source, y, target)
    assert estimate.standard_error == pytest.approx(alone.standard_error, rel=0.1)


def test_significance_counts_standard_errors(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([60, 140], seed=1)
    estimate = estimate_class_shares(source, y, target, threshold=0)
    share = estimate.target_shares[1]
    ratio = np.log(share / (1 - share)) / estimate.standard_error[1]
    below, above = (
        estimate_class_shares(source, y, target, significance=s).reason
        for s in (0.999 * ratio, 1.001 * ratio)
    )
    assert below is None
    assert above.startswith(f"the shift is less than {1.001 * ratio:g} standard errors")


def test_each_of_several_classifiers_may_see_a_view(draw_scores):
    (source, y), (target, _) = draw_scores([200, 200], seed=0), draw_scores([60, 140], seed=1)
    flat, stacked = (
        estimate_class_shares(source, y, t, views=[(source, t), (source, t + np.array([1, 0]))])
        for t in (target, np.stack([target, target]))
    )
    assert stacked.standard_error == pytest.approx(flat.standard_error, rel=0.02)


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
