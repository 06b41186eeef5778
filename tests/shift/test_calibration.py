import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.special import log_softmax

from sk_dann.shift import Calibration, calibrate, class_shares, fit_calibration
from sk_dann.shift._calibration import _Problem, follow_calibration, resample_calibration


def _noisy_scores(n_classes, seed, n=200):
    """Scores that are too sure and lean towards some classes, of which each has 20 rows."""
    rng = np.random.default_rng(seed)
    y = np.append(np.repeat(np.arange(n_classes), 20), np.zeros(n - 20 * n_classes, dtype=int))
    scores = rng.normal(np.eye(n_classes)[y]) + rng.normal(size=n_classes)
    return log_softmax(3 * scores, axis=1), y


SIZES = given(n_classes=st.integers(2, 5), seed=st.integers(0, 10_000))


def test_a_case_by_hand():
    # Sure to 0.9, right three times of four: 3 = 9 ** (1 / T).
    log_proba = np.log([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4)
    calibration = fit_calibration(log_proba, [0, 0, 0, 1, 1, 1, 1, 0])
    assert calibration.temperature == pytest.approx(2, rel=1e-3)
    assert calibration.bias == pytest.approx([0, 0], abs=1e-8)


def test_bias_by_hand():
    # Scores that say nothing: only the shares are left, log(3) apart.
    calibration = fit_calibration(np.log(np.full((8, 2), 0.5)), [0, 0, 0, 0, 0, 0, 1, 1])
    assert calibration.temperature == pytest.approx(1)
    assert calibration.bias == pytest.approx([np.log(3) / 2, -np.log(3) / 2])


@SIZES
def test_mean_posterior_of_the_calibrated_rows_is_their_shares(n_classes, seed):
    log_proba, y = _noisy_scores(n_classes, seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2, len(y))
    proba = np.exp(calibrate(log_proba, fit_calibration(log_proba, y, weight)))
    shares = class_shares(y, n_classes, weight)
    assert np.average(proba, axis=0, weights=weight) == pytest.approx(shares, abs=1e-7)


@SIZES
def test_calibrated_scores_stay_as_they_are(n_classes, seed):
    log_proba, y = _noisy_scores(n_classes, seed)
    once = calibrate(log_proba, fit_calibration(log_proba, y))
    # Up to the weak pull of T towards 1.
    temperature, bias = fit_calibration(once, y)
    assert temperature == pytest.approx(1, rel=0.01)
    assert bias == pytest.approx(np.zeros(n_classes), abs=0.01)


@SIZES
def test_permuting_the_classes_permutes_the_biases(n_classes, seed):
    log_proba, y = _noisy_scores(n_classes, seed)
    order = np.random.default_rng(seed).permutation(n_classes)
    plain = fit_calibration(log_proba, y)
    permuted = fit_calibration(log_proba[:, order], np.argsort(order)[y])
    assert permuted.temperature == pytest.approx(plain.temperature, rel=1e-5)
    assert permuted.bias == pytest.approx(plain.bias[order], abs=1e-6)


def test_a_row_of_weight_two_counts_twice():
    log_proba, y = _noisy_scores(3, seed=0)
    weight = 1 + np.arange(len(y)) % 2
    weighted = fit_calibration(log_proba, y, weight)
    repeated = fit_calibration(np.repeat(log_proba, weight, axis=0), np.repeat(y, weight))
    assert weighted.temperature == pytest.approx(repeated.temperature)
    assert weighted.bias == pytest.approx(repeated.bias)


def test_the_temperature_is_found_again(draw_scores):
    log_proba, y = draw_scores([5000, 5000], seed=0)
    assert fit_calibration(3 * log_proba, y).temperature == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 2])
@SIZES
def test_scale_and_offset_of_the_scores_do_not_matter(scale, n_classes, seed):
    log_proba, y = _noisy_scores(n_classes, seed)
    other = scale * log_proba + np.arange(n_classes)
    plain, moved = (np.exp(calibrate(s, fit_calibration(s, y))) for s in (log_proba, other))
    # Up to the weak pull of T towards 1.
    assert moved == pytest.approx(plain, abs=0.02)


@SIZES
def test_gradient_is_the_numerical_one(n_classes, seed):
    log_proba, y = _noisy_scores(n_classes, seed)
    problem, rng = _Problem(log_proba, y), np.random.default_rng(seed)
    weight = rng.dirichlet(np.ones(len(y)))
    point = rng.normal(scale=0.5, size=1 + n_classes)
    assert check_grad(problem.loss, problem.gradient, point, weight) < 1e-5


def test_hessian_is_the_numerical_one_at_the_minimum():
    log_proba, y = _noisy_scores(3, seed=0)
    problem, weight = _Problem(log_proba, y), np.full(len(y), 1 / len(y))
    temperature, bias = fit_calibration(log_proba, y)
    point, step = problem.to_parameters(temperature, bias), 1e-5 * np.eye(4)
    slopes = [
        (problem.gradient(point + d, weight) - problem.gradient(point - d, weight)) / 2e-5
        for d in step
    ]
    # Fisher's information leaves out what is zero at the minimum but for the penalty.
    assert problem.hessian(point, weight) == pytest.approx(np.array(slopes), abs=1e-3)


