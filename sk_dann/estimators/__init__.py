"""The estimators: scikit-learn in, numpy out."""

from ._classifier import DANNClassifier

__all__ = ["DANNClassifier"]
