import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder as MSDA  # noqa: N817


def make_data(n_rows=60, n_features=7, seed=0):
    """Correlated columns, a constant one, one of zeros and one that is a copy."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_features))
    X += 0.3 * rng.normal(size=X.shape)
    X[:, 1], X[:, 2], X[:, 3] = 1, 0, X[:, 0]
    return np.where(rng.random(X.shape) < 0.4, 0, X)


def learn_as_published(X, noise, alpha):
    """Return W of shape (d, d + 1), written as in the authors' code."""
    n_features = X.shape[1]
    with_bias = np.c_[X, np.ones(len(X))]
    S = with_bias.T @ with_bias
    q = np.r_[np.full(n_features, 1 - noise), 1.0]
    Q = S * np.outer(q, q)
    np.fill_diagonal(Q, q * np.diag(S))
    P = S[:n_features] * q
    ridge = np.diag(np.r_[np.full(n_features, alpha), 0.0])
    return np.linalg.solve(Q + ridge, P.T).T


def transform_as_published(X, n_layers, noise, alpha):
    layers = [X]
    for _ in range(n_layers):
        W = learn_as_published(layers[-1], noise, alpha)
        layers.append(np.tanh(np.c_[layers[-1], np.ones(len(X))] @ W.T))
    return np.hstack(layers)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("noise", "alpha"), [(0.5, 1e-5), (0.1, 3.0), (0.9, 1e-5)])
def test_layers_are_those_of_the_authors(container, noise, alpha):
    X = make_data()
    msda = MSDA(n_layers=3, noise=noise, alpha=alpha)
    Z = msda.fit_transform(container(X))
    np.testing.assert_allclose(Z, transform_as_published(X, 3, noise, alpha), atol=1e-9)


def published_first_layer(X, features, subsets, noise, alpha):
    """Reconstruct `features` from each subset, which may hold them or not, and average."""
    total = 0
    for subset in subsets:
        Z = np.c_[X[:, subset], np.ones(len(X))]
        q = np.r_[np.full(len(subset), 1 - noise), 1.0]
        Q = (Z.T @ Z) * np.outer(q, q)
        np.fill_diagonal(Q, q * np.sum(Z**2, axis=0))
        ridge = np.diag(np.r_[np.full(len(subset), alpha), 0.0])
        W = np.linalg.solve(Q + ridge, (X[:, features].T @ Z * q).T).T
        total = total + Z @ W.T
    return np.tanh(total / len(subsets))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_large_vocabularies_are_reconstructed_in_part(container):
    X = make_data(n_features=11)
    features = np.sort(np.argsort(-np.count_nonzero(X, axis=0), kind="stable")[:4])
    msda = MSDA(2, alpha=0.1, n_features_to_reconstruct=4, random_state=3)
    Z = msda.fit_transform(container(X))
    np.testing.assert_array_equal(msda.reconstructed_features_, features)
    assert [coef.shape for coef in msda.coefs_] == [(11, 4), (4, 4)]

    subsets = np.array_split(np.random.RandomState(3).permutation(11), 3)
    first = published_first_layer(X, features, subsets, 0.5, 0.1)
    second = transform_as_published(first, 1, 0.5, 0.1)[:, 4:]
    np.testing.assert_allclose(Z, np.hstack([X, first, second]), atol=1e-10)


@pytest.mark.parametrize("n_wanted", [7, 100])
def test_reconstructing_all_features_needs_no_subsets(n_wanted):
    X = make_data()
    some = MSDA(2, n_features_to_reconstruct=n_wanted).fit_transform(X)
    np.testing.assert_array_equal(some, MSDA(2).fit_transform(X))


def test_frequent_is_what_is_not_zero_in_most_rows():
    X = np.zeros((9, 5))
    X[:1, 0], X[:4, 1], X[:3, 2], X[:4, 3], X[:2, 4] = 1000, -1, 1, 1, 1
    # Explicit zeros, and entries that add up to zero, do not count.
    rows, columns = np.nonzero(X)
    values = np.r_[X[rows, columns], np.zeros(9), np.ones(9), -np.ones(9)]
    rows = np.r_[rows, np.tile(np.arange(9), 3)]
    columns = np.r_[columns, np.repeat([0, 4, 4], 9)]
    order = np.argsort(rows, kind="stable")
    indptr = np.cumsum(np.r_[0, np.bincount(rows, minlength=9)])
    messy = sparse.csr_array((values[order], columns[order], indptr), shape=X.shape)
    np.testing.assert_array_equal(messy.toarray(), X)
    for given_rows in (X, messy):
        msda = MSDA(1, n_features_to_reconstruct=2, random_state=0).fit(given_rows)
        assert msda.reconstructed_features_.tolist() == [1, 3]


