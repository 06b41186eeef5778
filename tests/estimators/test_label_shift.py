"""Class shares of the target: estimated, given, and what training and predictions make of them."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_dann import DANNClassifier
from sk_dann.domains import DomainData
from sk_dann.estimators import _label_shift, _storage
from sk_dann.estimators._label_shift import (
    HalfOfColumns,
    assign_folds,
    balance_domains,
    halve_columns,
)
from sk_dann.model_selection import SourceKFold
from sk_dann.nn import SparseBatch
from sk_dann.shift import move_posterior
from sk_dann.training import member_log_proba


def _draw(counts, seed, move=0.0):
    """Gaussian classes in a row, `counts` rows each; the domains differ in columns of their own."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    X = rng.normal(size=(len(y), 6))
    X[:, 0] += 2.5 * y
    X[:, 3:] += move
    return X, y


@pytest.fixture(scope="module")
def shifted():
    """Equal shares in the source, .85 of class 0 in the target."""
    X_tgt, y_tgt = _draw([510, 90], seed=1, move=0.7)
    return *_draw([300, 300], seed=0), X_tgt, y_tgt


def _fit(data, **params):
    return DANNClassifier(
        **{"random_state": 0, "max_iter": 20, "label_shift": "estimate", **params}
    ).fit(*data[:3])


def test_the_estimate_does_no_harm_where_plain_dann_does(shifted):
    X_tgt, y_tgt = shifted[2:]
    default, plain = _fit(shifted), _fit(shifted, label_shift=None)
    source_only = _fit(shifted, label_shift=None, lambda_adapt=0)
    assert default.score(X_tgt, y_tgt) > source_only.score(X_tgt, y_tgt) - 0.005
    assert default.score(X_tgt, y_tgt) > plain.score(X_tgt, y_tgt) + 0.03


def test_shares_are_found(shifted):
    # The source-only networks get a fifth of the epochs, and those of 20 tell too little.
    clf = _fit(shifted, max_iter=40)
    assert clf.class_shares_ == pytest.approx([0.5, 0.5])
    assert clf.target_class_shares_ == pytest.approx([0.85, 0.15], abs=0.08)
    estimate = clf.share_estimate_
    assert estimate.reason is None
    assert np.array_equal(estimate.target_shares, clf.target_class_shares_)
    low, high = estimate.interval[:, 0]
    assert 0.7 < low < high < 0.9


def test_without_shift_there_is_no_correction():
    X, y = _draw([200, 200], seed=0)
    X_tgt = X + np.array([0, 0, 0, 0.5, 0.5, 0.5])
    default = DANNClassifier(random_state=0, label_shift="estimate").fit(X, y, X_tgt)
    assert np.array_equal(default.target_class_shares_, default.class_shares_)
    plain = DANNClassifier(random_state=0, label_shift=None).fit(X, y, X_tgt)
    np.testing.assert_array_equal(default.predict_proba(X_tgt), plain.predict_proba(X_tgt))


def test_several_classes(shifted):
    X, y = _draw([200, 200, 200], seed=0)
    X_tgt, _y_tgt = _draw([30, 300, 120], seed=1, move=0.5)
    clf = DANNClassifier(random_state=0, label_shift="estimate").fit(X, y, X_tgt)
    assert clf.target_class_shares_ == pytest.approx(np.array([30, 300, 120]) / 450, abs=0.07)


@pytest.mark.parametrize("shares", [(0.85, 0.15), [0.85, 0.15], np.array([0.85, 0.15])])
def test_given_shares_weigh_the_source_and_move_the_posterior(shifted, shares):
    given = _fit(shifted, label_shift=shares)
    assert given.share_estimate_ is None
    assert given.target_class_shares_ == pytest.approx([0.85, 0.15])
    unmoved = clone(given).set_params(label_shift=None)
    unmoved.fit(*shifted[:3])
    before = given.target_class_shares_
    given.target_class_shares_ = given.class_shares_
    plain = given.predict_log_proba(shifted[2])
    given.target_class_shares_ = before
    moved = given.predict_log_proba(shifted[2])
    np.testing.assert_allclose(moved, move_posterior(plain, [0.5, 0.5], [0.85, 0.15]))
    # Another network than without, since the domain loss saw other weights.
    assert not np.allclose(plain, unmoved.predict_log_proba(shifted[2]))


