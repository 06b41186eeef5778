import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from sk_dann.shift import black_box_shares, calibrate, class_shares, em_shares, fit_calibration


def _log_proba(n_classes, seed, n=50):
    return log_softmax(2 * np.random.default_rng(seed).normal(size=(n, n_classes)), axis=1)


CASES = given(n_classes=st.integers(2, 5), seed=st.integers(0, 10_000))


def _likelihood(log_proba, source, shares, prior=0.0):
    """Log-likelihood of a mixture, plus the Dirichlet's logarithm."""
    rows = np.log(np.exp(log_proba) @ (shares / source)).sum()
    return rows + (prior * np.log(np.maximum(shares, 1e-300))).sum()


def test_em_by_hand():
    # Scores of two values: the share solves 0.7 = 0.2 + 0.6 * share.
    log_proba = np.log([[0.8, 0.2]] * 3 + [[0.2, 0.8]] * 7)
    assert em_shares(log_proba, [0.5, 0.5]) == pytest.approx([1 / 6, 5 / 6], abs=1e-6)


def test_one_step_of_em_with_pseudo_counts_by_hand():
    log_proba, prior = np.log([[0.8, 0.2], [0.4, 0.6]]), np.array([1.0, 2.0])
    step = em_shares(log_proba, [0.5, 0.5], prior, max_iter=1)
    assert step == pytest.approx([(1.2 + 1) / 5, (0.8 + 2) / 5])


@CASES
def test_no_step_of_em_lowers_the_likelihood(n_classes, seed):
    log_proba, rng = _log_proba(n_classes, seed), np.random.default_rng(seed)
    source, prior = rng.dirichlet(np.full(n_classes, 5)), rng.uniform(0, 3, n_classes)
    shares = source
    for _ in range(20):
        moved = em_shares(log_proba, source, prior, start=shares, max_iter=1)
        before, after = (_likelihood(log_proba, source, s, prior) for s in (shares, moved))
        assert after >= before - 1e-9
        shares = moved


@CASES
def test_em_finds_the_mode_whatever_the_start(n_classes, seed):
    log_proba, rng = _log_proba(n_classes, seed), np.random.default_rng(seed)
    source, prior = rng.dirichlet(np.full(n_classes, 5)), rng.uniform(0.5, 3, n_classes)
    start = rng.dirichlet(np.ones(n_classes))
    mode = em_shares(log_proba, source, prior, tol=1e-12, max_iter=10_000)
    other = em_shares(log_proba, source, prior, start=start, tol=1e-12, max_iter=10_000)
    assert other == pytest.approx(mode, abs=1e-6)
    best = minimize(
        lambda z: -_likelihood(log_proba, source, np.exp(log_softmax(z)), prior),
        np.zeros(n_classes),
    )
    assert mode == pytest.approx(np.exp(log_softmax(best.x)), abs=1e-3)


