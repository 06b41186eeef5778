"""The tasks that scores are compared on, and which half of them may choose the default score.

The halves were fixed before any result was known. Everything that decides something on the rest of
the benchmarks (`_tasks.py`, `_tables.py`, digits) chooses here too.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from _shapes import load_moons
from _shifted import DIGITS_CHANGES, DRIFTED, load_classes, load_reviews, read_reviews
from _table_rows import load_table
from _tables import DEVELOPMENT_TABLES, REPORTED_TABLES
from _tasks import AMAZON_DEVELOPMENT_TASKS, AMAZON_TASKS

from sk_dann.datasets import fetch_amazon_reviews

CHOOSE, REPORT = HALVES = "choose", "report"
ROTATIONS = (10, 20, 30, 40, 50, 60)  # of the moons, in degrees
UNEQUAL_SHARES = (0.1, 0.3, 0.7, 0.9)  # of positives in the target
REVIEW_PARAMS = {"hidden_layer_sizes": (50,), "domain_hidden_layer_sizes": (64,)}
ESTIMATE = {"label_shift": "estimate"}

_others = [task for task in AMAZON_TASKS if task not in AMAZON_DEVELOPMENT_TASKS]
AMAZON_CHOOSING_TASKS = [*AMAZON_DEVELOPMENT_TASKS, *_others[::2][:2]]


@dataclass(frozen=True)
class Task:
    """What is fitted: `load` takes a seed, `params` are the estimator's."""

    family: str
    half: str
    name: str
    load: partial
    params: dict = field(default_factory=dict)


def load_pair(task, seed):
    """Return a task of Amazon as it comes, as tf-idf; nothing in it is random."""
    return read_reviews(task)


def load_counts(task, seed):
    """Return a task of Amazon with 1 for every word that occurs."""
    reviews = fetch_amazon_reviews(*task, return_X_y=True)
    X_src, X_tgt, X_test = ((reviews[i] > 0).astype(np.float32) for i in (0, 2, 3))
    return read_reviews(task)._replace(X_src=X_src, X_tgt=X_tgt, X_test=X_test)


def _of_reviews(family, load, params=REVIEW_PARAMS):
    for pair in AMAZON_TASKS:
        half = CHOOSE if pair in AMAZON_CHOOSING_TASKS else REPORT
        yield Task(family, half, "→".join(pair), partial(load, pair), params)


def _of_unequal_reviews(family):
    for share in UNEQUAL_SHARES:
        for task in _of_reviews(family, load_reviews, REVIEW_PARAMS | ESTIMATE):
            yield replace(task, name=f"{task.name} {share}", load=partial(task.load, share))


def _of_moons(family):
    for i, angle in enumerate(ROTATIONS):
        yield Task(family, HALVES[i % 2], f"{angle}°", partial(load_moons, 0.5, rotation=angle))


def _of_classes(family, shift, params):
    changes = [(CHOOSE, "digits", change) for change in DIGITS_CHANGES]
    changes += [(REPORT, data, "drifted") for data in DRIFTED]
    for half, data, change in changes:
        load = partial(load_classes, data, change, shift)
        yield Task(family, half, f"{data} {change}", load, params)


def _of_tables(family, params):
    for half, tables in ((CHOOSE, DEVELOPMENT_TABLES), (REPORT, REPORTED_TABLES)):
        for table in tables:
            yield Task(family, half, table.name, partial(load_table, table), params)


FAMILIES = {
    "amazon": partial(_of_reviews, load=load_pair),
    "amazon-counts": partial(_of_reviews, load=load_counts),
    "amazon-estimate": _of_unequal_reviews,
    "moons": _of_moons,
    "shifted": partial(_of_classes, shift="no shift", params={}),
    "shifted-estimate": partial(_of_classes, shift="graded", params=ESTIMATE),
    "tables": partial(_of_tables, params={}),
    "tables-estimate": partial(_of_tables, params=ESTIMATE),
}


def make_tasks(families, halves=HALVES):
    """Return the tasks of these families and halves."""
    tasks = [task for family in families for task in FAMILIES[family](family)]
    return [task for task in tasks if task.half in halves]