def test_a_class_that_the_target_does_not_have():
    X, y = _draw([150, 150, 150], seed=0)
    X_tgt, y_tgt = _draw([150, 150, 0], seed=1, move=0.5)
    clf = DANNClassifier(random_state=0, label_shift=[0.5, 0.5, 0]).fit(X, y, X_tgt)
    assert set(clf.predict(X_tgt)) <= {0, 1}
    proba = clf.predict_proba(X_tgt)
    assert np.all(proba[:, 2] == 0)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert clf.score(X_tgt, y_tgt) > 0.8


@pytest.mark.parametrize(
    "shares",
    [[0.5], [0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [[0.5, 0.5]], ["a", "b"], [0.2, 0.3, 0.5]],
)
def test_what_are_no_shares_is_refused(shifted, shares):
    with pytest.raises(ValueError, match="label_shift"):
        _fit(shifted, label_shift=shares)


def test_another_word_is_refused(shifted):
    with pytest.raises(ValueError, match="label_shift"):
        _fit(shifted, label_shift="guess")


def test_labels_of_target_rows_change_nothing(shifted):
    X, y, X_tgt, _ = shifted
    both = np.concatenate([X, X_tgt])
    domain = np.repeat([1, -1], [len(X), len(X_tgt)])
    fits = [
        DANNClassifier(random_state=0, label_shift="estimate", max_iter=3).fit(
            both, np.concatenate([y, placeholder]), sample_domain=domain
        )
        for placeholder in (np.zeros(len(X_tgt), int), np.arange(len(X_tgt)) % 2)
    ]
    assert np.array_equal(*(clf.target_class_shares_ for clf in fits))
    assert np.array_equal(*(clf.predict_proba(X_tgt) for clf in fits))


def test_class_weights_stay_out_of_the_estimate(shifted):
    plain, weighted = _fit(shifted), _fit(shifted, class_weight={0: 1, 1: 4})
    assert weighted.class_shares_ == pytest.approx([0.5, 0.5])
    assert weighted.target_class_shares_ == pytest.approx(plain.target_class_shares_, abs=0.1)


def test_sample_weights_count_in_the_shares(shifted):
    X, y, X_tgt, _ = shifted
    clf = DANNClassifier(random_state=0, label_shift="estimate", max_iter=3)
    clf.fit(X, y, X_tgt, sample_weight=np.where(y == 1, 3.0, 1.0))
    assert clf.class_shares_ == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_source_only_networks_are_kept(shifted, container):
    X, y, X_tgt, y_tgt = shifted
    clf = DANNClassifier(random_state=0, label_shift="estimate").fit(
        container(X), y, container(X_tgt)
    )
    proba = clf.source_only_proba(container(X_tgt))
    assert proba.sum(axis=1) == pytest.approx(1)
    assert np.mean(proba.argmax(axis=1) == y_tgt) > 0.8
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.source_only_proba(container(X_tgt)), proba)
    expected = clf.predict_proba(container(X_tgt))
    np.testing.assert_array_equal(again.predict_proba(container(X_tgt)), expected)


