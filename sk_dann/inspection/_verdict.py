"""From what paired fits show to a verdict: a short list of rules of which the first decides.

Each rule has a reason that can be said in a sentence, and the constants are round numbers that were
chosen on the development tasks of ``benchmarks/adaptation_report.py``. How often a rule was right
was counted on the others.
"""

from typing import NamedTuple

import numpy as np

from ..shift._shares import share_distance
from ._signs import SEPARABLE

ADAPT, DO_NOT_ADAPT, CANNOT_TELL = "adapt", "do not adapt", "cannot tell"

# Accuracy that is worth a verdict.
_WORTH_IT = 0.01
# Confidence lost on the way from source to target, from which on there is little left to lose.
_LOST = 0.2
# The adapted network is less sure by more than rounding.
_LESS_SURE = 0.005
# How far adapting draws predicted shares to those it takes for granted: too far, and doubtful.
_PULL, _SOME_PULL = 0.08, 0.04
# EM finds shares that differ more than this from those taken for granted.
_CONTRADICTED = 0.25
# The adapted network is surer by as much.
_SURER = 0.03


# By rule: verdicts that were right, and all that the reported half of the benchmark had cases for.
_RELIABILITY = {"less sure": (28, 31), "pulled": (20, 23), "surer": (8, 8)}


class Verdict(NamedTuple):
    """What to do, by which rule, why, and how often that was right (of how many), where counted."""

    verdict: str
    rule: str
    reasons: tuple
    reliability: tuple | None


def judge(signs, classes):
    """Decide whether adapting was worth it.

    Parameters
    ----------
    signs : Signs
    classes : ndarray of shape (C,)
        Their names.

    Returns
    -------
    Verdict
    """
    for rule in (
        _no_difference,
        _no_overlap,
        _less_sure,
        _lost,
        _pulled,
        _contradiction,
        _surer,
    ):
        found = rule(signs, classes)
        if found is not None:
            verdict, reason = found
            return _verdict(verdict, rule.__name__.strip("_").replace("_", " "), reason)
    reason = (
        f"Adapting changes {signs.moved:.0%} of the predictions on the target, and nothing that "
        "can be seen speaks clearly for it or against it."
    )
    return _verdict(CANNOT_TELL, "undecided", reason)


def _verdict(verdict, rule, reason):
    reliability = None if verdict == CANNOT_TELL else _RELIABILITY.get(rule)
    return Verdict(verdict, rule, (reason,), reliability)


def _no_difference(signs, classes):
    if signs.moved > _WORTH_IT:
        return None
    return (
        CANNOT_TELL,
        f"Adapting changes {signs.moved:.1%} of the predictions on the target, so it can gain or "
        "lose no more than that: it makes no difference.",
    )


def _no_overlap(signs, classes):
    if signs.domain_accuracy is None or signs.domain_accuracy <= SEPARABLE:
        return None
    return (
        CANNOT_TELL,
        "No overlap: nothing to align. The domain classifier is still right about "
        f"{signs.domain_accuracy:.0%} of the rows, so source and target rows never met, and "
        "which class a target row was moved towards is arbitrary.",
    )


def _less_sure(signs, classes):
    if signs.target_confidence.gain >= -_LESS_SURE:
        return None
    before, after = signs.target_confidence
    return (
        DO_NOT_ADAPT,
        f"Adapting makes the predictions on the target less sure ({before:.2f} → {after:.2f}, "
        "calibrated): what told the classes apart seems to have been given up.",
    )


def _lost(signs, classes):
    if signs.loss_of_confidence <= _LOST or signs.pull > _PULL or not _is_surer(signs):
        return None
    return (
        ADAPT,
        f"Without adaptation the network is lost on the target: {_how_lost(signs)}. Adapted it is "
        "surer, and predicts no other class shares.",
    )


def _how_lost(signs):
    return (
        f"its calibrated confidence falls from {signs.source_confidence.source_only:.2f} on the "
        f"source to {signs.target_confidence.source_only:.2f}"
    )


def _is_surer(signs):
    """Whether the adapted network is clearly surer, and not because it gave up a class."""
    return signs.target_confidence.gain > _SURER and not signs.collapsed.any()


def _pulled(signs, classes):
    if signs.shares_are_told or signs.pull <= _SOME_PULL:
        return None
    before, after = signs.predicted_shares
    k = int(np.argmax(np.abs(before - signs.expected_shares)))
    what = (
        f"without adaptation {before[k]:.0%} of the target rows are predicted as {classes[k]}, "
        f"adapted {after[k]:.0%}; {signs.expected_shares[k]:.0%} are taken for granted"
    )
    if signs.pull <= _PULL or signs.loss_of_confidence > _LOST:
        lost = f" It is lost there ({_how_lost(signs)})." if signs.pull > _PULL else ""
        return (
            CANNOT_TELL,
            f"Label proportions may differ: {what}. Either the network was wrong about the target "
            f"without adaptation, or adapting puts rows into the wrong class.{lost}",
        )
    shift = share_distance(before, signs.expected_shares)
    return (
        DO_NOT_ADAPT,
        f"Label proportions differ by {shift:.2f}, as far as can be seen: {what}. Adapting puts "
        "the rows between into the wrong class.",
    )


def _contradiction(signs, classes):
    if signs.shares_are_told or signs.em_shift <= _CONTRADICTED:
        return None
    predicted = share_distance(signs.predicted_shares.source_only, signs.expected_shares)
    return (
        CANNOT_TELL,
        "The estimates of the target's label proportions contradict each other: they differ from "
        f"those taken for granted by {predicted:.2f} if predictions are counted, and by "
        f"{signs.em_shift:.2f} by maximum likelihood (EM). The classes themselves seem to look "
        "different in the target.",
    )


def _surer(signs, classes):
    if not _is_surer(signs):
        return None
    before, after = signs.target_confidence
    predicted = share_distance(signs.predicted_shares.source_only, signs.expected_shares)
    return (
        ADAPT,
        f"Predictions on the target become surer ({before:.2f} → {after:.2f}, calibrated) while "
        + (
            "the target's label proportions were told or estimated."
            if signs.shares_are_told
            else "nothing speaks for other label proportions there (predicted ones differ by "
            f"{predicted:.2f})."
        ),
    )
