"""From what users pass to `fit` to a `DomainData`, or to an error that says what to do."""

import copy
import re
from collections.abc import Iterable
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    _get_feature_names,
    assert_all_finite,
    validate_data,
)

from .._warnings import warn_user
from ..domains import DomainData, looks_untransformed, select_labels, split_sample_domain
from ..exceptions import NoTargetWarning, UntransformedTargetWarning
from ..nn import Term
from ..training import HISTORY_KEYS, ValidationRows

_DTYPES = [np.float64, np.float32]


@contextmanager
def _naming(argument):
    """Let errors name the argument, which those of scikit-learn's checks do only sometimes."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if re.search(rf"\b{argument}\b", str(error)):
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{argument}: {error}") from error


def check_source(estimator, X, *, reset=True):
    """Validate the first argument of `fit`; the dtype it has is the one computed in."""
    with _naming("X"):
        return validate_data(
            estimator, X, accept_sparse="csr", dtype=_DTYPES, ensure_min_samples=2, reset=reset
        )


def check_rows(estimator, X):
    """Validate what is passed to a fitted estimator's methods."""
    with _naming("X"):
        return validate_data(estimator, X, accept_sparse="csr", dtype=_DTYPES, reset=False)


def check_second_matrix(estimator, X, name, dtype):
    """Validate `X_tgt` or `X_val` against the columns of the source.

    Parameters
    ----------
    estimator : estimator
        Has seen the source, so knows its columns.
    X : array-like or sparse matrix
    name : str
        Of the argument.
    dtype : numpy dtype
        Of the source.

    Returns
    -------
    ndarray or CSR matrix of shape (n, n_features_in_)
    """
    with _naming(name):
        checked = check_array(
            X, accept_sparse="csr", dtype=dtype, input_name=name, estimator=estimator
        )
    if checked.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"{name} has {checked.shape[1]} features, but the source has "
            f"{estimator.n_features_in_}. Both must have passed the same transformers."
        )
    source_named = hasattr(estimator, "feature_names_in_")
    if source_named != (_get_feature_names(X) is not None):
        here, there = (name, "the source") if not source_named else ("the source", name)
        warn_user(
            f"{here} has column names and {there} has none, so that {name}'s columns are the "
            "source's can only be assumed."
        )
        return checked
    try:
        _check_feature_names(estimator, X, reset=False)
    except ValueError as error:
        raise ValueError(f"The columns of {name} are not the source's. {error}") from error
    return checked


