"""The contracts of every estimator: one suite, run on all of them."""

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.exceptions import NoTargetWarning
from sk_dann.model_selection import SourceOnlyClassifier
from sk_dann.nn import CentralMomentDiscrepancy, InformationMaximization, MinimumClassConfusion
from sk_dann.preprocessing import CorrelationRatioScaler, MarginalizedStackedDenoisingAutoencoder

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
TERMS = [InformationMaximization(), MinimumClassConfusion(0.3), CentralMomentDiscrepancy(0.1)]
RANDOMIZED = {"conditioning": "randomized", "n_random_features": 16}
NETWORKS = {
    "one": DANNClassifier(**QUICK),
    "members": DANNClassifier(**QUICK, n_estimators=3, batch_size=16),
    "conditional": CDANClassifier(**QUICK, terms=TERMS),
    "conditional members": CDANClassifier(**QUICK, **RANDOMIZED, n_estimators=2, batch_size=16),
}
SEARCH = DANNClassifierCV(
    DANNClassifier(hidden_layer_sizes=(8,), max_iter=3), lambdas=[0, 1], cv=2, random_state=0
)
every_network = pytest.mark.parametrize("estimator", NETWORKS.values(), ids=NETWORKS)
every_estimator = pytest.mark.parametrize(
    "estimator", [*NETWORKS.values(), SEARCH], ids=[*NETWORKS, "search"]
)


def _loss_curve(clf):
    return getattr(clf, "best_estimator_", clf).loss_curve_


def _make_data(n_source=50, n_target=40, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source, n_features))
    y = (X[:, 0] + 0.3 * rng.normal(size=n_source) > 0).astype(int)
    y[:2] = [0, 1]
    return X, y, rng.normal(size=(n_target, n_features)) + 0.5


@pytest.fixture
def data():
    return _make_data()


# 1. scikit-learn's own checks, all of them.


