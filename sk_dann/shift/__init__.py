"""Class shares of an unlabelled target: the mathematics, on arrays alone.

A classifier's log-probabilities on labelled source rows that it was not trained on, and on target
rows, tell how often each class occurs in the target, if the classes look alike in both domains
(label shift). Everything here is a pure function of arrays, for two or more classes, and computes
in float64; labels are positions of classes, 0 to C - 1. `overlap_cut` finds source
rows that no target row resembles.
"""

from ._calibration import Calibration, calibrate, fit_calibration
from ._estimate import ShareEstimate, estimate_class_shares, no_estimate
from ._mixtures import black_box_shares, em_shares
from ._overlap import overlap_cut
from ._shares import class_shares, move_posterior, separation, shrink_shares

__all__ = [
    "Calibration",
    "ShareEstimate",
    "black_box_shares",
    "calibrate",
    "class_shares",
    "em_shares",
    "estimate_class_shares",
    "fit_calibration",
    "move_posterior",
    "no_estimate",
    "overlap_cut",
    "separation",
    "shrink_shares",
]
