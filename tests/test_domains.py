import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from sk_dann.domains import (
    DomainData,
    is_constant,
    looks_untransformed,
    select_labels,
    split_sample_domain,
)


def _data(X_source, X_target=None, **fields):
    n = X_source.shape[0]
    return DomainData(
        X_source,
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        X_target=X_target,
        target_rows=None if X_target is None else np.arange(X_target.shape[0]),
        **fields,
    )


def test_sample_domain_marks_source_and_target():
    source, target = split_sample_domain([1, -1, 2, -5, 1], 5)
    assert source.tolist() == [0, 2, 4]
    assert target.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("sample_domain", "message"),
    [
        ([1, 0, -1], "sample_domain has zeros"),
        ([1, 2], "no negative entries.*leave sample_domain out"),
        ([-1, -2], "no positive entries"),
        ([[1, -1]], r"must have shape \(n_samples,\)"),
        ([1.5, -1], "must hold integers"),
        (["source", "target"], "must hold integers"),
        ([np.nan, -1], "must hold integers"),
        ([True, False], "must hold integers"),
    ],
)
def test_bad_sample_domain_is_named(sample_domain, message):
    with pytest.raises(ValueError, match=message):
        split_sample_domain(sample_domain, len(sample_domain))


def test_sample_domain_must_mark_every_row():
    with pytest.raises(ValueError, match=r"shape \(2,\), but must have .* \(3,\)"):
        split_sample_domain([1, -1], 3)


def test_a_fold_of_source_rows_needs_no_target():
    source, target = split_sample_domain([1, 2], 2, need_target=False)
    assert source.tolist() == [0, 1]
    assert target.tolist() == []


@pytest.mark.parametrize("placeholder", [None, "?", np.nan, 7, [1, 2]])
def test_placeholders_leave_the_labels_as_they_are(placeholder):
    rows = np.array([0, 2])
    picked = select_labels([3, placeholder, 5], rows)
    assert picked.tolist() == [3, 5]
    assert picked.dtype.kind == "i"
    assert select_labels(["a", placeholder, "b"], rows).tolist() == ["a", "b"]
    boxed = np.empty(3, dtype=object)
    boxed[:] = [True, placeholder, False]
    assert select_labels(boxed, rows).dtype == bool


@given(
    X=hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(-2, 2)),
    chunk_size=st.integers(1, 4),
)
def test_constant_columns_are_numpys(X, chunk_size):
    rows = np.arange(X.shape[0])
    for container in (np.asarray, sparse.csr_matrix, sparse.csr_array):
        found = is_constant(container(X), rows, chunk_size)
        np.testing.assert_array_equal(found, X.min(axis=0) == X.max(axis=0))


def test_duplicates_are_added_and_left_as_they_are():
    X = sparse.csr_matrix(([1.0, 2.0, 3.0], [0, 0, 0], [0, 2, 3]), shape=(2, 1))
    assert is_constant(X, np.arange(2)).tolist() == [True]
    assert X.nnz == 3


def test_stored_zeros_are_zeros():
    X = sparse.csr_matrix(([0.0, 4.0], [0, 1], [0, 1, 2]), shape=(2, 2))
    assert is_constant(X, np.arange(2)).tolist() == [True, False]


def test_constant_columns_are_looked_for_in_rows_that_have_weight():
    X = np.array([[1.0, 0.0, 5.0], [1.0, 1.0, 5.0], [2.0, 1.0, 5.0]])
    assert _data(X).constant_source_columns().tolist() == [False, False, True]
    weighted = _data(X, label_weight=np.array([1.0, 1.0, 0.0]))
    assert weighted.constant_source_columns().tolist() == [True, False, True]


def test_keeping_source_rows_keeps_what_goes_with_them():
    data = DomainData(
        np.zeros((5, 1)),
        source_rows=np.array([0, 2, 4]),
        source_domain=np.array([0, 1, 1]),
        y=np.array([0, 1, 0]),
        label_weight=np.array([1.0, 2.0, 3.0]),
    )
    kept = data.keep_source([1, 2])
    assert kept.source_rows.tolist() == [2, 4]
    assert kept.source_domain.tolist() == [1, 1]
    assert kept.y.tolist() == [1, 0]
    assert kept.label_weight.tolist() == [2, 3]
    assert kept.domain_weight is None
    assert kept.n_source_domains == 2


RAW = np.random.default_rng(0).gamma(2, [1, 10, 100, 1000], size=(300, 4))


def _scaled(X):
    return (X - RAW.mean(axis=0)) / RAW.std(axis=0)


def test_an_unscaled_target_is_noticed():
    assert "of 4 columns" in looks_untransformed(_data(_scaled(RAW), RAW))
    assert "of 4 columns" in looks_untransformed(_data(RAW, _scaled(RAW)))


@pytest.mark.parametrize("shift", [0, 1, 3])
@pytest.mark.parametrize("stretch", [0.3, 1, 3])
def test_a_shifted_target_is_not_taken_for_an_unscaled_one(shift, stretch):
    assert looks_untransformed(_data(_scaled(RAW), stretch * _scaled(RAW) + shift)) is None


def test_one_column_in_other_units_is_a_shift_too():
    X = np.random.default_rng(0).normal(size=(300, 8))
    moved = X.copy()
    moved[:, 0] *= 1000
    assert looks_untransformed(_data(X, moved)) is None


def test_raw_counts_against_tf_idf_are_noticed():
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = sparse.random(200, 500, 0.1, format="csr", random_state=0)
    counts.data = np.ceil(3 * counts.data)
    tfidf = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    assert "stored values" in looks_untransformed(_data(tfidf, counts))
    assert looks_untransformed(_data(tfidf[:100], tfidf[100:])) is None
    # The same words in documents three times as long.
    longer = sparse.hstack([tfidf, tfidf, tfidf], format="csr") / np.sqrt(3)
    assert looks_untransformed(_data(sparse.hstack([tfidf] * 3, format="csr"), longer)) is None


def test_stacked_domains_went_through_the_same_steps():
    X = np.vstack([_scaled(RAW), RAW])
    data = DomainData(
        X,
        np.arange(300),
        np.zeros(300, dtype=int),
        np.zeros(300, dtype=int),
        X_target=X,
        target_rows=np.arange(300, 600),
    )
    assert looks_untransformed(data) is None


def test_nothing_to_compare_is_no_reason_to_warn():
    zeros = np.zeros((5, 3))
    assert looks_untransformed(_data(zeros, zeros.copy())) is None
    assert looks_untransformed(_data(sparse.csr_matrix(zeros), sparse.csr_matrix(zeros))) is None
    assert looks_untransformed(_data(zeros)) is None
