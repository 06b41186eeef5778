"""What paired fits show, in numbers that mean something to a reader; nothing is decided here.

Shapes: n source rows, m target rows, C classes, S pairs.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..metrics import calibrated_confidence_score
from ..metrics._table import compute_score
from ..shift import ShareEstimate, class_shares, estimate_class_shares
from ..shift._shares import collapsed_classes, share_distance

# What a probability of zero counts as: about the least that float32 holds.
_FLOOR = -87.0
# Estimated shares that differ by less from the source's are no others: folds differ as much.
_AS_IN_THE_SOURCE = 0.02
# The domain classifier is right about more of the rows to the last.
SEPARABLE = 0.9
_SCORES = ("calibrated_confidence", "importance_weighted")


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
        return collapsed_classes(self.predicted_shares.adapted, self.expected_shares)

    @property
    def em_shift(self):
        """How far the target's shares by EM lie from those that the network takes for granted."""
        return share_distance(self.share_estimate.em_shares, self.expected_shares)

    @property
    def pull(self):
        """How much nearer adapting brings predicted shares to those taken for granted."""
        before, after = (
            share_distance(shares, self.expected_shares) for shares in self.predicted_shares
        )
        return before - after

    @property
    def loss_of_confidence(self):
        """How much less sure of the target than of the source the unadapted network is."""
        return self.source_confidence.source_only - self.target_confidence.source_only


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
    told = pairs.shares_are_given or share_distance(expected, shares) > _AS_IN_THE_SOURCE
    views = [[np.maximum(part, _FLOOR, dtype=float) for part in view] for view in pairs.views]
    gains = hits.adapted.astype(float) - hits.source_only
    # What scores take the target's shares to be.
    for_target = (None, expected if told else None)
    scores = [
        _score(*of_side, y, pairs.weight)
        for of_side in zip(source, target, for_target, strict=True)
    ]
    last = [history[-1] for history in pairs.adapted.histories if history]
    # Where λ ends at 0 the domain classifier looks on, and the features owe it nothing.
    playing = [epoch["domain_accuracy"] for epoch in last if epoch.get("lambda_adapt")]
    return Signs(
        source_accuracy=Comparison(*(float(hit.mean()) for hit in hits)),
        source_accuracy_error=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        source_confidence=Comparison(
            *(calibrated_confidence_score(each, y, each) for each in source)
        ),
        scores={name: Comparison(*(each[name] for each in scores)) for name in scores[0]},
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


def _score(log_proba_source, log_proba_target, shares, y, weight):
    """Return the label-free scores of a side by their names."""
    evidence = {
        "log_proba_source": log_proba_source,
        # What each pair says of a row counts as a row, since each is calibrated as it is.
        "log_proba_target": log_proba_target.reshape(-1, log_proba_target.shape[-1]),
        "y": y,
        "weight": weight,
        "shares": shares,
    }
    scores = {name: compute_score(name, evidence) for name in _SCORES}
    # Of what all pairs together say of a row.
    mean = np.log(np.exp(log_proba_target).mean(axis=0))
    return scores | {"infomax": compute_score("infomax", evidence | {"log_proba_target": mean})}


def _disagreement(called):
    """Share of the rows on which two pairs differ, mean over all two; `called` is (S, m)."""
    return float(np.mean([np.mean(a != b) for a, b in combinations(called, 2)]))
