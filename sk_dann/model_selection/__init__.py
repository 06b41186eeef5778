"""What the stock tools of scikit-learn need to be right for two domains."""

from ._split import SourceKFold

__all__ = ["SourceKFold"]