def check_labels(estimator, y, n_samples, rows, name="y"):
    """Validate labels, looking at the given rows only.

    Returns
    -------
    ndarray of shape (len(rows),)
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires {name} to be passed, but the target "
            f"{name} is None."
        )
    with _naming(name):
        if not isinstance(y, list | tuple) or np.ndim(y[:1]) != 1:
            y = column_or_1d(y, warn=True)
        if len(y) != n_samples:
            raise ValueError(
                f"{name} has {len(y)} labels for {n_samples} rows: inconsistent numbers of samples."
            )
        y = select_labels(y, rows)
        _refuse_missing(y, name)
        assert_all_finite(y, input_name=name, estimator_name=type(estimator).__name__)
        check_classification_targets(y)
    return y


def _refuse_missing(labels, name):
    if labels.dtype.kind not in "Of":
        return
    missing = np.flatnonzero([_is_missing(label) for label in labels])
    if len(missing):
        raise ValueError(
            f"{name} lacks labels in {len(missing)} of {len(labels)} source samples (NaN, None or "
            f"NA), the first at position {missing[0]} among them. Leave these samples out, or add "
            "them to the target, which needs no labels."
        )


def _is_missing(label):
    if isinstance(label, float | np.floating):
        return np.isnan(label)
    # pandas may not be there to be asked.
    return label is None or type(label).__name__ in ("NAType", "NaTType")


def check_row_labels(X, **arguments):
    """Refuse series of pandas that hold the row labels of `X` in another order.

    As everywhere in scikit-learn, samples are matched by position, and row labels are ignored.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame}
        As it was passed.
    **arguments : array-like or None
        By their names.
    """
    if not hasattr(X, "iloc"):
        return
    for name, values in arguments.items():
        if not hasattr(values, "iloc") or len(values) != len(X) or values.index.equals(X.index):
            continue
        if values.index.sort_values().equals(X.index.sort_values()):
            raise ValueError(
                f"{name} has the row labels of X in another order, and samples are matched by "
                f"position. Pass {name}.loc[X.index], or {name}.to_numpy() if the order is meant."
            )


def check_domains(estimator, X, y, X_tgt, sample_domain):
    """Bring both ways in to one `DomainData`, its labels still as the user wrote them."""
    if X_tgt is not None and sample_domain is not None:
        raise ValueError(
            "Pass either X_tgt (the first argument is then the source alone) or sample_domain "
            "(the first argument then holds both domains), not both."
        )
    n_samples = X.shape[0]
    if sample_domain is None:
        rows = np.arange(n_samples)
        labels = check_labels(estimator, y, n_samples, rows)
        source_domain = np.zeros(n_samples, dtype=np.int64)
        data = DomainData(X, rows, source_domain, labels)
        if X_tgt is None:
            warn_user(
                "No target: the network is trained on the source alone, without adaptation. "
                "Pass X_tgt or sample_domain to adapt.",
                NoTargetWarning,
            )
            return data
        X_target = check_second_matrix(estimator, X_tgt, "X_tgt", X.dtype)
        if sparse.issparse(X) != sparse.issparse(X_target):
            kinds = ("dense", "sparse") if sparse.issparse(X) else ("sparse", "dense")
            raise ValueError(
                f"X_tgt is {kinds[0]} and X is {kinds[1]}; both must be of one kind, as the same "
                "transformer makes them. Convert one, for example with scipy.sparse.csr_array."
            )
        target_rows = np.arange(X_target.shape[0])
    else:
        rows, target_rows = split_sample_domain(sample_domain, n_samples)
        labels = check_labels(estimator, y, n_samples, rows)
        source_domain = np.unique(np.asarray(sample_domain)[rows], return_inverse=True)[1]
        X_target = X
    data = DomainData(X, rows, source_domain, labels, X_target=X_target, target_rows=target_rows)
    seen = looks_untransformed(data)
    if seen is not None:
        warn_user(
            f"X_tgt looks as if it had not passed the source's preprocessing: {seen}. In a "
            'Pipeline, use transform_input=["X_tgt"] with metadata routing enabled, or stack '
            "both domains and pass sample_domain.",
            UntransformedTargetWarning,
        )
    return data


def encode_classes(labels):
    """Find the classes and each row's position among them.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of int64 of shape (n_source,)
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class, {classes[0]!r}, in the source rows; a classifier needs samples "
            "of at least 2 classes."
        )
    return classes, codes.astype(np.int64, copy=False)


def check_weights(sample_weight, class_weight, data, classes):
    """Weights of the source rows in the label loss and in the domain loss, None where all are 1.

    A row's own weight counts in both, as if the row stood there that often; the class weight is a
    matter of the decision and so of the label loss alone.

    Returns
    -------
    label_weight, domain_weight : ndarray of shape (n_source,) or None
    """
    rows, labels, dtype = data.source_rows, data.y, data.X_source.dtype
    row_weight = None
    if sample_weight is not None:
        with _naming("sample_weight"):
            weight = np.asarray(sample_weight, dtype=np.float64)
            if weight.shape != data.X_source.shape[:1]:
                raise ValueError(
                    f"sample_weight.shape == {weight.shape}, expected one weight a row of X: "
                    f"{data.X_source.shape[:1]}."
                )
            # In stacked data target rows may hold anything.
            weight = weight[rows]
            if np.all(weight == 0):
                raise ValueError(
                    "sample_weight is zero on every source row: there is no sample left."
                )
            row_weight = _check_sample_weight(weight, rows, ensure_non_negative=True)
        # Only ratios count, and these survive in float32 whatever their scale.
        row_weight = (row_weight / row_weight.max()).astype(dtype)
    if class_weight is None:
        return row_weight, row_weight
    codes = np.searchsorted(classes, labels)
    by_class = weights_of_classes(class_weight, classes, codes, row_weight)
    label_weight = by_class[codes] * (1 if row_weight is None else row_weight)
    return (label_weight / label_weight.max()).astype(dtype), row_weight