@pytest.mark.filterwarnings(f"ignore::{NoTargetWarning.__module__}.{NoTargetWarning.__name__}")
@parametrize_with_checks(
    [
        DANNClassifier(),
        DANNClassifier(n_estimators=2, max_iter=20),
        CDANClassifier(),
        CDANClassifier(**RANDOMIZED, terms=TERMS, max_iter=20),
        DANNClassifierCV(DANNClassifier(max_iter=20), lambdas=[0, 1], cv=2),
        SourceOnlyClassifier(LogisticRegression()),
        BagOfWordsDANNClassifier(DANNClassifier(max_iter=20)),
        CorrelationRatioScaler(),
        MarginalizedStackedDenoisingAutoencoder(),
        MarginalizedStackedDenoisingAutoencoder(n_features_to_reconstruct=2, output="last"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# 2. The golden records are replayed in tests/nn/test_network.py.

# 3. Labels of target rows cannot change anything.


@every_estimator
@pytest.mark.parametrize(
    "scramble",
    [
        lambda y, rng: rng.permutation(y),
        lambda y, rng: np.full(len(y), np.nan),
        lambda y, rng: np.full(len(y), None),
        lambda y, rng: rng.choice(["x", "y"], len(y)).astype(object),
        lambda y, rng: np.full(len(y), 77),
        lambda y, rng: ["?"] * len(y),
    ],
)
def test_labels_of_target_rows_are_never_read(estimator, data, scramble):
    X, y, X_tgt = data
    stacked = np.vstack([X_tgt, X])
    domain = np.r_[-np.ones(40, int), np.ones(50, int)]
    truth = (X_tgt[:, 0] > 0.5).astype(int)
    fits = []
    for target_labels in (truth, scramble(truth, np.random.default_rng(1))):
        as_list = isinstance(target_labels, list)
        labels = target_labels + y.tolist() if as_list else np.concatenate([target_labels, y])
        fits.append(clone(estimator).fit(stacked, labels, sample_domain=domain))
    one, other = fits
    assert np.issubdtype(other.classes_.dtype, np.number)
    np.testing.assert_array_equal(one.predict_proba(X_tgt), other.predict_proba(X_tgt))
    assert _loss_curve(one) == _loss_curve(other)


# 4. The same random_state gives the same bits, anywhere.


def _global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002 - the very thing not to touch
    return numpy_state[1].tolist(), numpy_state[2], torch.get_rng_state().tolist()


@every_estimator
def test_fit_repeats_to_the_bit_and_leaves_the_global_random_states(estimator, data):
    before = _global_states()
    one = clone(estimator).fit(*data).predict_proba(data[2])
    np.random.rand(3), torch.rand(3)  # noqa: NPY002 - whatever others draw must not matter
    moved = _global_states()
    other = clone(estimator).fit(*data).predict_proba(data[2])
    assert _global_states() == moved != before
    np.testing.assert_array_equal(one, other)


@every_estimator
def test_a_second_fit_is_a_fresh_one(estimator, data):
    again = clone(estimator).fit(data[0] + 1, data[1], data[2]).fit(*data)
    fresh = clone(estimator).fit(*data)
    np.testing.assert_array_equal(again.predict_proba(data[2]), fresh.predict_proba(data[2]))


@every_estimator
def test_a_random_state_instance_is_drawn_from(estimator, data):
    def fits(random_state):
        estimator_ = clone(estimator).set_params(random_state=random_state)
        return [estimator_.fit(*data).predict_proba(data[2]) for _ in range(2)]

    one, other = (fits(np.random.RandomState(3)) for _ in range(2))
    assert np.abs(one[0] - one[1]).max() > 0
    np.testing.assert_array_equal(one, other)


@every_estimator
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_other_processes_and_threads_give_the_same_bits(estimator, data, backend):
    here = clone(estimator).fit(*data).predict_proba(data[2])
    with joblib.parallel_config(backend, n_jobs=2):
        fits = joblib.Parallel()(joblib.delayed(clone(estimator).fit)(*data) for _ in range(4))
    for clf in fits:
        np.testing.assert_array_equal(clf.predict_proba(data[2]), here)


def test_importing_and_fitting_change_no_global_state():
    code = """
import numpy as np, sklearn, torch, warnings
def state():
    return (sklearn.get_config(), torch.get_default_dtype(), torch.get_num_threads(),
            torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
            np.geterr(), np.get_printoptions(), list(warnings.filters))
before = state()
import sk_dann
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 2))
sk_dann.DANNClassifier(max_iter=1).fit(X, np.arange(20) % 2, X).predict(X)
after = state()
# Imported libraries may add filters of their own; this package must not.
assert before[:-1] == after[:-1], (before, after)
assert not [f for f in after[-1] if "sk_dann" in str(f)]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# 5. What comes in is never modified, whatever its layout.


def _memory_mapped(X, tmp_path):
    path = tmp_path / f"{X.shape[0]}.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def _read_only(X, tmp_path):
    X = X.copy()
    X.flags.writeable = False
    return X


def _int64_csr(X, tmp_path):
    X = sparse.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def _unsorted_csr(X, tmp_path):
    X = sparse.csr_matrix(X)
    n, d = X.shape
    order = np.arange(n * d).reshape(n, d)[:, ::-1].ravel()
    return sparse.csr_matrix((X.data[order], X.indices[order], X.indptr), shape=X.shape)


LAYOUTS = {
    "list": lambda X, _: X.tolist(),
    "fortran": lambda X, _: np.asfortranarray(X),
    "strided": lambda X, _: np.repeat(X, 2, axis=0)[::2],
    "negative strides": lambda X, _: X[::-1].copy()[::-1],
    "big endian": lambda X, _: X.astype(">f8"),
    "read-only": _read_only,
    "memory-mapped": _memory_mapped,
    "pandas": lambda X, _: pd.DataFrame(X, columns=list("abcd")),
    "polars": lambda X, _: pl.DataFrame(X, schema=list("abcd")),
    "csr": lambda X, _: sparse.csr_matrix(X),
    "csr array": lambda X, _: sparse.csr_array(X),
    "csc": lambda X, _: sparse.csc_matrix(X),
    "int64 csr": _int64_csr,
    "unsorted csr": _unsorted_csr,
}


def _copy(X):
    return X.clone() if isinstance(X, pl.DataFrame) else copy.deepcopy(X)


def _same(X, Z):
    if sparse.issparse(X):
        fields = ("data", "indices", "indptr")
        return all(np.array_equal(getattr(X, f), getattr(Z, f)) for f in fields)
    if isinstance(X, pd.DataFrame | pl.DataFrame):
        return X.equals(Z)
    return np.array_equal(X, Z)


@pytest.mark.parametrize("layout", LAYOUTS)
@every_estimator
def test_layouts_give_the_same_model_and_stay_as_they_were(estimator, data, layout, tmp_path):
    X, y, X_tgt = data
    reference = clone(estimator).fit(X, y, X_tgt).predict_proba(X_tgt)
    X, X_tgt = (LAYOUTS[layout](part, tmp_path) for part in (X, X_tgt))
    weight = np.ones(50)
    given = X, y, X_tgt, weight
    before = [_copy(part) for part in given]
    clf = clone(estimator).fit(X, y, X_tgt, sample_weight=weight)
    proba = clf.predict_proba(X_tgt)
    clf.transform(X), clf.score(X, y)
    np.testing.assert_allclose(proba, reference, rtol=1e-8)
    assert all(_same(one, other) for one, other in zip(given, before, strict=True))


@given(
    n_source=st.integers(2, 40),
    n_target=st.integers(1, 40),
    n_features=st.integers(1, 6),
    n_classes=st.integers(2, 4),
    dtype=st.sampled_from(["f2", "f4", "f8", "i4", "u1", "bool"]),
    order=st.sampled_from("CF"),
    container=st.sampled_from([np.asarray, sparse.csr_matrix, sparse.coo_array]),
    labels=st.sampled_from(["int", "str", "object", "bool", "float"]),
    stacked=st.booleans(),
    seed=st.integers(0, 999),
)
def test_any_shape_dtype_layout_and_label_kind(
    n_source, n_target, n_features, n_classes, dtype, order, container, labels, stacked, seed
):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n_source + n_target, n_features)).astype(dtype, order=order)
    if container is not np.asarray and dtype == "f2":
        container = np.asarray  # scipy has no sparse float16
    if labels == "bool":
        n_classes = 2
    codes = np.arange(n_source) % min(n_classes, n_source)
    kinds = {
        "int": np.arange(-1, 3),
        "str": np.array(list("dcba")),
        "object": np.array(["one", "two", "three", "four"], dtype=object),
        "bool": np.array([False, True]),
        "float": np.arange(4.0),
    }
    y = kinds[labels][codes]
    clf = DANNClassifier(hidden_layer_sizes=(3,), max_iter=1, random_state=seed)
    if stacked:
        domain = np.r_[np.ones(n_source, int), -np.ones(n_target, int)]
        clf.fit(container(X), np.r_[y, np.resize(y, n_target)], sample_domain=domain)
    else:
        clf.fit(container(X[:n_source]), y, container(X[n_source:]))
    proba = clf.predict_proba(container(X))
    assert proba.shape == (n_source + n_target, len(np.unique(y)))
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert set(clf.predict(container(X))) <= set(y)
    assert proba.dtype == (np.float32 if dtype == "f4" else np.float64)
    assert clf.transform(container(X)).shape == (n_source + n_target, 3)


# 6. Bad input: tests/estimators/test_bad_input.py.

# 7. Storage. Fresh processes, skops and other formats: tests/storage.


@every_estimator
def test_pickle_joblib_and_deepcopy_predict_the_same_bits(estimator, data, tmp_path):
    clf = clone(estimator).fit(*data)
    expected = clf.predict_proba(data[2])
    joblib.dump(clf, tmp_path / "clf.joblib")
    copies = [
        pickle.loads(pickle.dumps(clf)),
        joblib.load(tmp_path / "clf.joblib"),
        copy.deepcopy(clf),
    ]
    for other in copies:
        np.testing.assert_array_equal(other.predict_proba(data[2]), expected)
        assert _loss_curve(other) == _loss_curve(clf)


@every_estimator
def test_clone_forgets_what_was_learned(estimator, data):
    clf = clone(estimator).fit(*data)
    fresh = clone(clf)
    assert not hasattr(fresh, "classes_")
    assert repr(fresh) == repr(clf)


@every_network
def test_set_params_and_html(estimator):
    estimator = clone(estimator).set_params(lambda_adapt=0.3)
    assert "lambda_adapt=0.3" in repr(estimator)
    assert type(estimator).__name__ in estimator._repr_html_()


# Relations that any domain-adaptation estimator should keep.


@every_estimator
@pytest.mark.parametrize("n_target", [1, 49, 50, 51, 500])
def test_any_length_of_target(estimator, n_target):
    X, y, X_tgt = _make_data(n_target=n_target)
    assert np.isfinite(clone(estimator).fit(X, y, X_tgt).predict_proba(X_tgt)).all()


@every_estimator
def test_names_of_classes_do_not_matter(estimator, data):
    X, y, X_tgt = data
    codes = clone(estimator).fit(X, y, X_tgt)
    names = clone(estimator).fit(X, np.array(["a", "b"])[y], X_tgt)
    np.testing.assert_array_equal(codes.predict_proba(X_tgt), names.predict_proba(X_tgt))


@pytest.mark.parametrize(
    "estimator", [*NETWORKS.values(), SEARCH, MarginalizedStackedDenoisingAutoencoder()]
)
def test_parameters_are_only_stored(estimator):
    for name, value in estimator.get_params(deep=False).items():
        assert getattr(estimator, name) is value
        assert getattr(clone(estimator).set_params(**{name: 7}), name) == 7
