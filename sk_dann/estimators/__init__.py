"""The estimators: scikit-learn in, numpy out."""

from ._classifier import DANNClassifier
from ._classifier_cv import DANNClassifierCV

__all__ = ["DANNClassifier", "DANNClassifierCV"]
