r"""Scores of a classifier by its probabilities on unlabelled target rows alone; greater is better.

Each rewards predictions that are sure, most of them also those that use all classes; none can
tell whether they are right. Shapes: m target rows, C classes; :math:`p_{ic}` is a probability.
"""

import numpy as np
from scipy.special import softmax, xlogy

from ._checks import check_log_proba, check_shares


def prediction_entropy_score(log_proba_target):
    r"""Certainty of the predictions: minus their mean entropy.

    Parameters
    ----------
    log_proba_target : array-like of shape (m, C)

    Returns
    -------
    float
        From :math:`-\log C` to 0. One class predicted everywhere, and for sure, scores 0, the
        best: nothing here asks for several classes. :func:`infomax_score` does.

    Raises
    ------
    ValueError
        If these are not logarithms of probabilities.

    References
    ----------
    Morerio, Cavazza, Murino: Minimal-entropy correlation alignment for unsupervised deep domain
    adaptation. ICLR 2018, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import prediction_entropy_score
    >>> round(prediction_entropy_score(np.log([[0.5, 0.5], [0.5, 0.5]])), 3)
    -0.693
    """
    return -_mean_entropy(check_log_proba(log_proba_target, "log_proba_target"))


def infomax_score(log_proba_target, *, shares=None):
    r"""Mutual information of a row and its predicted class.

    Parameters
    ----------
    log_proba_target : array-like of shape (m, C)
    shares : array-like of shape (C,), default=None
        How often each class is expected in the target; all alike for None. A share of 0 counts
        as 1e-9.

    Returns
    -------
    float
        With :math:`\bar p` the mean prediction and :math:`s` the shares,
        :math:`H(s) - \mathrm{KL}(\bar p \| s) - \frac1m \sum_i H(p_i)`, at most :math:`H(s)`. For
        equal shares, and where :math:`\bar p = s`, this is the mutual information
        :math:`H(\bar p) - \frac1m \sum_i H(p_i)`. One class everywhere scores 0 with equal
        shares, the worst.

    Raises
    ------
    ValueError
        If these are not logarithms of probabilities, or `shares` not shares.

    References
    ----------
    Shi, Sha: Information-theoretical learning of discriminative clusters for unsupervised domain
    adaptation. ICML 2012, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import infomax_score
    >>> sure = np.log([[0.99, 0.01], [0.01, 0.99]])
    >>> round(infomax_score(sure), 3)  # log(2), less the entropy of a row
    0.637
    >>> bool(abs(infomax_score(sure[[0, 0]])) < 1e-9)  # one class
    True
    >>> round(infomax_score(sure, shares=[0.9, 0.1]), 3)
    -0.242
    """
    log_proba = check_log_proba(log_proba_target, "log_proba_target")
    mean = np.exp(log_proba).mean(axis=0)
    expected = np.maximum(check_shares(shares, len(mean), "shares"), 1e-9)
    divergence = (xlogy(mean, mean) - xlogy(mean, expected)).sum()
    entropy_of_shares = -xlogy(expected, expected).sum()
    return float(entropy_of_shares - divergence - _mean_entropy(log_proba))


def batch_nuclear_norm_score(log_proba_target):
    r"""Nuclear norm of the predictions: sure ones of many classes have a large one.

    Parameters
    ----------
    log_proba_target : array-like of shape (m, C)

    Returns
    -------
    float
        :math:`\|P\|_* / \sqrt{m \min(m, C)}`, at most 1. One class everywhere, and for sure, has
        :math:`1 / \sqrt{\min(m, C)}`.

    Raises
    ------
    ValueError
        If these are not logarithms of probabilities.

    References
    ----------
    Cui, Wang, Zhuo, Li, Huang, Tian: Towards discriminability and diversity: batch nuclear-norm
    maximization under label insufficient situations. CVPR 2020, equation 10; there divided by m.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import batch_nuclear_norm_score
    >>> sure = np.log([[1.0, 1e-9], [1e-9, 1.0]])
    >>> round(batch_nuclear_norm_score(sure), 3)
    1.0
    >>> round(batch_nuclear_norm_score(sure[[0, 0]]), 3)
    0.707
    """
    proba = np.exp(check_log_proba(log_proba_target, "log_proba_target"))
    norm = np.linalg.svd(proba, compute_uv=False).sum()
    return float(norm / np.sqrt(len(proba) * min(proba.shape)))


