"""What the demos learn from and what they measure on."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from ..datasets import fetch_amazon_reviews, load_food_reviews, make_inter_twinning_moons

_N_FRESH_POINTS = 1000
# Far from the seeds that a user counts up from 0, so that no fresh points equal training points.
_FRESH = 1_000_000


@dataclass(frozen=True)
class Task:
    """Rows to train on, and rows of both domains that are held back to measure on."""

    source: str
    target: str
    X_src: np.ndarray
    y_src: np.ndarray
    X_tgt: np.ndarray
    X_src_test: np.ndarray
    y_src_test: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Demo:
    """One of the demos: its data, the network's setting, and the words for both.

    Parameters
    ----------
    title : str
    classes : tuple of str
        The classes' names, in the order of the sorted labels.
    domains : tuple of str
        Every ordered pair of them is a task.
    make_task : callable
        ``make_task(source, target, seed)`` gives a `Task`.
    prepare : transformer
        Turns the rows into the network's input; fitted on the training rows of both domains.
    prepared : str
        What the input is called.
    judge : classifier
        Tells the domains apart, to see how different they look.
    judge_name : str
    params : dict
        Parameters of `DANNClassifier`; the others have their defaults.
    labels_used : str
        What target labels were used for, the choice of parameters included.
    """

    title: str
    classes: tuple
    domains: tuple
    make_task: Callable
    prepare: BaseEstimator
    prepared: str
    judge: BaseEstimator
    judge_name: str
    params: dict
    labels_used: str

    def pairs(self, source=None, target=None):
        """Return the ordered pairs of domains, those with the given ends only."""
        return [
            (s, t)
            for s, t in permutations(self.domains, 2)
            if source in (None, s) and target in (None, t)
        ]


def food_task(source, target, seed):
    """Reviews of two kinds of food; a fifth of the source's is held back, drawn by `seed`."""
    data = load_food_reviews(source, target)
    X_src, X_src_test, y_src, y_src_test = train_test_split(
        data.X_src, data.y_src, test_size=0.2, stratify=data.y_src, random_state=seed
    )
    return Task(
        source, target, X_src, y_src, data.X_tgt, X_src_test, y_src_test, data.X_test, data.y_test
    )


def amazon_task(source, target, seed):
    """Reviews of two kinds of goods, as the paper cuts them; the same for every `seed`."""
    data = fetch_amazon_reviews(source, target)
    X_src, X_tgt, X_src_test, X_test = (
        X.astype(np.float32) for X in (data.X_src, data.X_tgt, data.X_src_test, data.X_test)
    )
    return Task(
        source, target, X_src, data.y_src, X_tgt, X_src_test, data.y_src_test, X_test, data.y_test
    )


def moons_task(source, target, seed):
    """Moons and moons turned by 35 degrees, drawn by `seed`; 1000 fresh points each."""
    X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=seed)
    fresh = make_inter_twinning_moons(_N_FRESH_POINTS, random_state=_FRESH + seed)
    return Task(source, target, X_src, y_src, X_tgt, *fresh)


DEMOS = {
    "food": Demo(
        title="Food reviews: did the customer give five stars?",
        classes=("five stars", "fewer"),
        domains=("drinks", "snacks", "cooking", "pets"),
        make_task=food_task,
        prepare=TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32),
        prepared="tf-idf",
        judge=LogisticRegression(max_iter=1000),
        judge_name="logistic regression",
        params={"hidden_layer_sizes": (50,), "n_estimators": 4},
        labels_used="Target labels only measure; the defaults were chosen on other data.",
    ),
    "moons": Demo(
        title="Inter-twinning moons: which of the two is it?",
        classes=("upper moon", "lower moon"),
        domains=("moons", "turned moons"),
        make_task=moons_task,
        prepare=FunctionTransformer(),
        prepared="input",
        judge=KNeighborsClassifier(n_neighbors=15),
        judge_name="15 nearest neighbours",
        params={
            "hidden_layer_sizes": (50, 50),
            "activation": "tanh",
            "dropout": 0.0,
            "max_iter": 300,
            "lambda_adapt": 1.0,
        },
        labels_used="The setting was chosen on this problem, by target labels: it is a toy.",
    ),
    "amazon": Demo(
        title="Amazon reviews, the benchmark of the DANN paper: is the review positive?",
        classes=("negative", "positive"),
        domains=("books", "dvd", "electronics", "kitchen"),
        make_task=amazon_task,
        prepare=TfidfTransformer(sublinear_tf=True),
        prepared="tf-idf",
        judge=LogisticRegression(max_iter=1000),
        judge_name="logistic regression",
        params={},
        labels_used=(
            "Target labels only measure, but for dvd → books, dvd → kitchen, electronics → books\n"
            "and electronics → kitchen, on which the defaults were chosen."
        ),
    ),
}
