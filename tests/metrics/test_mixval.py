import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from sk_dann.metrics import mixval_score


def _classifier():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = np.argmax(X + rng.normal(size=X.shape), axis=1)
    return LogisticRegression().fit(X, y), rng.normal(size=(50, 3))


def test_pair_by_pair():
    clf, X = _classifier()
    partner = np.random.RandomState(4).permutation(50)
    agreement = {True: [], False: []}
    for i, j in enumerate(partner):
        first, second, mixed = clf.predict([X[i], X[j], 0.7 * X[i] + 0.3 * X[j]])
        agreement[first == second].append(mixed == first)
    expected = np.mean([np.mean(agreement[True]), np.mean(agreement[False])])
    found = mixval_score(clf.predict_log_proba, X, alpha=0.7, random_state=4)
    assert found == pytest.approx(expected)


def test_sparse_rows_stay_sparse():
    clf, X = _classifier()
    X[X < 0.3] = 0
    seen = []

    def predict(rows):
        seen.append(sparse.issparse(rows))
        return clf.predict_log_proba(rows)

    assert mixval_score(predict, sparse.csr_matrix(X)) == mixval_score(clf.predict_log_proba, X)
    assert all(seen)


def test_one_class_everywhere_scores_one_half():
    assert mixval_score(lambda X: np.log(np.tile([0.9, 0.1], (len(X), 1))), np.zeros((5, 2))) == 0.5


def test_a_kind_that_no_pair_is_of_does_not_count():
    clf = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    partner = np.random.RandomState(0).permutation(2)
    assert partner.tolist() == [1, 0]
    assert mixval_score(clf.predict_log_proba, [[-1.0], [1.0]]) == 1.0


@pytest.mark.parametrize("alpha", [0.5, 1.0, np.nan])
def test_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha must be"):
        mixval_score(np.log, np.ones((4, 2)), alpha=alpha)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((1, 2)), "X_target must have at least two rows"),
        ([[np.nan], [1]], "X_target"),
        (pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["u", "v"])}), "could not convert string"),
    ],
)
def test_bad_rows_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        mixval_score(np.log, X)


def test_what_is_not_probabilities_is_refused():
    with pytest.raises(ValueError, match=r"predict_log_proba\(X\) must hold logarithms"):
        mixval_score(lambda X: np.ones((len(X), 2)), np.ones((4, 2)))
