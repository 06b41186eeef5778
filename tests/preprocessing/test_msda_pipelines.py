"""mSDA before a DANNClassifier, with the target in both ways."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline

from sk_dann import DANNClassifier
from sk_dann.model_selection import SourceKFold, SourceOnlyClassifier
from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder as MSDA  # noqa: N817

DANN = DANNClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0)


@pytest.fixture
def domains():
    rng = np.random.default_rng(0)
    X_src, X_tgt = ((rng.random((n, 8)) < p).astype(float) for n, p in ((40, 0.3), (50, 0.5)))
    y_src = X_src[:, 0].astype(int)
    return sparse.csr_array(X_src), y_src, sparse.csr_array(X_tgt)


@pytest.fixture
def stacked(domains):
    X_src, y_src, X_tgt = domains
    y = np.concatenate([y_src, np.full(50, -1)])
    return sparse.vstack([X_src, X_tgt], format="csr"), y, np.repeat([1, -1], [40, 50])


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def by_hand(X_src, y_src, X_tgt, noise=0.5):
    """Return the probabilities of the target's rows without a pipeline."""
    msda = MSDA(2, noise=noise).fit(X_src, X_tgt=X_tgt)
    dann = clone(DANN).fit(msda.transform(X_src), y_src, msda.transform(X_tgt))
    return dann.predict_proba(msda.transform(X_tgt))


def test_pipeline_hands_the_target_to_both_steps(domains, routing):
    pipe = Pipeline([("msda", MSDA(2)), ("dann", DANN)], transform_input=["X_tgt"])
    pipe.fit(*domains[:2], X_tgt=domains[2])
    np.testing.assert_allclose(pipe.predict_proba(domains[2]), by_hand(*domains), atol=1e-9)


def test_search_hands_the_target_on(domains, routing):
    pipe = Pipeline([("msda", MSDA(2)), ("dann", DANN)], transform_input=["X_tgt"])
    search = GridSearchCV(pipe, {"msda__noise": [0.3, 0.6]}, cv=2, error_score="raise")
    search.fit(*domains[:2], X_tgt=domains[2])
    expected = by_hand(*domains, noise=search.best_params_["msda__noise"])
    np.testing.assert_allclose(search.predict_proba(domains[2]), expected, atol=1e-9)


def test_stacked_domains_need_no_routing(domains, stacked):
    X, y, domain = stacked
    pipe = Pipeline([("msda", MSDA(2)), ("dann", DANN)])
    pipe.fit(X, y, dann__sample_domain=domain)
    np.testing.assert_allclose(pipe.predict_proba(domains[2]), by_hand(*domains), atol=1e-9)


def test_search_over_stacked_domains(domains, stacked, routing):
    X, y, domain = stacked
    pipe = Pipeline([("msda", MSDA(2)), ("dann", DANN)])
    search = GridSearchCV(pipe, {"msda__noise": [0.3, 0.6]}, cv=SourceKFold(2), error_score="raise")
    search.fit(X, y, sample_domain=domain)
    expected = by_hand(*domains, noise=search.best_params_["msda__noise"])
    np.testing.assert_allclose(search.predict_proba(domains[2]), expected, atol=1e-9)


def test_any_classifier_may_follow(stacked, routing):
    X, y, domain = stacked
    pipe = Pipeline([("msda", MSDA(2)), ("clf", SourceOnlyClassifier(LogisticRegression()))])
    found = cross_validate(
        pipe, X, y, cv=SourceKFold(2), scoring="accuracy", params={"sample_domain": domain}
    )
    assert (found["test_score"] > 0.8).all()
