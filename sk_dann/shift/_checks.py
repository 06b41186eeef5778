"""What scores are computed from, checked: errors name the argument."""

from collections.abc import Mapping

import numpy as np
from scipy.special import log_softmax

# float32 probabilities of a thousand classes add up to 1 this well.
_TOLERANCE = 1e-3


def check_log_proba(log_proba, name):
    """Return log-probabilities as float64 that sum to 1 to the last digits.

    Parameters
    ----------
    log_proba : array-like of shape (n, C)
    name : str
        Of the argument, for errors.

    Returns
    -------
    ndarray of shape (n, C)
    """
    values = np.asarray(log_proba, dtype=float)
    if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (n, C) with at least one row and two classes, "
            f"got {values.shape}."
        )
    if np.isnan(values).any():
        raise ValueError(f"{name} holds NaN.")
    if np.abs(np.exp(np.minimum(values, 1)).sum(axis=1) - 1).max() > _TOLERANCE:
        raise ValueError(
            f"{name} must hold logarithms of probabilities, but rows of exp({name}) do not sum "
            "to 1. Take the logarithm of probabilities."
        )
    return log_softmax(values, axis=1)


def check_labelled(log_proba, y, weight=None, *, weight_name="weight"):
    """Return log-probabilities, positions of classes and weights of the same source rows.

    Parameters
    ----------
    log_proba : array-like of shape (n, C)
        The argument `log_proba_source`.
    y : array-like of int of shape (n,)
    weight : array-like of shape (n,), default=None
    weight_name : str, default="weight"

    Returns
    -------
    log_proba : ndarray of shape (n, C)
    y : ndarray of int of shape (n,)
    weight : ndarray of shape (n,)
        Ones for None.
    """
    log_proba = check_log_proba(log_proba, "log_proba_source")
    n, n_classes = log_proba.shape
    y = np.asarray(y)
    if y.shape != (n,):
        raise ValueError(f"y must have shape ({n},) as log_proba_source has rows, got {y.shape}.")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"y must hold positions of classes, integers from 0 to {n_classes - 1}.")
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    if weight.shape != (n,):
        raise ValueError(f"{weight_name} must have shape ({n},) as y, got {weight.shape}.")
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() > 0):
        raise ValueError(f"{weight_name} must be finite and not negative, nor zero everywhere.")
    return log_proba, y, weight


def in_order_of(classes, shares, name):
    """Bring what names its classes, a mapping or a series of pandas, into the order of classes.

    Parameters
    ----------
    classes : ndarray of shape (C,)
    shares : mapping, pandas.Series or array-like
    name : str
        Of the argument, for errors.

    Returns
    -------
    ndarray or array-like of shape (C,)
        What names no classes comes back as it is.

    Raises
    ------
    ValueError
        If other classes are named than there are, or one twice.
    """
    if isinstance(shares, Mapping):
        keys, values = list(shares.keys()), list(shares.values())
    elif _has_index(shares):
        keys, values = list(shares.index), list(shares)
    else:
        return shares
    by_class = dict(zip(keys, values, strict=True))
    wanted = classes.tolist()
    if len(by_class) < len(keys) or set(by_class) != set(wanted):
        raise ValueError(
            f"{name} names the classes {keys}, but there are {wanted}: it must name each of them "
            "once (a class that does not occur has share 0)."
        )
    return np.array([by_class[each] for each in wanted])


def _has_index(values):
    # Lists have a method of that name.
    return hasattr(values, "index") and not callable(values.index)


def check_shares(shares, n_classes, name):
    """Return class shares as an array of shape (n_classes,), uniform for None."""
    if shares is None:
        return np.full(n_classes, 1 / n_classes)
    if isinstance(shares, Mapping) or (
        _has_index(shares) and list(shares.index) != list(range(n_classes))
    ):
        raise ValueError(
            f"{name} must be an array in the order of the classes' positions; got "
            f"{type(shares).__name__} with keys of its own. Pass its values in that order."
        )
    values = np.asarray(shares, dtype=float)
    if values.shape != (n_classes,):
        raise ValueError(f"{name} must have shape ({n_classes},), got {values.shape}.")
    # Not `values.min() < 0`: NaN is refused too.
    if not (values.min() >= 0 and abs(values.sum() - 1) <= _TOLERANCE):
        raise ValueError(f"{name} must be class shares: not negative, with sum 1.")
    return values / values.sum()