def test_where_there_are_no_source_only_networks_an_error_says_why(shifted):
    with pytest.raises(ValueError, match="label_shift=None"):
        _fit(shifted, label_shift=None, max_iter=1).source_only_proba(shifted[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = DANNClassifier(label_shift="estimate", random_state=0, max_iter=1)
        alone.fit(*shifted[:2])
    with pytest.raises(ValueError, match="no target"):
        alone.source_only_proba(shifted[2])
    assert alone.share_estimate_ is None


def test_a_class_with_few_rows_ends_in_no_correction():
    X, y = _draw([100, 4], seed=0)
    X_tgt, _ = _draw([50, 50], seed=1)
    clf = DANNClassifier(random_state=0, label_shift="estimate", max_iter=2).fit(X, y, X_tgt)
    assert clf.share_estimate_.reason == "a class has only 4 source rows, fewer than 5"
    assert np.array_equal(clf.target_class_shares_, clf.class_shares_)
    with pytest.raises(ValueError, match="a class has only 4 source rows"):
        clf.source_only_proba(X_tgt)


def test_warm_start_keeps_the_shares(shifted):
    clf = DANNClassifier(random_state=0, label_shift="estimate", max_iter=4, warm_start=True).fit(
        *shifted[:3]
    )
    shares = clf.target_class_shares_
    clf.set_params(max_iter=8).fit(*shifted[:3])
    assert clf.target_class_shares_ is shares
    assert clf.n_iter_ == 8


def test_folds_are_equal_parts_of_each_class():
    y = np.repeat([0, 1, 2], [30, 12, 6])
    fold = assign_folds(y, 3, np.random.default_rng(0))
    for label, size in ((0, 10), (1, 4), (2, 2)):
        assert np.bincount(fold[y == label]).tolist() == [size] * 3


def test_each_source_domain_gets_the_shares():
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    domain = np.repeat([0, 1], 4)
    data = DomainData(np.zeros((8, 1)), np.arange(8), domain, y)
    weight = balance_domains(data, np.array([0.2, 0.8]))
    for each in (0, 1):
        rows = domain == each
        share = weight[rows & (y == 1)].sum() / weight[rows].sum()
        assert share == pytest.approx(0.8)
    assert weight.max() == 1


def test_estimating_can_be_searched_over(shifted):
    X, y, X_tgt, y_tgt = shifted
    both, domain = np.concatenate([X, X_tgt]), np.repeat([1, -1], [len(X), len(X_tgt)])
    labels = np.concatenate([y, np.zeros_like(y_tgt)])
    search = GridSearchCV(
        DANNClassifier(**SMALL, random_state=0),
        {"label_shift": ["estimate", None]},
        cv=SourceKFold(2),
    ).fit(both, labels, groups=domain, sample_domain=domain)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X_tgt).shape == y_tgt.shape


# What the estimate promises. Small networks, and few steps that are large, suffice.

SMALL = {
    "label_shift": "estimate",
    "hidden_layer_sizes": (16,),
    "domain_hidden_layer_sizes": (4,),
    "learning_rate_init": 0.01,
    "batch_size": 32,
    "max_iter": 10,
}
INFORMATIVE = np.full(12, 0.5)


def _gaussians(counts, rng, centre=INFORMATIVE):
    """Two classes at plus and minus `centre`, of variance 1 in each column."""
    y = np.repeat([0, 1], counts)
    return rng.normal(np.outer(2 * y - 1, centre)), y


def _estimate(source, X_tgt, seed, **params):
    clf = DANNClassifier(**{**SMALL, "random_state": seed, **params})
    return clf.fit(*source, X_tgt).share_estimate_


SEEDS = pytest.mark.parametrize("seed", range(4))


@SEEDS
def test_shifted_shares_are_found_if_all_columns_tell_them(seed):
    rng = np.random.default_rng(seed)
    source = _gaussians([200, 200], rng)
    estimate = _estimate(source, _gaussians([320, 80], rng)[0], seed)
    assert estimate.reason is None
    assert estimate.target_shares[0] == pytest.approx(0.8, abs=0.1)


@SEEDS
def test_shifted_shares_are_found_if_a_single_column_tells_them(seed):
    rng, centre = np.random.default_rng(seed), 1.5 * np.eye(12)[0]
    source = _gaussians([200, 200], rng, centre)
    estimate = _estimate(source, _gaussians([320, 80], rng, centre)[0], seed)
    assert estimate.reason is None
    assert estimate.target_shares[0] == pytest.approx(0.8, abs=0.1)


def test_columns_that_drift_each_its_own_way_are_no_shift_of_shares(monkeypatch):
    centre = np.full(30, 0.25)

    def estimate(seed):
        rng = np.random.default_rng(seed)
        source, (X_tgt, _) = (
            _gaussians([200, 200], rng, centre),
            _gaussians([200, 200], rng, centre),
        )
        return _estimate(source, X_tgt + rng.normal(scale=0.5, size=30), seed)

    by_halves = [estimate(seed) for seed in range(8)]
    kept = [each for each in by_halves if each.reason]
    # Of 40 draws, 2 are more than two standard errors off, as it should be.
    assert len(kept) >= 7
    for each in kept:
        assert each.reason == "the shift is less than 2 standard errors of its estimate"
        assert np.array_equal(each.target_shares, [0.5, 0.5])
    # Not because there is nothing to see: EM is fooled, and rows alone would be believed.
    assert np.mean([abs(each.em_shares[0] - 0.5) for each in by_halves]) > 0.08
    monkeypatch.setattr(_label_shift, "halve_columns", lambda *args: iter(()))
    assert sum(estimate(seed).reason is None for seed in range(8)) >= 4


def test_the_interval_covers_the_true_share_in_most_draws():
    # 90 % are promised of the estimate's own spread; it also leans a little towards the source.
    # With a coverage of .9, fewer than 15 of 20 have a probability of .011.
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng([seed, 1])
        n = rng.binomial(200, 0.7)
        source = _gaussians([100, 100], rng)
        estimate = _estimate(source, _gaussians([n, 200 - n], rng)[0], seed)
        low, high = estimate.interval[:, 0]
        assert high - low < 0.3
        hits += low <= 0.7 <= high
    assert hits >= 15


# Halves of the columns.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_half_of_the_columns_is_the_same_of_sparse_rows(shifted, dtype):
    X = (shifted[0] - shifted[0].mean(axis=0)).astype(dtype)
    X[np.abs(X) < 0.3] = 0
    clf = DANNClassifier(**SMALL, random_state=0).fit(X, shifted[1], shifted[2])
    network, dense = clf._source_only.net.module_, torch.from_numpy(X)
    batch = SparseBatch.from_dense(dense)
    shown = torch.tensor([True, False, True, True, False, False])
    for rows in (batch, batch._replace(transpose=None)):
        with torch.inference_mode():
            one = member_log_proba(network, HalfOfColumns(shown, torch.zeros(6).to(dense))(dense))
            other = member_log_proba(network, HalfOfColumns(shown, None)(rows))
        torch.testing.assert_close(one, other)
    # Nothing of the hidden columns gets through, and the batch itself is left alone.
    changed = torch.where(shown, dense, 9)
    half = HalfOfColumns(shown, torch.arange(6).to(dense))
    assert torch.equal(half(dense), half(changed))
    assert torch.equal(half(dense)[:, ~shown], torch.tensor([1, 4, 5]).to(dense).expand(600, 3))
    assert torch.equal(batch.rows.to_dense(), dense)


def _data(X, **kwargs):
    n = X.shape[0]
    return DomainData(X, np.arange(n), np.zeros(n, int), np.arange(n) % 2, **kwargs)


@pytest.mark.parametrize("n_columns", [4, 7])
def test_halves_are_complementary(n_columns):
    X = np.random.default_rng(0).normal(size=(30, n_columns))
    rng, cpu = np.random.default_rng(0), torch.device("cpu")
    halves = list(halve_columns(_data(X), rng, torch.float64, cpu))
    assert len(halves) == 12
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert torch.equal(first.shown, ~second.shown)
        assert first.shown.sum() == n_columns // 2
        np.testing.assert_allclose(first.filling, X.mean(axis=0))
    assert len({tuple(half.shown.tolist()) for half in halves}) > 2
    halves = halve_columns(_data(sparse.csr_matrix(X)), rng, torch.float64, cpu)
    assert all(half.filling is None for half in halves)


def test_hidden_columns_are_filled_by_rows_that_have_weight():
    X, weight = np.ones((30, 4)), np.repeat([1.0, 0.0], 15)
    X[15:] = 1e30
    halves = halve_columns(
        _data(X, domain_weight=weight), np.random.default_rng(0), torch.float64, torch.device("cpu")
    )
    np.testing.assert_array_equal(next(halves).filling, np.ones(4))


def test_fewer_than_four_columns_are_not_halved():
    X, y = _draw([300, 300], seed=0)
    X_tgt, _ = _draw([510, 90], seed=1)
    halves = halve_columns(_data(X[:, :3]), np.random.default_rng(0), torch.float64, "cpu")
    assert list(halves) == []
    for n_columns in (1, 3):
        estimate = _estimate((X[:, :n_columns], y), X_tgt[:, :n_columns], 0)
        assert estimate.reason is None
        assert estimate.target_shares == pytest.approx([0.85, 0.15], abs=0.08)


class _Coded(nn.Module):
    """Takes the last column for a code from 1 to 3: a mean of codes must do for one too."""

    def __init__(self):
        super().__init__()
        self.embedding, self.hidden = nn.Embedding(4, 2), nn.Linear(8, 8)

    def forward(self, x):
        codes = x[:, -1].long()
        return torch.relu(self.hidden(torch.cat([x[:, :-1], self.embedding(codes)], dim=1)))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_feature_extractors_of_ones_own_see_halves_too(shifted, container):
    X, X_tgt = (container(np.column_stack([rows, 1 + np.arange(600) % 3])) for rows in shifted[::2])
    estimate = _estimate((X, shifted[1]), X_tgt, 0, feature_extractor=_Coded)
    assert estimate.reason is None
    assert estimate.target_shares == pytest.approx([0.85, 0.15], abs=0.1)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_columns_that_are_constant_in_the_source_do_not_matter(shifted, container):
    X, y, X_tgt, _ = shifted
    varied = np.random.default_rng(0).normal(size=(600, 6), scale=20)
    wide, wide_tgt = np.column_stack([X, np.full((600, 6), 7.0)]), np.column_stack([X_tgt, varied])
    estimate = _estimate((container(wide), y), container(wide_tgt), 0)
    assert estimate.reason is None
    assert estimate.target_shares == pytest.approx([0.85, 0.15], abs=0.08)


# Which rows are looked at.


def test_a_part_of_many_rows_tells_nearly_the_same(shifted, monkeypatch):
    whole = _estimate(shifted[:2], shifted[2], 0)
    monkeypatch.setattr(_label_shift, "_MAX_ROWS", 250)
    monkeypatch.setattr(_label_shift, "_MAX_VIEW_ROWS", 100)
    part = _estimate(shifted[:2], shifted[2], 0)
    assert part.target_shares == pytest.approx(whole.target_shares, abs=0.06)
    assert not np.array_equal(part.em_shares, whole.em_shares)
    assert np.array_equal(part.source_shares, [0.5, 0.5])


def test_without_shift_a_part_of_many_rows_corrects_nothing(monkeypatch):
    monkeypatch.setattr(_label_shift, "_MAX_ROWS", 150)
    (X, y), (X_tgt, _) = _draw([200, 200], seed=0), _draw([200, 200], seed=1)
    fits = [
        DANNClassifier(**{**SMALL, "label_shift": shift}, random_state=0).fit(X, y, X_tgt)
        for shift in ("estimate", None)
    ]
    assert fits[0].share_estimate_.reason is not None
    # Not the shares of the part.
    assert np.array_equal(fits[0].target_class_shares_, fits[0].class_shares_)
    assert np.array_equal(*(clf.predict_proba(X_tgt) for clf in fits))


def test_without_shift_weighted_rows_correct_nothing_to_the_last_bit():
    (X, y), (X_tgt, _) = _draw([200, 200], seed=0), _draw([200, 200], seed=1)
    for seed in range(3):
        # Their sum depends on the order in which it is taken.
        weight = np.random.default_rng(seed).uniform(0.1, 1, 400)
        clf = DANNClassifier(**{**SMALL, "max_iter": 2}, random_state=seed)
        clf.fit(X, y, X_tgt, sample_weight=weight)
        assert clf.share_estimate_.reason is not None
        assert np.array_equal(clf.target_class_shares_, clf.class_shares_)


def test_rows_without_weight_are_not_looked_at(shifted, monkeypatch):
    # Else hardly any of the few rows that halves are looked at in would count.
    monkeypatch.setattr(_label_shift, "_MAX_ROWS", 300)
    monkeypatch.setattr(_label_shift, "_MAX_VIEW_ROWS", 60)
    X, y, X_tgt, _ = shifted
    rng = np.random.default_rng(0)
    weight = np.zeros(600 + 20_000)
    weight[:600] = 1
    X, y = np.vstack([X, rng.normal(size=(20_000, 6))]), np.append(y, rng.integers(0, 2, 20_000))
    clf = DANNClassifier(**{**SMALL, "batch_size": 2000}, random_state=0)
    estimate = clf.fit(X, y, X_tgt, sample_weight=weight).share_estimate_
    assert np.array_equal(estimate.source_shares, [0.5, 0.5])
    assert np.isfinite(estimate.standard_error).all()


def test_a_class_whose_rows_have_no_weight_ends_in_no_correction(shifted):
    X, y, X_tgt, _ = shifted
    weight = np.where(y == 1, np.arange(600) >= 597, 1.0)
    clf = DANNClassifier(label_shift="estimate", random_state=0, max_iter=1).fit(
        X, y, X_tgt, sample_weight=weight
    )
    assert clf.share_estimate_.reason == "a class has only 3 source rows, fewer than 5"


def test_source_only_networks_go_where_the_adapted_one_goes(shifted, monkeypatch):
    clf = DANNClassifier(**{**SMALL, "max_iter": 1}, random_state=0).fit(*shifted[:3])
    stored = pickle.dumps(clf.__getstate__())
    # Loaded onto the device; every machine has this one.
    monkeypatch.setattr(_storage, "device_here", lambda device: torch.device("meta"))
    other = DANNClassifier()
    other.__setstate__(pickle.loads(stored))
    for net in (other.net_, other._source_only.net):
        assert {parameter.device.type for parameter in net.module_.parameters()} == {"meta"}


@pytest.fixture(scope="module")
def with_far_rows():
    """Four classes; the last 200 of 600 source rows lie far away, where every class is the next."""
    rng = np.random.default_rng(0)

    def draw(n):
        y = rng.permutation(np.arange(n) % 4)
        return rng.normal(size=(n, 10)) + 2.5 * np.eye(4, 10)[y], y

    (X, y), (X_far, y_far), (X_tgt, y_tgt) = draw(400), draw(200), draw(600)
    X_far[:, 9] += 20
    X_tgt[:, 4:] += 0.3
    X, y = np.concatenate([X, X_far]), np.concatenate([y, (y_far + 1) % 4])
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_tgt), y_tgt


