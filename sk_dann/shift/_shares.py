"""Class shares: counted, shrunk, put into a posterior; and how much scores can say about them.

Shapes: n rows, C classes.
"""

import numpy as np
from scipy.special import log_softmax


def class_shares(y, n_classes, sample_weight=None):
    """Count how often each class occurs.

    Parameters
    ----------
    y : array of int of shape (n,)
        Positions of the classes.
    n_classes : int
    sample_weight : array of shape (n,), default=None

    Returns
    -------
    ndarray of shape (n_classes,)
        Sums to 1.

    Examples
    --------
    >>> from sk_dann.shift import class_shares
    >>> class_shares([0, 1, 1, 1], 2)
    array([0.25, 0.75])
    """
    counts = np.bincount(y, weights=sample_weight, minlength=n_classes)
    if counts.size != n_classes:
        raise ValueError(f"y has positions up to {counts.size - 1}, but there are {n_classes=}.")
    if not counts.sum() > 0:
        raise ValueError("Class shares need at least one row of positive weight.")
    return counts / counts.sum()


def move_posterior(log_proba, source_shares, target_shares):
    """Give a posterior the class shares of another domain, by Bayes' rule.

    Parameters
    ----------
    log_proba : array of shape (..., C)
        Posterior where the classes occur with `source_shares`.
    source_shares, target_shares : array of shape (C,)

    Returns
    -------
    ndarray of shape (..., C)
        Log-probabilities, proportional to ``proba * target_shares / source_shares``. A class that
        is missing from either domain gets none; a row left without any gets `target_shares`.

    References
    ----------
    Saerens, Latinne, Decaestecker: Adjusting the outputs of a classifier to new a priori
    probabilities: a simple procedure. Neural Computation 14, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import move_posterior
    >>> np.exp(move_posterior(np.log([[0.5, 0.5]]), [0.5, 0.5], [0.1, 0.9]))
    array([[0.1, 0.9]])
    """
    target_shares = np.asarray(target_shares, dtype=float)
    ratio = share_ratio(target_shares, np.asarray(source_shares))
    scores = np.asarray(log_proba, dtype=float) + safe_log(ratio)
    is_empty = np.isneginf(scores).all(axis=-1, keepdims=True)
    return log_softmax(np.where(is_empty, safe_log(target_shares), scores), axis=-1)


def shrink_shares(shares, source_shares, threshold):
    """Take small shifts of class shares for none, and larger ones for smaller.

    Parameters
    ----------
    shares, source_shares : array of shape (C,)
    threshold : float
        For two classes, by how much the difference of their log-odds from the source's shrinks
        towards zero. A class of share zero keeps it, and the others are shrunk among themselves.

    Returns
    -------
    ndarray of shape (C,)

    Notes
    -----
    With several classes there are no odds, so centred log-ratios take their place: the logarithms
    of ``shares / source_shares`` less their mean. For two classes they are plus and minus half the
    difference of the log-odds; each is soft-thresholded by ``threshold / 2``.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import shrink_shares
    >>> shrink_shares(np.array([0.52, 0.48]), np.array([0.5, 0.5]), threshold=0.2)
    array([0.5, 0.5])
    >>> shrink_shares(np.array([0.2, 0.8]), np.array([0.5, 0.5]), threshold=np.log(2)).round(3)
    array([0.333, 0.667])
    """
    shares, source_shares = np.asarray(shares, dtype=float), np.asarray(source_shares, dtype=float)
    remains = (shares > 0) & (source_shares > 0)
    if not remains.any():
        return source_shares.copy()
    ratio = np.log(shares[remains] / source_shares[remains])
    ratio -= ratio.mean()
    ratio = np.sign(ratio) * np.maximum(np.abs(ratio) - threshold / 2, 0)
    if remains.all() and not ratio.any():
        return source_shares.copy()
    shrunk = np.zeros_like(shares)
    shrunk[remains] = np.exp(log_softmax(np.log(source_shares[remains]) + ratio))
    return shrunk


def separation(log_proba, sample_weight=None):
    r"""Tell how much calibrated scores say about the class: 0 nothing, 1 everything.

    Parameters
    ----------
    log_proba : array of shape (n, C)
        Calibrated log-probabilities of rows that the classifier was not trained on.
    sample_weight : array of shape (n,), default=None

    Returns
    -------
    float

    Notes
    -----
    With posteriors :math:`q` of mean :math:`s` it is
    :math:`\operatorname{tr}[(\operatorname{diag}(s) - s s^T)^+ \operatorname{Cov}(q)] / (C - 1)`,
    which is :math:`\sum_c \operatorname{Var}(q_c) / s_c / (C - 1)`.

    The derivative of a row's log-density, :math:`\log \sum_c s_c p(x | c)`, by :math:`s_c` is
    :math:`q_c / s_c`: so this is the Fisher information of a row about the class shares, as a part
    of what a row with its label would give, averaged over the directions. For two classes
    :math:`\operatorname{Var}(q) / (s (1 - s))` is also the mean posterior of the positives less
    that of the negatives, if the scores are calibrated: the slope with which the mean posterior
    follows the true share.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import separation
    >>> round(separation(np.log([[0.75, 0.25], [0.25, 0.75]])), 3)  # 0.75² + 0.25² - 2 * 3/16
    0.25
    """
    proba = np.exp(np.asarray(log_proba, dtype=float))
    shares = np.average(proba, axis=0, weights=sample_weight)
    occurs = shares > 0
    if occurs.sum() < 2:
        return 0.0
    variance = np.average(np.square(proba - shares), axis=0, weights=sample_weight)
    return float((variance[occurs] / shares[occurs]).sum() / (occurs.sum() - 1))


def share_ratio(wanted, present):
    """Return how much more of each class is wanted than there is; 0 where there is none."""
    return np.divide(wanted, present, out=np.zeros_like(wanted), where=present > 0)


def share_distance(shares, others):
    """Return the total variation of class shares: the part of the rows that would have to move."""
    return float(np.abs(np.asarray(shares) - others).sum() / 2)


def collapsed_classes(predicted, expected, *, part=0.1, common=0.05):
    """Tell of which classes next to nothing is predicted, though they are to be expected.

    Parameters
    ----------
    predicted, expected : ndarray of shape (C,)
        Class shares.
    part : float, default=0.1
        A class is gone if it is predicted more rarely than this part of what is expected.
    common : float, default=0.05
        Classes that are expected more rarely may well be missing by chance.

    Returns
    -------
    ndarray of bool of shape (C,)
    """
    return (predicted < part * expected) & (expected > common)


def safe_log(shares):
    """Logarithm with -inf for 0, silently."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(shares, dtype=float))