def weights_of_classes(class_weight, classes, codes, row_weight):
    """Return the weight of each class; shape (n_classes,)."""
    if isinstance(class_weight, str):
        # compute_class_weight's formula, on weighted rows; it takes them since scikit-learn 1.7.
        totals = np.bincount(codes, weights=row_weight, minlength=len(classes))
        return totals.sum() / (len(classes) * np.where(totals > 0, totals, 1))
    with _naming("class_weight"):
        by_class = compute_class_weight(class_weight, classes=classes, y=classes[codes])
        if not (np.isfinite(by_class).all() and (by_class >= 0).all() and by_class.any()):
            raise ValueError(
                "class_weight must hold finite numbers of at least 0, and one above 0 for a class "
                f"in y; got {class_weight!r}."
            )
    return by_class


def draw_held_out(data, fraction, random_state):
    """Draw a share of the source rows, stratified by class and source domain.

    Where there are too few rows for that share of every stratum, one row is drawn from each
    stratum that has another one to learn from.

    Returns
    -------
    kept, held_out : ndarray of int
        Positions among the source rows. None are held out, with a warning, if no stratum has two.

    Raises
    ------
    ValueError
        If the rows that are kept have no weight.
    """
    kept, held_out = _draw_by_stratum(data, fraction, random_state)
    check_weight_left(
        data,
        kept,
        "early_stopping leaves to train on: set early_stopping=False, or pass X_val, y_val",
    )
    return kept, held_out


def check_weight_left(data, rows, which):
    """Refuse source rows that have no weight; `which` says of whom they are, and what to do."""
    weight = data.label_weight
    if weight is not None and len(rows) and not np.any(weight[rows] > 0):
        raise ValueError(
            f"sample_weight (or class_weight) is zero on all source samples that {which}."
        )


def _draw_by_stratum(data, fraction, random_state):
    strata = np.stack([data.y, data.source_domain], axis=1)
    positions = np.arange(len(data.y))
    n_strata = len(np.unique(strata, axis=0))
    try:
        kept, held_out = train_test_split(
            positions, test_size=fraction, stratify=strata, random_state=random_state
        )
        has_all_strata = len(np.unique(strata[kept], axis=0)) == n_strata
    except ValueError:
        has_all_strata = False
    if has_all_strata:
        return kept, held_out
    held_out = _draw_one_of_each(strata, random_state)
    if not len(held_out):
        warn_user(
            "early_stopping=True needs samples to validate on, but no class has two source "
            f"samples among {len(data.y)}: training goes on to max_iter. Pass X_val and y_val, or "
            "set early_stopping=False."
        )
    return np.setdiff1d(positions, held_out), held_out


def _draw_one_of_each(strata, random_state):
    """Draw a position from each stratum that holds at least two."""
    rng = check_random_state(random_state)
    drawn = []
    for stratum in np.unique(strata, axis=0):
        positions = np.flatnonzero((strata == stratum).all(axis=1))
        if len(positions) > 1:
            drawn.append(rng.choice(positions))
    return np.array(drawn, dtype=np.intp)


