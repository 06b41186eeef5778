"""The tasks that benchmarks run on, and which of them may decide anything.

Defaults, thresholds and recipes are chosen on the development tasks alone. Everything is reported
on all tasks, and on those that were not used for choosing apart.
"""

from itertools import permutations
from typing import Any, NamedTuple

# Source and target, in the order of the paper's tables.
AMAZON_TASKS = list(permutations(("books", "dvd", "electronics", "kitchen"), 2))

AMAZON_DEVELOPMENT_TASKS = [
    ("dvd", "books"),
    ("electronics", "books"),
    ("dvd", "kitchen"),
    ("electronics", "kitchen"),
]


class Domains(NamedTuple):
    """Both domains of a task.

    `y_tgt` tells the true class shares; the only model that sees it is trained on it, as the limit.
    """

    X_src: Any
    y_src: Any
    X_tgt: Any
    y_tgt: Any
    X_test: Any
    y_test: Any
