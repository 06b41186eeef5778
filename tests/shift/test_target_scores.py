import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from sk_dann.metrics import (
    batch_nuclear_norm_score,
    corr_c_score,
    infomax_score,
    prediction_entropy_score,
    soft_neighborhood_density_score,
)

SCORES = [
    batch_nuclear_norm_score,
    corr_c_score,
    infomax_score,
    prediction_entropy_score,
    soft_neighborhood_density_score,
]
CASES = given(n=st.integers(2, 40), n_classes=st.integers(2, 5), seed=st.integers(0, 9999))


def _log_proba(n, n_classes, seed):
    return log_softmax(3 * np.random.default_rng(seed).normal(size=(n, n_classes)), axis=1)


def _one_class(n, n_classes):
    return np.log(np.eye(n_classes)[np.zeros(n, int)] * (1 - 1e-12) + 1e-15)


@CASES
def test_scores_are_their_formulas(n, n_classes, seed):
    log_proba = _log_proba(n, n_classes, seed)
    p = np.exp(log_proba)
    entropy = np.mean([-(row * np.log(row)).sum() for row in p])
    mean = p.mean(axis=0)
    shares = np.random.default_rng(seed).dirichlet(np.full(n_classes, 5.0))
    divergence = (mean * np.log(mean / shares)).sum()
    assert prediction_entropy_score(log_proba) == pytest.approx(-entropy)
    assert infomax_score(log_proba) == pytest.approx(-(mean * np.log(mean)).sum() - entropy)
    expected = -(shares * np.log(shares)).sum() - divergence - entropy
    assert infomax_score(log_proba, shares=shares) == pytest.approx(expected)
    nuclear = np.linalg.norm(p, "nuc")
    assert batch_nuclear_norm_score(log_proba) == pytest.approx(
        nuclear / np.sqrt(n * min(n, n_classes))
    )
    for given_shares, diagonal in ((None, np.ones(n_classes)), (shares, shares)):
        matrix, aim = p.T @ p, np.diag(diagonal)
        cosine = (matrix * aim).sum() / np.linalg.norm(matrix) / np.linalg.norm(aim)
        assert corr_c_score(log_proba, shares=given_shares) == pytest.approx(cosine)


@CASES
def test_soft_neighborhood_density_row_by_row(n, n_classes, seed):
    log_proba = _log_proba(n, n_classes, seed)
    unit = [row / np.sqrt(row @ row) for row in np.exp(log_proba)]
    entropies = []
    for i in range(n):
        likeness = np.exp([(unit[i] @ unit[j] - 1) / 0.05 for j in range(n) if j != i])
        near = likeness / likeness.sum()
        entropies.append(-(near * np.log(np.maximum(near, 1e-300))).sum())
    whole = soft_neighborhood_density_score(log_proba)
    assert whole == pytest.approx(np.mean(entropies))
    in_chunks = soft_neighborhood_density_score(log_proba, chunk_size=3)
    assert in_chunks == pytest.approx(whole, rel=1e-12)


def test_one_class_everywhere_has_the_documented_value():
    rows = _one_class(10, 4)
    assert prediction_entropy_score(rows) == pytest.approx(0)
    assert infomax_score(rows) == pytest.approx(0)
    assert batch_nuclear_norm_score(rows) == pytest.approx(1 / 2)
    assert corr_c_score(rows) == pytest.approx(1 / 2)
    assert soft_neighborhood_density_score(rows) == pytest.approx(np.log(9))


def test_sure_predictions_of_all_classes_score_highest():
    rows = np.log(np.eye(3)[np.arange(9) % 3] + 1e-15)
    assert infomax_score(rows) == pytest.approx(np.log(3))
    assert batch_nuclear_norm_score(rows) == pytest.approx(1)
    assert corr_c_score(rows) == pytest.approx(1)


def test_probability_zero_is_a_probability():
    with np.errstate(divide="ignore"):
        rows = np.log(np.eye(2)[[0, 1, 1]])
    assert prediction_entropy_score(rows) == 0
    assert infomax_score(rows, shares=[1, 0]) == pytest.approx(
        -np.log(1 / 3) / 3 - 2 / 3 * np.log(2 / 3 / 1e-9), rel=1e-6
    )
    assert all(np.isfinite(score(rows)) for score in SCORES)


def test_infomax_prefers_the_expected_shares():
    balanced, skewed = (np.log([[0.95, 0.05]] * n + [[0.05, 0.95]] * (10 - n)) for n in (5, 9))
    assert infomax_score(balanced) > infomax_score(skewed)
    shares = [0.9, 0.1]
    assert infomax_score(balanced, shares=shares) < infomax_score(skewed, shares=shares)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.3, 0.7], [0.5, 0.5]], "log_proba_target must hold logarithms"),
        ([[1000.0, 0.7], [0.5, 0.5]], "log_proba_target must hold logarithms"),
        (np.full((2, 2), -np.inf), "log_proba_target must hold logarithms"),
        ([[np.nan, 0.0]], "log_proba_target holds NaN"),
        (np.zeros((0, 2)), r"log_proba_target must have shape \(n, C\)"),
        (np.zeros((3, 1)), r"log_proba_target must have shape \(n, C\)"),
        (np.log([0.5, 0.5]), r"log_proba_target must have shape \(n, C\)"),
    ],
)
def test_bad_probabilities_are_refused(score, rows, message):
    with pytest.raises(ValueError, match=message):
        score(rows)


@pytest.mark.parametrize("score", [infomax_score, corr_c_score])
@pytest.mark.parametrize(
    ("shares", "message"),
    [([0.5, 0.2], "sum 1"), ([1.5, -0.5], "shares"), ([1.0], "shape"), ([np.nan, 1], "sum 1")],
)
def test_bad_shares_are_refused(score, shares, message):
    with pytest.raises(ValueError, match=f"shares must .*{message}"):
        score(np.log([[0.5, 0.5]]), shares=shares)


def test_one_row_has_no_neighbours():
    with pytest.raises(ValueError, match="log_proba_target must have at least two rows"):
        soft_neighborhood_density_score(np.log([[0.5, 0.5]]))
