"""What the scores of `sk_dann.metrics` are computed from, asked of a fitted classifier."""

from functools import cached_property

import numpy as np

from ..metrics import importance_weights
from ..metrics._wrappers import framed_like, unwrap


class Evidence:
    """A mapping that computes each input of a score when it is first asked for.

    Classes that occur among the labels but not in the classifier's training get probability 0.

    Parameters
    ----------
    estimator : classifier
        Fitted, with ``predict_proba``.
    X_source : {array-like, sparse matrix, data frame} of shape (n, ...)
    labels : ndarray of shape (n,), or None
        Of the source rows, as the user wrote them.
    X_target : like `X_source`, of shape (m, ...)
    """

    def __init__(self, estimator, X_source, labels, X_target):
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(f"estimator must have predict_proba, which {estimator!r} has not.")
        self._estimator = estimator
        self._source, self._labels, self._target = X_source, labels, X_target
        # What a pipeline's last step sees can be mixed and weighted, raw text cannot.
        self._unwrapped = unwrap(estimator)
        self._last = self._unwrapped.classifier

    def __getitem__(self, name):
        return getattr(self, name)

    @cached_property
    def _classes(self):
        """All classes, in ascending order."""
        known = np.asarray(self._estimator.classes_)
        return known if self._labels is None else np.union1d(known, self._labels)

    @cached_property
    def y(self):
        """Positions of the source rows' classes."""
        if self._labels is None:
            raise ValueError("y is None, but this score needs the labels of the source rows.")
        return np.searchsorted(self._classes, self._labels)

    @property
    def shares(self):
        """Class shares of the target, if the last step takes them to differ from the source's."""
        source = getattr(self._last, "class_shares_", None)
        target = getattr(self._last, "target_class_shares_", None)
        if target is None or np.array_equal(source, target):
            return None
        shares = np.zeros(len(self._classes))
        shares[np.searchsorted(self._classes, self._estimator.classes_)] = target
        return shares

    @cached_property
    def log_proba_source(self):
        """Of shape (n, C)."""
        return self._of_all_classes(log_proba_of(self._estimator, self._source))

    @cached_property
    def log_proba_target(self):
        """Of shape (m, C)."""
        return self._of_all_classes(log_proba_of(self._estimator, self._target))

    def _of_all_classes(self, log_proba):
        found = np.full((len(log_proba), len(self._classes)), -np.inf)
        found[:, np.searchsorted(self._classes, self._estimator.classes_)] = log_proba
        return found

    @cached_property
    def _inputs(self):
        return tuple(map(self._unwrapped.inputs, (self._source, self._target)))

    @property
    def X_target(self):  # noqa: N802 - the argument's name
        """Target rows as the last step sees them."""
        return self._inputs[1]

    def predict_log_proba(self, X):
        """Ask the last step about such rows."""
        rows = framed_like(self.X_target, X)
        return self._of_all_classes(log_proba_of(self._last, rows))

    @property
    def weight(self):
        """Importance weights of the source rows as the last step sees them."""
        return importance_weights(*self._inputs)

    @property
    def feature_weight(self):
        """Importance weights of the last step's features, if it has a ``transform``."""
        if not hasattr(self._last, "transform"):
            return self.weight
        return importance_weights(*map(self._last.transform, self._inputs))


def log_proba_of(estimator, X):
    """Log-probabilities of a classifier that may have probabilities alone."""
    # Of probability 0, -inf is the right logarithm.
    with np.errstate(divide="ignore"):
        if hasattr(estimator, "predict_log_proba"):
            return np.asarray(estimator.predict_log_proba(X))
        return np.log(estimator.predict_proba(X))
