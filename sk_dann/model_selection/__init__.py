"""What the stock tools of scikit-learn need to be right for two domains."""

from ._scorers import DomainScorer, get_scorer, get_scorer_names
from ._source_only import SourceOnlyClassifier
from ._split import DomainKFold, LeaveOneSourceDomainOut, SourceKFold
from ._stack import stack_domains

__all__ = [
    "DomainKFold",
    "DomainScorer",
    "LeaveOneSourceDomainOut",
    "SourceKFold",
    "SourceOnlyClassifier",
    "get_scorer",
    "get_scorer_names",
    "stack_domains",
]
