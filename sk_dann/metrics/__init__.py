"""Scores of an adapted classifier without target labels, and distances between domains.

Functions of arrays. What ends in ``_score`` is better when greater; log-probabilities are those of
`predict_log_proba`, labels are positions of classes. :mod:`sk_dann.model_selection` has the scores
as scorers, for searches and cross-validation.
"""

from ..shift._source_scores import (
    average_thresholded_confidence_score,
    calibrated_confidence_score,
    deep_embedded_validation_score,
    importance_weighted_score,
    label_shift_distance,
    source_accuracy_score,
)
from ..shift._target_scores import (
    batch_nuclear_norm_score,
    corr_c_score,
    infomax_score,
    prediction_entropy_score,
    soft_neighborhood_density_score,
)
from ._bound import TargetRiskBound, target_risk_bound
from ._domain_classifiers import (
    h_divergence,
    importance_weights,
    proxy_a_distance,
    total_variation,
)
from ._mixval import mixval_score
from ._reverse import reverse_validation_score

__all__ = [
    "TargetRiskBound",
    "average_thresholded_confidence_score",
    "batch_nuclear_norm_score",
    "calibrated_confidence_score",
    "corr_c_score",
    "deep_embedded_validation_score",
    "h_divergence",
    "importance_weighted_score",
    "importance_weights",
    "infomax_score",
    "label_shift_distance",
    "mixval_score",
    "prediction_entropy_score",
    "proxy_a_distance",
    "reverse_validation_score",
    "soft_neighborhood_density_score",
    "source_accuracy_score",
    "target_risk_bound",
    "total_variation",
]
