from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from sk_dann import metrics
from sk_dann.metrics import h_divergence, importance_weights, proxy_a_distance, total_variation

DISTANCES = [h_divergence, proxy_a_distance, total_variation]
ALL = [*DISTANCES, importance_weights]


def _gaussians(shift, n=300, m=300, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + np.r_[shift, np.zeros(d - 1)]


def test_weights_are_the_ratio_of_the_densities():
    X_source, X_target = _gaussians(1.0, n=4000, m=2000)
    weight = importance_weights(X_source, X_target)
    truth = np.minimum(np.exp(X_source[:, 0] - 0.5), 20)
    assert weight.shape == (4000,)
    assert np.corrcoef(np.log(weight), np.log(truth))[0, 1] > 0.99
    assert weight.mean() == pytest.approx(1, abs=0.05)


def test_weights_are_clipped_and_of_rows_not_trained_on():
    X_source, X_target = _gaussians(6.0)
    assert importance_weights(X_source, X_target, max_weight=3).max() <= 3
    # As many columns as rows: by its own rows any classifier tells the domains apart.
    X_source, X_target = _gaussians(0.0, n=40, m=40, d=60)
    assert importance_weights(X_source, X_target).mean() > 0.5


def test_a_classifier_of_ones_own():
    X_source, X_target = _gaussians(1.0, n=300, m=300)
    classifier = LinearDiscriminantAnalysis()
    weight = importance_weights(X_source, X_target, classifier=classifier)
    np.testing.assert_allclose(weight, importance_weights(X_source, X_target), rtol=0.3)
    assert not hasattr(classifier, "classes_")


class _AnswersNumbers(LinearDiscriminantAnalysis):
    def predict(self, X):
        return super().predict(X).astype(int)


def test_a_classifier_may_answer_in_numbers():
    domains = _gaussians(1.0)
    expected = total_variation(*domains, classifier=LinearDiscriminantAnalysis())
    assert total_variation(*domains, classifier=_AnswersNumbers()) == expected


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_of_like_and_of_disjoint_domains(distance):
    largest = 1 if distance is total_variation else 2
    assert distance(*_gaussians(20.0)) == pytest.approx(largest)
    assert 0 <= distance(*_gaussians(0.0, n=1000, m=1000)) < 0.12 * largest


def test_total_variation_of_gaussians():
    # 2 Φ(1/2) - 1
    assert total_variation(*_gaussians(1.0, n=4000, m=4000)) == pytest.approx(0.383, abs=0.03)


def test_domains_of_different_size_count_alike():
    X_source, X_target = _gaussians(1.0, n=6000, m=300)
    assert total_variation(X_source, X_target) == pytest.approx(0.383, abs=0.08)
    assert h_divergence(X_source, X_target) == pytest.approx(2 * 0.383, abs=0.15)


def test_proxy_a_distance_as_the_authors_compute_it():
    X_source, X_target = _gaussians(1.0, n=100, m=100)
    X, domain = np.r_[X_source, X_target], np.repeat([0, 1], 100)
    rng = np.random.RandomState(3)
    train, test = train_test_split(np.arange(200), test_size=0.5, stratify=domain, random_state=rng)
    best = 1.0
    for c in np.logspace(-5, 0, 10):
        svm = LinearSVC(C=c, random_state=0).fit(X[train], domain[train])
        risk = np.mean(svm.predict(X[test]) != domain[test])
        best = min(best, risk if risk <= 0.5 else 1 - risk)
    assert proxy_a_distance(X_source, X_target, random_state=3) == pytest.approx(2 * (1 - 2 * best))
    assert proxy_a_distance(X_source, X_target) != proxy_a_distance(
        X_source, X_target, random_state=3
    )


def test_h_divergence_by_hand():
    # The best cut is wrong on one source row of four: 2 (1 - 1/4). Of the other sign: the same.
    X_source, X_target = np.array([[0.0], [1], [2], [5]]), np.array([[4.0], [5], [6], [7]])
    for factor in (1, -1):
        found = h_divergence(factor * X_source, factor * X_target, C=[1, 100])
        assert found == pytest.approx(1.5)


@pytest.mark.parametrize("function", ALL)
def test_sparse_rows_give_what_dense_ones_do(function):
    rng = np.random.default_rng(0)
    X_source, X_target = (rng.poisson(0.3, size=(60, 8)) * rng.random((60, 8)) for _ in range(2))
    X_target[:, 0] += 0.5
    one = function(sparse.csr_matrix(X_source), sparse.csr_array(X_target))
    other = function(sparse.csr_matrix(X_source), X_target)
    np.testing.assert_array_equal(one, other)
    if function in (h_divergence, proxy_a_distance):
        assert one == pytest.approx(function(X_source, X_target), abs=0.1)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("X_source", "X_target", "message"),
    [
        (np.zeros((4, 2)), np.zeros((4, 3)), "X_target has 3 columns, but X_source has 2"),
        ([[np.nan, 0.0]] * 4, np.zeros((4, 2)), "X_source: .*NaN"),
        (np.zeros((4, 2)), np.zeros((0, 2)), "X_target: "),
        (np.zeros((1, 2)), np.zeros((4, 2)), "X_source must have at least two rows"),
        (np.zeros((4, 2)), [["a", "b"]], "X_target: could not convert"),
    ],
)
def test_bad_rows_are_refused(function, X_source, X_target, message):
    with pytest.raises(ValueError, match=message):
        function(X_source, X_target)


def test_an_svm_that_stops_early_counts_silently():
    X_source, X_target = _gaussians(1.0)
    assert proxy_a_distance(1e4 * X_source + 1e5, 1e4 * X_target + 1e5, C=[1]) >= 0


@pytest.mark.parametrize("function", ALL)
def test_two_rows_a_domain_are_enough(function):
    assert np.isfinite(function([[0.0], [1.0]], [[5.0], [6.0]])).all()


def test_options_that_cannot_be_are_named():
    X = np.arange(8.0)[:, None]
    with pytest.raises(ValueError, match="max_weight must be greater than 0, got -1"):
        metrics.importance_weights(X, X, max_weight=-1)
    with pytest.raises(ValueError, match="C must hold at least one number"):
        metrics.h_divergence(X, X, C=[])
    with pytest.raises(ValueError, match="n_target must be at least 1, got 0"):
        metrics.target_risk_bound(0.1, 0.1, n_source=9, n_target=0, vc_dimension=1)
    rows = np.log([[0.9, 0.1], [0.2, 0.8]])
    for option in ("temperature", "chunk_size"):
        with pytest.raises(ValueError, match=f"{option} must be greater than 0, got 0"):
            metrics.soft_neighborhood_density_score(rows, **{option: 0})


def test_threads_get_the_distance_that_each_would_get_alone():
    rng = np.random.default_rng(0)
    # More columns than rows: solved in the dual, row by row in an order that is drawn, and not to
    # the end, so that the order tells.
    direction = rng.normal(size=(2, 100))
    draw = rng.normal
    parts = [
        tuple(np.maximum(draw(size=(n, 2)) @ direction, 0) for n in (25, 100)) for _ in range(8)
    ]
    alone = [proxy_a_distance(*pair) for pair in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda pair: proxy_a_distance(*pair), parts)) == alone
