"""The same scores as skada's, on the same classifier; skada 0.6.0, scikit-learn 1.9.1."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity

from sk_dann.metrics import (
    deep_embedded_validation_score,
    importance_weighted_score,
    mixval_score,
    prediction_entropy_score,
    reverse_validation_score,
    soft_neighborhood_density_score,
)

# What skada gives. Its entropy is divided by the number of classes too, and without a loss function
# that returns a column its deep embedded validation multiplies each weight with all losses.
SKADA = {
    "PredictionEntropyScorer": -0.16300496024129946,
    "SoftNeighborhoodDensity": 2.3656070787196706,
    "MixValScorer": 0.7272727272727273,
    "CircularValidation": 0.7,
    "ImportanceWeightedScorer": 0.769952466254253,
    "DeepEmbeddedValidation": -0.614880531546482,
}


def _domains():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 3)) + 1.5 * np.eye(3)[y]
    X_tgt = rng.normal(size=(40, 3)) + 1.5 * np.eye(3)[np.arange(40) % 3] + [0.5, 0, -0.5]
    return X, y, X_tgt


def _ours():
    X, y, X_tgt = _domains()
    clf = LogisticRegression().fit(X, y)
    target = clf.predict_log_proba(X_tgt)
    density = [KernelDensity().fit(rows).score_samples(X) for rows in (X_tgt, X)]
    # skada judges a third of the source, by a classifier of the domains that saw the rest.
    train, held_out = train_test_split(np.arange(60), test_size=0.33, random_state=0)
    domains = LogisticRegression()
    domains.fit(np.r_[X[train], X_tgt], np.repeat([1, 0], [len(train), 40]))
    proba = domains.predict_proba(X[held_out])
    weight = len(train) / 40 * proba[:, 0] / proba[:, 1]
    return {
        "PredictionEntropyScorer": prediction_entropy_score(target) / 3,
        "SoftNeighborhoodDensity": soft_neighborhood_density_score(target),
        "MixValScorer": mixval_score(clf.predict_log_proba, X_tgt),
        "CircularValidation": reverse_validation_score(clf, X, y, X_tgt),
        "ImportanceWeightedScorer": importance_weighted_score(
            clf.predict_log_proba(X), y, np.exp(density[0] - density[1])
        ),
        "DeepEmbeddedValidation": deep_embedded_validation_score(
            clf.predict_log_proba(X[held_out]), y[held_out], weight, metric="log_likelihood"
        ),
    }


def _log_losses(y, proba):
    return -np.log(proba[np.arange(len(y)), y])[:, None]


@pytest.mark.parametrize("name", SKADA)
def test_numbers_of_skada(name):
    assert _ours()[name] == pytest.approx(SKADA[name], abs=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SKADA)
def test_the_numbers_are_those_of_skada(name):
    pytest.importorskip("skada")
    from skada import make_da_pipeline, metrics

    X, y, X_tgt = _domains()
    options = {
        "MixValScorer": {"random_state": 0},
        "CircularValidation": {"source_scorer": accuracy_score},
        "DeepEmbeddedValidation": {"random_state": 0, "loss_func": _log_losses},
    }
    with config_context(enable_metadata_routing=True):
        clf = LogisticRegression().set_score_request(sample_weight=True)
        pipeline = make_da_pipeline(clf.set_fit_request(sample_weight=True))
        rows, labels = np.r_[X, X_tgt], np.r_[y, np.full(40, -1)]
        domain = np.repeat([1, -2], [60, 40])
        pipeline.fit(rows, labels, sample_domain=domain)
        scorer = getattr(metrics, name)(**options.get(name, {}))
        found = scorer(pipeline, rows, labels, sample_domain=domain)
    assert found == pytest.approx(SKADA[name], abs=1e-9)
