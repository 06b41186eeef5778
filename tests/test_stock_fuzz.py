"""Random calls of scikit-learn's tools end like the same by hand, or in a clear error.

CI draws few; `pytest tests/test_stock_fuzz.py --hypothesis-profile=stock` draws 2000 and says how
many ended in which way.
"""

import re
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import CDANClassifier, DANNClassifier
from sk_dann.model_selection import (
    DomainKFold,
    SourceKFold,
    SourceOnlyClassifier,
    get_scorer,
    stack_domains,
)

# What an error may speak of, so that a user knows what to change.
NAMED = (
    "sample_domain|X_tgt|SourceKFold|DomainKFold|stack_domains|get_scorer|best_estimator_|groups|"
    "placeholder|enable_metadata_routing|binary classification|n_splits|cv|sample_weight|y|"
    # Of scikit-learn, where folds do not hold each sample once.
    "only works for partitions|at least 2 classes"
)
# What numpy and scikit-learn say of an array y that holds values of several types.
MIXED = "not supported between instances|[Uu]nknown|contains NaN"
ENDS = Counter()

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
ESTIMATORS = {
    "DANN": DANNClassifier(**SMALL),
    "CDAN": CDANClassifier(**SMALL),
    "two members": DANNClassifier(**SMALL, n_estimators=2),
    "source-only": SourceOnlyClassifier(LogisticRegression()),
    "pipeline": make_pipeline(StandardScaler(with_mean=False), DANNClassifier(**SMALL)),
}
LABELS = {
    "int": np.arange(3),
    "shifted": np.arange(3) + 1,
    "negative": np.arange(3) - 1,
    "str": np.array(["a", "b", "c"]),
    "object": np.array(["a", "b", "c"], dtype=object),
    "bool": np.array([False, True]),
    "float": np.arange(3) * 1.0,
}
VALID = ["classes", "first class", "true labels"]
PLACEHOLDERS = [*VALID, *VALID, *VALID, -1, 77, "?", None, np.nan]
SPLITTERS = {
    "source": SourceKFold(2),
    "source shuffled": SourceKFold(2, shuffle=True, random_state=0),
    "domain": DomainKFold(2),
    "int": 2,
    "plain shuffled": KFold(2, shuffle=True, random_state=0),
    "stratified": StratifiedKFold(2, shuffle=True, random_state=0),
    "random": StratifiedShuffleSplit(2, test_size=0.4, random_state=0),
}
SCORINGS = [None, "accuracy", "balanced_accuracy", "source_accuracy", "infomax"]
TOOLS = [
    "cross_val_score", "cross_validate", "cross_val_predict", "grid", "random search",
    "learning_curve", "validation_curve", "permutation_test", "voting", "stacking", "bagging",
    "bagging by index", "calibration", "calibration at once", "one-vs-rest", "one-vs-one",
    "fixed threshold", "tuned threshold", "importance", "dependence",
]  # fmt: skip


@st.composite
def cases(draw):
    return {
        "tool": draw(st.sampled_from(TOOLS)),
        "estimator": draw(st.sampled_from(sorted(ESTIMATORS))),
        "labels": draw(st.sampled_from(sorted(LABELS))),
        "n_classes": draw(st.sampled_from([2, 2, 3])),
        "stacked": draw(st.sampled_from([True, True, False])),
        "placeholder": draw(st.sampled_from(PLACEHOLDERS)),
        "interleaved": draw(st.booleans()),
        "routing": draw(st.sampled_from([True, True, True, False])),
        "cv": draw(st.sampled_from(sorted(SPLITTERS))),
        "scoring": draw(st.sampled_from(SCORINGS)),
        "train_score": draw(st.booleans()),
        "container": draw(st.sampled_from(["array", "array", "csr", "pandas"])),
        "n_target": draw(st.sampled_from([20, 40, 60])),
        "seed": draw(st.integers(0, 99)),
    }


