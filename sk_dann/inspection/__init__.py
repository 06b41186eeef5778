"""Was adapting worth it? A report, and pictures in the form of scikit-learn's displays.

`adaptation_report` gives a verdict without target labels, its reasons, and what is to be said about
the training.

``...Display.from_estimator(...)`` computes and draws; the object keeps the data, the artists and
the axes, and ``plot`` draws them again. Matplotlib comes with ``pip install "sk-dann[plot]"``.
"""

from ._calibration import SourceCalibrationDisplay
from ._feature_space import FeatureSpaceDisplay
from ._findings import Finding
from ._lambda_path import LambdaPathDisplay
from ._proxy_a_distance import ProxyADistanceDisplay
from ._report import AdaptationReport, adaptation_report
from ._signs import Comparison
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "AdaptationReport",
    "Comparison",
    "FeatureSpaceDisplay",
    "Finding",
    "LambdaPathDisplay",
    "ProxyADistanceDisplay",
    "SourceCalibrationDisplay",
    "TrainingCurveDisplay",
    "adaptation_report",
]
