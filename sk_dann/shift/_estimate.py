"""The recipe: class shares of the target that are worth acting upon, or a reason to leave them.

Shapes: n source rows, m target rows, C classes, B bootstrap replicates.
"""

from dataclasses import dataclass

import numpy as np

from ._calibration import Calibration, calibrate, fit_calibration, resample_calibration
from ._mixtures import black_box_shares, em_shares
from ._shares import class_shares, separation, shrink_shares


@dataclass(frozen=True, eq=False)
class ShareEstimate:
    """What `estimate_class_shares` found; all arrays of shares have shape (C,).

    Parameters
    ----------
    source_shares : ndarray
        Shares among the weighted source rows.
    target_shares : ndarray
        The estimate: for the weights of the domain loss, ``target_shares / source_shares``, and
        for moving the posterior.
    interval : ndarray of shape (2, C)
        5 % and 95 % quantiles of the estimate before small shifts are taken for none.
    reason : str or None
        Why no correction is made, in which case the estimate is the source's shares.
    separation : float
        How much the scores say about the class, from 0 to 1.
    mean_posterior, em_shares, black_box : ndarray
        Three plain estimates: each follows the target further than the one before, and sometimes
        off the cliff. Where they contradict each other, more than the class shares has shifted.
    calibration : Calibration or None
        Of the out-of-fold scores.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import estimate_class_shares
    >>> scores, y = np.log([[0.8, 0.2], [0.2, 0.8]]), np.array([0, 1])
    >>> estimate = estimate_class_shares(scores, y, scores)
    >>> estimate.reason
    'a class has only 1 source rows, fewer than 5'
    """

    source_shares: np.ndarray
    target_shares: np.ndarray
    interval: np.ndarray
    reason: str | None
    separation: float
    mean_posterior: np.ndarray
    em_shares: np.ndarray
    black_box: np.ndarray
    calibration: Calibration | None


def estimate_class_shares(
    log_proba_source,
    y,
    log_proba_target,
    *,
    sample_weight=None,
    strength=0.03,
    threshold=0.1,
    n_bootstrap=50,
    seed=0,
):
    """Estimate how often each class occurs in the target, without its labels.

    Parameters
    ----------
    log_proba_source : array of shape (n, C)
        Log-probabilities of source rows by classifiers that were not trained on them.
    y : array of int of shape (n,)
        Positions of their classes.
    log_proba_target : array of shape (m, C) or (K, m, C)
        Log-probabilities of target rows by the same classifiers, or by each of several: trained
        on the source alone, since an adapted one predicts the source's shares whatever the truth.
    sample_weight : array of shape (n,), default=None
        Weights of the source rows.
    strength : float, default=0.03
        How hard the mean posterior holds the more daring estimate: EM gets
        ``strength / separation² * m`` pseudo-counts there.
    threshold : float, default=0.1
        How large a shift of the log-odds is taken for none, see `shrink_shares`.
    n_bootstrap : int, default=50
        Replicates behind the interval.
    seed : int, default=0
        Of their weights.

    Returns
    -------
    ShareEstimate

    Notes
    -----
    The scores are calibrated on the source rows. The mean posterior of the target leans towards
    the source: for two classes it goes `separation` of the way. EM goes all of it if the classes
    look alike in both domains, and anywhere if they do not; the less the scores say, the more the
    mean posterior holds it. This compromise is the estimate, with small shifts taken for none.
    `strength` and `threshold` were chosen on four Amazon tasks and fifteen tables.

    The interval is that of a Bayesian bootstrap (Rubin 1981), over the target rows and over the
    source rows, whose calibration follows by one Newton step. It knows of the rows' randomness
    only: not of the pull towards the mean posterior, which can be larger where the scores say
    little, of classifiers that would have come out otherwise, nor of shifts of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import estimate_class_shares
    >>> def draw(n_negative, n_positive, rng):
    ...     y = np.repeat([0, 1], [n_negative, n_positive])
    ...     x = rng.normal(4 * y - 2)  # the log-odds are 4 x
    ...     return -np.logaddexp(0, np.outer(x, [4, -4])), y
    >>> rng = np.random.default_rng(0)
    >>> (source, y), (target, _) = draw(500, 500, rng), draw(800, 200, rng)
    >>> estimate_class_shares(source, y, target).target_shares.round(1)
    array([0.8, 0.2])
    """
    source, target = (np.asarray(p, dtype=float) for p in (log_proba_source, log_proba_target))
    y = np.asarray(y)
    if source.ndim != 2 or target.ndim not in (2, 3) or source.shape[-1] != target.shape[-1]:
        raise ValueError(
            "log_proba_source and log_proba_target must have shapes (n, C) and (m, C) or "
            f"(K, m, C), got {source.shape} and {target.shape}."
        )
    n_target = target.shape[-2]
    if not n_target:
        raise ValueError("log_proba_target has no rows.")
    # What each classifier says of a row counts as a row, but a row is drawn with all of it.
    target = target.reshape(-1, target.shape[-1])
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    shares = class_shares(y, source.shape[1], weight)
    calibration = fit_calibration(source, y, weight)
    q_source, q_target = calibrate(source, calibration), calibrate(target, calibration)
    found = {
        "separation": separation(q_source, weight),
        "mean_posterior": np.exp(q_target).mean(axis=0),
        "em_shares": em_shares(q_target, shares, tol=1e-6),
        "black_box": black_box_shares(q_source, y, q_target, sample_weight=weight),
    }
    pull = strength / max(found["separation"], 1e-6) ** 2
    held = _held_em(q_target, shares, pull)
    n_source = np.bincount(y[weight > 0], minlength=len(shares))
    reason = why_not(n_source, n_target, found["separation"], held)
    target_shares = shares
    interval = _anything(shares)
    if reason is None:
        target_shares = shrink_shares(held, shares, threshold)
        replicates = _bootstrap(
            source, y, target, n_target, weight, calibration, pull, held, n_bootstrap, seed
        )
        interval = np.quantile(replicates, [0.05, 0.95], axis=0)
    return ShareEstimate(
        source_shares=shares,
        target_shares=target_shares,
        interval=interval,
        reason=reason,
        calibration=calibration,
        **found,
    )


