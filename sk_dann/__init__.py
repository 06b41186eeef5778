"""Domain-adversarial classification for scikit-learn: labels here, predictions wanted there."""

from .estimators import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)

__all__ = [
    "BagOfWordsDANNClassifier",
    "CDANClassifier",
    "DANNClassifier",
    "DANNClassifierCV",
    "__version__",
]

__version__ = "0.1.0"
