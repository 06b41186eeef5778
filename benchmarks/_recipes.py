"""Whole recipes, from the counts to the predictions, as columns of the Amazon benchmark.

Name → function of `_reviews.Reviews` and a seed that returns accuracy, AUC and seconds, and a
sentence on how its hyper-parameters were chosen. In this order each adds something to the one
before.
"""

import time
from functools import partial

from sklearn.metrics import accuracy_score, roc_auc_score

from sk_dann import BagOfWordsDANNClassifier, DANNClassifier
from sk_dann.nn import InformationMaximization, MinimumClassConfusion

_CHOSEN = "chosen by accuracy on the four development tasks"
_NETWORKS = {"domain_hidden_layer_sizes": (256,), "dropout": 0.7, "n_estimators": 8}


def _terms():
    return [InformationMaximization(0.1), MinimumClassConfusion(0.3)]


def measure(model, fit, X_test, y_test):
    """Fit and return accuracy, AUC and seconds; `fit` holds the arguments of `model.fit`."""
    start = time.perf_counter()
    model.fit(*fit)
    seconds = time.perf_counter() - start
    proba = model.predict_proba(X_test)
    accuracy = accuracy_score(y_test, model.classes_[proba.argmax(axis=1)])
    return float(accuracy), float(roc_auc_score(y_test, proba[:, 1])), seconds


def _on_tfidf(make, data, seed):
    X_src, X_tgt, X_test = data.tfidf
    return measure(make(random_state=seed), (X_src, data.y_src, X_tgt), X_test, data.y_test)


def _with_terms(random_state):
    return DANNClassifier(**_NETWORKS, terms=_terms(), random_state=random_state)


def _recipe(data, seed, *, denoise, adapt=True):
    estimator = None if adapt else DANNClassifier(**_NETWORKS, lambda_adapt=0.0)
    model = BagOfWordsDANNClassifier(estimator, denoise=denoise, random_state=seed)
    X_src, X_tgt, X_test = data.counts
    return measure(model, (X_src, data.y_src, X_tgt), X_test, data.y_test)


RECIPES = {
    "DANN × 8": (
        partial(_on_tfidf, partial(DANNClassifier, n_estimators=8)),
        "DANNClassifier(n_estimators=8)",
    ),
    "+ terms": (
        partial(_on_tfidf, _with_terms),
        "the networks of the recipe on plain tf-idf: information maximisation (.1), minimum class "
        f"confusion (.3), 256 units in the domain classifier, dropout .7; {_CHOSEN}",
    ),
    "recipe, words": (
        partial(_recipe, denoise=False),
        "BagOfWordsDANNClassifier(denoise=False): + columns scaled by correlation ratio; "
        f"{_CHOSEN}",
    ),
    "recipe": (
        partial(_recipe, denoise=True),
        f"BagOfWordsDANNClassifier(): + the same on mSDA, averaged; {_CHOSEN}",
    ),
    "recipe, words, λ = 0": (
        partial(_recipe, denoise=False, adapt=False),
        "the networks of the recipe with lambda_adapt=0 and no terms, on the same features",
    ),
    "recipe, λ = 0": (
        partial(_recipe, denoise=True, adapt=False),
        "the networks of the recipe with lambda_adapt=0 and no terms, on the same features",
    ),
}
