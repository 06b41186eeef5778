"""Folds of the source rows, and of the target rows if a splitter holds some out."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from ..model_selection._split import StackedSplitter, check_n_splits
from ._validation import check_weight_left


@dataclass(frozen=True)
class Fold:
    """Positions among the source rows, and among the target rows.

    Where a splitter holds out no target rows, all are trained on and all are looked at.
    """

    train: np.ndarray
    test: np.ndarray
    target_train: np.ndarray
    target_test: np.ndarray


def make_folds(cv, data, sample_domain):
    """Split the rows, whichever way they came in.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        A splitter that knows two domains gets both; any other one the source rows; an iterable
        holds positions of rows as they were passed.
    data : DomainData
        With the positions of the classes as labels.
    sample_domain : array-like or None
        As it was passed.

    Returns
    -------
    list of Fold

    Raises
    ------
    ValueError
        If the rows do not suffice for the folds, or a fold cannot be trained on or tests on
        nothing.
    """
    n_source = len(data.y)
    n_target = 0 if data.X_target is None else len(data.target_rows)
    everything = np.arange(n_source + n_target)  # source rows first
    splitter = check_cv(cv, data.y, classifier=True)
    if isinstance(splitter, StackedSplitter):
        domain = np.concatenate([data.source_domain + 1, np.full(n_target, -1)])
        labels = np.concatenate([data.y, np.full(n_target, -1)])
        splits, place = splitter.split(everything, labels, domain), everything
    else:
        if isinstance(cv, Integral) or cv is None:
            check_n_splits(splitter.n_splits, n_source, data.y, "cv")
        splits, place = splitter.split(np.zeros((n_source, 1)), data.y), everything[:n_source]
        is_listed = not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split"))
        if sample_domain is not None and is_listed:
            place = np.empty_like(everything)
            place[np.concatenate([data.source_rows, data.target_rows])] = everything
    folds = [_make_fold(place, *rows, n_source, n_target, i) for i, rows in enumerate(splits)]
    if not folds:
        raise ValueError("cv makes no folds.")
    for i, fold in enumerate(folds):
        if not len(fold.test):
            raise ValueError(f"cv leaves no source rows to test on in fold {i}.")
        if len(np.unique(data.y[fold.train])) < 2:
            raise ValueError(
                f"cv leaves source rows of fewer than two classes to train on in fold {i}; "
                "shuffle or stratify the folds."
            )
        check_weight_left(
            data,
            fold.train,
            f"cv trains on in fold {i}: take fewer folds, or leave sample_weight out",
        )
    return folds


def _make_fold(place, train, test, n_source, n_target, i):
    try:
        train, test = (place[np.asarray(rows, dtype=np.intp)] for rows in (train, test))
    except IndexError as error:
        raise ValueError(
            f"cv holds positions that are none of the {len(place)} rows in fold {i}: {error}."
        ) from error
    target_train, target_test = (rows[rows >= n_source] - n_source for rows in (train, test))
    if len(target_test) and not len(target_train):
        raise ValueError(f"cv leaves no target rows to train on in fold {i}, only to look at.")
    everything = np.arange(n_target)
    return Fold(
        train[train < n_source],
        test[test < n_source],
        target_train if len(target_train) else everything,
        target_test if len(target_test) else everything,
    )