def hold_out(data, fraction, random_state):
    """Keep a share of the source rows for validation.

    Returns
    -------
    data : DomainData
        The rest.
    validation : ValidationRows or None
        None if no rows can be held out.
    """
    kept, held_out = draw_held_out(data, fraction, random_state)
    if not len(held_out):
        return data, None
    weight = None if data.domain_weight is None else data.domain_weight[held_out]
    if weight is not None and not weight.sum() > 0:
        weight = None
    rest = data.keep_source(np.sort(kept))
    validation = ValidationRows(data.X_source, data.source_rows[held_out], data.y[held_out], weight)
    return rest, validation


def check_validation_set(estimator, X_val, y_val, dtype):
    """Validate the `X_val` and `y_val` of `fit`; None if there are none."""
    for given, missing in (("X_val", "y_val"), ("y_val", "X_val")):
        values = {"X_val": X_val, "y_val": y_val}
        if values[given] is not None and values[missing] is None:
            raise ValueError(f"{given} is provided, but {missing} was not provided.")
    if X_val is None:
        return None
    if not estimator.early_stopping:
        raise ValueError(
            "X_val and y_val are for early stopping, but early_stopping is False. Set "
            "early_stopping=True or leave them out."
        )
    X_val = check_second_matrix(estimator, X_val, "X_val", dtype)
    rows = np.arange(X_val.shape[0])
    labels = check_labels(estimator, y_val, len(rows), rows, name="y_val")
    unseen = np.setdiff1d(labels, estimator.classes_)
    if len(unseen):
        raise ValueError(f"y_val holds classes that y does not: {unseen.tolist()}.")
    return ValidationRows(X_val, rows, np.searchsorted(estimator.classes_, labels))


def check_layer_sizes(sizes, name, min_layers=0):
    """Turn a number or a sequence of numbers of units into a tuple.

    Raises
    ------
    ValueError
        If there are too few layers, or a size is not a positive integer.
    """
    layers = tuple(sizes) if isinstance(sizes, Iterable) and np.ndim(sizes) else (sizes,)
    if any(not isinstance(size, Integral) or size < 1 for size in layers):
        raise ValueError(f"{name} must hold integers of at least 1, got {sizes!r}.")
    if len(layers) < min_layers:
        raise ValueError(
            f"{name} needs at least {min_layers} layer, got {sizes!r}: without one there are no "
            "features to adapt."
        )
    return tuple(int(size) for size in layers)


def check_schedule(schedule, named, name):
    """Resolve a schedule and try it at both ends of training.

    Parameters
    ----------
    schedule : str or callable
    named : dict of str to callable
    name : str
        Of the parameter.

    Returns
    -------
    callable of progress in [0, 1]
    """
    if not callable(schedule):
        return named[schedule]
    for progress in (0.0, 1.0):
        with _naming(name):
            factor = schedule(progress)
        if not (isinstance(factor, Real) and np.isfinite(factor) and factor >= 0):
            raise ValueError(
                f"{name} must return a finite number of at least 0 for every training progress "
                f"from 0 to 1; it returned {factor!r} for {progress}."
            )
    return schedule


def check_terms(terms):
    """Validate the losses that are added to those of the domain game.

    Returns
    -------
    list of Term
        Copies: what is trained with leaves the user's own as they are.
    """
    terms = list(terms or [])
    for term in terms:
        if not isinstance(term, Term):
            hint = " Make an instance of it." if isinstance(term, type) else ""
            raise TypeError(
                f"terms must hold instances of sk_dann.nn.Term, got {term!r}.{hint} For a loss of "
                "your own, inherit from Term and write forward(step)."
            )
        if next(term.parameters(), None) is not None:
            raise ValueError(f"terms holds {term.name}, which has parameters; nothing trains them.")
        if term.name in HISTORY_KEYS:
            raise ValueError(
                f"terms holds {term.name}, which is the name of something else in the history. "
                "Give the class another name, or a name of its own."
            )
        check_schedule(term.factor, {}, f"terms: schedule of {term.name}")
    return copy.deepcopy(terms)
