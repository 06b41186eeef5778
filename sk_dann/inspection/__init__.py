"""Pictures of what adapting did, in the form of scikit-learn's displays.

``...Display.from_estimator(...)`` computes and draws; the object keeps the data, the artists and
the axes, and ``plot`` draws them again. Matplotlib comes with ``pip install "sk-dann[plot]"``.
"""

from ._calibration import SourceCalibrationDisplay
from ._feature_space import FeatureSpaceDisplay
from ._lambda_path import LambdaPathDisplay
from ._proxy_a_distance import ProxyADistanceDisplay
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "FeatureSpaceDisplay",
    "LambdaPathDisplay",
    "ProxyADistanceDisplay",
    "SourceCalibrationDisplay",
    "TrainingCurveDisplay",
]