def test_random_state_decides_the_subsets_and_nothing_else():
    X = make_data(n_features=9)

    def fit(seed, n_wanted=3):
        msda = MSDA(2, n_features_to_reconstruct=n_wanted, random_state=seed)
        return msda.fit(X).transform(X)

    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the very thing not to touch
    np.testing.assert_array_equal(fit(0), fit(0))
    assert np.abs(fit(0) - fit(1)).max() > 1e-3
    np.testing.assert_array_equal(fit(0, None), fit(1, None))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_output_chooses_the_layers():
    X = sparse.csr_array(make_data())
    every = MSDA(3).fit(X)
    Z = every.transform(X)
    assert Z.shape == (60, 28)
    np.testing.assert_array_equal(Z[:, :7], X.toarray())
    for output, columns in (("hidden", slice(7, None)), ("last", slice(21, None))):
        some = MSDA(3, output=output).fit(X)
        np.testing.assert_array_equal(some.transform(X), Z[:, columns])
        names = every.get_feature_names_out()[columns]
        np.testing.assert_array_equal(some.get_feature_names_out(), names)


def test_columns_are_named_after_what_they_reconstruct():
    frame = pd.DataFrame(make_data(n_features=4), columns=list("abcd"))
    msda = MSDA(2, n_features_to_reconstruct=2, random_state=0).set_output(transform="pandas")
    Z = msda.fit_transform(frame)
    assert Z.columns.tolist() == [*"abcd", "layer1_a", "layer1_b", "layer2_a", "layer2_b"]
    assert msda.set_output(transform="polars").transform(frame).equals(pl.from_pandas(Z))
    with pytest.raises(ValueError, match="feature names"):
        msda.transform(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("n_wanted", [None, 3])
def test_order_of_rows_does_not_matter(n_wanted):
    X = make_data()
    order = np.random.default_rng(0).permutation(len(X))
    msda = MSDA(2, n_features_to_reconstruct=n_wanted, random_state=0)
    expected = clone(msda).fit(X).transform(X)
    np.testing.assert_allclose(msda.fit(X[order]).transform(X), expected, atol=1e-12)


def test_order_of_columns_does_not_matter():
    X = make_data()
    order = np.random.default_rng(0).permutation(X.shape[1])
    places = np.concatenate([order + layer * 7 for layer in range(4)])
    Z = MSDA(3).fit_transform(X)
    np.testing.assert_allclose(MSDA(3).fit_transform(X[:, order]), Z[:, places], atol=1e-12)


@given(
    n_rows=st.integers(1, 30),
    n_features=st.integers(1, 8),
    n_wanted=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(["f2", "f4", "f8", "i4", "u1", "bool"]),
    container=st.sampled_from([np.asfortranarray, sparse.csr_matrix, sparse.coo_array]),
    seed=st.integers(0, 999),
)
def test_any_shape_dtype_and_layout(n_rows, n_features, n_wanted, dtype, container, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n_rows, n_features)).astype(dtype)
    msda = MSDA(2, n_features_to_reconstruct=n_wanted, random_state=seed)
    Z = msda.fit_transform(container(X) if dtype != "f2" else X)  # scipy has no sparse float16
    assert Z.dtype == (np.float32 if dtype == "f4" else np.float64)
    assert Z.shape == (n_rows, n_features + 2 * min(n_features, n_wanted or n_features))
    np.testing.assert_allclose(Z, msda.fit_transform(X.astype(np.float64)), atol=1e-5)
    assert np.abs(Z[:, n_features:]).max() <= 1


def _int64_csr(X):
    X = sparse.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def _unsorted_csr(X):
    n, d = X.shape
    order = np.arange(n * d).reshape(n, d)[:, ::-1].ravel()
    columns = np.tile(np.arange(d), n)
    return sparse.csr_matrix(
        (X.ravel()[order], columns[order], np.arange(0, n * d + 1, d)), shape=X.shape
    )


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "list": lambda X: X.tolist(),
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "big endian": lambda X: X.astype(">f8"),
    "read-only": _read_only,
    "polars": pl.DataFrame,
    "csc": sparse.csc_matrix,
    "int64 csr": _int64_csr,
    "unsorted csr": _unsorted_csr,
}


