"""Scores of a classifier by labelled source rows that it was not trained on; greater is better.

What is seen of the target carries them over: importance weights, or the classifier's probabilities
on target rows. Shapes: n source rows, m target rows, C classes; labels are positions of classes.
"""

import numpy as np
from scipy.special import xlogy

from ._calibration import calibrate, fit_calibration
from ._checks import check_labelled, check_log_proba, check_shares
from ._mixtures import black_box_shares
from ._shares import class_shares, move_posterior, share_distance

# What float32 can hold; a lone -inf on a true class would otherwise decide everything.
_FLOOR = np.log(np.finfo(np.float32).tiny)


def source_accuracy_score(log_proba_source, y):
    """Accuracy on the source rows: what is left if the target is not looked at.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
    y : array-like of int of shape (n,)
        Positions of the classes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import source_accuracy_score
    >>> source_accuracy_score(np.log([[0.9, 0.1], [0.6, 0.4]]), [0, 1])
    0.5
    """
    log_proba, y, _ = check_labelled(log_proba_source, y)
    return float(_gains(log_proba, y, "accuracy").mean())


def importance_weighted_score(log_proba_source, y, weight, *, metric="accuracy"):
    r"""Importance-weighted validation: source rows count by how much they look like target rows.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
        Log-probabilities of source rows that the classifier was not trained on.
    y : array-like of int of shape (n,)
        Positions of their classes.
    weight : array-like of shape (n,)
        Density of the target over that of the source, as
        :func:`~sk_dann.metrics.importance_weights` estimates it.
    metric : {"accuracy", "log_likelihood"}, default="accuracy"

    Returns
    -------
    float
        :math:`\sum_i w_i g_i / \sum_i w_i`, :math:`g_i` being 1 or 0 as the prediction is right
        or wrong, or the log-probability of the true class (at least -87).

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    References
    ----------
    Sugiyama, Krauledat, Müller: Covariate shift adaptation by importance weighted cross validation.
    JMLR 8, 2007, equation 6; there not divided by the sum of the weights, which is about n.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import importance_weighted_score
    >>> importance_weighted_score(np.log([[0.9, 0.1], [0.9, 0.1]]), [0, 1], [3.0, 1.0])
    0.75
    """
    log_proba, y, weight = check_labelled(log_proba_source, y, weight)
    return float(np.average(_gains(log_proba, y, metric), weights=weight))


def deep_embedded_validation_score(log_proba_source, y, feature_weight, *, metric="accuracy"):
    r"""Deep embedded validation: importance weighting with a control variate.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
        Log-probabilities of source rows that the classifier was not trained on.
    y : array-like of int of shape (n,)
        Positions of their classes.
    feature_weight : array-like of shape (n,)
        Importance weights in the space of the classifier's features, not normalised:
        :func:`~sk_dann.metrics.importance_weights` of what its ``transform`` returns.
    metric : {"accuracy", "log_likelihood"}, default="accuracy"

    Returns
    -------
    float
        :math:`\overline{w g} + \eta (\bar w - 1)` with
        :math:`\eta = -\mathrm{Cov}(w g, w) / \mathrm{Var}(w)`, and :math:`\eta = 0` where all
        weights are equal. An accuracy may lie outside of 0 to 1.

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    Notes
    -----
    True weights have mean 1, so :math:`\eta (\bar w - 1)` changes no expectation; it takes away
    variance. With log-likelihoods this is minus the paper's risk, with accuracies 1 less the risk
    of the zero-one loss.

    References
    ----------
    You, Wang, Long, Jordan: Towards accurate model selection in deep unsupervised domain
    adaptation. ICML 2019, equation 9.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import deep_embedded_validation_score
    >>> scores, y = np.log([[0.9, 0.1], [0.9, 0.1]]), [0, 1]
    >>> deep_embedded_validation_score(scores, y, [3.0, 1.0])  # 1.5 - 1.5 * (2 - 1)
    0.0
    """
    log_proba, y, weight = check_labelled(
        log_proba_source, y, feature_weight, weight_name="feature_weight"
    )
    weighted = weight * _gains(log_proba, y, metric)
    excess = weight - weight.mean()
    variance = np.mean(excess**2)
    # Rounding alone makes a variance of equal weights, and eta out of nothing then.
    eta = 0.0
    if variance > 1e-24 * weight.mean() ** 2:
        eta = -np.mean(weighted * excess) / variance
    return float(weighted.mean() + eta * (weight.mean() - 1))


