"""What paired fits show, in numbers that mean something to a reader; nothing is decided here.

Shapes: n source rows, m target rows, C classes, S pairs.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..metrics import calibrated_confidence_score, importance_weighted_score, infomax_score
from ..shift import ShareEstimate, class_shares, estimate_class_shares

# What a probability of zero counts as: about the least that float32 holds.
_FLOOR = -87.0
# Estimated shares that differ by less from the source's are no others: folds differ as much.
_AS_IN_THE_SOURCE = 0.02
# Predicted share of a class as a part of the expected one, and how much is to be expected.
_COLLAPSED = 0.1
_COMMON = 0.05


class Comparison(NamedTuple):
    """The same measurement of the network without adaptation and of the adapted one."""

    source_only: Any
    adapted: Any

    @property
    def gain(self):
        """What adapting added."""
        return self.adapted - self.source_only


@dataclass(frozen=True, eq=False, kw_only=True)
class Signs:
    """What was measured; `AdaptationReport`, which adds the verdict, describes the fields."""

    source_accuracy: Comparison
    source_accuracy_error: float
    source_confidence: Comparison
    scores: dict
    class_shares: np.ndarray
    expected_shares: np.ndarray
    predicted_shares: Comparison
    share_estimate: ShareEstimate
    moved: float
    disagreement: Comparison
    domain_distance: Comparison
    input_distance: float
    domain_accuracy: float | None
    shares_are_told: bool

    @property
    def target_confidence(self):
        """Mean largest probability of target rows, calibrated on held-out source rows."""
        return self.scores["calibrated_confidence"]

    @property
    def overlap(self):
        """Share of the rows that a linear classifier of the domains cannot place, from 0 to 1."""
        return 1 - self.input_distance / 2

    @property
    def collapsed(self):
        """Classes, as booleans, that next to no target row is predicted as any more."""
        expected = self.expected_shares
        return (self.predicted_shares.adapted < _COLLAPSED * expected) & (expected > _COMMON)

    @property
    def em_shift(self):
        """How far the target's shares by EM lie from those that the network takes for granted."""
        return differ(self.share_estimate.em_shares, self.expected_shares)

    @property
    def pull(self):
        """How much nearer adapting brings predicted shares to those taken for granted."""
        before, after = (differ(shares, self.expected_shares) for shares in self.predicted_shares)
        return before - after

    @property
    def loss_of_confidence(self):
        """How much less sure of the target than of the source the unadapted network is."""
        return self.source_confidence.source_only - self.target_confidence.source_only


def differ(shares, others):
    """Total variation of two distributions over the classes: the part that would have to move."""
    return float(np.abs(np.asarray(shares) - others).sum() / 2)


def read_signs(pairs):
    """Measure what paired fits show.

    Parameters
    ----------
    pairs : PairedFits

    Returns
    -------
    Signs
    """
    sides = Comparison(pairs.source_only, pairs.adapted)
    n_classes, y = len(pairs.classes), pairs.y
    source = Comparison(*(np.maximum(s.log_proba_source, _FLOOR, dtype=float) for s in sides))
    target = Comparison(*(np.maximum(s.log_proba_target, _FLOOR, dtype=float) for s in sides))
    hits = Comparison(*(log_proba.argmax(axis=1) == y for log_proba in source))
    called = Comparison(*(side.called for side in sides))
    shares = class_shares(y, n_classes)
    expected = shares if pairs.adapted.shares is None else pairs.adapted.shares
    told = pairs.shares_are_given or differ(expected, shares) > _AS_IN_THE_SOURCE
    # What scores take the target's shares to be.
    for_target = Comparison(None, expected if told else None)
    views = [[np.maximum(part, _FLOOR, dtype=float) for part in view] for view in pairs.views]
    gains = hits.adapted.astype(float) - hits.source_only
    # Of what is said of a row by all pairs; each is calibrated as it is.
    mean = Comparison(*(np.log(np.exp(each).mean(axis=0)) for each in target))
    flat = Comparison(*(each.reshape(-1, n_classes) for each in target))
    last = [history[-1] for history in pairs.adapted.histories if history]
    # Where λ ends at 0 the domain classifier looks on, and the features owe it nothing.
    playing = [epoch["domain_accuracy"] for epoch in last if epoch.get("lambda_adapt")]
    return Signs(
        source_accuracy=Comparison(*(float(hit.mean()) for hit in hits)),
        source_accuracy_error=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        source_confidence=_compare(calibrated_confidence_score, source, (y, y), source),
        scores={
            "calibrated_confidence": _compare(_confidence, source, (y, y), flat, for_target),
            "importance_weighted": _compare(
                importance_weighted_score, source, (y, y), (pairs.weight, pairs.weight)
            ),
            "infomax": _compare(_infomax, mean, for_target),
        },
        class_shares=shares,
        expected_shares=expected,
        predicted_shares=Comparison(
            *(np.bincount(each.ravel(), minlength=n_classes) / each.size for each in called)
        ),
        share_estimate=estimate_class_shares(
            source.source_only, y, target.source_only, views=views
        ),
        moved=float(np.mean(called.adapted != called.source_only)),
        disagreement=Comparison(*map(_disagreement, called)),
        domain_distance=Comparison(*(float(side.distances.mean()) for side in sides)),
        input_distance=float(pairs.distances.mean()),
        domain_accuracy=float(np.mean(playing)) if playing else None,
        shares_are_told=told,
    )


def _confidence(log_proba_source, y, log_proba_target, shares):
    return calibrated_confidence_score(log_proba_source, y, log_proba_target, target_shares=shares)


def _infomax(log_proba_target, shares):
    return infomax_score(log_proba_target, shares=shares)


def _compare(score, *arguments):
    """Return a score of both sides; each argument holds one for each."""
    return Comparison(*(float(score(*of_side)) for of_side in zip(*arguments, strict=True)))


def _disagreement(called):
    """Share of the rows on which two pairs differ, mean over all two; `called` is (S, m)."""
    return float(np.mean([np.mean(a != b) for a, b in combinations(called, 2)]))
