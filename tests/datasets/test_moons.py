import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sk_dann.datasets import make_inter_twinning_moons


def to_complex(X):
    return X[:, 0] + 1j * X[:, 1]


def as_set(points):
    """Sort complex points so that draws in different order can be compared."""
    return np.sort_complex(np.round(points, 9))


def test_default_is_the_problem_of_the_paper():
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    for X, y in [(X_src, y_src), (X_tgt, y_tgt)]:
        assert X.shape == (300, 2)
        assert X.dtype == np.float64
        assert_array_equal(np.bincount(y), [150, 150])
    assert_allclose(X_src.mean(axis=0), 0, atol=1e-12)


def test_source_is_the_authors_source():
    # They draw make_moons(nb, noise=.05, random_state=1), move its mean to 0 and double it.
    X, y = make_moons(150, noise=0.05, random_state=1)
    X_src, y_src, _, _ = make_inter_twinning_moons(150, random_state=1)
    assert_allclose(X_src, 2 * (X - X.mean(axis=0)))
    assert_array_equal(y_src, y)


@given(rotation=st.floats(-720, 720), n_samples=st.integers(2, 60))
def test_target_is_the_source_turned_counter_clockwise(rotation, n_samples):
    # Without noise, both draws hold the same points, so that turning must map one on the other.
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(
        n_samples, rotation=rotation, noise=None, random_state=0
    )
    turn = np.exp(1j * np.deg2rad(rotation))
    for label in (0, 1):
        turned_back = to_complex(X_tgt[y_tgt == label]) / turn
        assert_allclose(as_set(turned_back), as_set(to_complex(X_src[y_src == label])), atol=1e-8)


def test_target_is_a_fresh_draw():
    X_src, _, X_tgt, _ = make_inter_twinning_moons(rotation=0, random_state=0)
    distances = np.abs(to_complex(X_src)[:, None] - to_complex(X_tgt)).min(axis=1)
    assert distances.min() > 0


@given(noise=st.floats(0.01, 0.5), seed=st.integers(0, 2**32 - 1))
def test_noise_is_doubled_like_the_moons(noise, seed):
    clean = make_moons(4000, shuffle=False, random_state=seed)[0]
    X_src, y_src, _, _ = make_inter_twinning_moons(4000, noise=noise, random_state=seed)
    # Variances of independent parts add up.
    expected = 4 * (clean.var(axis=0) + noise**2)
    assert_allclose(X_src.var(axis=0), expected, rtol=0.15)
    assert_array_equal(np.bincount(y_src), [2000, 2000])


def test_source_depends_on_the_seed_alone():
    plain = make_inter_twinning_moons(random_state=3)
    other = make_inter_twinning_moons(n_samples_target=7, rotation=80, random_state=3)
    assert_array_equal(plain[0], other[0])
    assert_array_equal(plain[1], other[1])
    assert other[2].shape == (7, 2)
    again = make_inter_twinning_moons(random_state=3)
    for first, second in zip(plain, again, strict=True):
        assert_array_equal(first, second)
    assert not np.array_equal(plain[0], make_inter_twinning_moons(random_state=4)[0])


def test_global_random_state_stays():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_inter_twinning_moons(random_state=0)
    assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_class_shares_shift_without_moving_the_moons():
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(
        (100, 50), n_samples_target=(30, 90), rotation=0, random_state=0
    )
    assert_array_equal(np.bincount(y_src), [100, 50])
    assert_array_equal(np.bincount(y_tgt), [30, 90])
    for label in (0, 1):
        assert_allclose(
            X_src[y_src == label].mean(axis=0), X_tgt[y_tgt == label].mean(axis=0), atol=0.1
        )


def test_rotation_hurts_a_classifier_of_the_source():
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    model = make_pipeline(PolynomialFeatures(3), LogisticRegression(C=100, max_iter=1000))
    model.fit(X_src, y_src)
    assert model.score(X_src, y_src) > 0.98
    assert model.score(X_tgt, y_tgt) < 0.93


@pytest.mark.parametrize(
    "params",
    [
        {"n_samples": 0},
        {"n_samples": 10.5},
        {"n_samples_target": 0},
        {"rotation": float("nan")},
        {"rotation": float("inf")},
        {"noise": -0.1},
        {"random_state": "seed"},
    ],
)
def test_bad_parameter_is_named(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_inter_twinning_moons"):
        make_inter_twinning_moons(**params)
