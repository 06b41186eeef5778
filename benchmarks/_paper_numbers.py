"""What others have published on the twelve Amazon tasks: accuracy on the target's test rows."""

import numpy as np
from _tasks import AMAZON_TASKS

_COLUMNS = {
    # Ganin et al. (2016), Table 1, on 5000 counts.
    ("counts", "DANN"): ".784 .733 .779 .723 .754 .783 .713 .738 .854 .709 .740 .843",
    ("counts", "NN"): ".790 .747 .778 .720 .732 .778 .709 .733 .854 .708 .739 .841",
    ("counts", "SVM"): ".799 .748 .769 .743 .748 .746 .705 .726 .847 .707 .736 .842",
    # The same on mSDA's 30 000 features.
    ("mSDA", "DANN"): ".829 .804 .843 .825 .809 .849 .774 .781 .881 .718 .789 .856",
    ("mSDA", "NN"): ".824 .770 .842 .823 .768 .853 .770 .759 .863 .721 .789 .850",
    ("mSDA", "SVM"): ".830 .766 .821 .826 .739 .842 .762 .770 .847 .769 .788 .861",
    # Shen et al. (2018): the best hyper-parameters as seen on target labels.
    ("counts", "WDGRL"): ".831 .833 .855 .807 .836 .862 .772 .783 .882 .772 .799 .863",
}

# (features, method) → task → accuracy.
PUBLISHED = {
    column: dict(zip(AMAZON_TASKS, map(float, numbers.split()), strict=True))
    for column, numbers in _COLUMNS.items()
}


def published_mean(column, tasks):
    """Return the mean of a published column over some tasks."""
    return float(np.mean([PUBLISHED[column][task] for task in tasks]))