class Domains:
    """Both domains, in the format and with the placeholders of a case."""

    def __init__(self, case):
        rng = np.random.default_rng(case["seed"])
        names = LABELS[case["labels"]][: case["n_classes"]]
        codes = rng.permutation(np.arange(40) % len(names))
        target_codes = rng.integers(0, len(names), case["n_target"])
        self.X_src = rng.normal(size=(40, 3)) + 2 * np.eye(3)[codes]
        self.X_tgt = rng.normal(size=(case["n_target"], 3)) + 2 * np.eye(3)[target_codes] + 0.3
        self.y_src, self.y_tgt = names[codes], names[target_codes]
        self.X, self.y, self.domain = stack_domains(self.X_src, self.y_src, self.X_tgt)
        if not case["interleaved"]:
            order = np.argsort(-self.domain, kind="stable")
            self.X, self.y, self.domain = self.X[order], self.y[order], self.domain[order]
        self._replace_placeholders(case["placeholder"])
        if case["container"] == "csr":
            self.X, self.X_src, self.X_tgt = map(
                sparse.csr_matrix, (self.X, self.X_src, self.X_tgt)
            )
        if case["container"] == "pandas":
            self.X, self.X_src, self.X_tgt = (
                pd.DataFrame(part, columns=list("abc")) for part in (self.X, self.X_src, self.X_tgt)
            )

    def _replace_placeholders(self, placeholder):
        is_target = self.domain < 0
        if placeholder == "classes":
            return
        values = {"first class": self.y_src[:1], "true labels": self.y_tgt}
        values = (
            values.get(placeholder, [placeholder])
            if isinstance(placeholder, str)
            else [placeholder]
        )
        values = np.resize(np.asarray(values, dtype=object), is_target.sum())
        kinds = {type(value) for value in (*values.tolist(), *self.y_src.tolist())}
        y = self.y.astype(object)
        y[is_target] = values
        alike = len(kinds) == 1 or kinds <= {int, float}
        self.y = np.array(y.tolist()) if alike else y


