"""Probabilities as they are where classes occur as often as in the source."""

import numpy as np
from scipy.special import log_softmax

from ..metrics._wrappers import unwrap
from ..model_selection._evidence import log_proba_of
from ..shift._shares import safe_log, share_ratio


def source_log_proba(estimator, X):
    """Predict for the source's class shares, whatever shares the target is taken to have.

    Parameters
    ----------
    estimator : classifier
        Fitted; pipelines and searches too. Only classifiers of this package are known to predict
        for other shares.
    X : {array-like, sparse matrix, data frame} of shape (n, ...)

    Returns
    -------
    ndarray of shape (n, C)
        Log-probabilities.

    Raises
    ------
    ValueError
        If the target is taken to have a class of the source not at all: what the network makes of
        it is not in the predictions.
    """
    log_proba = log_proba_of(estimator, X)
    # Sorts of features are averaged by their logarithms, and so are the moves in them.
    moves = [_move(networks) for networks in _networks(unwrap(estimator).classifier)]
    move = np.mean(moves, axis=0)
    return log_softmax(log_proba - move, axis=1) if move.any() else log_proba


def _networks(classifier):
    """Return the classifiers that know class shares: those of a `BagOfWordsDANNClassifier` too."""
    pipelines = getattr(classifier, "pipelines_", {"": classifier})
    return [unwrap(pipeline).classifier for pipeline in pipelines.values()]


def _move(classifier):
    """Return by how much the log-probability of each class was moved, up to a constant: (C,)."""
    source, target = (getattr(classifier, f"{of}class_shares_", None) for of in ("", "target_"))
    if target is None:
        return np.zeros(len(classifier.classes_))
    lost = classifier.classes_[(source > 0) & (target == 0)]
    if len(lost):
        raise ValueError(
            f"target_class_shares_ are 0 for {lost.tolist()}, which occur in the source: there are "
            "no probabilities of these classes to judge on source rows. Set label_shift to shares "
            "above 0, or to None."
        )
    # What does not occur in the source is predicted nowhere.
    return np.where(source > 0, safe_log(share_ratio(target, source)), 0.0)