IS_NEAR = np.arange(600) < 400


def test_source_rows_far_from_the_target_stay_out_of_the_domain_game(with_far_rows):
    X, y, X_tgt, y_tgt = with_far_rows
    default = _fit(with_far_rows, max_iter=64)
    assert np.mean(default._near_rows == IS_NEAR) > 0.97
    told = _fit(with_far_rows, max_iter=64, label_shift=default.target_class_shares_)
    assert told._near_rows is None
    assert default.score(X_tgt, y_tgt) > told.score(X_tgt, y_tgt) + 0.03
    # Their labels are learned.
    assert default.score(X[~IS_NEAR], y[~IS_NEAR]) > 0.8


def test_sparse_rows_far_from_the_target_are_found(with_far_rows):
    X, y, X_tgt, _y_tgt = with_far_rows
    clf = _fit((sparse.csr_matrix(X), y, sparse.csr_matrix(X_tgt)))
    assert np.mean(clf._near_rows == IS_NEAR) > 0.97


def test_a_source_domain_may_be_far_as_a_whole(with_far_rows):
    X, y, X_tgt, _y_tgt = with_far_rows
    clf = DANNClassifier(label_shift="estimate", random_state=0, max_iter=20).fit(
        np.concatenate([X, X_tgt]),
        np.concatenate([y, np.full(len(X_tgt), -1)]),
        sample_domain=np.concatenate([np.where(IS_NEAR, 1, 2), np.full(len(X_tgt), -1)]),
    )
    assert np.mean(clf._near_rows == IS_NEAR) > 0.97
    assert np.isfinite(clf.loss_curve_).all()


