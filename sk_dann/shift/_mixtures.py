"""Class shares of unlabelled rows: two estimates that take the rows for a mixture of the classes.

Shapes: n rows, m target rows, C classes, B bootstrap replicates.
"""

import numpy as np
from scipy.optimize import nnls

from ._shares import class_shares, safe_log


def em_shares(
    log_proba, source_shares, prior=None, sample_weight=None, *, start=None, tol=1e-9, max_iter=1000
):
    """Estimate class shares by expectation maximisation.

    Parameters
    ----------
    log_proba : array of shape (n, C) or (B, n, C)
        Calibrated log-probabilities of the rows, where the classes occur with `source_shares`.
    source_shares : array of shape (C,) or (B, C)
    prior : array of shape (C,) or (B, C), default=None
        Pseudo-counts: each step ends in ``(sum of posteriors + prior) / (n + sum of prior)``.
        This finds the mode under a Dirichlet distribution with parameters ``prior + 1``.
    sample_weight : array of shape (n,) or (B, n), default=None
        A row of weight 2 counts as the row twice.
    start : array of shape (C,) or (B, C), default=None
        First guess, positive where there is a source share; None for the source's shares.
    tol : float, default=1e-9
        Ends when no share moves by more.
    max_iter : int, default=1000

    Returns
    -------
    ndarray of shape (C,) or (B, C)

    Notes
    -----
    No step lowers the likelihood (times the prior), which is concave in the shares, so there is
    one answer whatever the start. A row that no class can have brought forth says nothing.

    References
    ----------
    Saerens, Latinne, Decaestecker: Adjusting the outputs of a classifier to new a priori
    probabilities: a simple procedure. Neural Computation 14, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import em_shares
    >>> log_proba = np.log([[0.8, 0.2]] * 3 + [[0.2, 0.8]] * 7)
    >>> em_shares(log_proba, [0.5, 0.5]).round(3)  # (0.7 - 0.2) / (0.8 - 0.2) = 0.833
    array([0.167, 0.833])
    >>> em_shares(log_proba, [0.5, 0.5], prior=np.array([5, 5])).round(3)
    array([0.413, 0.587])
    """
    source_shares = np.asarray(source_shares, dtype=float)
    likelihood = _relative_likelihood(np.asarray(log_proba, dtype=float), source_shares)
    n_rows = likelihood.shape[-2]
    weight = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    prior = np.zeros(source_shares.shape[-1]) if prior is None else np.asarray(prior, dtype=float)
    total = (weight.sum(axis=-1) + prior.sum(axis=-1))[..., None]
    shares = source_shares if start is None else np.asarray(start, dtype=float)
    for _ in range(max_iter):
        density = (likelihood @ shares[..., None])[..., 0]
        ratio = weight / np.maximum(density, np.finfo(float).tiny)
        counts = shares * (ratio[..., None, :] @ likelihood)[..., 0, :]
        previous, shares = shares, (counts + prior) / total
        if np.abs(shares - previous).max() <= tol:
            break
    return shares


def _relative_likelihood(log_proba, source_shares):
    """Likelihood of each row under each class, as a part of the row's largest."""
    log_source = safe_log(source_shares)[..., None, :]
    is_missing = np.isneginf(log_source)
    scores = np.where(is_missing, -np.inf, log_proba - np.where(is_missing, 0, log_source))
    largest = scores.max(axis=-1, keepdims=True)
    says_nothing = np.isneginf(largest)
    return np.where(says_nothing, 1.0, np.exp(scores - np.where(says_nothing, 0, largest)))


def black_box_shares(log_proba_source, y, log_proba_target, *, sample_weight=None, ridge=0.0):
    r"""Estimate the target's class shares from mean posteriors, by inverting the confusion.

    Parameters
    ----------
    log_proba_source : array of shape (n, C)
        Log-probabilities of rows that the classifier was not trained on; they need not be
        calibrated.
    y : array of int of shape (n,)
        Positions of their classes.
    log_proba_target : array of shape (m, C)
    sample_weight : array of shape (n,), default=None
        Weights of the source rows.
    ridge : float, default=0.0
        Weight of the squared distance of ``shares / source_shares`` from 1.

    Returns
    -------
    ndarray of shape (C,)

    Notes
    -----
    Minimises :math:`\|K t - \mu\|^2 + \text{ridge} \sum_c (t_c / s_c - 1)^2` over all shares
    :math:`t`, where column c of :math:`K` is the mean posterior of the source rows of class c and
    :math:`\mu` that of the target. The posteriors themselves take the place of the predictions,
    and the penalty is the square of the paper's. A class without source rows gets no share.

    References
    ----------
    Lipton, Wang, Smola: Detecting and correcting for label shift with black box predictors. ICML
    2018. Azizzadenesheli, Liu, Yang, Anandkumar: Regularized learning for domain adaptation under
    label shifts. ICLR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import black_box_shares
    >>> source, target = np.log([[0.8, 0.2], [0.2, 0.8]]), np.log([[0.35, 0.65]])
    >>> black_box_shares(source, [0, 1], target)  # 0.65 = 0.2 + (0.8 - 0.2) * 0.75
    array([0.25, 0.75])
    """
    source, target = (np.exp(np.asarray(p, float)) for p in (log_proba_source, log_proba_target))
    n_classes = source.shape[1]
    shares = class_shares(y, n_classes, sample_weight)
    occurs = shares > 0
    member = np.eye(n_classes)[:, occurs][np.asarray(y)]
    if sample_weight is not None:
        member = member * np.asarray(sample_weight)[:, None]
    confusion = source.T @ (member / member.sum(axis=0))
    pull = np.sqrt(ridge)
    matrix = np.vstack([confusion, pull * np.diag(1 / shares[occurs])])
    aim = np.append(target.mean(axis=0), np.full(occurs.sum(), pull))
    found = np.zeros(n_classes)
    found[occurs] = _least_squares_on_simplex(matrix, aim)
    return found


def _least_squares_on_simplex(matrix, aim):
    """Minimise ``|matrix @ t - aim|`` over t ≥ 0 with sum 1.

    On the simplex the residual is ``(matrix - aim) @ t``, without a constant term. For t of any
    sum, adding the square of ``sum(t) - 1`` changes the length of the solution but not its
    direction: non-negative least squares, then.
    """
    system = np.vstack([matrix - aim[:, None], np.ones(matrix.shape[1])])
    solution = nnls(system, np.append(np.zeros(len(aim)), 1.0))[0]
    return solution / solution.sum()
