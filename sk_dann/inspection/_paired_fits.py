"""An estimator and its source-only twin, fitted in pairs: what `adaptation_report` judges by.

Each pair leaves out another fold of the source rows and has another seed, so that the same fits
say how well the source is still known, and how much hangs on the seed. Shapes: n source rows,
m target rows, C classes, S pairs.
"""

import re
from dataclasses import dataclass
from itertools import chain
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples

from .._parallel import run_all
from .._warnings import collected_warnings, warn_user
from ..exceptions import AdaptationWarning
from ..metrics import importance_weights, proxy_a_distance
from ..metrics._wrappers import framed_like, unwrap
from ._source_shares import source_log_proba

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
        Both for the source's class shares, whatever shares predictions take for granted.
    called : ndarray of int of shape (S, m)
        Positions of the classes that target rows are predicted as.
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
    called: np.ndarray
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
    shares_are_given : bool
        Whether the user told the target's class shares.
    has_class_weight : bool
    """

    classes: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    adapted: Side
    source_only: Side
    views: list
    distances: np.ndarray
    weight: np.ndarray
    shares_are_given: bool
    has_class_weight: bool


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
        (twins, *data, train, test, seed, view_seed)
        for (train, test), seed in zip(folds.split(np.zeros(len(y)), y), seeds, strict=True)
    )
    with config_context(enable_metadata_routing=True, transform_output="default"):
        done = run_all(_fit_pair, jobs, n_jobs)
    pairs, said = zip(*done, strict=True)
    _warn_once(chain(*said))
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
        _join_views(pairs, order),
        np.array([pair["distance"] for pair in pairs]),
        np.concatenate([pair["weight"] for pair in pairs])[order],
        shares_are_given=any(_is_array(each) for each in _values(estimator, "label_shift")),
        has_class_weight=any(each is not None for each in _values(estimator, "class_weight")),
    )


def _fit_pair(*arguments):
    """Return what a pair shows, and the messages and categories of what its fits warn of."""
    with collected_warnings() as said:
        pair = _look_at_pair(*arguments)
    return pair, said


def _look_at_pair(twins, X_src, y_src, X_tgt, rows, train, test, seed, view_seed):
    X_train, X_test = (_safe_indexing(X_src, part) for part in (train, test))
    X_seen = _safe_indexing(X_tgt, rows)
    pair, rng = {"test": test}, np.random.default_rng(view_seed)
    # Rows may come in some order, by time or by class.
    some = [rng.permutation(len(part))[:_MAX_DISTANCE_ROWS] for part in (test, rows)]
    for name, twin in zip(("adapted", "source_only"), twins, strict=True):
        fitted = _set_seeds(clone(twin), seed)
        fitted.fit(X_train, y_src[train], X_tgt=X_tgt)
        unwrapped = unwrap(fitted)
        last, inputs = unwrapped.classifier, [unwrapped.inputs(X) for X in (X_test, X_seen)]
        pair[name] = _look(last, *inputs, some)
    options = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
    frame, inputs = inputs[0], [check_array(X, **options) for X in inputs]
    pair["distance"] = _distance(inputs, some)
    pair["weight"] = importance_weights(*inputs)
    # The same halves in each pair, which makes them one view.
    pair["views"] = list(_half_views(last, frame, *inputs, np.random.default_rng(view_seed)))
    pair["n_columns"] = inputs[0].shape[1]
    return pair


def _routed(estimator):
    """Return a pipeline that lets the target through its steps, anything else as it is."""
    if not isinstance(estimator, Pipeline):
        return estimator
    name, last = estimator.steps[-1]
    through = {*(estimator.transform_input or ()), "X_tgt"}
    settings = {name: _routed(last), "transform_input": sorted(through)}
    return clone(estimator).set_params(**settings)


def _set_seeds(estimator, seed):
    names = [name for name in estimator.get_params() if _is(name, "random_state")]
    return estimator.set_params(**dict.fromkeys(names, int(seed)))


def _values(estimator, name):
    """Return the values of all parameters, nested ones too, that have a name."""
    return [value for key, value in estimator.get_params().items() if _is(key, name)]


def _is_array(value):
    return value is not None and not isinstance(value, str)


def _is(parameter, name):
    """Tell whether a parameter, maybe a nested one, has this name."""
    return parameter.rpartition("__")[2] == name


def _look(classifier, X_source, X_target, some):
    parts = (X_source, X_target)
    distance = np.nan
    if hasattr(classifier, "transform"):
        distance = _distance([classifier.transform(X) for X in parts], some)
    log_proba = [source_log_proba(classifier, X) for X in parts]
    called = np.searchsorted(classifier.classes_, classifier.predict(X_target))
    history = [_numbers(record) for record in getattr(classifier, "history_", ())]
    shares = getattr(classifier, "target_class_shares_", None)
    return *log_proba, called, distance, history, shares


def _numbers(record):
    return {key: float(value) for key, value in record.items() if isinstance(value, Real)}


def _distance(parts, rows):
    return proxy_a_distance(*(X[r] for X, r in zip(parts, rows, strict=True)), C=_SVM_GRID)


def _half_views(classifier, frame, X_source, X_target, rng):
    """Yield log-probabilities of both domains' rows by halves of the columns."""
    n_columns = X_source.shape[1]
    if n_columns < _MIN_COLUMNS:
        return
    parts = [X_source, X_target]
    mean = None if sparse.issparse(X_source) else X_source.mean(axis=0)
    for _ in range(_N_SPLITS):
        first = rng.permutation(n_columns) < n_columns // 2
        for shown in (first, ~first):
            shown_rows = [framed_like(frame, _show(X, shown, mean)) for X in parts]
            yield [classifier.predict_log_proba(rows) for rows in shown_rows]


def _show(X, shown, mean):
    """Return rows of which the other columns say nothing."""
    if mean is None:
        return X @ sparse.diags(shown.astype(X.dtype), format="csr")
    return np.where(shown, X, mean)


def _warn_once(said):
    """Pass on what the fits warned of, each once, but for what the report says better."""
    for message, category in dict.fromkeys(said):
        if not issubclass(category, AdaptationWarning):
            warn_user(message, category)


def _join(looks, order):
    source, target, called, distances, histories, shares = zip(*looks, strict=True)
    return Side(
        np.concatenate(source)[order],
        np.stack(target),
        np.stack(called),
        np.array(distances),
        [*histories],
        None if shares[0] is None else np.mean(shares, axis=0),
    )


def _join_views(pairs, order):
    """Join what the pairs saw by each half of the columns.

    A source row is told by the pair that left it out, a target row by one of the pairs.
    """
    if len({pair["n_columns"] for pair in pairs}) > 1:
        return []  # a vocabulary that each pair learned anew: its halves are no view of one
    joined = []
    for view in zip(*(pair["views"] for pair in pairs), strict=True):
        source, target = zip(*view, strict=True)
        turns = np.arange(len(target[0]))
        target = np.stack(target)[turns % len(target), turns]
        joined.append((np.concatenate(source)[order], target))
    return joined