@pytest.mark.parametrize("move", [0.0, 0.7, 6.0])
def test_domains_that_overlap_or_are_disjoint_have_no_far_rows(move):
    X, y = _draw([300, 300], seed=0)
    assert _fit((X, y, _draw([300, 300], seed=1, move=move)[0]), max_iter=2)._near_rows is None


def test_warm_start_keeps_the_far_rows_out(with_far_rows, monkeypatch):
    clf = _fit(with_far_rows, max_iter=20, warm_start=True)
    near, seen = clf._near_rows, []

    def spy(data, shares, near=None):
        seen.append(near)
        return balance_domains(data, shares, near)

    monkeypatch.setattr("sk_dann.estimators._classifier.balance_domains", spy)
    clf.set_params(max_iter=21).fit(*with_far_rows[:3])
    assert len(seen) == 1
    assert seen[0] is near is clf._near_rows
    assert np.mean(near == IS_NEAR) > 0.97


def test_far_rows_get_no_weight_and_leave_the_shares_as_they_are():
    y, domain = np.array([0, 0, 1, 1, 1, 0, 1]), np.array([0, 0, 0, 0, 0, 1, 1])
    X = np.zeros((7, 1), dtype=np.float32)
    data = DomainData(X, np.arange(7), domain, y, X_target=X, target_rows=np.arange(7))
    near = np.array([True, True, True, False, False, False, False])
    # Two rows of class 0 against one of class 1; the second domain is far as a whole.
    assert balance_domains(data, np.array([0.5, 0.5]), near) == pytest.approx(
        [0.5, 0.5, 1, 0, 0, 0, 0]
    )


