"""Splitters that know two domains."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold, StratifiedKFold
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from ..domains import select_labels, split_sample_domain


class SourceKFold(BaseCrossValidator):
    """K folds of the source rows; all target rows are trained on, none is tested on.

    For stacked domains, where plain folds would score target rows against labels that are only
    placeholders. The folds are stratified where `y` holds classes.

    Parameters
    ----------
    n_splits : int, default=5
    shuffle : bool, default=False
        Shuffle the source rows before cutting the folds.
    random_state : int, RandomState instance or None, default=None
        Of the shuffle.

    Notes
    -----
    The splitter must be told the domains. With metadata routing, scikit-learn's tools pass
    ``params={"sample_domain": d}`` on to it; without, hand it over as their `groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.model_selection import SourceKFold
    >>> X, y = np.zeros((6, 1)), np.array([0, 1, 0, 1, -1, -1])
    >>> sample_domain = np.array([1, 1, 1, 1, -2, -2])
    >>> for train, test in SourceKFold(n_splits=2).split(X, y, sample_domain):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    """

    __metadata_request__split = {"sample_domain": True}

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X, y=None, sample_domain=None, *, groups=None):
        """Yield the positions of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Only the source rows' labels are looked at.
        sample_domain : array-like of int of shape (n_samples,)
            Positive for source rows, negative for target rows.
        groups : array-like of int of shape (n_samples,), default=None
            `sample_domain` under the name that scikit-learn's tools use for it when metadata
            routing is off.

        Yields
        ------
        train, test : ndarray of int
            Both in ascending order.

        Raises
        ------
        ValueError
            If neither or both of `sample_domain` and `groups` are given.
        """
        if (sample_domain is None) == (groups is None):
            raise ValueError(
                "SourceKFold needs sample_domain (or, without metadata routing, groups=): positive "
                "for source rows, negative for target rows."
            )
        domain = sample_domain if groups is None else groups
        source, target = split_sample_domain(domain, _num_samples(X))
        y_source = None if y is None else select_labels(y, source)
        for train, test in self._folds(y_source).split(source, y_source):
            yield np.sort(np.concatenate([source[train], target])), source[test]

    def _folds(self, y_source):
        classes = y_source is not None and type_of_target(y_source) in ("binary", "multiclass")
        kind = StratifiedKFold if classes else KFold
        return kind(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)

    def get_n_splits(self, X=None, y=None, groups=None, **metadata):
        """Return the number of folds; scikit-learn's tools pass arguments that do not matter."""
        return self.n_splits
