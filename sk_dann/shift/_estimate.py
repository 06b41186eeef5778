"""The recipe: class shares of the target that are worth acting upon, or a reason to leave them.

Shapes: n source rows, m target rows, C classes, K classifiers.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtri

from ._calibration import (
    Calibration,
    calibrate,
    fit_calibration,
    follow_calibration,
    resample_calibration,
)
from ._mixtures import black_box_shares, em_shares
from ._shares import class_shares, separation, shrink_shares

# A class with a smaller part of its source share counts as having this much, for log-odds.
_FLOOR = 0.01


@dataclass(frozen=True, eq=False)
class ShareEstimate:
    """What `estimate_class_shares` found; all arrays of shares have shape (C,).

    Parameters
    ----------
    source_shares : ndarray
        Shares among the weighted source rows.
    target_shares : ndarray
        The estimate: for the weights of the domain loss, ``target_shares / source_shares``, and
        for moving the posterior. The source's shares if there is a `reason` against it.
    interval : ndarray of shape (2, C)
        90 % of what the estimate might have been with other rows and other columns, before it is
        made smaller.
    standard_error : ndarray
        Of each class's log-odds.
    reason : str or None
        Why no correction is made.
    at_edge : bool
        Whether EM finds (almost) nothing but one class in the target: more than the class shares
        has shifted then, as a rule, and the mean posterior is the estimate.
    separation : float
        How much the scores say about the class, from 0 to 1.
    mean_posterior, em_shares, black_box : ndarray
        Three plain estimates: each follows the target further than the one before, and sometimes
        off the cliff.
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
    standard_error: np.ndarray
    reason: str | None
    at_edge: bool
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
    views=(),
    view_rows=None,
    sample_weight=None,
    strength=0.03,
    significance=2.0,
    threshold=0.1,
    n_bootstrap=20,
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
    views : iterable of pairs of arrays, default=()
        Log-probabilities of source and of target rows by classifiers that see only a random half
        of the columns, a pair for each half.
    view_rows : array of int, default=None
        Which of the source rows `views` are of; all if None. Their target rows are no matter.
    sample_weight : array of shape (n,), default=None
        Weights of the source rows.
    strength : float, default=0.03
        How hard the mean posterior holds the more daring estimate: EM gets
        ``strength / separation² * m`` pseudo-counts there.
    significance : float, default=2.0
        Shifts of fewer standard errors are taken for none.
    threshold : float, default=0.1
        How much smaller the others are made, see `shrink_shares`.
    n_bootstrap : int, default=20
        Replicates of the rows behind the standard error, at least 2.
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
    mean posterior holds it. Where EM finds nothing but one class, the mean posterior alone is
    the estimate.

    Whether the classes look alike cannot be seen from the scores, but if other shares are all that
    has changed, then whichever columns a classifier looks at, they tell the same shares; if the
    columns themselves have changed, each tells others. So the columns are a sample too: the
    estimates from random halves of them spread as the estimate from all would with other columns
    (half-sampling, McCarthy 1969). They count by their separation. Rows are resampled by a
    Bayesian bootstrap (Rubin 1981), calibration included by one Newton step. Both variances, of the
    classes' log-odds, together make the standard error. A shift that all columns suggest alike,
    and wrongly, is beyond it.

    The constants were chosen on four Amazon tasks, fifteen tables, changed digits,
    the weather of five cities and food reviews, see ``benchmarks/no_harm.py``.

    References
    ----------
    McCarthy: Pseudo-replication: half samples. Review of the International Statistical Institute
    37, 1969. Rubin: The Bayesian bootstrap. Annals of Statistics 9, 1981.

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
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    shares = class_shares(y, source.shape[1], weight)
    n_source = np.bincount(y[weight > 0], minlength=len(shares))
    sight = _look(source, y, target, shares, weight, strength)
    at_edge = is_edge(sight.em_shares, shares)
    best = sight.mean_posterior if at_edge else sight.held
    reason = why_not(n_source, n_target, sight.separation, best, shares)
    if reason is None:
        variance = _bootstrap(sight, y, n_target, shares, weight, at_edge, n_bootstrap, seed)
        rows = slice(None) if view_rows is None else view_rows
        known = sight._replace(source=source[rows])
        halves = [
            _look_again(*view, y[rows], shares, weight[rows], strength, at_edge, known)
            for view in views
        ]
        if halves:
            found, information = zip(*halves, strict=True)
            variance = variance + _spread(_log_odds(np.array(found), shares), information)
        error = np.sqrt(variance)
        log_odds = _log_odds(best, shares)
        interval = expit(log_odds + ndtri([[0.05], [0.95]]) * error)
        shift = log_odds - _log_odds(shares, shares)
        # By the classes' shares: else a class of a few rows, of which little is known, decides.
        if shares @ shift**2 <= significance**2 * (shares @ variance):
            reason = f"the shift is less than {significance:g} standard errors of its estimate"
    else:
        error, interval = np.full(len(shares), np.inf), _anything(shares)
    return ShareEstimate(
        source_shares=shares,
        target_shares=shares if reason else shrink_shares(best, shares, threshold),
        interval=interval,
        standard_error=error,
        reason=reason,
        at_edge=at_edge,
        separation=sight.separation,
        mean_posterior=sight.mean_posterior,
        em_shares=sight.em_shares,
        black_box=black_box_shares(sight.q_source, y, sight.q_target, sample_weight=weight),
        calibration=sight.calibration,
    )


