import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sk_dann.model_selection import SourceOnlyClassifier


def _stacked():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.where(rng.random(60) < 0.5, "a", "b")
    return X, y, rng.permutation(np.repeat([1, 2, -1], 20))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("placeholder", ["a", None, np.nan, 7])
def test_it_is_the_classifier_trained_on_source_rows(form, placeholder):
    X, y, domain = _stacked()
    expected = LogisticRegression().fit(X[domain > 0], y[domain > 0])
    labels = [label if d > 0 else placeholder for label, d in zip(y, domain, strict=True)]
    X_formed = form(X)
    clf = SourceOnlyClassifier(LogisticRegression())
    clf.fit(X_formed, labels, sample_domain=domain)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        found, by_hand = getattr(clf, method)(X_formed), getattr(expected, method)(X)
        if method == "predict":
            np.testing.assert_array_equal(found, by_hand)
        else:
            np.testing.assert_allclose(found, by_hand, rtol=1e-6, atol=1e-9)
    assert clf.classes_.tolist() == ["a", "b"]
    assert clf.score(X_formed, labels, sample_domain=domain) == pytest.approx(
        expected.score(X[domain > 0], y[domain > 0])
    )


def test_without_domains_all_rows_are_the_sources():
    X, y, _ = _stacked()
    clf = SourceOnlyClassifier(LogisticRegression()).fit(X, y)
    assert clf.score(X, y) == LogisticRegression().fit(X, y).score(X, y)


def test_it_has_what_the_classifier_has():
    X, y, domain = _stacked()
    for clf in (SourceOnlyClassifier(LinearSVC()), SourceOnlyClassifier(LinearSVC()).fit(X, y)):
        assert hasattr(clf, "decision_function")
        assert not hasattr(clf, "predict_proba")
    clf = SourceOnlyClassifier(LogisticRegression())
    frame = pd.DataFrame(X, columns=list("abc"))
    assert list(clf.fit(frame, y, sample_domain=domain).feature_names_in_) == list("abc")
    assert not hasattr(clf.fit(X, y), "feature_names_in_")
    with pytest.raises(NotFittedError):
        SourceOnlyClassifier(LogisticRegression()).predict(X)


def test_domains_are_checked():
    X, y, _ = _stacked()
    with pytest.raises(ValueError, match="sample_domain has no positive entries"):
        SourceOnlyClassifier(LogisticRegression()).fit(X, y, sample_domain=-np.ones(60))
