"""The paper's shallow networks and its linear SVM, chosen by reverse validation."""

import time
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split
from sklearn.svm import LinearSVC

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.exceptions import AdaptationWarning
from sk_dann.metrics import reverse_validation_score

METHODS = ("DANN", "NN", "SVM")
# Section 4.1: sigmoid units, a linear domain classifier, plain gradient steps.
SHALLOW = {
    "domain_hidden_layer_sizes": (),
    "activation": "logistic",
    "dropout": 0.0,
    "alpha": 0.0,
    "lambda_schedule": "constant",
    "solver": "sgd",
    "momentum": 0.0,
}
BATCH_SIZE = 128
# Of a step of one row, as the paper takes; a step here is the mean of BATCH_SIZE rows.
LEARNING_RATES = {"counts": 1e-3, "mSDA": 1e-4}
HELD_OUT = 0.1


class Grid(NamedTuple):
    """What reverse validation chooses from."""

    lambdas: tuple
    hidden: tuple
    C: tuple


# Section 5.1.2 and 5.1.3.
FULL = Grid(tuple(np.logspace(-2, 0, 9)), (50, 100), tuple(np.logspace(-5, 0, 10)))
SMALL = Grid(tuple(np.logspace(-2, 0, 3)), (50,), FULL.C)


def network(features="counts", **params):
    """Return the shallow network of Section 4.1, to be trained as the paper trains it.

    It is the deep form of the loss: λ acts on the features alone, while in Algorithm 1 it scales
    the domain classifier's own steps too.
    """
    settings = SHALLOW | {
        "hidden_layer_sizes": 50,
        "learning_rate_init": BATCH_SIZE * LEARNING_RATES[features],
        "batch_size": BATCH_SIZE,
        "max_iter": 60,
        "early_stopping": True,
        "validation_fraction": HELD_OUT,
        "n_iter_no_change": 10,
    }
    return DANNClassifier(**settings | params)


def choose_networks(estimator, X_src, y_src, X_tgt, grid, seed):
    """Return name → parameters of DANN and NN with the highest reverse validation accuracy.

    NN is the same network with λ = 0; both come out of one search.
    """
    search = DANNClassifierCV(
        estimator,
        lambdas=grid.lambdas,
        param_grid={"hidden_layer_sizes": list(grid.hidden)},
        cv=StratifiedShuffleSplit(1, test_size=HELD_OUT, random_state=seed),
        scoring="reverse_validation",
        refit=False,
        random_state=seed,
    ).fit(X_src, y_src, X_tgt)
    scores = search.cv_results_["mean_test_reverse_validation"]
    adapts = search.cv_results_["param_lambda_adapt"] > 0
    chosen = {}
    for name, own in (("DANN", adapts), ("NN", ~adapts)):
        best = np.nanargmax(np.where(own, scores, np.nan))
        params = dict(search.cv_results_["params"][best])
        chosen[name] = {key: params[key] for key in ("lambda_adapt", "hidden_layer_sizes")}
    return chosen


def fit_svm(X, y, C):
    """Return a linear SVM with the hinge loss."""
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return LinearSVC(C=C, loss="hinge", random_state=0).fit(X, y)


def choose_svm(X_src, y_src, X_tgt, grid, seed):
    """Return the C with the highest reverse validation accuracy."""
    train, held_out = train_test_split(
        np.arange(len(y_src)), test_size=HELD_OUT, stratify=y_src, random_state=seed
    )
    scores = []
    for C in grid.C:
        svm = fit_svm(X_src[train], y_src[train], C)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            score = reverse_validation_score(svm, X_src[held_out], y_src[held_out], X_tgt)
        scores.append(score)
    return {"C": float(grid.C[int(np.argmax(scores))])}


def measure_methods(features, X_src, y_src, X_tgt, X_test, y_test, grid, seed, **params):
    """Choose, fit and test all methods, networks with `params`; return method → numbers."""
    start = time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=AdaptationWarning):
        estimator = network(features, **params)
        chosen = choose_networks(estimator, X_src, y_src, X_tgt, grid, seed)
        seconds = time.perf_counter() - start
        models = {
            name: network(features, **params | own, random_state=seed).fit(X_src, y_src, X_tgt)
            for name, own in chosen.items()
        }
    found = {
        name: {"choice_seconds": seconds, "n_iter": len(model.history_)}
        for name, model in models.items()
    }
    start = time.perf_counter()
    chosen["SVM"] = choose_svm(X_src, y_src, X_tgt, grid, seed)
    found["SVM"] = {"choice_seconds": time.perf_counter() - start}
    models["SVM"] = fit_svm(X_src, y_src, **chosen["SVM"])
    for name, model in models.items():
        found[name] |= {
            "chosen": chosen[name],
            "accuracy": float(model.score(X_test, y_test)),
            "AUC": float(roc_auc_score(y_test, model.decision_function(X_test))),
        }
    return found
