"""An estimator and its source-only twin, fitted in pairs: what `adaptation_report` judges by.

Each pair leaves out another fold of the source rows and has another seed, so that the same fits
say how well the source is still known, and how much hangs on the seed. Shapes: n source rows,
m target rows, C classes, S pairs.
"""

import re
import warnings
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from ..exceptions import AdaptationWarning, warn_user
from ..metrics import importance_weights, proxy_a_distance
from ..metrics._wrappers import unwrap

# Of a domain; more tell shares and distances no better.
_MAX_ROWS = 5000
# Of a domain, for the proxy A-distance, whose SVMs take longest of all; and a grid of their C that
# is coarse: the distances are compared, and not reported to the third digit.
_MAX_DISTANCE_ROWS = 1000
_SVM_GRID = (1e-4, 1e-2, 1.0)
# A pair shows the source-only network so many halves of the columns, two and two.
_N_SPLITS = 3
_MIN_COLUMNS = 4
# Parameters of searches, which would choose λ anew.
_OF_SEARCHES = ("lambdas", "param_grid", "param_distributions")


@dataclass(eq=False)
class Side:
    """What one of the twins did in all pairs.

    Parameters
    ----------
    log_proba_source : ndarray of shape (n, C)
        Of every source row, by the network that was not trained on it.
    log_proba_target : ndarray of shape (S, m, C)
    distances : ndarray of shape (S,)
        Proxy A-distances of the domains' features; NaN if the classifier shows none.
    histories : list of list of dict
        A record an epoch of each pair; without records if the classifier keeps none.
    shares : ndarray of shape (C,) or None
        Class shares of the target that the predictions take for granted, mean over the pairs;
        None if the classifier does not tell.
    """

    log_proba_source: np.ndarray
    log_proba_target: np.ndarray
    distances: np.ndarray
    histories: list
    shares: np.ndarray | None


@dataclass(eq=False)
class PairedFits:
    """What was seen, before anything is concluded.

    Parameters
    ----------
    classes : ndarray of shape (C,)
    y : ndarray of int of shape (n,)
        Positions of the source rows' classes.
    rows : ndarray of int of shape (m,)
        Those of the target that were looked at.
    adapted, source_only : Side
    views : list of pairs of ndarrays of shapes (n, C) and (m, C)
        Log-probabilities by source-only networks that see half of the columns.
    distances : ndarray of shape (S,)
        Proxy A-distances of the rows as the networks get them.
    weight : ndarray of shape (n,)
        Importance weights of the source rows.
    """

    classes: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    adapted: Side
    source_only: Side
    views: list
    distances: np.ndarray
    weight: np.ndarray


def without_adaptation(estimator):
    """Return the estimator's twin that does not adapt: the same network, trained on the source.

    Parameters
    ----------
    estimator : classifier
        Has, somewhere among its nested parameters, a `lambda_adapt`.

    Returns
    -------
    classifier
        Unfitted, with ``lambda_adapt=0`` and without `terms` and `label_shift`.

    Raises
    ------
    TypeError
        If there is no `lambda_adapt`, or a search chooses it.
    """
    if not hasattr(estimator, "get_params"):
        raise TypeError(
            f"estimator must be a classifier of scikit-learn's kind, got {estimator!r}."
        )
    twin = clone(estimator)
    names = twin.get_params()
    prefixes = [re.sub("lambda_adapt$", "", name) for name in names if _is(name, "lambda_adapt")]
    chooses = any(_is(name, each) for name in names for each in _OF_SEARCHES)
    if chooses or not prefixes:
        raise TypeError(
            "estimator must have a parameter lambda_adapt, itself or in a step, so that it can be "
            f"compared with lambda_adapt=0; got {estimator!r}. Pass a DANNClassifier, a pipeline "
            "that ends in one, BagOfWordsDANNClassifier(estimator=DANNClassifier(...)), or the "
            "best_estimator_ of a fitted search."
        )
    off = {"lambda_adapt": 0.0, "terms": None, "label_shift": None}
    settings = {p + name: value for p in prefixes for name, value in off.items()}
    return twin.set_params(**{name: value for name, value in settings.items() if name in names})


