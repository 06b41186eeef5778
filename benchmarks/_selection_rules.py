"""Rules that choose λ: a score, what may be made of several, and what else than its best.

A rule takes a run (`model_selection.py`) and returns a utility for each λ, of which the greatest is
chosen; the first of equals, and NaN never. Combinations are of scores on scales of their own, so
each is standardised over the grid, or ranked.
"""

from functools import partial

import numpy as np
from scipy.stats import rankdata

from sk_dann.estimators._classifier_cv import _merit as merit_of
from sk_dann.estimators._classifier_cv import _smooth as smooth_over_lambda

MARGINS = (0.01, 0.02)  # by which a score must exceed that of λ = 0
DEFAULT = "default: calibrated_confidence + importance_weighted"
COMBINED = (
    ("calibrated_confidence", "importance_weighted"),
    ("calibrated_confidence", "importance_weighted, likelihood"),
    ("calibrated_confidence", "source_accuracy"),
    ("calibrated_confidence", "corr_c"),
    ("calibrated_confidence", "corr_c", "importance_weighted"),
    ("calibrated_confidence", "atc", "corr_c", "infomax"),
    ("calibrated_confidence", "reverse_validation"),
    ("calibrated_confidence", "reverse_validation", "importance_weighted"),
)


def of_folds(run, name):
    """Return a score's mean over folds and the standard error of that, for each λ."""
    return (np.asarray(run["scores"][name][key], dtype=float) for key in ("mean", "error"))


def choose(utility):
    """Return the position of the chosen λ; the first, no adaptation, if nothing has a utility."""
    return 0 if np.isnan(utility).all() else int(np.nanargmax(utility))


def score(run, name):
    """Return the score."""
    return next(of_folds(run, name))


def one_standard_error(run, name):
    """Prefer the smallest λ whose score is within a standard error of the best."""
    mean, error = of_folds(run, name)
    best = choose(mean)
    with np.errstate(invalid="ignore"):
        near = mean >= mean[best] - error[best]
    return np.where(near, -np.arange(len(mean), dtype=float), -np.inf)


def with_margin(run, name, margin):
    """Prefer λ = 0 unless the best score exceeds its by a margin."""
    mean = score(run, name).copy()
    mean[0] += margin
    return mean


def smooth(run, name):
    """Return the score smoothed over λ as DANNClassifierCV does."""
    return smooth_over_lambda(score(run, name)[None, :, None, None]).ravel()


def default(run):
    """Return what DANNClassifierCV chooses by."""
    members = (smooth(run, name) for name in ("calibrated_confidence", "importance_weighted"))
    return merit_of([*members])


def standardise(values):
    """Return values with mean 0 and standard deviation 1; zeros if all are equal."""
    spread = np.nanstd(values)
    return (values - np.nanmean(values)) / (spread if spread > 1e-9 else 1)


def rank(values):
    """Return ranks; NaN stays NaN."""
    return rankdata(values, nan_policy="omit")


def combine(run, names, scale=standardise, of=score):
    """Return the mean of several scores, each on the same scale."""
    return np.mean([scale(of(run, name)) for name in names], axis=0)


def baselines(lambdas):
    """Return name → rule that always takes the same λ."""
    return {
        f"always λ = {lam:g}": lambda run, k=k: -np.abs(np.arange(len(lambdas)) - k).astype(float)
        for k, lam in enumerate(lambdas)
    }


def scores(names):
    """Return name → rule that takes a score's best."""
    rules = {DEFAULT: default} if "calibrated_confidence" in names else {}
    return rules | {name: partial(score, name=name) for name in names}


def variants(names):
    """Return name → rule that makes something else of the scores."""
    rules = {}
    for name in names:
        rules[f"{name}, one standard error"] = partial(one_standard_error, name=name)
        rules[f"{name}, smooth"] = partial(smooth, name=name)
        for margin in MARGINS:
            rules[f"{name}, margin {margin}"] = partial(with_margin, name=name, margin=margin)
    for members in COMBINED:
        if set(members) <= set(names):
            title = " + ".join(members)
            rules[f"{title} (standardised)"] = partial(combine, names=members)
            rules[f"{title} (ranks)"] = partial(combine, names=members, scale=rank)
            smoothed = partial(combine, names=members, scale=rank, of=smooth)
            rules[f"{title} (ranks, smooth)"] = smoothed
    return rules
