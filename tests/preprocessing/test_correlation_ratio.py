import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import DataConversionWarning
from sklearn.feature_selection import f_classif
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer

from sk_dann import DANNClassifier
from sk_dann.preprocessing import CorrelationRatioScaler

DANN = DANNClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0)


def make_rows(n=60, d=7, n_classes=3, seed=0, density=0.4):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.poisson(1 + y[:, None] * rng.random(d), size=(n, d)) * (rng.random((n, d)) < density)
    return X.astype(float), y


@given(n_classes=st.integers(2, 5), seed=st.integers(0, 999))
def test_ratios_are_those_of_the_f_test(n_classes, seed):
    X, y = make_rows(n_classes=n_classes, seed=seed)
    ratio = CorrelationRatioScaler(floor=0).fit(X, y).scale_
    squared = (ratio / np.sqrt(n := len(y))) ** 2  # of any scale
    f, _ = f_classif(X, y)
    expected = f / (f + (n - n_classes) / (n_classes - 1))
    np.testing.assert_allclose(squared / squared.sum(), expected / expected.sum(), rtol=1e-7)


def test_two_classes_have_the_ratio_of_pearsons_correlation():
    X, y = make_rows(n_classes=2)
    correlation = np.abs(np.corrcoef(X.T, y)[-1, :-1])
    scale = CorrelationRatioScaler(floor=0.3).fit(X, y).scale_
    np.testing.assert_allclose(scale, correlation / correlation.mean() + 0.3)


def test_constant_columns_have_the_floor_and_are_not_averaged_over():
    X, y = make_rows()
    wide = np.hstack([X, np.full((len(y), 2), 1e6), np.zeros((len(y), 1)), np.full((60, 1), 0.1)])
    scale = CorrelationRatioScaler(floor=0.5).fit(wide, y).scale_
    np.testing.assert_array_equal(scale[7:], 0.5)
    np.testing.assert_allclose(scale[:7], CorrelationRatioScaler(floor=0.5).fit(X, y).scale_)
    alone = CorrelationRatioScaler().fit(np.ones((4, 2)), [0, 1, 0, 1])
    np.testing.assert_array_equal(alone.scale_, 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_stay_sparse_and_give_the_same(dtype):
    X, y = make_rows()
    X = X.astype(dtype)
    dense = CorrelationRatioScaler().fit(X, y)
    for kind in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array):
        rows = kind(X)
        scaler = CorrelationRatioScaler().fit(rows, y)
        np.testing.assert_allclose(scaler.scale_, dense.scale_, rtol=1e-5)
        scaled = scaler.transform(rows)
        assert sparse.issparse(scaled)
        assert scaled.dtype == dtype == scaler.scale_.dtype
        np.testing.assert_allclose(scaled.toarray(), dense.transform(X), rtol=1e-5)
        np.testing.assert_array_equal(rows.toarray(), X)


def test_labels_of_the_target_are_not_read():
    X, y = make_rows()
    X_tgt = np.random.default_rng(1).random((20, 7))
    alone = CorrelationRatioScaler().fit(X, y).scale_
    stacked, domain = np.vstack([X_tgt, X]), np.repeat([-1, 2], [20, 60])
    for placeholder in (None, np.nan, "?", 77):
        labels = [placeholder] * 20 + y.tolist()
        scaler = CorrelationRatioScaler().fit(stacked, labels, sample_domain=domain)
        np.testing.assert_array_equal(scaler.scale_, alone)
    rows = CorrelationRatioScaler().fit(sparse.csr_array(stacked), labels, sample_domain=domain)
    np.testing.assert_allclose(rows.scale_, alone)


def test_both_ways_through_a_pipeline_are_the_same():
    X, y = make_rows(n_classes=2)
    X_tgt = np.random.default_rng(1).random((20, 7))
    scaler = CorrelationRatioScaler().fit(X, y)
    expected = DANN.fit(scaler.transform(X), y, scaler.transform(X_tgt)).predict_proba(X_tgt)
    stacked, domain = np.vstack([X, X_tgt]), np.repeat([1, -1], [60, 20])
    with config_context(enable_metadata_routing=True):
        steps = [("scale", CorrelationRatioScaler()), ("dann", DANN)]
        apart = Pipeline(steps, transform_input=["X_tgt"]).fit(X, y, X_tgt=X_tgt)
        together = Pipeline(steps).fit(stacked, np.r_[y, [-1] * 20], sample_domain=domain)
    for pipeline in (apart, together):
        found = pipeline[-1].predict_proba(X_tgt)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_columns_that_say_nothing_have_the_floor_whatever_is_rounded():
    rng = np.random.default_rng(0)
    same = rng.random(30)
    X = np.stack([np.repeat([0, 1], 30), np.r_[same, rng.permutation(same)]], axis=1)
    y = np.repeat([0, 1], 30)
    for _ in range(5):
        rows = rng.permutation(60)
        scale = CorrelationRatioScaler().fit(X[rows], y[rows]).scale_
        np.testing.assert_array_equal(scale, [2, 1])


def test_numbers_stored_in_two_parts_count_as_their_sum():
    X, y = make_rows()
    expected = CorrelationRatioScaler().fit(sparse.csr_array(X), y).scale_
    parts = np.repeat(X.ravel() / 2, 2), np.tile(np.repeat(np.arange(7), 2), 60)
    halves = sparse.csr_array((*parts, np.arange(0, 841, 14)), shape=X.shape)
    found = CorrelationRatioScaler().fit(halves, y).scale_
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert halves.nnz == 840


def test_fit_holds_chunks_of_dense_rows():
    X = np.random.default_rng(0).random((10_000, 4000), dtype=np.float32)
    domain = np.where(np.arange(len(X)) < 9000, 1, -1)
    tracemalloc.start()
    CorrelationRatioScaler().fit(X, np.arange(len(X)) % 2, sample_domain=domain)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * X.nbytes


def test_labels_in_a_column_are_flattened():
    X, y = make_rows()
    expected = CorrelationRatioScaler().fit(X, y).scale_
    with pytest.warns(DataConversionWarning, match="column-vector"):
        found = CorrelationRatioScaler().fit(X, y[:, None]).scale_
    np.testing.assert_array_equal(found, expected)


def test_bad_input_is_named():
    X, y = make_rows()
    with pytest.raises(ValueError, match="y should be a 1d array"):
        CorrelationRatioScaler().fit(X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match=r"floor.*-1"):
        CorrelationRatioScaler(floor=-1).fit(X, y)
    with pytest.raises(ValueError, match="requires y"):
        CorrelationRatioScaler().fit(X, None)
    with pytest.raises(ValueError, match="y contains NaN"):
        CorrelationRatioScaler().fit(X, np.full(60, np.nan))
    with pytest.raises(ValueError, match="sample_domain"):
        CorrelationRatioScaler().fit(X, y, sample_domain=np.zeros(60))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        CorrelationRatioScaler().fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"[Uu]nknown label type"):
        CorrelationRatioScaler().fit(X, np.random.default_rng(0).random(60))


def test_names_go_through():
    X, y = make_rows()
    pipeline = make_pipeline(CorrelationRatioScaler(), Normalizer()).fit(X, y)
    names = [f"w{i}" for i in range(7)]
    assert pipeline.get_feature_names_out(names).tolist() == names
