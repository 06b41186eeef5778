"""Rules that choose λ: a score, what may be made of several, and what else than its best.

A rule takes a run (`model_selection.py`) and returns a utility for each λ, of which the greatest is
chosen; the first of equals, and NaN never. Combinations are of scores on scales of their own, so
each is standardised over the grid, or ranked.
"""

from functools import partial

import numpy as np
from scipy.stats import rankdata

MARGIN = 0.02  # by which a score must exceed that of λ = 0
COMBINED = {
    "confidence + importance-weighted": ("calibrated_confidence", "importance_weighted"),
    "confidence + source accuracy": ("calibrated_confidence", "source_accuracy"),
    "confidence + Corr-C": ("calibrated_confidence", "corr_c"),
    "confidence + Corr-C + importance-weighted": (
        *("calibrated_confidence", "corr_c", "importance_weighted"),
    ),
    "confidence + ATC + Corr-C + InfoMax": ("calibrated_confidence", "atc", "corr_c", "infomax"),
    "confidence + reverse validation": ("calibrated_confidence", "reverse_validation"),
    "confidence + reverse validation + importance-weighted": (
        *("calibrated_confidence", "reverse_validation", "importance_weighted"),
    ),
}


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


def with_margin(run, name, margin=MARGIN):
    """Prefer λ = 0 unless the best score exceeds its by a margin."""
    mean = score(run, name).copy()
    mean[0] += margin
    return mean


def standardise(values):
    """Return values with mean 0 and standard deviation 1; zeros if all are equal."""
    spread = np.nanstd(values)
    return (values - np.nanmean(values)) / (spread if spread > 1e-9 else 1)


def rank(values):
    """Return ranks; NaN stays NaN."""
    return rankdata(values, nan_policy="omit")


def combine(run, names, scale=standardise):
    """Return the mean of several scores, each on the same scale."""
    return np.mean([scale(score(run, name)) for name in names], axis=0)


def baselines(lambdas):
    """Return name → rule that always takes the same λ."""
    return {
        f"always λ = {lam:g}": lambda run, k=k: -np.abs(np.arange(len(lambdas)) - k).astype(float)
        for k, lam in enumerate(lambdas)
    }


def scores(names):
    """Return name → rule that takes a score's best."""
    return {name: partial(score, name=name) for name in names}


def variants(names):
    """Return name → rule that makes something else of the scores."""
    rules = {
        f"{name}, one standard error": partial(one_standard_error, name=name) for name in names
    }
    rules |= {f"{name}, margin {MARGIN}": partial(with_margin, name=name) for name in names}
    for name, members in COMBINED.items():
        if set(members) <= set(names):
            rules[f"{name} (standardised)"] = partial(combine, names=members)
            rules[f"{name} (ranks)"] = partial(combine, names=members, scale=rank)
    return rules
