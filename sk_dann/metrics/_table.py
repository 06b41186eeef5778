"""The scores by name, for whoever computes many of them.

The positional arguments of each function say what it is computed from, by these names:

log_proba_source, log_proba_target
    Log-probabilities (n, C) of source rows that were not trained on, and (m, C) of target rows.
y
    Positions (n,) of the source rows' classes.
weight, feature_weight
    Importance weights (n,) of the source rows: of the rows themselves, which do not depend on the
    classifier, and of its features.
predict_log_proba, X_target
    The classifier as a function, and rows (m, d) to ask it about.
shares
    Class shares (C,) of the target as the classifier takes them to be, None for the source's.

What is keyword-only are options; one that stands for the target's class shares is `shares` unless
it is given.
"""

import inspect

from ..shift._checks import in_order_of
from ..shift._source_scores import (
    average_thresholded_confidence_score,
    calibrated_confidence_score,
    deep_embedded_validation_score,
    importance_weighted_score,
    source_accuracy_score,
)
from ..shift._target_scores import (
    batch_nuclear_norm_score,
    corr_c_score,
    infomax_score,
    prediction_entropy_score,
    soft_neighborhood_density_score,
)
from ._mixval import mixval_score

SCORES = {
    "atc": average_thresholded_confidence_score,
    "batch_nuclear_norm": batch_nuclear_norm_score,
    "calibrated_confidence": calibrated_confidence_score,
    "corr_c": corr_c_score,
    "deep_embedded_validation": deep_embedded_validation_score,
    "importance_weighted": importance_weighted_score,
    "infomax": infomax_score,
    "mixval": mixval_score,
    "prediction_entropy": prediction_entropy_score,
    "soft_neighborhood_density": soft_neighborhood_density_score,
    "source_accuracy": source_accuracy_score,
}

_SHARES = {"calibrated_confidence": "target_shares", "corr_c": "shares", "infomax": "shares"}


def needs_of(name):
    """Return the names of what a score is computed from.

    Parameters
    ----------
    name : str
        One of `SCORES`.

    Returns
    -------
    list of str
    """
    return _arguments_of(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def options_of(name):
    """Return the names of a score's options.

    Parameters
    ----------
    name : str
        One of `SCORES`.

    Returns
    -------
    list of str
    """
    return _arguments_of(name, inspect.Parameter.KEYWORD_ONLY)


def align_options(options, classes):
    """Bring class shares among a score's options into the order of the classes.

    Parameters
    ----------
    options : dict or None
    classes : ndarray of shape (C,)

    Returns
    -------
    dict
    """
    options = dict(options or {})
    for name in _SHARES.values():
        if name in options:
            options[name] = in_order_of(classes, options[name], name)
    return options


def _arguments_of(name, kind):
    parameters = inspect.signature(SCORES[name]).parameters.values()
    return [each.name for each in parameters if each.kind is kind]


def compute_score(name, evidence, **options):
    """Compute a score from what `evidence` holds under the names above.

    Parameters
    ----------
    name : str
        One of `SCORES`.
    evidence : mapping
        May hold more, or compute what it is asked for.
    **options
        Of the score.

    Returns
    -------
    float
    """
    option = _SHARES.get(name)
    if option is not None and option not in options and evidence["shares"] is not None:
        options = {**options, option: evidence["shares"]}
    return SCORES[name](**{need: evidence[need] for need in needs_of(name)}, **options)
