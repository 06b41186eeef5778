"""The shifts that the adaptation report is judged on, and which of them chose its constants.

Beside the tasks of the other benchmarks: food reviews and tables whose target is resampled to other
class shares, moons at many angles, and tables broken on purpose: a target that lies far away in a
random direction, or one in half of whose rows no column has anything to do with the class.
"""

from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np
from _shapes import FAR, SHAPE_SHIFTS, TROUBLES, load_moons, load_shape
from _shifted import (
    CLASS_SHARES,
    DIGITS_CHANGES,
    DRIFTED,
    POSITIVE_SHARES,
    load_classes,
    load_reviews,
    resample,
)
from _table_rows import load_table
from _tables import DEVELOPMENT_TABLES, REPORTED_TABLES
from _tasks import AMAZON_DEVELOPMENT_TASKS, AMAZON_TASKS, Domains
from scipy.special import expit, logit
from sklearn.feature_extraction.text import TfidfVectorizer

from sk_dann.datasets import load_food_reviews

HALVES = "development", "reported"
FOODS = ("drinks", "snacks", "cooking", "pets")
FOOD_SHARES = (None, 0.3, 0.5, 0.9)  # of positives in the target; None leaves what there is
# In degrees, apart from each other and from the paper's 35.
ROTATIONS = {"development": (10, 20, 30, 40, 50, 60), "reported": (15, 25, 35, 45, 55)}
MOON_SHARES = (0.5, 0.3, 0.1)
LOG_ODDS = (-1, 1)  # added to those of every class but the first


@dataclass(frozen=True)
class Case:
    """A shift; `load` takes a seed, which draws rows and splits."""

    half: str
    group: str
    name: str
    load: partial


def load_foods(source, target, share, seed):
    """Return food reviews as tf-idf; the target is resampled to this share of the great ones."""
    reviews = load_food_reviews(source, target)
    tfidf = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    tfidf.fit([*reviews.X_src, *reviews.X_tgt])
    parts = []
    for name in ("src", "tgt", "test"):
        X, y = tfidf.transform(reviews[f"X_{name}"]), (reviews[f"y_{name}"] == "great").astype(int)
        if share is not None and name != "src":
            rows = resample(y, (1 - share, share), np.random.default_rng(seed))
            X, y = X[rows], y[rows]
        parts += [X, y]
    return Domains(*parts)


def load_shifted_table(table, log_odds, seed):
    """Return a table whose target is resampled: more or less of the first class."""
    domains = load_table(table, seed)
    n_classes = domains.y_src.max() + 1
    rng = np.random.default_rng(seed)
    change = log_odds * np.where(np.arange(n_classes), 1, -1)

    def cut(X, y):
        shares = np.bincount(y, minlength=n_classes) / len(y)
        rows = resample(y, expit(logit(shares) + change), rng)
        return X[rows], y[rows]

    target = (*cut(domains.X_tgt, domains.y_tgt), *cut(domains.X_test, domains.y_test))
    return Domains(domains.X_src, domains.y_src, *target)


def load_broken_table(table, how, seed):
    """Return a table whose target is ``"disjoint"`` from the source, or ``"noisy"``."""
    domains = load_table(table, seed)
    rng = np.random.default_rng(seed)
    n_columns = domains.X_src.shape[1]
    step = rng.normal(size=n_columns)
    step *= FAR / np.linalg.norm(step)

    def spoil(X):
        if how == "disjoint":
            return (X + step).astype(X.dtype)
        X, noisy = X.copy(), rng.permutation(len(X))[: len(X) // 2]
        for column in range(n_columns):
            X[noisy, column] = X[rng.permutation(noisy), column]
        return X

    return domains._replace(X_tgt=spoil(domains.X_tgt), X_test=spoil(domains.X_test))


def make_cases(halves=HALVES):
    """Return the shifts of these halves."""
    return [case for case in _all_cases() if case.half in halves]


def _all_cases():
    development, reported = HALVES
    for pair in AMAZON_TASKS:
        chose = pair in AMAZON_DEVELOPMENT_TASKS
        for share in (*POSITIVE_SHARES, *((0.2, 0.4, 0.6, 0.8) if chose else ())):
            load = partial(load_reviews, pair, share)
            half = development if chose else reported
            yield Case(half, "amazon", f"{'→'.join(pair)} {share}", load)
    for pair in permutations(FOODS, 2):
        for share in FOOD_SHARES:
            name = f"{'→'.join(pair)} {share or 'as it is'}"
            yield Case(development, "food reviews", name, partial(load_foods, *pair, share))
    for half, tables in ((development, DEVELOPMENT_TABLES), (reported, REPORTED_TABLES)):
        for table in tables:
            yield Case(half, "tables", table.name, partial(load_table, table))
            for change in LOG_ODDS:
                load = partial(load_shifted_table, table, change)
                yield Case(half, "tables, resampled", f"{table.name} {change:+d}", load)
    for half, angles in ROTATIONS.items():
        for angle in angles:
            for share in MOON_SHARES:
                load = partial(load_moons, share, rotation=angle)
                yield Case(half, "moons", f"{angle}° {share}", load)
    for half, names in ((development, ["digits"]), (reported, DRIFTED)):
        for name in names:
            for change in DIGITS_CHANGES if name == "digits" else ["drifted"]:
                for shift in CLASS_SHARES:
                    load = partial(load_classes, name, change, shift)
                    yield Case(half, "classes", f"{name} {change}, {shift}", load)
    for trouble in TROUBLES:
        for shift in SHAPE_SHIFTS:
            load = partial(load_shape, trouble, shift)
            yield Case(development, "broken", f"shapes {trouble}, {shift}", load)
    for table in REPORTED_TABLES:
        for how in ("disjoint", "noisy"):
            load = partial(load_broken_table, table, how)
            yield Case(reported, "broken", f"{table.name} {how}", load)
