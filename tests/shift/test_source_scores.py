import numpy as np
import pytest

from sk_dann.metrics import (
    average_thresholded_confidence_score,
    calibrated_confidence_score,
    deep_embedded_validation_score,
    importance_weighted_score,
    label_shift_distance,
    source_accuracy_score,
)
from sk_dann.shift import calibrate, fit_calibration, move_posterior

ROWS = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]])
LABELS = [0, 1, 2, 2]  # the third is wrong
WEIGHT = [1.0, 0.5, 2.0, 0.5]


def test_source_accuracy():
    assert source_accuracy_score(ROWS, LABELS) == 0.75


def test_importance_weighting_by_hand():
    assert importance_weighted_score(ROWS, LABELS, WEIGHT) == 0.5
    expected = np.log(0.7) + 0.5 * np.log(0.8) + 2 * np.log(0.4) + 0.5 * np.log(0.6)
    found = importance_weighted_score(ROWS, LABELS, WEIGHT, metric="log_likelihood")
    assert found == pytest.approx(expected / 4)


@pytest.mark.parametrize("metric", ["accuracy", "log_likelihood"])
def test_deep_embedded_validation_as_the_authors_compute_the_risk(metric):
    weight = np.array([1.0, 0.7, 3.0, 0.5])
    loss = np.array([0.0, 0, 1, 0])
    if metric == "log_likelihood":
        loss = -ROWS[np.arange(4), LABELS]
    weighted = weight * loss
    eta = -np.cov(weighted, weight)[0, 1] / np.var(weight, ddof=1)
    risk = weighted.mean() + eta * weight.mean() - eta
    found = deep_embedded_validation_score(ROWS, LABELS, weight, metric=metric)
    assert found == pytest.approx((metric == "accuracy") - risk)


@pytest.mark.parametrize("constant", [0.3, 1.0])
def test_equal_weights_have_no_control_variate(constant):
    found = deep_embedded_validation_score(ROWS, LABELS, np.full(4, constant))
    assert found == pytest.approx(0.75 * constant)


def test_a_true_class_of_probability_zero_does_not_decide_everything():
    with np.errstate(divide="ignore"):
        rows = np.log([[0.0, 1.0], [0.5, 0.5]])
    found = importance_weighted_score(rows, [0, 0], [1, 1], metric="log_likelihood")
    assert found == pytest.approx((-87.3365 + np.log(0.5)) / 2, abs=1e-4)


def test_calibrated_confidence_is_that_of_calibrated_scores(draw_scores):
    (source, y), (target, hidden) = draw_scores([80, 80, 80], 0), draw_scores([60, 60, 60], 1)
    overconfident = 4 * target - np.logaddexp.reduce(4 * target, axis=1)[:, None]
    sharp_source = 4 * source - np.logaddexp.reduce(4 * source, axis=1)[:, None]
    found = calibrated_confidence_score(sharp_source, y, overconfident)
    moved = calibrate(overconfident, fit_calibration(sharp_source, y))
    assert found == pytest.approx(np.exp(moved).max(axis=1).mean())
    truth = np.mean(target.argmax(axis=1) == hidden)
    assert abs(found - truth) < 0.08 < np.exp(overconfident).max(axis=1).mean() - truth
    shares = np.array([0.6, 0.3, 0.1])
    with_shares = calibrated_confidence_score(sharp_source, y, overconfident, target_shares=shares)
    expected = np.exp(move_posterior(moved, np.full(3, 1 / 3), shares)).max(axis=1).mean()
    assert with_shares == pytest.approx(expected)


def test_confidence_of_one_class_everywhere_is_about_its_share():
    constant = np.log(np.tile([0.98, 0.02], (20, 1)))
    y = np.repeat([0, 1], [13, 7])
    assert calibrated_confidence_score(constant, y, constant) == pytest.approx(0.65, abs=1e-3)
    assert average_thresholded_confidence_score(constant, y, constant) == 1.0