def fit_pairs(estimator, X_src, y_src, X_tgt, n_splits, random_state, n_jobs):
    """Fit the estimator and its twin `n_splits` times each.

    Parameters
    ----------
    estimator : classifier
    X_src : {array-like, sparse matrix, data frame} of shape (n, ...)
    y_src : ndarray of shape (n,)
    X_tgt : like `X_src`, of shape (m, ...)
    n_splits : int
    random_state : RandomState instance
    n_jobs : int or None

    Returns
    -------
    PairedFits
    """
    classes, y = np.unique(y_src, return_inverse=True)
    rows = np.sort(random_state.permutation(_num_samples(X_tgt))[:_MAX_ROWS])
    twins = _routed(estimator), _routed(without_adaptation(estimator))
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
    view_seed, *seeds = random_state.randint(2**31 - 1, size=n_splits + 1)
    data = X_src, y_src, X_tgt, rows
    jobs = (
        delayed(_fit_pair)(twins, *data, train, test, seed, view_seed)
        for (train, test), seed in zip(folds.split(np.zeros(len(y)), y), seeds, strict=True)
    )
    with config_context(enable_metadata_routing=True, transform_output="default"):
        pairs = Parallel(n_jobs=n_jobs)(jobs)
    for message, category in dict.fromkeys(w for pair in pairs for w in pair["warnings"]):
        warn_user(message, category)
    order = np.argsort(np.concatenate([pair["test"] for pair in pairs]))
    adapted, source_only = (
        _join([pair[side] for pair in pairs], order) for side in ("adapted", "source_only")
    )
    return PairedFits(
        classes,
        y,
        rows,
        adapted,
        source_only,
        _join_views([pair["views"] for pair in pairs], order),
        np.array([pair["distance"] for pair in pairs]),
        np.concatenate([pair["weight"] for pair in pairs])[order],
    )


def _fit_pair(*arguments):
    """Return what a pair shows and the warnings of its fits, which other processes may swallow."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pair = _look_at_pair(*arguments)
    # The report says better what adapting seems to have done, and from more than one fit.
    others = [w for w in caught if not issubclass(w.category, AdaptationWarning)]
    return pair | {"warnings": [(str(w.message), w.category) for w in others]}


def _look_at_pair(twins, X_src, y_src, X_tgt, rows, train, test, seed, view_seed):
    X_train, X_test = (_safe_indexing(X_src, part) for part in (train, test))
    X_seen = _safe_indexing(X_tgt, rows)
    pair = {"test": test}
    for name, twin in zip(("adapted", "source_only"), twins, strict=True):
        fitted = _set_seeds(clone(twin), seed)
        fitted.fit(X_train, y_src[train], X_tgt=X_tgt)
        steps, last, _ = unwrap(fitted)
        inputs = [reduce(lambda X, step: step.transform(X), steps, X) for X in (X_test, X_seen)]
        pair[name] = _look(last, *inputs)
    pair["distance"] = _distance(*inputs)
    pair["weight"] = importance_weights(*inputs)
    # The same halves in each pair, which makes them one view.
    pair["views"] = list(_half_views(last, *inputs, np.random.default_rng(view_seed)))
    return pair


def _routed(estimator):
    """Return a pipeline that lets the target through its steps, anything else as it is."""
    if not isinstance(estimator, Pipeline):
        return estimator
    through = {*(estimator.transform_input or ()), "X_tgt"}
    return clone(estimator).set_params(transform_input=sorted(through))


def _set_seeds(estimator, seed):
    names = [name for name in estimator.get_params() if _is(name, "random_state")]
    return estimator.set_params(**dict.fromkeys(names, int(seed)))


def _is(parameter, name):
    """Tell whether a parameter, maybe a nested one, has this name."""
    return parameter.rpartition("__")[2] == name


def _look(classifier, X_source, X_target):
    parts = (X_source, X_target)
    distance = np.nan
    if hasattr(classifier, "transform"):
        distance = _distance(*map(classifier.transform, parts))
    log_proba = [classifier.predict_log_proba(X) for X in parts]
    history = [_numbers(record) for record in getattr(classifier, "history_", ())]
    return *log_proba, distance, history, getattr(classifier, "target_class_shares_", None)


def _numbers(record):
    return {key: value for key, value in record.items() if isinstance(value, float)}


def _distance(*parts):
    some = [X[:_MAX_DISTANCE_ROWS] for X in parts]
    return proxy_a_distance(*some, C=_SVM_GRID)


def _half_views(classifier, X_source, X_target, rng):
    """Yield log-probabilities of both domains' rows by halves of the columns."""
    n_columns = X_source.shape[1]
    if n_columns < _MIN_COLUMNS:
        return
    parts = [X_source, X_target]
    mean = None if sparse.issparse(X_source) else np.mean(X_source, axis=0)
    for _ in range(_N_SPLITS):
        first = rng.permutation(n_columns) < n_columns // 2
        for shown in (first, ~first):
            yield [classifier.predict_log_proba(_show(X, shown, mean)) for X in parts]


def _show(X, shown, mean):
    """Return rows of which the other columns say nothing."""
    if mean is None:
        return X @ sparse.diags(shown.astype(X.dtype), format="csr")
    return np.where(shown, X, mean).astype(X.dtype)


def _join(looks, order):
    source, target, distances, histories, shares = zip(*looks, strict=True)
    source = np.concatenate(source)[order]
    shares = None if shares[0] is None else np.mean(shares, axis=0)
    return Side(source, np.stack(target), np.array(distances), [*histories], shares)


def _join_views(views, order):
    """Join what the pairs saw by each half of the columns.

    A source row is told by the pair that left it out, a target row by one of the pairs.
    """
    joined = []
    for view in zip(*views, strict=True):
        source, target = zip(*view, strict=True)
        turns = np.arange(len(target[0]))
        target = np.stack(target)[turns % len(target), turns]
        joined.append((np.concatenate(source)[order], target))
    return joined