def corr_c_score(log_proba_target, *, shares=None):
    r"""Likeness of the class correlation matrix of the predictions to a diagonal one.

    Parameters
    ----------
    log_proba_target : array-like of shape (m, C)
    shares : array-like of shape (C,), default=None
        How often each class is expected in the target; all alike for None.

    Returns
    -------
    float
        The cosine of the angle between :math:`P^T P` and the diagonal matrix of the shares, from
        0 to 1; 1 if every row is sure of a class and the classes occur as expected. One class
        everywhere has :math:`1 / \sqrt C` with equal shares.

    Raises
    ------
    ValueError
        If these are not logarithms of probabilities, or `shares` not shares.

    References
    ----------
    Tu, Deng, Gedeon, Zheng: Assessing model out-of-distribution generalization with softmax
    prediction probability baselines and a correlation method. 2023, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import corr_c_score
    >>> round(corr_c_score(np.log([[0.8, 0.2], [0.2, 0.8]])), 3)  # .68 / sqrt(.68² + .32²)
    0.905
    """
    proba = np.exp(check_log_proba(log_proba_target, "log_proba_target"))
    expected = check_shares(shares, proba.shape[1], "shares")
    correlation = proba.T @ proba
    length = np.linalg.norm(correlation) * np.linalg.norm(expected)
    return float(np.diag(correlation) @ expected / length)


def soft_neighborhood_density_score(log_proba_target, *, temperature=0.05, chunk_size=1024):
    r"""Entropy of the likeness of each row's prediction to those of the other rows.

    Parameters
    ----------
    log_proba_target : array-like of shape (m, C)
        Of at least two rows.
    temperature : float, default=0.05
    chunk_size : int, default=1024
        Rows that are compared with all others together; bounds the memory, and changes nothing
        else.

    Returns
    -------
    float
        From 0 to :math:`\log(m - 1)`, so only scores of the same rows compare. Dense neighbourhoods
        score high, and one class predicted everywhere alike highest of all.

    Raises
    ------
    ValueError
        If these are not logarithms of probabilities, or of one row only.

    Notes
    -----
    With :math:`v_i = p_i / \|p_i\|` the likeness is the softmax of :math:`v_i^T v_j / \tau` over
    all :math:`j \ne i`.

    References
    ----------
    Saito, Kim, Teterwak, Sclaroff, Darrell, Saenko: Tune it the right way: unsupervised validation
    of domain adaptation via soft neighborhood density. ICCV 2021, equations 1 to 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import soft_neighborhood_density_score
    >>> rows = np.log([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 3)
    >>> round(soft_neighborhood_density_score(rows), 3)  # two near neighbours each: log(2)
    0.693
    """
    log_proba = check_log_proba(log_proba_target, "log_proba_target")
    if len(log_proba) < 2:
        raise ValueError("log_proba_target must have at least two rows to be neighbours.")
    for name, value in (("temperature", temperature), ("chunk_size", chunk_size)):
        if not value > 0:
            raise ValueError(f"{name} must be greater than 0, got {value!r}.")
    proba = np.exp(log_proba)
    directions = proba / np.linalg.norm(proba, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, len(directions), chunk_size):
        likeness = directions[start : start + chunk_size] @ directions.T / temperature
        itself = np.arange(len(likeness))
        likeness[itself, start + itself] = -np.inf
        near = softmax(likeness, axis=1)
        total -= xlogy(near, near).sum()
    return float(total / len(directions))


def _mean_entropy(log_proba):
    proba = np.exp(log_proba)
    return float(-xlogy(proba, proba).sum(axis=1).mean())
