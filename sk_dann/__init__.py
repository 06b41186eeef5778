"""Domain-adversarial classification for scikit-learn: labels here, predictions wanted there."""

from .estimators import DANNClassifier

__all__ = ["DANNClassifier", "__version__"]

__version__ = "0.1.0"
