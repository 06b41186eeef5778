"""Class shares of the target: estimated, given, and what training and predictions make of them."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifier
from sk_dann.domains import DomainData
from sk_dann.estimators._label_shift import assign_folds, balance_domains
from sk_dann.shift import move_posterior


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


def test_the_default_does_no_harm_where_plain_dann_does(shifted):
    X_tgt, y_tgt = shifted[2:]
    default, plain = _fit(shifted), _fit(shifted, label_shift=None)
    source_only = _fit(shifted, label_shift=None, lambda_adapt=0)
    assert default.score(X_tgt, y_tgt) > source_only.score(X_tgt, y_tgt) - 0.005
    assert default.score(X_tgt, y_tgt) > plain.score(X_tgt, y_tgt) + 0.03


def test_shares_are_found(shifted):
    clf = _fit(shifted)
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
        alone = DANNClassifier(random_state=0, label_shift="estimate", max_iter=1).fit(*shifted[:2])
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
    clf = DANNClassifier(random_state=0, max_iter=20).fit(
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
