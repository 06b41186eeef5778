"""The estimators: scikit-learn in, numpy out."""

from ._bag_of_words import BagOfWordsDANNClassifier
from ._cdan import CDANClassifier
from ._classifier import DANNClassifier
from ._classifier_cv import DANNClassifierCV

__all__ = ["BagOfWordsDANNClassifier", "CDANClassifier", "DANNClassifier", "DANNClassifierCV"]