@pytest.mark.parametrize("shares", [dict, pd.Series], ids=["dict", "Series"])
def test_given_shares_are_those_of_the_classes_they_name(shares):
    X, y = _draw((30, 40), 0)
    X_tgt, _ = _draw((10, 60), 1)
    words = np.array(["no", "yes"])[y]
    by_name = shares({"yes": 0.9, "no": 0.1})
    options = {"max_iter": 2, "random_state": 0}
    clf = DANNClassifier(label_shift=by_name, **options).fit(X, words, X_tgt)
    in_order = DANNClassifier(label_shift=[0.1, 0.9], **options).fit(X, words, X_tgt)
    np.testing.assert_array_equal(clf.target_class_shares_, [0.1, 0.9])
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), in_order.predict_proba(X_tgt))


@pytest.mark.parametrize(
    "shares",
    [
        {"yes": 1.0},
        {"yes": 0.5, "maybe": 0.5},
        pd.Series([0.5, 0.5]),
        pd.Series([0.5, 0.5], ["no", "no"]),
    ],
)
def test_shares_of_other_classes_are_refused(shares):
    X, y = _draw((30, 40), 0)
    with pytest.raises(ValueError, match="label_shift names the classes"):
        DANNClassifier(label_shift=shares).fit(X, np.array(["no", "yes"])[y], X)