def _same(X, Z):
    if sparse.issparse(X):
        fields = ("data", "indices", "indptr")
        return all(np.array_equal(getattr(X, f), getattr(Z, f)) for f in fields)
    return X.equals(Z) if isinstance(X, pl.DataFrame) else np.array_equal(X, Z)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_wanted", [None, 3])
def test_layouts_give_the_same_model_and_stay_as_they_were(layout, n_wanted):
    plain = make_data()
    msda = MSDA(2, n_features_to_reconstruct=n_wanted, random_state=0)
    expected = clone(msda).fit(plain[:40], X_tgt=plain[40:]).transform(plain)
    source, target, both = parts = [LAYOUTS[layout](X) for X in (plain[:40], plain[40:], plain)]
    before = [X.clone() if isinstance(X, pl.DataFrame) else copy.deepcopy(X) for X in parts]
    Z = msda.fit(source, X_tgt=target).transform(both)
    np.testing.assert_allclose(Z, expected, atol=1e-12)
    assert all(_same(one, other) for one, other in zip(parts, before, strict=True))


def test_float32_is_near_float64_through_all_layers():
    X = (np.random.default_rng(0).random((300, 40)) < 0.2).astype(np.float64)
    double = MSDA().fit(X)
    single = MSDA().fit(X.astype(np.float32))
    assert all(coef.dtype == np.float32 for coef in single.coefs_)
    # Rows are brought to the dtype of the fit.
    assert single.transform(X).dtype == np.float32
    assert double.transform(X.astype(np.float32)).dtype == np.float64
    np.testing.assert_allclose(single.transform(X), double.transform(X), atol=1e-5)


def test_target_apart_is_as_stacked():
    X = make_data()
    apart = MSDA(3).fit(X[:25], X_tgt=X[25:]).transform(X)
    np.testing.assert_allclose(apart, MSDA(3).fit_transform(X), atol=1e-12)
    without = MSDA(3).fit(X[:25]).transform(X)
    assert np.abs(apart - without).max() > 1e-3
    mixed = MSDA(3).fit(X[:25].astype(np.float32), X_tgt=sparse.csr_array(X[25:]))
    np.testing.assert_allclose(mixed.transform(X), apart, atol=1e-4)


def test_a_word_of_the_target_is_reconstructed_in_the_source():
    rng = np.random.default_rng(0)
    good = rng.random((400, 1)) < 0.5
    # All words tell good from bad; the last two occur in one domain each.
    X = (rng.random((400, 10)) < np.where(good, 0.9, 0.1)).astype(float)
    X[200:, 8] = X[:200, 9] = 0
    Z = MSDA(1, output="hidden").fit_transform(X)
    of_target_word = Z[:200, 9]
    assert of_target_word[good[:200, 0]].mean() > 2 * of_target_word[~good[:200, 0]].mean() > 0


@pytest.mark.parametrize(
    ("X_tgt", "message"),
    [
        (np.ones((4, 3)), "X_tgt: .*3 features.*7 features"),
        (np.full((4, 7), np.nan), "X_tgt: .*NaN"),
        (np.ones(7), "X_tgt: "),
        (np.full((4, 7), "word"), "X_tgt: "),
        (np.full((4, 7), 1e200), "Sums of squares .* X_tgt, overflow in float64"),
    ],
)
def test_bad_targets_are_refused_by_name(X_tgt, message):
    with pytest.raises(ValueError, match=message):
        MSDA(1).fit(make_data(), X_tgt=X_tgt)


def test_a_failed_fit_leaves_the_earlier_one():
    X = make_data()
    msda = MSDA(1).fit(X)
    expected = msda.transform(X)
    with pytest.raises(ValueError, match="overflow"):
        msda.fit(np.full((4, 7), 1e200))
    np.testing.assert_array_equal(msda.transform(X), expected)


def test_round_trips_transform_to_the_same_bits(tmp_path):
    X = make_data()
    msda = MSDA(2, n_features_to_reconstruct=4, random_state=0).fit(X)
    joblib.dump(msda, tmp_path / "msda.joblib")
    for other in (pickle.loads(pickle.dumps(msda)), joblib.load(tmp_path / "msda.joblib")):
        np.testing.assert_array_equal(other.transform(X), msda.transform(X))
    fresh = clone(msda)
    with pytest.raises(NotFittedError):
        fresh.transform(X)
    np.testing.assert_array_equal(fresh.fit(X).transform(X), msda.transform(X))