@pytest.mark.parametrize("sharpness", [1e-3, 1, 1e3])
def test_separable_rows_leave_a_finite_temperature(sharpness):
    y = np.arange(100) % 2
    log_proba = log_softmax(sharpness * np.eye(2)[y], axis=1)
    temperature, bias = fit_calibration(log_proba, y)
    assert 1e-6 < temperature < 1e6
    assert np.isfinite(calibrate(log_proba, Calibration(temperature, bias))).all()


def test_scores_that_are_wrong_more_often_than_right_end_at_the_shares():
    log_proba, y = np.log([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]] * 20), np.array([1, 0, 0] * 20)
    proba = np.exp(calibrate(log_proba, fit_calibration(log_proba, y)))
    assert proba == pytest.approx(np.tile([2 / 3, 1 / 3], (60, 1)), abs=0.05)


def test_scores_of_minus_infinity_are_survived():
    log_proba, y = _noisy_scores(2, seed=1)
    log_proba[:3] = [[-np.inf, 0], [0, -np.inf], [-np.inf, -np.inf]]
    calibration = fit_calibration(log_proba, y)
    assert np.isfinite(calibration.temperature)
    assert np.isfinite(calibrate(log_proba, calibration)).all()


def test_a_class_without_rows_gets_no_probability():
    log_proba, y = _noisy_scores(2, seed=0)
    wider = np.insert(log_proba - np.log(2), 1, -np.log(2), axis=1)
    temperature, bias = fit_calibration(log_proba, y)
    calibration = fit_calibration(wider, 2 * y)
    assert calibration.temperature == pytest.approx(temperature, rel=1e-4)
    assert calibration.bias == pytest.approx(np.insert(bias, 1, -np.inf), abs=1e-4)
    assert np.exp(calibrate(wider, calibration))[:, 1] == pytest.approx(np.zeros(len(y)))


def test_one_newton_step_comes_near_a_fit_with_the_new_weights():
    log_proba, y = _noisy_scores(3, seed=0, n=1000)
    fitted = fit_calibration(log_proba, y)
    weight = np.random.default_rng(0).standard_exponential((5, len(y)))
    resampled = resample_calibration(log_proba, y, fitted, weight)
    for i, row_weight in enumerate(weight):
        exact = fit_calibration(log_proba, y, row_weight)
        assert resampled.temperature[i] == pytest.approx(exact.temperature, rel=0.02)
        assert resampled.bias[i] == pytest.approx(exact.bias, abs=0.05)
    assert calibrate(log_proba, resampled).shape == (5, 1000, 3)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("scale", [0.2, 1, 5])
def test_a_calibration_is_followed_to_scores_by_half_of_the_columns(n_classes, scale):
    rng = np.random.default_rng(0)
    y = np.arange(900) % n_classes
    centres = rng.normal(scale=0.5, size=(n_classes, 10))
    x = rng.normal(centres[y])
    # Too sure, and by the half columns less or more so.
    each = 2 * (x[:, None] * centres - centres**2 / 2)
    scores = log_softmax(each.sum(axis=2), axis=1)
    weight = rng.uniform(0, 2, 900)
    known = fit_calibration(scores, y, weight)
    for columns in (slice(0, 5), slice(5, 10), slice(0, 10, 2)):
        half = log_softmax(scale * each[..., columns].sum(axis=2), axis=1)
        followed = calibrate(half, follow_calibration(half, y, weight, scores, known))
        fitted = calibrate(half, fit_calibration(half, y, weight))
        np.testing.assert_allclose(np.exp(followed), np.exp(fitted), atol=0.005)


def test_a_calibration_is_followed_where_there_is_nothing_to_find():
    log_proba, y = _noisy_scores(3, seed=0)
    known, weight = fit_calibration(log_proba, y), np.ones(len(y))
    # The scores themselves; and some that say nothing, of which only the shares can be had.
    same = follow_calibration(log_proba, y, weight, log_proba, known)
    assert same.temperature == pytest.approx(known.temperature, rel=1e-6)
    assert same.bias == pytest.approx(known.bias, abs=1e-6)
    flat = np.full_like(log_proba, -np.log(3))
    proba = np.exp(calibrate(flat, follow_calibration(flat, y, weight, log_proba, known)))
    assert proba.mean(axis=0) == pytest.approx(class_shares(y, 3), abs=0.01)


def test_a_calibration_is_followed_without_a_class_that_does_not_occur():
    log_proba, y = _noisy_scores(3, seed=0)
    y, weight = np.where(y == 1, 0, y), np.ones(len(y))
    known = fit_calibration(log_proba, y)
    bias = follow_calibration(log_proba / 2, y, weight, log_proba, known).bias
    assert np.isneginf(bias).tolist() == [False, True, False]


def test_abstention_calibrates_alike(three_classes):
    # abstention 0.1.3.1: TempScaling(bias_positions="all").
    source, y, _ = three_classes
    expected = [
        [0.8718973993002443, 0.029151073973462345, 0.09895152672629329],
        [0.16150092209506495, 0.6592882471786775, 0.17921083072625746],
        [0.5846704143213621, 0.25587746904570263, 0.15945211663293535],
    ]
    proba = np.exp(calibrate(source, fit_calibration(source, y)))
    assert proba[:3] == pytest.approx(np.array(expected), abs=1e-4)