@CASES
def test_a_calibrated_source_is_its_own_target(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = np.arange(200) % n_classes
    scores = log_softmax(rng.normal(np.eye(n_classes)[y]) + rng.normal(size=n_classes), axis=1)
    calibrated = calibrate(scores, fit_calibration(scores, y))
    shares = class_shares(y, n_classes)
    assert em_shares(calibrated, shares) == pytest.approx(shares, abs=1e-6)
    assert black_box_shares(calibrated, y, calibrated) == pytest.approx(shares, abs=1e-6)
    # Black box needs no calibration.
    assert black_box_shares(scores, y, scores, ridge=0.1) == pytest.approx(shares, abs=1e-6)


@CASES
def test_permuting_the_classes_permutes_the_shares(n_classes, seed):
    target, source = _log_proba(n_classes, seed), _log_proba(n_classes, seed + 1)
    rng = np.random.default_rng(seed)
    order, y = rng.permutation(n_classes), np.arange(50) % n_classes
    s, prior = class_shares(y, n_classes), rng.uniform(0, 3, n_classes)
    permuted = em_shares(target[:, order], s[order], prior[order])
    assert permuted == pytest.approx(em_shares(target, s, prior)[order], abs=1e-9)
    permuted = black_box_shares(
        source[:, order], np.argsort(order)[y], target[:, order], ridge=0.01
    )
    plain = black_box_shares(source, y, target, ridge=0.01)
    assert permuted == pytest.approx(plain[order], abs=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_known_shares_are_found_again(draw_scores, n_classes, share):
    true = np.append(share, np.full(n_classes - 1, (1 - share) / (n_classes - 1)))
    source, y = draw_scores([1000] * n_classes, seed=0)
    target, _ = draw_scores(np.round(4000 * true).astype(int), seed=1)
    equal = np.full(n_classes, 1 / n_classes)
    assert em_shares(target, equal) == pytest.approx(true, abs=0.025)
    assert black_box_shares(source, y, target) == pytest.approx(true, abs=0.025)


def test_row_weights_run_side_by_side_as_they_do_alone():
    log_proba, source = _log_proba(3, seed=0), np.array([0.2, 0.3, 0.5])
    rng = np.random.default_rng(0)
    weight, prior = rng.integers(0, 4, (4, 50)), rng.uniform(0, 3, (4, 3))
    together = em_shares(log_proba, source, prior, weight)
    for row_weight, counts, shares in zip(weight, prior, together, strict=True):
        repeated = np.repeat(log_proba, row_weight, axis=0)
        assert shares == pytest.approx(em_shares(repeated, source, counts), abs=1e-7)
    many = em_shares(np.stack([log_proba] * 4), np.stack([source] * 4), prior, weight)
    assert many == pytest.approx(together)


def test_pseudo_counts_without_end_hold_the_shares():
    held = em_shares(_log_proba(3, seed=0), np.full(3, 1 / 3), np.array([2e9, 3e9, 5e9]))
    assert held == pytest.approx([0.2, 0.3, 0.5], abs=1e-6)


def test_em_survives_scores_of_minus_infinity():
    with np.errstate(divide="ignore"):
        log_proba = np.log([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
    # The last row says nothing.
    assert em_shares(log_proba, np.full(3, 1 / 3)) == pytest.approx([1 / 3, 2 / 3, 0], abs=1e-6)
    # A class that the source lacks cannot be found, even where the scores name it.
    assert em_shares(log_proba[:3], [0.5, 0, 0.5]) == pytest.approx([1, 0, 0], abs=1e-3)


def test_em_sees_what_probabilities_too_small_for_floats_say():
    log_proba = np.array([[-2000.0, 0.0], [-1000.0, 0.0]])
    source = np.array([1.0, np.finfo(float).tiny])
    assert em_shares(log_proba, source) == pytest.approx([0, 1])


@given(seed=st.integers(0, 10_000))
def test_black_box_is_the_plain_formula_for_two_classes(seed):
    source, target = _log_proba(2, seed), _log_proba(2, seed + 1)
    # Confusions of either sign, and targets beyond both classes, whose shares end at 0 or 1.
    y = (source[:, 1] + np.random.default_rng(seed).normal(size=50) > -1).astype(int)
    y[:2] = [0, 1]
    score, mean = np.exp(source[:, 1]), np.exp(target[:, 1]).mean()
    low, high = score[y == 0].mean(), score[y == 1].mean()
    expected = np.clip((mean - low) / (high - low), 0, 1)
    assert black_box_shares(source, y, target)[1] == pytest.approx(expected, abs=1e-7)


def test_a_ridge_leads_to_the_shares_of_the_source(draw_scores):
    source, y = draw_scores([300, 100, 100], seed=0)
    target, _ = draw_scores([100, 100, 300], seed=1)
    shares = class_shares(y, 3)
    distances = [
        np.abs(black_box_shares(source, y, target, ridge=ridge) - shares).max()
        for ridge in (0, 0.01, 0.1, 1, 1e6)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-4


def test_a_ridge_minimises_what_it_says(draw_scores):
    source, y = draw_scores([30, 20, 10], seed=0, distance=1)
    target, _ = draw_scores([10, 20, 30], seed=1, distance=1)
    s = class_shares(y, 3)
    confusion = np.stack([np.exp(source[y == c]).mean(axis=0) for c in range(3)], axis=1)

    def loss(z):
        t = np.exp(log_softmax(z))
        residual = confusion @ t - np.exp(target).mean(axis=0)
        return residual @ residual + 0.01 * np.square(t / s - 1).sum()

    best = minimize(loss, np.zeros(3), tol=1e-12)
    found = black_box_shares(source, y, target, ridge=0.01)
    assert found == pytest.approx(np.exp(log_softmax(best.x)), abs=1e-4)


def test_black_box_counts_weighted_rows_as_repeated():
    source, target, y = _log_proba(3, 0), _log_proba(3, 1), np.arange(50) % 3
    weight = 1 + np.arange(50) % 4
    repeated = black_box_shares(
        np.repeat(source, weight, axis=0), np.repeat(y, weight), target, ridge=0.1
    )
    weighted = black_box_shares(source, y, target, sample_weight=weight, ridge=0.1)
    assert weighted == pytest.approx(repeated)


def test_black_box_gives_nothing_to_a_class_without_source_rows():
    source, target, y = _log_proba(3, 0), _log_proba(3, 1), np.arange(50) % 2
    assert black_box_shares(source, y, target)[2] == 0


def test_abstention_finds_the_same_shares(three_classes):
    # abstention 0.1.3.1: EMImbalanceAdapter(estimate_priors_from_valid_labels=True,
    # tolerance=1e-10, max_iterations=10000) and BBSEImbalanceAdapter(soft=True).
    source, y, target = three_classes
    em = [0.7426714447671633, 0.1780499488051842, 0.07927860642765251]
    black_box = [0.8014636936766419, 0.12902569154828855, 0.06951061477506976]
    assert em_shares(target, class_shares(y, 3)) == pytest.approx(em, abs=1e-7)
    assert black_box_shares(source, y, target) == pytest.approx(black_box, abs=1e-9)
