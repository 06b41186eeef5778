"""Splitters that know two domains.

They must be told the domains. With metadata routing, scikit-learn's tools pass
``params={"sample_domain": d}`` on to them; without, hand it over as their `groups`.
"""

from abc import abstractmethod

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold, StratifiedKFold
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from ..domains import select_labels, split_sample_domain


class StackedSplitter(BaseCrossValidator):
    """Finds the rows of the domains; how they are split is for the subclass to say."""

    __metadata_request__split = {"sample_domain": True}

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
            If neither or both of `sample_domain` and `groups` are given, or there is not enough
            to split.
        """
        domain = np.asarray(self._one_of(sample_domain, groups))
        n_samples = _num_samples(X)
        source, target = split_sample_domain(domain, n_samples)
        y_source = None if y is None else select_labels(y, source)
        for test in self._tests(source, target, y_source, domain):
            is_test = np.zeros(n_samples, dtype=bool)
            is_test[test] = True
            yield np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def _one_of(self, sample_domain, groups):
        if (sample_domain is None) == (groups is None):
            raise ValueError(
                f"{type(self).__name__} needs sample_domain (or, without metadata routing, "
                "groups=): positive for source rows, negative for target rows."
            )
        return sample_domain if groups is None else groups

    @abstractmethod
    def _tests(self, source, target, y_source, domain):
        """Yield the test rows of each fold, of positions of source and of target rows."""


class SourceKFold(StackedSplitter):
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

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        if random_state is not None and not shuffle:
            raise ValueError(
                f"random_state={random_state!r} has no effect without shuffle=True. Leave it out, "
                "or set shuffle=True."
            )
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _tests(self, source, target, y_source, domain):
        holds_classes = y_source is not None and _holds_classes(y_source)
        check_n_splits(self.n_splits, len(source), y_source if holds_classes else None)
        folds = self._folds(StratifiedKFold if holds_classes else KFold)
        for _, test in folds.split(source, y_source):
            yield source[test]

    def _folds(self, kind):
        # StackingClassifier sets random_state on every splitter that has one.
        random_state = self.random_state if self.shuffle else None
        return kind(self.n_splits, shuffle=self.shuffle, random_state=random_state)

    def get_n_splits(self, X=None, y=None, groups=None, **metadata):
        """Return the number of folds; scikit-learn's tools pass arguments that do not matter."""
        return self.n_splits


def _holds_classes(y):
    return type_of_target(y) in ("binary", "multiclass")


def check_n_splits(n_splits, n_source, classes=None, name="n_splits"):
    """Refuse more folds than there are source samples, or samples of their most frequent class.

    Parameters
    ----------
    n_splits, n_source : int
    classes : array of shape (n_source,), default=None
        The source's labels, where folds are stratified by them.
    name : str
        Of the argument that sets `n_splits`, for the error.

    Raises
    ------
    ValueError
    """
    needed, most = f"{n_splits} source samples", n_source
    has = f"there are {n_source}"
    if classes is not None:
        most = np.unique(classes, return_counts=True)[1].max()
        needed = f"{n_splits} source samples of a class"
        has = f"the most frequent class has {most}"
    if n_splits > most:
        raise ValueError(f"{name}: {n_splits} folds need {needed}, but {has}. Take fewer folds.")


class DomainKFold(SourceKFold):
    """K folds of the source rows and of the target rows, each tested on together.

    For stacked domains and :class:`DomainScorer`, which asks a classifier about target rows that
    `fit` has not seen. The source's folds are those of :class:`SourceKFold`; the target's are
    never stratified, for its labels are placeholders.

    Parameters
    ----------
    n_splits : int, default=5
        At most the number of rows of each domain.
    shuffle : bool, default=False
        Shuffle the rows of each domain before cutting the folds.
    random_state : int, RandomState instance or None, default=None
        Of the shuffle.

    Notes
    -----
    The splitter must be told the domains. With metadata routing, scikit-learn's tools pass
    ``params={"sample_domain": d}`` on to it; without, hand it over as their `groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.model_selection import DomainKFold
    >>> X, y = np.zeros((6, 1)), np.array([0, 1, 0, 1, -1, -1])
    >>> sample_domain = np.array([1, 1, 1, 1, -2, -2])
    >>> for train, test in DomainKFold(n_splits=2).split(X, y, sample_domain):
    ...     print(train, test)
    [2 3 5] [0 1 4]
    [0 1 4] [2 3 5]
    """

    def _tests(self, source, target, y_source, domain):
        if len(target) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(target)} target rows."
            )
        in_source = super()._tests(source, target, y_source, domain)
        in_target = self._folds(KFold).split(target)
        for source_test, (_, test) in zip(in_source, in_target, strict=True):
            yield np.concatenate([source_test, target[test]])


class LeaveOneSourceDomainOut(StackedSplitter):
    """Each source domain in turn is tested on; the others and the target are trained on.

    How well does the classifier do on a domain whose labels it has not seen? Of at least two source
    domains one answers for the target.

    Notes
    -----
    The splitter must be told the domains. With metadata routing, scikit-learn's tools pass
    ``params={"sample_domain": d}`` on to it; without, hand it over as their `groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.model_selection import LeaveOneSourceDomainOut
    >>> X, y = np.zeros((6, 1)), np.array([0, 1, 0, 1, -1, -1])
    >>> sample_domain = np.array([1, 1, 2, 2, -3, -3])
    >>> for train, test in LeaveOneSourceDomainOut().split(X, y, sample_domain):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    """

    def _tests(self, source, target, y_source, domain):
        numbers = np.unique(domain[source])
        if len(numbers) < 2:
            raise ValueError("sample_domain marks one source domain; one cannot be left out.")
        for number in numbers:
            yield np.flatnonzero(domain == number)

    def get_n_splits(self, X=None, y=None, groups=None, *, sample_domain=None):
        """Return the number of source domains.

        Parameters
        ----------
        X, y : object, default=None
            Not looked at.
        groups, sample_domain : array-like of int of shape (n_samples,), default=None
            One of them, as in :meth:`split`.

        Returns
        -------
        int
        """
        domain = np.asarray(self._one_of(sample_domain, groups))
        return len(np.unique(domain[domain > 0]))
