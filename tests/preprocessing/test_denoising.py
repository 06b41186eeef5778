import numpy as np
import pytest
from scipy import sparse

from sk_dann.preprocessing._denoising import Sums, encode


def learn(X, targets=None, *, noise=0.5, alpha=0.0):
    sums = Sums(X.shape[1], X.dtype, None if targets is None else targets.shape[1])
    sums.add(X, targets)
    return sums.learn(noise, alpha)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 2)) @ rng.normal(size=(2, 4)) + 1


def _distance_to_sampled(X, targets, n_copies, noise=0.3):
    """Compare with least squares on rows that are really corrupted."""
    rng = np.random.default_rng(1)
    corrupted = np.tile(X, (n_copies, 1))
    corrupted *= rng.random(corrupted.shape) >= noise
    with_bias = np.c_[corrupted, np.ones(len(corrupted))]
    sampled = np.linalg.lstsq(with_bias, np.tile(targets, (n_copies, 1)), rcond=None)[0]
    learned = np.vstack(learn(X, None if targets is X else targets, noise=noise))
    return np.abs(sampled - learned).max()


@pytest.mark.parametrize("n_targets", [None, 2])
def test_corruption_is_averaged_over(rows, n_targets):
    targets = rows if n_targets is None else rows[:, :n_targets]
    # The error of a mean falls with the root of the number of copies.
    assert _distance_to_sampled(rows, targets, 100) > 0.02
    assert _distance_to_sampled(rows, targets, 10_000) < 0.01


def test_both_ways_of_solving_agree(rows):
    for given, expected in zip(learn(rows, rows.copy()), learn(rows), strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-13)


def test_columns_of_zeros_stay_zero_even_without_ridge(rows):
    rows[:, 2] = 0
    coef, intercept = learn(rows, alpha=0.0)
    assert not coef[2].any()
    assert not coef[:, 2].any()
    assert intercept[2] == 0
    assert coef[0, 1] != 0


def test_ridge_shrinks(rows):
    coef, intercept = learn(rows, alpha=1e9)
    np.testing.assert_allclose(coef, 0, atol=1e-6)
    np.testing.assert_allclose(intercept, rows.mean(axis=0), rtol=1e-5)


def test_rows_count_as_often_as_they_stand_there(rows):
    twice = learn(np.tile(rows, (2, 1)), alpha=2.0)
    for given, expected in zip(twice, learn(rows, alpha=1.0), strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-12)


@pytest.mark.parametrize("n_targets", [None, 40])
def test_single_precision_will_do(n_targets):
    rng = np.random.default_rng(0)
    # A bag of words: hundreds of columns, some in nearly all rows, some in one, some copies.
    X = (rng.random((400, 300)) < rng.random(300) ** 4).astype(np.float64)
    X[:, 200:] = X[:, :100]
    double, single = (
        learn(each, None if n_targets is None else each[:, :n_targets], noise=0.5, alpha=1e-5)
        for each in (X, X.astype(np.float32))
    )
    assert single[0].dtype == single[1].dtype == np.float32
    assert np.abs(double[0]).max() > 0.1
    np.testing.assert_allclose(single[0], double[0], atol=1e-5)
    np.testing.assert_allclose(encode(X, *single), encode(X, *double), atol=1e-5)


def test_large_means_do_no_harm():
    X = np.random.default_rng(0).normal(size=(50, 3)) + 1e6
    coef, intercept = learn(X, noise=0.5)
    # Corruption is all that varies: the best guess is the mean.
    np.testing.assert_allclose(coef, 0, atol=1e-9)
    np.testing.assert_allclose(intercept, X.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overflow_is_refused(container, dtype):
    X = container(np.array([[1, 2], [np.finfo(dtype).max / 2, 1]], dtype=dtype))
    with pytest.raises(ValueError, match=rf"Sums of squares .* of X, .* {X.dtype}.*Scale"):
        learn(X)


def test_less_noise_than_rounding_errors_is_refused():
    X = np.tile(np.random.default_rng(0).normal(size=(60, 3)), 20).astype(np.float32)
    with pytest.raises(ValueError, match="noise and alpha are too small for float32"):
        learn(X, noise=1e-12)
    coef, _ = learn(X, noise=1e-12, alpha=1.0)
    assert np.isfinite(coef).all()
