import sys

import numpy as np
import pytest

import sk_dann.inspection
from sk_dann.inspection import (
    FeatureSpaceDisplay,
    LambdaPathDisplay,
    ProxyADistanceDisplay,
    SourceCalibrationDisplay,
    TrainingCurveDisplay,
)

X = np.arange(8.0)[:, None]
CALLS = {
    FeatureSpaceDisplay: [
        lambda: FeatureSpaceDisplay.from_estimator(None, X, X[:, 0], X),
        lambda: FeatureSpaceDisplay.from_features({"x": (X, X)}, X[:, 0]),
        lambda: FeatureSpaceDisplay({"x": (X, X)}, y_source=X[:, 0]).plot(),
    ],
    LambdaPathDisplay: [
        lambda: LambdaPathDisplay.from_estimator(None),
        lambda: LambdaPathDisplay(np.zeros(1), {"a": np.ones((1, 1, 2))}).plot(),
    ],
    ProxyADistanceDisplay: [
        lambda: ProxyADistanceDisplay.from_estimator(None, X, X),
        lambda: ProxyADistanceDisplay.from_features({"x": (X, X)}),
        lambda: ProxyADistanceDisplay({"x": [1.0]}).plot(),
    ],
    SourceCalibrationDisplay: [lambda: SourceCalibrationDisplay.from_estimator(None, X, X[:, 0])],
    TrainingCurveDisplay: [
        lambda: TrainingCurveDisplay.from_estimator(None),
        lambda: TrainingCurveDisplay(
            [1], domain_loss=[1], domain_accuracy=[1], lambda_adapt=[1]
        ).plot(),
    ],
}


@pytest.mark.parametrize("display", CALLS)
def test_without_matplotlib_each_says_what_to_install(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    # Before anything is computed.
    message = rf"{display.__name__} needs the package 'matplotlib'.*pip install \"sk-dann\[plot\]\""
    for call in CALLS[display]:
        with pytest.raises(ImportError, match=message):
            call()


def test_public_names():
    assert sk_dann.inspection.__all__ == sorted(
        name for name in vars(sk_dann.inspection) if not name.startswith("_")
    )