def why_not(
    n_source,
    n_target,
    separation,
    held,
    *,
    min_class_rows=5,
    min_target_rows=20,
    min_separation=0.02,
    alone=0.99,
):
    """Tell why the class shares of the target had better be taken for the source's, or None.

    Parameters
    ----------
    n_source : ndarray of int of shape (C,)
        Source rows of each class.
    n_target : int
    separation : float
    held : ndarray of shape (C,)
        Shares by EM, held by the mean posterior.
    min_class_rows, min_target_rows : int
    min_separation : float
    alone : float
        A class with a larger share is taken for the only one.

    Returns
    -------
    str or None
    """
    if n_source.min() < min_class_rows:
        return f"a class has only {n_source.min()} source rows, fewer than {min_class_rows}"
    if n_target < min_target_rows:
        return f"the target has only {n_target} rows, fewer than {min_target_rows}"
    if separation < min_separation:
        return "the scores on the source rows say next to nothing about the classes"
    if held.max() > alone:
        return f"there seems to be nothing but class {int(np.argmax(held))} in the target"
    return None


def no_estimate(source_shares, reason):
    """Return the estimate that is none: the source's shares, and why.

    Parameters
    ----------
    source_shares : ndarray of shape (C,)
    reason : str

    Returns
    -------
    ShareEstimate
        What was not looked at is undefined or None.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import no_estimate
    >>> no_estimate(np.array([0.5, 0.5]), "nobody looked").target_shares
    array([0.5, 0.5])
    """
    unknown = np.full(len(source_shares), np.nan)
    return ShareEstimate(
        source_shares=source_shares,
        target_shares=source_shares,
        interval=_anything(source_shares),
        reason=reason,
        separation=np.nan,
        mean_posterior=unknown,
        em_shares=unknown,
        black_box=unknown,
        calibration=None,
    )


def _anything(shares):
    return np.stack([np.zeros_like(shares), np.ones_like(shares)])


def _held_em(log_proba, source_shares, pull, weight=None, **options):
    """EM with pseudo-counts at the mean posterior, `pull` for a row; shapes as `em_shares`."""
    weight = np.ones(log_proba.shape[-2]) if weight is None else weight
    prior = pull * (weight[..., None, :] @ np.exp(log_proba))[..., 0, :]
    return em_shares(log_proba, source_shares, prior, weight, **options)


def _bootstrap(source, y, target, n_target, weight, calibration, pull, start, n_replicates, seed):
    """Replicates of the estimate, (B, C): all rows get exponential weights."""
    rng = np.random.default_rng(seed)
    # Few enough at a time to stay in the processor's cache.
    at_once = max(1, 2**17 // target.size)
    replicates = []
    for first in range(0, n_replicates, at_once):
        size = min(at_once, n_replicates - first)
        w_source = weight * rng.standard_exponential((size, len(y)))
        w_target = rng.standard_exponential((size, n_target))
        w_target = np.tile(w_target, len(target) // n_target)
        shares = w_source @ np.eye(len(start))[y]
        shares /= shares.sum(axis=1, keepdims=True)
        q = calibrate(target, resample_calibration(source, y, calibration, w_source))
        replicates.append(_held_em(q, shares, pull, w_target, start=start, tol=1e-4))
    return np.concatenate(replicates)
