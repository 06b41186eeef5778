"""The spaces that pictures look at: what goes into the network, and what it makes of it."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, check_array, check_random_state
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..domains import select_labels, split_sample_domain
from ..metrics._wrappers import unwrap

INPUT, ALONE, ADAPTED = "input", "features without adaptation", "adapted features"


def split_domains(X, y, X_tgt, sample_domain):
    """Take the domains apart, whichever way they come.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
    y : array-like of shape (n_samples,), or None
    X_tgt : like `X`, or None
    sample_domain : array-like of int of shape (n_samples,), or None

    Returns
    -------
    X_source : like `X`
    y_source : ndarray of shape (n_source,), or None
    source_domain : ndarray of int of shape (n_source,)
        1 where there is one source.
    X_target : like `X`

    Raises
    ------
    ValueError
        If there is no target, or it comes both ways, or `y` has not a label a row.
    """
    if (X_tgt is None) == (sample_domain is None):
        given = "neither" if X_tgt is None else "both"
        raise ValueError(
            "The target's rows come as X_tgt (X is the source alone then), or in X with "
            f"sample_domain to mark them by negative numbers; got {given}."
        )
    if y is not None and len(y) != _num_samples(X):
        raise ValueError(f"y holds {len(y)} labels for {_num_samples(X)} rows of X.")
    if sample_domain is None:
        y_source = None if y is None else select_labels(y, np.arange(_num_samples(X)))
        return X, y_source, np.ones(_num_samples(X), dtype=int), X_tgt
    source, target = split_sample_domain(sample_domain, _num_samples(X))
    y_source = None if y is None else select_labels(y, source)
    domain = np.asarray(sample_domain)[source].astype(int)
    return _safe_indexing(X, source), y_source, domain, _safe_indexing(X, target)


def draw_rows(domain, n_rows, random_state):
    """Draw rows without replacement, at most `n_rows` of each domain.

    Parameters
    ----------
    domain : ndarray of int of shape (n_samples,)
    n_rows : int or None
        None takes all.
    random_state : int, RandomState instance or None

    Returns
    -------
    ndarray of int
        Positions in ascending order.
    """
    if n_rows is None:
        return np.arange(len(domain))
    if n_rows < 1:
        raise ValueError(f"subsample must be at least 1 or None, got {n_rows!r}.")
    rng = check_random_state(random_state)
    parts = [np.flatnonzero(domain == number) for number in np.unique(domain)]
    kept = [p if len(p) <= n_rows else rng.choice(p, n_rows, replace=False) for p in parts]
    return np.sort(np.concatenate(kept))


def feature_spaces(estimator, X_source, X_target, source_only=None):
    """Return the rows of both domains in each space.

    Parameters
    ----------
    estimator : classifier
        Fitted, with ``transform``; alone, in a search or as the last step of a pipeline.
    X_source, X_target : {array-like, sparse matrix, data frame}
    source_only : classifier, default=None
        The same network without adaptation.

    Returns
    -------
    dict of str to (array, array)
        The input as the network sees it, after the earlier steps of a pipeline; the features of
        `source_only`, if there is one; the adapted features.

    Raises
    ------
    NotFittedError
    TypeError
        If one has no features to give.
    ValueError
        If `estimator` was fitted without a target.
    """
    networks = {ALONE: source_only, ADAPTED: estimator}
    networks = {name: each for name, each in networks.items() if each is not None}
    for name, each in networks.items():
        check_is_fitted(each)
        _check_transforms(each, name)
    unwrapped = unwrap(estimator)
    last = unwrapped.classifier
    if getattr(last, "domain_accuracy_", 0) is None:
        raise ValueError(
            f"The {type(last).__name__} was fitted without a target, so nothing is adapted: pass "
            "X_tgt or sample_domain to fit, or show it as source_only= beside one that is."
        )
    rows = X_source, X_target
    spaces = {INPUT: tuple(map(unwrapped.inputs, rows))}
    return spaces | {name: tuple(map(each.transform, rows)) for name, each in networks.items()}


def _check_transforms(estimator, name):
    if hasattr(estimator, "transform"):
        return
    last = unwrap(estimator).classifier
    hint = ""
    if hasattr(last, "pipelines_"):
        hint = f"; pass one of its pipelines_, {' or '.join(map(repr, last.pipelines_))}"
    raise TypeError(
        f"{type(last).__name__} has no transform, so there are no {name} to show{hint}."
    )


def check_space(parts, name):
    """Validate the rows of both domains in a space.

    Returns
    -------
    source, target : {ndarray, CSR matrix} of shape (n, d) and (m, d)
    """
    source, target = (check_array(X, accept_sparse="csr", ensure_min_samples=1) for X in parts)
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"spaces[{name!r}] has {source.shape[1]} columns in the source and "
            f"{target.shape[1]} in the target."
        )
    return source, target


def stack(source, target):
    """Return the rows of both domains, source rows first; CSR if one is sparse."""
    if sparse.issparse(source) or sparse.issparse(target):
        return sparse.vstack(list(map(sparse.csr_matrix, (source, target))), format="csr")
    return np.concatenate([source, target])
