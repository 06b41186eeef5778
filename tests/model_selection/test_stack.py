"""Stacked domains that stock splitters and encoders cannot get wrong."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import LabelEncoder

from sk_dann.model_selection import DomainKFold, SourceKFold, stack_domains

CONTAINERS = {
    "array": np.asarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "pandas": lambda X: pd.DataFrame(X, columns=["a", "b"], index=np.arange(len(X)) * 3),
    "polars": lambda X: pl.DataFrame(X, schema=["a", "b"]),
    "list": lambda X: X.tolist(),
}


def _dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("n_target", [1, 5, 6, 40])
def test_stack_domains_keeps_both_in_their_order(container, n_target):
    rng = np.random.default_rng(0)
    X_src, X_tgt = rng.normal(size=(6, 2)), rng.normal(size=(n_target, 2))
    y_src = np.array(list("abcabc"))
    X, y, domain = stack_domains(container(X_src), y_src, container(X_tgt))
    np.testing.assert_array_equal(_dense(X)[domain > 0], X_src)
    np.testing.assert_array_equal(_dense(X)[domain < 0], X_tgt)
    np.testing.assert_array_equal(y[domain > 0], y_src)
    if not isinstance(container(X_src), list):
        assert type(X) is type(container(X_src)) or sparse.issparse(X)


@given(
    n_source=st.integers(1, 80),
    n_target=st.integers(1, 80),
    n_classes=st.integers(1, 4),
    in_order=st.booleans(),
    seed=st.integers(0, 999),
)
def test_placeholders_are_classes_in_proportion(n_source, n_target, n_classes, in_order, seed):
    y_src = np.random.default_rng(seed).integers(0, n_classes, n_source)
    y_src = np.sort(y_src) if in_order else y_src
    _, y, domain = stack_domains(np.zeros((n_source, 1)), y_src, np.zeros((n_target, 1)))
    assert set(y[domain < 0]) <= set(y_src)
    for label in set(y_src):
        expected = n_target * np.mean(y_src == label)
        # Each run of equal labels is met a sample too often or too rarely at the most.
        n_runs = np.count_nonzero(np.diff(np.r_[False, y_src == label]))
        assert abs(np.sum(y[domain < 0] == label) - expected) <= 1 + n_runs


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("splitter", [KFold(4), StratifiedKFold(4)], ids=["plain", "stratified"])
@pytest.mark.parametrize("n_target", [120, 40, 400])
def test_every_fold_holds_both_domains_in_proportion(splitter, n_target, in_order):
    y_src = np.random.default_rng(0).integers(0, 2, 120)
    y_src = np.sort(y_src) if in_order else y_src
    X, y, domain = stack_domains(np.zeros((120, 1)), y_src, np.zeros((n_target, 1)))
    for _, test in splitter.split(X, y):
        assert abs(np.sum(domain[test] > 0) - 30) <= 2
        if isinstance(splitter, StratifiedKFold):
            source = test[domain[test] > 0]
            assert abs(np.sum(y[source] == 1) - np.sum(y_src == 1) / 4) <= 2


@pytest.mark.parametrize("kind", [SourceKFold, DomainKFold])
def test_splitters_of_two_domains_take_a_stack(kind):
    X, y, domain = stack_domains(np.zeros((30, 1)), np.arange(30) % 3, np.zeros((20, 1)))
    for train, test in kind(3).split(X, y, domain):
        assert len(np.unique(y[test][domain[test] > 0])) == 3
        assert np.any(domain[train] < 0)


@pytest.mark.parametrize(
    "y_src",
    [
        [1, 2, 1],
        ["a", "b", "a"],
        [True, False, True],
        pd.Series(["x", "y", "x"], dtype="string", index=[7, 8, 9]),
        pd.Categorical(["x", "y", "x"]),
        np.array(["x", "y", "x"], dtype=object),
        [0.5, 1.5, 0.5],
    ],
    ids=["int", "str", "bool", "pandas", "categories", "objects", "float"],
)
def test_an_encoder_finds_the_classes_of_the_source(y_src):
    _, y, _ = stack_domains([[1], [2], [3]], y_src, [[4], [5]])
    assert LabelEncoder().fit(y).classes_.tolist() == sorted(set(np.asarray(y_src).tolist()))


def test_several_sources_keep_their_numbers():
    X, _, domain = stack_domains(
        [[1], [2], [3], [4]], [0, 1, 0, 1], [[5], [6]], source_domain=[2, 1, 7, 7]
    )
    assert domain[domain > 0].tolist() == [2, 1, 7, 7]
    assert X[domain < 0].ravel().tolist() == [5, 6]


def test_raw_texts_are_stacked():
    X, _, domain = stack_domains(["a b", "b c"], [0, 1], ["c d"])
    assert X[domain > 0].tolist() == ["a b", "b c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], [0, 1], [[2]]), r"y_src has shape \(2,\), but X_src has 1 samples"),
        (([[1], [2]], [[0], [1]], [[2]]), r"y_src has shape \(2, 1\)"),
        ((np.zeros((0, 1)), [], [[2]]), "X_src has no samples"),
        (([[1]], [0], np.zeros((0, 1))), "X_tgt has no samples"),
        (([[1]], [0], [[2, 3]]), r"X_tgt has samples of shape \(2,\), but X_src has \(1,\)"),
        ((sparse.eye(2), [0, 1], np.eye(2)), "X_src is sparse and X_tgt is an array"),
        ((sparse.eye(2), [0, 1], sparse.eye(3)), "X_tgt has 3 features, but X_src has 2"),
        (
            (pd.DataFrame({"a": [1]}), [0], pd.DataFrame({"b": [1]})),
            r"columns of X_tgt, \['b'\], are not those of X_src, \['a'\]",
        ),
        ((pd.DataFrame({"a": [1]}), [0], pl.DataFrame({"a": [1]})), "a polars data frame; both"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stack_domains(*arguments)


@pytest.mark.parametrize("source_domain", [[0, 1], [1.0, 2.0], [-1, 1], ["a", "b"]])
def test_source_domains_are_positive_integers(source_domain):
    with pytest.raises(ValueError, match="source_domain must hold positive integers"):
        stack_domains([[1], [2]], [0, 1], [[3]], source_domain=source_domain)