def _sub(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _fit(estimator, domains, rows=None, stacked=True):
    """Fit by hand: on rows of the stack, or of the source with all of the target."""
    estimator = clone(estimator)
    is_pipeline = hasattr(estimator, "steps")
    with config_context(enable_metadata_routing=True):
        if stacked:
            rows = np.arange(len(domains.domain)) if rows is None else rows
            metadata = {"sample_domain": domains.domain[rows]}
            return estimator.fit(_sub(domains.X, rows), domains.y[rows], **metadata)
        rows = np.arange(len(domains.y_src)) if rows is None else rows
        metadata = {"X_tgt": domains.X_tgt}
        if is_pipeline:
            estimator.set_params(transform_input=["X_tgt"])
        if isinstance(estimator, SourceOnlyClassifier):
            metadata = {}
        return estimator.fit(_sub(domains.X_src, rows), domains.y_src[rows], **metadata)


def _source_score(fitted, domains, rows, stacked):
    if not stacked:
        return np.mean(fitted.predict(_sub(domains.X_src, rows)) == domains.y_src[rows])
    rows = rows[domains.domain[rows] > 0]
    return np.mean(fitted.predict(_sub(domains.X, rows)) == np.array(domains.y[rows].tolist()))


def _splits(case, domains):
    cv = SPLITTERS[case["cv"]]
    if isinstance(cv, SourceKFold) and case["stacked"]:
        return list(cv.split(domains.X, domains.y, domains.domain))
    y = domains.y if case["stacked"] else domains.y_src
    return list(check_cv(cv, y, classifier=True).split(np.zeros((len(y), 1)), y))


def _scores_by_hand(estimator, case, domains):
    return [
        _source_score(
            _fit(estimator, domains, train, case["stacked"]), domains, test, case["stacked"]
        )
        for train, test in _splits(case, domains)
    ]


def run(case):
    """Call the tool; return what it found, and a function that finds the same by hand."""
    domains, estimator = Domains(case), clone(ESTIMATORS[case["estimator"]])
    stacked, tool = case["stacked"], case["tool"]
    is_pipeline = hasattr(estimator, "steps")
    cv, scoring = SPLITTERS[case["cv"]], case["scoring"]
    if scoring in ("source_accuracy", "infomax"):
        scoring = get_scorer(scoring)
    if stacked:
        X, y, metadata = domains.X, domains.y, {"sample_domain": domains.domain}
    else:
        X, y = domains.X_src, domains.y_src
        metadata = {} if case["estimator"] == "source-only" else {"X_tgt": domains.X_tgt}
        if is_pipeline:
            estimator.set_params(transform_input=["X_tgt"] if case["routing"] else None)
    if is_pipeline and not case["routing"]:
        metadata = {f"{estimator.steps[-1][0]}__{name}": v for name, v in metadata.items()}
    groups = {}
    if stacked and isinstance(cv, SourceKFold) and not case["routing"]:
        groups = {"groups": domains.domain}
    by_hand = partial(_scores_by_hand, estimator, case, domains)
    is_accuracy = scoring in (None, "accuracy") or case["scoring"] == "source_accuracy"
    expected = by_hand if is_accuracy else None
    common = {"cv": cv, "scoring": scoring, "error_score": "raise"}
    if tool == "cross_val_score":
        return cross_val_score(estimator, X, y, params=metadata, **common, **groups), expected
    if tool == "cross_validate":
        options = {"return_train_score": case["train_score"], **groups}
        found = cross_validate(estimator, X, y, params=metadata, **common, **options)
        return found["test_score"], expected
    if tool == "cross_val_predict":
        found = cross_val_predict(estimator, X, y, cv=cv, params=metadata, **groups)

        def predict_by_hand():
            values = np.empty(len(found), dtype=object)
            for train, test in _splits(case, domains):
                fitted = _fit(estimator, domains, train, stacked)
                values[test] = fitted.predict(_sub(domains.X if stacked else domains.X_src, test))
            return np.array(values.tolist())

        return found, predict_by_hand
    if tool in ("grid", "random search"):
        prefix = f"{estimator.steps[-1][0]}__" if is_pipeline else ""
        name = f"{prefix}estimator__C" if case["estimator"] == "source-only" else f"{prefix}alpha"
        value = 1.0 if case["estimator"] == "source-only" else 1e-4
        kind = GridSearchCV if tool == "grid" else partial(RandomizedSearchCV, n_iter=1)
        search = kind(estimator, {name: [value]}, **common).fit(X, y, **groups, **metadata)
        found = [search.cv_results_[f"split{i}_test_score"][0] for i in range(search.n_splits_)]
        return found, expected
    if tool == "learning_curve":
        sizes, _, found = learning_curve(
            estimator, X, y, train_sizes=[1.0], params=metadata, **common, **groups
        )

        def curve_by_hand():
            return [
                [
                    _source_score(
                        _fit(estimator, domains, train[: sizes[0]], stacked), domains, test, stacked
                    )
                    for train, test in _splits(case, domains)
                ]
            ]

        return found, curve_by_hand if is_accuracy else None
    if tool == "validation_curve":
        prefix = f"{estimator.steps[-1][0]}__" if is_pipeline else ""
        name = f"{prefix}estimator__C" if case["estimator"] == "source-only" else f"{prefix}alpha"
        value = 1.0 if case["estimator"] == "source-only" else 1e-4
        options = {"param_name": name, "param_range": [value]}
        _, found = validation_curve(estimator, X, y, params=metadata, **options, **common, **groups)
        return found, (lambda: [by_hand()]) if is_accuracy else None
    if tool == "permutation_test":
        options = {"n_permutations": 1, "cv": cv, "scoring": scoring, **groups}
        found, _, _ = permutation_test_score(estimator, X, y, params=metadata, **options)
        return [found], (lambda: [np.mean(by_hand())]) if is_accuracy else None
    if tool == "importance":
        fitted = _fit(estimator, domains, None, stacked)
        rows = (
            sparse.csr_matrix.toarray(domains.X_tgt)
            if sparse.issparse(domains.X_tgt)
            else domains.X_tgt
        )
        found = permutation_importance(fitted, rows, domains.y_tgt, n_repeats=1, random_state=0)
        return [found.importances.shape[1]], lambda: [1]
    if tool == "dependence":
        fitted = _fit(estimator, domains, None, stacked)
        rows = domains.X_tgt.toarray() if sparse.issparse(domains.X_tgt) else domains.X_tgt
        found = partial_dependence(fitted, rows, features=[0], grid_resolution=3)
        return [np.isfinite(found["average"]).all()], lambda: [True]
    return _run_ensemble(tool, estimator, case, domains, X, y, metadata)


def _run_ensemble(tool, estimator, case, domains, X, y, metadata):
    stacked, cv = case["stacked"], SPLITTERS[case["cv"]]
    final = SourceOnlyClassifier(LogisticRegression()) if stacked else LogisticRegression()
    ensemble = {
        "voting": lambda: VotingClassifier([("a", estimator), ("b", estimator)], voting="soft"),
        "stacking": lambda: StackingClassifier([("a", estimator)], final, cv=cv),
        "bagging": lambda: BaggingClassifier(estimator, n_estimators=2, bootstrap=False),
        "bagging by index": lambda: BaggingClassifier(estimator, n_estimators=2, random_state=0),
        "calibration": lambda: CalibratedClassifierCV(estimator, cv=cv),
        "calibration at once": lambda: CalibratedClassifierCV(estimator, cv=cv, ensemble=False),
        "one-vs-rest": lambda: OneVsRestClassifier(estimator),
        "one-vs-one": lambda: OneVsOneClassifier(estimator),
        "fixed threshold": lambda: FixedThresholdClassifier(estimator, threshold=0.5),
        "tuned threshold": lambda: TunedThresholdClassifierCV(estimator, cv=cv),
    }[tool]()
    ensemble.fit(X, y, **metadata)
    found = ensemble.predict(domains.X_tgt)
    assert set(found) <= set(domains.y_src), "a placeholder became a class"
    if tool == "bagging":
        return ensemble.predict_proba(domains.X_tgt), partial(
            _bag_by_hand, ensemble, estimator, domains, stacked
        )
    alone = tool in ("voting", "fixed threshold")
    if alone or (tool == "one-vs-rest" and case["n_classes"] == 2):
        # Members that are all alike predict as one of them.
        return found, lambda: _fit(estimator, domains, None, stacked).predict(domains.X_tgt)
    return found, None


def _bag_by_hand(ensemble, estimator, domains, stacked):
    """Return the mean of estimators that have the same seeds."""
    seeds = [_seed_of(member) for member in ensemble.estimators_]
    fitted = [_fit(_with_seed(estimator, seed), domains, None, stacked) for seed in seeds]
    return np.mean([each.predict_proba(domains.X_tgt) for each in fitted], axis=0)


def _seed_of(member):
    (seed,) = {v for k, v in member.get_params().items() if k.endswith("random_state")} - {None}
    return seed


def _with_seed(estimator, seed):
    estimator = clone(estimator)
    names = [name for name in estimator.get_params() if name.endswith("random_state")]
    return estimator.set_params(**dict.fromkeys(names, seed))


def _end_of(case):
    """Return how a call ends, raising if it ends wrongly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with config_context(enable_metadata_routing=case["routing"]):
                found, by_hand = run(case)
        except (ValueError, TypeError) as error:
            named = (
                NAMED if not case["stacked"] or case["placeholder"] in VALID else f"{NAMED}|{MIXED}"
            )
            if not re.search(rf"\b({named})\b", str(error)):
                raise
            return "error"
        if by_hand is None:
            return "no reference"
        expected = by_hand()
    kind = np.asarray(found).dtype.kind
    if kind in "fc":
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=1e-7)
    else:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    return "right"


@given(cases())
def test_a_stock_tool_is_right_or_says_what_is_wrong(case):
    ENDS[_end_of(case)] += 1


@pytest.fixture(scope="module", autouse=True)
def _say_how_calls_ended():
    yield
    print("\nstock tools:", dict(ENDS))
