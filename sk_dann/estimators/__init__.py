"""The estimators: scikit-learn in, numpy out."""

from ._cdan import CDANClassifier
from ._classifier import DANNClassifier
from ._classifier_cv import DANNClassifierCV

__all__ = ["CDANClassifier", "DANNClassifier", "DANNClassifierCV"]