@pytest.mark.parametrize("confidence", ["max_proba", "negative_entropy"])
def test_thresholded_confidence_finds_the_accuracy_of_the_source_itself(confidence):
    rng = np.random.default_rng(0)
    rows = np.log(rng.dirichlet(np.ones(3), size=50))
    y = rng.integers(0, 3, 50)
    found = average_thresholded_confidence_score(rows, y, rows, confidence=confidence)
    assert found == pytest.approx(source_accuracy_score(rows, y))


def test_thresholds_at_the_ends():
    rows = np.log([[0.9, 0.1], [0.6, 0.4]])
    assert average_thresholded_confidence_score(rows, [0, 0], rows) == 1.0
    assert average_thresholded_confidence_score(rows, [1, 1], rows) == 0.0


def test_confidences_rank_differently():
    source = np.log([[0.6, 0.399, 0.001], [0.55, 0.225, 0.225], [0.62, 0.19, 0.19]])
    target = np.log([[0.61, 0.195, 0.195]])
    y = [0, 1, 0]
    by_name = {
        name: average_thresholded_confidence_score(source, y, target, confidence=name)
        for name in ("max_proba", "negative_entropy")
    }
    assert by_name == {"max_proba": 1.0, "negative_entropy": 0.0}


def test_label_shift_is_seen(draw_scores):
    source, y = draw_scores([500, 500, 500], 0)
    target, _ = draw_scores([900, 300, 300], 1)
    assert label_shift_distance(source, y, source) == pytest.approx(0, abs=1e-6)
    assert label_shift_distance(source, y, target) == pytest.approx(0.6 - 1 / 3, abs=0.05)


WITH_BOTH = [
    average_thresholded_confidence_score,
    calibrated_confidence_score,
    label_shift_distance,
]


@pytest.mark.parametrize("score", WITH_BOTH)
def test_bad_target_scores_are_refused(score):
    with pytest.raises(ValueError, match="log_proba_target has 2 classes, log_proba_source 3"):
        score(ROWS, LABELS, ROWS[:, :2] - np.log(np.exp(ROWS[:, :2]).sum(axis=1))[:, None])
    with pytest.raises(ValueError, match="log_proba_target must hold logarithms"):
        score(ROWS, LABELS, np.exp(ROWS))


@pytest.mark.parametrize(
    ("score", "third"),
    [(importance_weighted_score, WEIGHT), (deep_embedded_validation_score, WEIGHT)]
    + [(score, ROWS) for score in WITH_BOTH],
)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1], r"y must have shape \(4,\)"),
        ([0, 1, 2, 3], "y must hold positions of classes, integers from 0 to 2"),
        ([0, 1, 2, -1], "y must hold positions"),
        ([0.0, 1.0, 2.0, 2.0], "y must hold positions"),
        (["a", "b", "c", "c"], "y must hold positions"),
    ],
)
def test_bad_labels_are_refused(score, third, y, message):
    with pytest.raises(ValueError, match=message):
        score(ROWS, y, third)


@pytest.mark.parametrize(
    ("score", "name"),
    [(importance_weighted_score, "weight"), (deep_embedded_validation_score, "feature_weight")],
)
@pytest.mark.parametrize("weight", [[1.0], [0.0] * 4, [1, 1, 1, -1], [1, 1, 1, np.nan]])
def test_bad_weights_are_refused(score, name, weight):
    with pytest.raises(ValueError, match=f"^{name} must"):
        score(ROWS, LABELS, weight)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="metric must be"):
        importance_weighted_score(ROWS, LABELS, WEIGHT, metric="f1")
    with pytest.raises(ValueError, match="confidence must be"):
        average_thresholded_confidence_score(ROWS, LABELS, ROWS, confidence="margin")
    with pytest.raises(ValueError, match="y must hold at least two classes"):
        calibrated_confidence_score(ROWS, [0, 0, 0, 0], ROWS)
    with pytest.raises(ValueError, match="target_shares must"):
        calibrated_confidence_score(ROWS, LABELS, ROWS, target_shares=[1, 1, 1])