def calibrated_confidence_score(log_proba_source, y, log_proba_target, *, target_shares=None):
    """Mean largest probability on the target, after calibration on the source.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
        Log-probabilities of source rows that the classifier was not trained on.
    y : array-like of int of shape (n,)
        Positions of their classes, at least two different ones.
    log_proba_target : array-like of shape (m, C)
    target_shares : array-like of shape (C,), default=None
        Class shares of the target; those among `y` for None.

    Returns
    -------
    float
        An estimate of the accuracy on the target, if the calibration holds there. One class
        predicted everywhere scores about its share among `y`.

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    See Also
    --------
    sk_dann.shift.fit_calibration : The calibration, a temperature and a bias for each class.

    References
    ----------
    Alexandari, Kundaje, Shrikumar: Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation. ICML 2020. Confidence as an estimate of accuracy:
    Guillory, Shankar, Ebrahimi, Darrell, Schmidt: Predicting with confidence on unseen
    distributions. ICCV 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import calibrated_confidence_score
    >>> source = np.log([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4)  # right three times of four
    >>> round(calibrated_confidence_score(source, [0, 0, 0, 1, 1, 1, 1, 0], source), 2)
    0.75
    """
    source, y, target = _both(log_proba_source, y, log_proba_target)
    shares = class_shares(y, source.shape[1])
    if shares.max() == 1:
        raise ValueError("y must hold at least two classes, or there is nothing to calibrate.")
    proba = calibrate(target, fit_calibration(source, y))
    if target_shares is not None:
        moved = check_shares(target_shares, len(shares), "target_shares")
        proba = move_posterior(proba, shares, moved)
    return float(np.exp(proba.max(axis=1)).mean())


def average_thresholded_confidence_score(
    log_proba_source, y, log_proba_target, *, confidence="negative_entropy"
):
    """Share of target rows more confident than the surest source rows, as many as are right.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
        Log-probabilities of source rows that the classifier was not trained on.
    y : array-like of int of shape (n,)
        Positions of their classes.
    log_proba_target : array-like of shape (m, C)
    confidence : {"negative_entropy", "max_proba"}, default="negative_entropy"

    Returns
    -------
    float
        An estimate of the accuracy on the target. 0 if no source row is right; if all are, the
        share of target rows at least as confident as the least confident of them.

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    Notes
    -----
    The threshold is the confidence that as many source rows stay below as are wrong; among equally
    confident rows it cannot cut, and as many or fewer stay below.

    References
    ----------
    Garg, Balakrishnan, Lipton, Neyshabur, Sedghi: Leveraging unlabeled data to predict
    out-of-distribution performance. ICLR 2022, equations 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import average_thresholded_confidence_score
    >>> source = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> target = np.log([[0.95, 0.05], [0.65, 0.35]])  # one wrong: the threshold is 0.7
    >>> average_thresholded_confidence_score(source, [0, 0, 0, 1], target)
    0.5
    """
    source, y, target = _both(log_proba_source, y, log_proba_target)
    if confidence not in _CONFIDENCES:
        raise ValueError(f"confidence must be one of {sorted(_CONFIDENCES)}, got {confidence!r}.")
    confidence = _CONFIDENCES[confidence]
    n_wrong = int((source.argmax(axis=1) != y).sum())
    if n_wrong == len(y):
        return 0.0
    threshold = np.sort(confidence(source))[n_wrong]
    return float(np.mean(confidence(target) >= threshold))


def label_shift_distance(log_proba_source, y, log_proba_target):
    r"""Estimate how far the class shares of the domains lie apart.

    Parameters
    ----------
    log_proba_source : array-like of shape (n, C)
        Log-probabilities of source rows that the classifier was not trained on; better of one that
        has not adapted, for adapting makes the predicted shares alike.
    y : array-like of int of shape (n,)
        Positions of their classes.
    log_proba_target : array-like of shape (m, C)

    Returns
    -------
    float
        Total variation :math:`\frac12 \sum_c |s_c - t_c|` between the source's shares and those
        of the target as :func:`sk_dann.shift.black_box_shares` estimates them, from 0 to 1.

    Raises
    ------
    ValueError
        If an argument is not what it should be.

    References
    ----------
    Lipton, Wang, Smola: Detecting and correcting for label shift with black box predictors. ICML
    2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import label_shift_distance
    >>> source, target = np.log([[0.8, 0.2], [0.2, 0.8]]), np.log([[0.35, 0.65]])
    >>> round(label_shift_distance(source, [0, 1], target), 3)  # from .5, .5 to .25, .75
    0.25
    """
    source, y, target = _both(log_proba_source, y, log_proba_target)
    shares = class_shares(y, source.shape[1])
    return share_distance(shares, black_box_shares(source, y, target))


def _both(log_proba_source, y, log_proba_target):
    source, y, _ = check_labelled(log_proba_source, y)
    target = check_log_proba(log_proba_target, "log_proba_target")
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"log_proba_target has {target.shape[1]} classes, log_proba_source {source.shape[1]}."
        )
    return source, y, target


def _gains(log_proba, y, metric):
    if metric == "accuracy":
        return (log_proba.argmax(axis=1) == y).astype(float)
    if metric == "log_likelihood":
        return np.maximum(log_proba[np.arange(len(y)), y], _FLOOR)
    raise ValueError(f'metric must be "accuracy" or "log_likelihood", got {metric!r}.')


def _negative_entropy(log_proba):
    proba = np.exp(log_proba)
    return xlogy(proba, proba).sum(axis=1)


_CONFIDENCES = {
    "max_proba": lambda log_proba: log_proba.max(axis=1),
    "negative_entropy": _negative_entropy,
}
