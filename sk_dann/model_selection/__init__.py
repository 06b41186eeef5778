"""What the stock tools of scikit-learn need to be right for two domains."""

from ._scorers import DomainScorer, get_scorer, get_scorer_names
from ._split import DomainKFold, LeaveOneSourceDomainOut, SourceKFold

__all__ = [
    "DomainKFold",
    "DomainScorer",
    "LeaveOneSourceDomainOut",
    "SourceKFold",
    "get_scorer",
    "get_scorer_names",
]
