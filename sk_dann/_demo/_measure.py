"""Fit the network with and without adaptation, and measure both on the same rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from tqdm import tqdm

from ..estimators import DANNClassifier
from ..model_selection import stack_domains
from ._tasks import Task

LOGISTIC, ALONE, ADAPTED = "logistic", "source-only", "DANN"
# The same pipeline on the same stacked rows: tf-idf and the number of steps are equal, too.
_NETWORKS = {ALONE: {"lambda_adapt": 0.0}, ADAPTED: {}}


@dataclass(frozen=True)
class Fitted:
    """A task with its fitted models (name → pipeline) and what was measured on it."""

    task: Task
    models: dict
    measured: dict


def run(demo, pairs, seeds, params):
    """Fit and measure every pair with every seed.

    Parameters
    ----------
    demo : Demo
    pairs : list of (str, str)
        Source and target.
    seeds : sequence of int
    params : dict
        Parameters of `DANNClassifier`.

    Returns
    -------
    results : DataFrame
        A row for each pair and seed, indexed by both (`"drinks → snacks"`, 0); columns (measure,
        model), and (`"rows"`, `"target"`), the number of target rows measured on.
    first : Fitted
        The first pair with the first seed, for the picture.
    """
    records, first = {}, None
    n_fits = len(pairs) * len(seeds) * len(_NETWORKS)
    with tqdm(total=n_fits, unit="fit", leave=False, disable=None) as bar:
        for source, target in pairs:
            for seed in seeds:
                bar.set_description(f"{source} → {target}, seed {seed}")
                task = demo.make_task(source, target, seed)
                models = fit_models(demo, task, {**params, "random_state": seed}, bar.update)
                measured = measure(demo, task, models)
                records[f"{source} → {target}", seed] = measured
                first = first or Fitted(task, models, measured)
    results = pd.DataFrame.from_dict(records, orient="index")
    results.index = pd.MultiIndex.from_tuples(results.index, names=["pair", "seed"])
    results.columns = pd.MultiIndex.from_tuples(results.columns, names=["measure", "model"])
    return results, first


def fit_models(demo, task, params, on_fit=lambda: None):
    """Return the fitted pipelines: a logistic regression and the network without and with λ."""
    X, y, sample_domain = stack_domains(task.X_src, task.y_src, task.X_tgt)
    networks = {}
    for name, changed in _NETWORKS.items():
        dann = DANNClassifier(**{**params, **changed})
        pipeline = Pipeline([("prepare", clone(demo.prepare)), ("dann", dann)])
        networks[name] = pipeline.fit(X, y, dann__sample_domain=sample_domain)
        on_fit()
    prepare = FrozenEstimator(networks[ADAPTED]["prepare"])
    return {LOGISTIC: make_pipeline(prepare, _logistic()).fit(task.X_src, task.y_src), **networks}


def _logistic():
    # Its default C lets 700 tf-idf rows predict little more than the commoner class.
    grid = {"C": [0.1, 1, 10, 100, 1000]}
    return GridSearchCV(LogisticRegression(max_iter=1000), grid, scoring="accuracy", cv=5)


def _concatenate(*parts):
    return sparse.vstack(parts).tocsr() if sparse.issparse(parts[0]) else np.concatenate(parts)


def measure(demo, task, models):
    """Return (measure, model) → value, all on rows that were held back."""
    measured = {("rows", "target"): len(task.y_test)}
    for name, model in models.items():
        scores = model.decision_function(task.X_test)
        measured["accuracy", name] = model.score(task.X_test, task.y_test)
        measured["AUC", name] = roc_auc_score(task.y_test, scores)
        measured["source accuracy", name] = model.score(task.X_src_test, task.y_src_test)
    spaces = {demo.prepared: models[ADAPTED]["prepare"], ALONE: models[ALONE]}
    for name, space in {**spaces, ADAPTED: models[ADAPTED]}.items():
        measured["domains told apart (AUC)", name] = domain_auc(
            space.transform(task.X_src_test), space.transform(task.X_test), demo.judge
        )
    return measured


def domain_auc(source, target, judge):
    """Tell how well `judge` separates the rows of two domains: 0.5 not at all, 1 fully.

    Half of the rows are judged by a classifier that learned on the other half.
    """
    domain = np.repeat([0, 1], [source.shape[0], target.shape[0]])
    proba = cross_val_predict(
        judge,
        _concatenate(source, target),
        domain,
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        method="predict_proba",
    )
    return roc_auc_score(domain, proba[:, 1])
