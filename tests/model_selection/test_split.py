import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_validate

from sk_dann.model_selection import DomainKFold, LeaveOneSourceDomainOut, SourceKFold

SPLITTERS = [DomainKFold(2), LeaveOneSourceDomainOut(), SourceKFold(2)]


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


@given(
    n_source=st.integers(4, 30),
    n_target=st.integers(4, 30),
    n_splits=st.integers(2, 4),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_rows_of_both_domains_are_tested_once(n_source, n_target, n_splits, shuffle, seed):
    domain = _domain(n_source, n_target, seed)
    seed = seed if shuffle else None
    options = {"n_splits": n_splits, "shuffle": shuffle, "random_state": seed}
    tested = []
    folds = DomainKFold(**options).split(domain, None, domain)
    like = SourceKFold(**options).split(domain, None, domain)
    for (train, test), (_, source_test) in zip(folds, like, strict=True):
        assert {1, -1} == set(domain[test]) == set(domain[train])
        assert sorted(np.concatenate([train, test])) == list(range(len(domain)))
        np.testing.assert_array_equal(test[domain[test] > 0], source_test)
        tested.extend(test)
    assert sorted(tested) == list(range(len(domain)))


def test_each_source_domain_is_left_out_once():
    domain = np.array([3, -1, 1, 3, -2, 7])
    splitter = LeaveOneSourceDomainOut()
    folds = [(a.tolist(), b.tolist()) for a, b in splitter.split(domain, None, domain)]
    assert folds == [([0, 1, 3, 4, 5], [2]), ([1, 2, 4, 5], [0, 3]), ([0, 1, 2, 3, 4], [5])]
    assert splitter.get_n_splits(groups=domain) == 3
    assert splitter.get_n_splits(sample_domain=domain.tolist()) == 3


def test_too_few_to_split():
    with pytest.raises(ValueError, match="n_splits=3 is more than the 2 target rows"):
        next(DomainKFold(3).split(np.zeros(6), None, [1, 1, 1, 1, -1, -1]))
    with pytest.raises(ValueError, match="sample_domain marks one source domain"):
        next(LeaveOneSourceDomainOut().split(np.zeros(3), None, [1, 1, -1]))


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
def test_domains_reach_the_splitter_as_groups_or_routed(splitter, routed):
    rng = np.random.default_rng(0)
    domain = np.repeat([1, 2, -1], 10)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    with config_context(enable_metadata_routing=routed):
        kwargs = {"params": {"sample_domain": domain}} if routed else {"groups": domain}
        found = cross_validate(DummyClassifier(), X, y, cv=splitter, return_indices=True, **kwargs)
        fit_kwargs = kwargs["params"] if routed else kwargs
        search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=splitter)
        assert search.fit(X, y, **fit_kwargs).n_splits_ == 2
    expected = [test.tolist() for _, test in splitter.split(X, y, domain)]
    assert [test.tolist() for test in found["indices"]["test"]] == expected


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


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
@pytest.mark.parametrize("given", [{}, {"sample_domain": [1, -1], "groups": [1, -1]}])
def test_the_domains_must_be_told_once(splitter, given):
    with pytest.raises(ValueError, match=f"{type(splitter).__name__} needs sample_domain"):
        next(splitter.split(np.zeros((2, 1)), None, **given))


def test_number_of_folds():
    assert SourceKFold(7).get_n_splits() == 7
    assert "n_splits=7" in repr(SourceKFold(7))
