import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from sk_dann.model_selection import SourceKFold


def _domain(n_source, n_target, seed):
    domain = np.r_[np.ones(n_source), -np.ones(n_target)].astype(int)
    return np.random.default_rng(seed).permutation(domain)


@given(
    n_source=st.integers(4, 30),
    n_target=st.integers(1, 30),
    n_splits=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_source_rows_are_tested_once_and_target_rows_always_trained_on(
    n_source, n_target, n_splits, seed
):
    domain = _domain(n_source, n_target, seed)
    X = np.zeros((len(domain), 1))
    tested = []
    for train, test in SourceKFold(n_splits).split(X, None, domain):
        assert (domain[test] > 0).all()
        assert set(np.flatnonzero(domain < 0)) <= set(train)
        assert sorted(np.concatenate([train, test])) == list(range(len(domain)))
        tested.extend(test)
    assert sorted(tested) == np.flatnonzero(domain > 0).tolist()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("with_classes", [False, True])
def test_folds_are_those_of_scikit_learn_on_the_source(shuffle, with_classes):
    domain = _domain(24, 10, seed=0)
    source = np.flatnonzero(domain > 0)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, len(domain)) if with_classes else rng.normal(size=len(domain))
    y = np.where(domain > 0, y, np.nan)
    seed = 5 if shuffle else None
    reference = (StratifiedKFold if with_classes else KFold)(3, shuffle=shuffle, random_state=seed)
    folds = SourceKFold(3, shuffle=shuffle, random_state=seed).split(domain, y, domain)
    expected = reference.split(source, y[source])
    for (_, test), (_, in_source) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(test, source[in_source])


def test_labels_of_target_rows_are_not_looked_at():
    domain = np.array([1, 1, 1, 1, -1, -1])
    placeholders = [
        np.array(["a", "b", "a", "b", label, label], dtype=object) for label in (None, "a", np.nan)
    ]
    folds = [
        [test.tolist() for _, test in SourceKFold(2).split(domain, y, domain)] for y in placeholders
    ]
    assert folds[0] == folds[1] == folds[2] == [[0, 1], [2, 3]]


def test_boxed_numbers_are_stratified_as_numbers_are():
    domain = np.repeat([1, -1], [12, 8])
    y = np.array([0] * 6 + [1] * 6 + [None] * 8, dtype=object)
    for _, test in SourceKFold(3).split(domain, y, domain):
        assert sorted(y[test]) == [0, 0, 1, 1]


def test_sample_domain_must_mark_every_row():
    with pytest.raises(ValueError, match="sample_domain has shape"):
        next(SourceKFold(2).split(np.zeros((4, 1)), None, [1, 1, -1]))


def test_groups_is_another_name_for_sample_domain():
    domain = _domain(10, 4, seed=1)
    one = list(SourceKFold(2).split(domain, None, domain))
    other = list(SourceKFold(2).split(domain, None, groups=domain))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("given", [{}, {"sample_domain": [1, -1], "groups": [1, -1]}])
def test_the_domains_must_be_told_once(given):
    with pytest.raises(ValueError, match="needs sample_domain"):
        next(SourceKFold(2).split(np.zeros((2, 1)), None, **given))


def test_number_of_folds():
    assert SourceKFold(7).get_n_splits() == 7
    assert "n_splits=7" in repr(SourceKFold(7))