def is_edge(shares, source_shares, rest=0.05):
    """Tell whether the other classes together have less than a part `rest` of their source share.

    Parameters
    ----------
    shares, source_shares : ndarray of shape (C,)
    rest : float, default=0.05

    Returns
    -------
    bool
    """
    return bool(np.any((1 - shares) < rest * (1 - source_shares)))


def why_not(
    n_source,
    n_target,
    separation,
    found,
    source_shares,
    *,
    min_class_rows=5,
    min_target_rows=20,
    min_separation=0.02,
):
    """Tell why the class shares of the target had better be taken for the source's, or None.

    Parameters
    ----------
    n_source : ndarray of int of shape (C,)
        Source rows of each class.
    n_target : int
    separation : float
    found, source_shares : ndarray of shape (C,)
        The estimate, and what it is compared with.
    min_class_rows, min_target_rows : int
    min_separation : float

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
    if is_edge(found, source_shares):
        return f"there seems to be nothing but class {int(np.argmax(found))} in the target"
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
        standard_error=np.full(len(source_shares), np.inf),
        reason=reason,
        at_edge=False,
        separation=np.nan,
        mean_posterior=unknown,
        em_shares=unknown,
        black_box=unknown,
        calibration=None,
    )


def _anything(shares):
    return np.stack([np.zeros_like(shares), np.ones_like(shares)])


class _Look(NamedTuple):
    """What one set of scores says of the target's class shares."""

    source: np.ndarray
    target: np.ndarray
    calibration: Calibration
    q_source: np.ndarray
    q_target: np.ndarray
    separation: float
    pull: float
    mean_posterior: np.ndarray
    em_shares: np.ndarray
    held: np.ndarray


def _look(source, y, target, shares, weight, strength):
    # What each classifier says of a row counts as a row.
    target = target.reshape(-1, target.shape[-1])
    calibration = fit_calibration(source, y, weight)
    q_source, q_target = calibrate(source, calibration), calibrate(target, calibration)
    separated = separation(q_source, weight)
    pull = strength / max(separated, 1e-6) ** 2
    mean = np.exp(q_target).mean(axis=0)
    em = em_shares(q_target, shares, tol=1e-6)
    held = _held_em(q_target, shares, pull)
    return _Look(source, target, calibration, q_source, q_target, separated, pull, mean, em, held)


def _look_again(source, target, y, shares, weight, strength, at_edge, sight):
    """Return what other scores of the same rows say of the shares, and how much they separate."""
    source, target = (np.asarray(p, dtype=float) for p in (source, target))
    calibration = follow_calibration(source, y, weight, sight.source, sight.calibration)
    separated = separation(calibrate(source, calibration), weight)
    q = calibrate(target.reshape(-1, target.shape[-1]), calibration)
    if at_edge:
        return np.exp(q).mean(axis=0), separated
    pull = strength / max(separated, 1e-6) ** 2
    return _held_em(q, shares, pull, start=sight.held, tol=1e-4), separated


def _held_em(log_proba, source_shares, pull, weight=None, **options):
    """EM with pseudo-counts at the mean posterior, `pull` for a row; shapes as `em_shares`."""
    weight = np.ones(log_proba.shape[-2]) if weight is None else weight
    prior = pull * (weight[..., None, :] @ np.exp(log_proba))[..., 0, :]
    return em_shares(log_proba, source_shares, prior, weight, **options)


def _log_odds(shares, source_shares):
    """Log-odds of each class, those of a missing one finite."""
    floor = _FLOOR * source_shares
    shares = np.clip(shares, floor, 1 - _FLOOR * (1 - source_shares))
    return np.log(shares) - np.log1p(-shares)


def _spread(log_odds, information):
    """Variance of log-odds (V, C) that count by their information, unbiased for equal ones."""
    w = np.asarray(information) / max(np.sum(information), 1e-12)
    n_effective = np.sum(w) ** 2 / max(np.sum(w**2), 1e-12)
    if n_effective < 1.5:  # nothing to compare
        return np.zeros(log_odds.shape[1])
    variance = w @ (log_odds - w @ log_odds) ** 2
    return variance * n_effective / (n_effective - 1)


def _bootstrap(look, y, n_target, shares, weight, at_edge, n_replicates, seed):
    """Variance of the log-odds (C,) where all rows get exponential weights."""
    rng = np.random.default_rng(seed)
    # Few enough at a time to stay in the processor's cache.
    at_once = max(1, 2**17 // look.target.size)
    found = []
    for first in range(0, n_replicates, at_once):
        size = min(at_once, n_replicates - first)
        w_source = weight * rng.standard_exponential((size, len(y)))
        # A row is drawn with all that is said of it.
        w_target = rng.standard_exponential((size, n_target))
        w_target = np.tile(w_target, len(look.target) // n_target)
        resampled = w_source @ np.eye(len(shares))[y]
        resampled /= resampled.sum(axis=1, keepdims=True)
        calibration = resample_calibration(look.source, y, look.calibration, w_source)
        q = calibrate(look.target, calibration)
        if at_edge:
            means = (w_target[:, None, :] @ np.exp(q))[:, 0] / w_target.sum(axis=1, keepdims=True)
            found.append(means)
        else:
            found.append(_held_em(q, resampled, look.pull, w_target, start=look.held, tol=1e-4))
    return _log_odds(np.concatenate(found), shares).var(axis=0, ddof=1)
