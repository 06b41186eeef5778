"""Each scorer by its name: in every tool, with either way in, blind to the target's labels."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sk_dann import DANNClassifier, DANNClassifierCV, metrics
from sk_dann.exceptions import OracleWarning
from sk_dann.metrics._table import SCORES, compute_score, needs_of
from sk_dann.metrics._wrappers import name_for_fit
from sk_dann.model_selection import (
    DomainKFold,
    DomainScorer,
    SourceKFold,
    SourceOnlyClassifier,
    get_scorer,
    get_scorer_names,
)

LABEL_FREE = [name for name in get_scorer_names() if name != "oracle_accuracy"]
QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def _domains(n_target=35):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 3)) + 2 * np.eye(3)[y]
    y_tgt = np.arange(n_target) % 3
    return X, y, rng.normal(size=(n_target, 3)) + 2 * np.eye(3)[y_tgt] + [0.7, 0, 0], y_tgt


def _stacked(placeholder=None):
    X, y, X_tgt, y_tgt = _domains()
    order = np.random.default_rng(1).permutation(95)
    labels = np.r_[y, y_tgt if placeholder is None else np.full(35, placeholder)]
    return np.r_[X, X_tgt][order], labels[order], np.repeat([1, -2], [60, 35])[order]


def _pipeline(**kwargs):
    return Pipeline([("scale", StandardScaler()), ("dann", DANNClassifier(**QUICK))], **kwargs)


def _all_scores(estimator, X, y, names=LABEL_FREE, **kwargs):
    found = cross_validate(
        estimator, X, y, scoring={name: get_scorer(name) for name in names}, **kwargs
    )
    return {name: found[f"test_{name}"] for name in names}


def test_names():
    assert get_scorer_names() == sorted(get_scorer_names())
    assert set(LABEL_FREE) == {*SCORES, "reverse_validation"}
    for score in SCORES.values():
        assert getattr(metrics, score.__name__) is score
    with pytest.raises(ValueError, match=r"no scorer 'accuracy'; choose one of .*infomax"):
        get_scorer("accuracy")
    with pytest.raises(ValueError, match="no scorer"):
        DomainScorer("accuracy")(None, None)


@pytest.mark.parametrize("name", get_scorer_names())
def test_scorers_are_cloned_pickled_and_shown(name):
    scorer = get_scorer(name)
    for other in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
        assert other.get_params() == {"name": name, "score_params": None}
    assert repr(scorer) == f"DomainScorer(name='{name}')"


# Without looking


@pytest.mark.usefixtures("routing")
def test_scrambled_target_labels_change_no_bit():
    results = []
    for placeholder in (None, 0, 2, -1):
        X, y, domain = _stacked(placeholder)
        results.append(
            _all_scores(_pipeline(), X, y, cv=DomainKFold(3), params={"sample_domain": domain})
        )
    for name in LABEL_FREE:
        assert np.isfinite(results[0][name]).all()
        for other in results[1:]:
            np.testing.assert_array_equal(results[0][name], other[name], err_msg=name)


def test_placeholders_of_any_kind():
    X, y, domain = _stacked()
    clf = DANNClassifier(**QUICK).fit(X, y, sample_domain=domain)
    for name in LABEL_FREE:
        expected = get_scorer(name)(clf, X, y, sample_domain=domain)
        for placeholder in (None, "?", np.nan):
            labels = [label if d > 0 else placeholder for label, d in zip(y, domain, strict=True)]
            assert get_scorer(name)(clf, X, labels, sample_domain=domain) == expected


# Both ways in


@pytest.mark.parametrize("name", LABEL_FREE)
def test_both_ways_in_are_one(name):
    X, y, domain = _stacked(placeholder=-1)
    clf = DANNClassifier(**QUICK).fit(X[domain > 0][::2], y[domain > 0][::2], X[domain < 0])
    stacked = get_scorer(name)(clf, X, y, sample_domain=domain)
    apart = get_scorer(name)(clf, X[domain > 0], y[domain > 0], X_tgt=X[domain < 0])
    assert stacked == apart


@pytest.mark.usefixtures("routing")
def test_cross_validation_with_the_target_apart_is_that_by_hand():
    X, y, X_tgt, _ = _domains()
    found = _all_scores(
        _pipeline(transform_input=["X_tgt"]), X, y, cv=KFold(3), params={"X_tgt": X_tgt}
    )
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        scaler = StandardScaler().fit(X[train])
        clf = DANNClassifier(**QUICK)
        clf.fit(scaler.transform(X[train]), y[train], scaler.transform(X_tgt))
        X_val, X_unseen = scaler.transform(X[test]), scaler.transform(X_tgt)
        evidence = {
            "log_proba_source": clf.predict_log_proba(X_val),
            "log_proba_target": clf.predict_log_proba(X_unseen),
            "y": y[test],
            "weight": metrics.importance_weights(X_val, X_unseen),
            "feature_weight": metrics.importance_weights(
                clf.transform(X_val), clf.transform(X_unseen)
            ),
            "predict_log_proba": clf.predict_log_proba,
            "X_target": X_unseen,
            "shares": None,
        }
        for name in SCORES:
            assert set(needs_of(name)) <= set(evidence)
            assert found[name][fold] == pytest.approx(compute_score(name, evidence), rel=1e-9), name


@pytest.mark.usefixtures("routing")
def test_the_pipeline_transforms_the_target_whatever_fit_takes():
    X, y, X_tgt, _ = _domains()
    X, X_tgt = 100 * X + 500, 100 * X_tgt + 500
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    found = _all_scores(pipeline, X, y, cv=KFold(3), params={"X_tgt": X_tgt})
    train, _ = next(KFold(3).split(X))
    fitted = pipeline.fit(X[train], y[train])
    expected = metrics.infomax_score(fitted.predict_log_proba(X_tgt))
    assert found["infomax"][0] == expected
    assert all(np.isfinite(scores).all() for scores in found.values())


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("stacked", [False, True])
def test_two_processes_give_the_same_bits(stacked):
    X, y, X_tgt, _ = _domains()
    params, cv, estimator = {"X_tgt": X_tgt}, KFold(2), _pipeline(transform_input=["X_tgt"])
    if stacked:
        X, y, domain = _stacked(placeholder=-1)
        params, cv, estimator = {"sample_domain": domain}, DomainKFold(2), _pipeline()
    one, two = (
        _all_scores(estimator, X, y, cv=cv, params=params, n_jobs=n_jobs) for n_jobs in (1, 2)
    )
    for name in LABEL_FREE:
        np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("stacked", [False, True])
def test_searches_choose_the_best(search, stacked):
    X, y, X_tgt, _ = _domains()
    grid = {"dann__lambda_adapt": [0.0, 1.0], "dann__max_iter": [1, 4]}
    kwargs = {"scoring": get_scorer("infomax")}
    if search is RandomizedSearchCV:
        kwargs["n_iter"] = 3
    if stacked:
        X, y, domain = _stacked(placeholder=-1)
        found = search(_pipeline(), grid, cv=DomainKFold(2), **kwargs)
        found.fit(X, y, sample_domain=domain)
    else:
        pipeline = _pipeline(transform_input=["X_tgt"])
        found = search(pipeline, grid, cv=KFold(2), **kwargs)
        found.fit(X, y, X_tgt=X_tgt)
    scores = found.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    if search is not HalvingGridSearchCV:
        assert found.best_score_ == scores.max()
    assert found.predict(X_tgt).shape == (35,)


@pytest.mark.usefixtures("routing")
def test_text_and_frames_reach_the_pipeline_as_they_are():
    texts = ["good coffee", "bad coffee", "good tea", "bad tea"] * 5
    target = ["good dog", "bad dog", "good cat", "awful cat food"] * 2
    labels = np.array(["+", "-"] * 10)
    text = make_pipeline(TfidfVectorizer(), DANNClassifier(**QUICK))
    domain = np.repeat([1, -1], [20, 8])
    found = _all_scores(
        text,
        texts + target,
        np.r_[labels, ["?"] * 8],
        cv=DomainKFold(2),
        params={"sample_domain": domain},
    )
    assert all(np.isfinite(scores).all() for scores in found.values())
    X, y, X_tgt, _ = _domains()
    source, other = (pd.DataFrame(rows, columns=list("abc")) for rows in (X, X_tgt))
    found = _all_scores(
        LogisticRegression(), source, pd.Series(y), cv=KFold(2), params={"X_tgt": other}
    )
    expected = _all_scores(LogisticRegression(), X, y, cv=KFold(2), params={"X_tgt": X_tgt})
    for name in LABEL_FREE:
        np.testing.assert_array_equal(found[name], expected[name])


# Degenerate


@pytest.mark.parametrize("name", LABEL_FREE)
def test_one_class_everywhere_has_a_score(name):
    X, y, X_tgt, _ = _domains()
    clf = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    assert np.isfinite(get_scorer(name)(clf, X, y, X_tgt=X_tgt))


@pytest.mark.parametrize("name", LABEL_FREE)
def test_a_class_that_was_not_trained_on_is_never_right(name):
    X, y, X_tgt, _ = _domains()
    clf = RandomForestClassifier(5, random_state=0).fit(X[y != 1], y[y != 1])
    score = get_scorer(name)(clf, X, y, X_tgt=X_tgt)
    assert np.isfinite(score)
    if name == "source_accuracy":
        assert score == clf.score(X, y)
    if name == "infomax":
        rows = np.log(clf.predict_proba(X_tgt) + 1e-300)
        assert score == pytest.approx(metrics.infomax_score(rows))
        rows = np.insert(rows, 1, -700, axis=1)
        found = get_scorer(name, shares=[0.2, 0.3, 0.5])(clf, X, y, X_tgt=X_tgt)
        assert found == pytest.approx(metrics.infomax_score(rows, shares=[0.2, 0.3, 0.5]))


@pytest.mark.parametrize("name", LABEL_FREE)
def test_one_class_trained_on_alone_has_a_score(name):
    X, y, X_tgt, _ = _domains()
    clf = RandomForestClassifier(2, random_state=0).fit(X[y == 1], y[y == 1])
    assert np.isfinite(get_scorer(name)(clf, X, y, X_tgt=X_tgt))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", LABEL_FREE)
def test_what_has_no_score_is_not_chosen(name):
    X, y, X_tgt, _ = _domains()
    grid = {"learning_rate_init": [1e300, 1e-3]}
    dann = DANNClassifier(**QUICK, solver="sgd")
    search = GridSearchCV(dann, grid, cv=KFold(2), scoring=get_scorer(name))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y, X_tgt=X_tgt)
    failed = [str(each.message) for each in caught if each.category is FitFailedWarning]
    assert len(failed) == 1
    assert "diverged" in failed[0]
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]
    assert search.best_params_ == {"learning_rate_init": 1e-3}


def test_options_reach_the_function():
    X, y, X_tgt, _ = _domains()
    clf = LogisticRegression().fit(X, y)
    shares = [0.2, 0.2, 0.6]
    found = get_scorer("infomax", shares=shares)(clf, X, X_tgt=X_tgt)
    assert found == metrics.infomax_score(clf.predict_log_proba(X_tgt), shares=shares)


# What is missing


@pytest.mark.parametrize("name", LABEL_FREE)
def test_the_target_must_come_in_one_way(name):
    X, y, X_tgt, _ = _domains()
    clf = LogisticRegression().fit(X, y)
    scorer = get_scorer(name)
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        scorer(clf, X, y)
    with pytest.raises(ValueError, match=r"either X_tgt .* or"):
        scorer(clf, X, y, X_tgt=X_tgt, sample_domain=np.ones(60))
    with pytest.raises(ValueError, match="DomainKFold"):
        scorer(clf, X, y, sample_domain=np.ones(60))


class _OfBothDomains(TransformerMixin, BaseEstimator):
    __metadata_request__fit = {"sample_domain": True}

    def fit(self, X, y=None, *, sample_domain):
        self.n_target_ = np.sum(sample_domain < 0)
        return self

    def transform(self, X):
        return X


# Other parts take sample_domain, but the labels are read by one that does not.
READERS = {
    "LogisticRegression": make_pipeline(_OfBothDomains(), LogisticRegression()),
    "DummyClassifier": GridSearchCV(
        DummyClassifier(), {"strategy": ["prior"]}, cv=SourceKFold(2), scoring="accuracy"
    ),
    "VotingClassifier": VotingClassifier(
        [("one", DANNClassifier(**QUICK)), ("other", LogisticRegression())], voting="soft"
    ),
    "CalibratedClassifierCV": CalibratedClassifierCV(
        DANNClassifier(**QUICK), cv=SourceKFold(2), method="sigmoid"
    ),
}


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", get_scorer_names())
def test_who_would_be_trained_on_the_targets_labels_is_refused(name, reader):
    X, y, domain = _stacked()
    fitted = READERS[reader].fit(X, y, sample_domain=domain)
    with pytest.raises(ValueError, match=f"{reader} does not take sample_domain .* as X_tgt"):
        get_scorer(name)(fitted, X, y, sample_domain=domain)


@pytest.mark.usefixtures("routing")
def test_sample_domain_must_be_taken_by_the_classifier_itself():
    X, y, domain = _stacked()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[domain > 0], y[domain > 0])
    wrapped = Pipeline([*fitted.steps[:1], ("both", _OfBothDomains()), *fitted.steps[1:]])
    assert name_for_fit(wrapped, "sample_domain") is None
    assert name_for_fit(wrapped, "X_tgt") is None


@pytest.mark.usefixtures("routing")
def test_any_classifier_is_scored_on_stacked_domains_by_its_source_rows():
    results = []
    for placeholder in (None, -1):
        X, y, domain = _stacked(placeholder)
        found = _all_scores(
            make_pipeline(StandardScaler(), SourceOnlyClassifier(LogisticRegression())),
            X,
            y,
            cv=DomainKFold(2),
            params={"sample_domain": domain},
        )
        results.append(found)
    train, test = next(DomainKFold(2).split(X, y, domain))
    scaler, source = StandardScaler().fit(X[train]), train[domain[train] > 0]
    clf = LogisticRegression().fit(scaler.transform(X[source]), y[source])
    held_out = scaler.transform(X[test[domain[test] < 0]])
    expected = metrics.infomax_score(clf.predict_log_proba(held_out))
    assert found["infomax"][0] == pytest.approx(expected, rel=1e-12)
    for name in LABEL_FREE:
        np.testing.assert_array_equal(results[0][name], results[1][name], err_msg=name)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", LABEL_FREE)
def test_nested_pipelines_and_searches_score_as_what_they_hold(name):
    X, y, domain = _stacked(placeholder=-1)
    dann = DANNClassifier(**QUICK, label_shift=[0.7, 0.2, 0.1])
    scaler = StandardScaler().set_output(transform="default")
    flat = make_pipeline(scaler, "passthrough", dann).fit(X, y, sample_domain=domain)
    expected = get_scorer(name)(flat, X, y, sample_domain=domain)
    search = GridSearchCV(
        make_pipeline("passthrough", dann),
        {"dannclassifier__lambda_adapt": [1.0]},
        cv=SourceKFold(2),
    )
    for inner in (make_pipeline("passthrough", dann), search):
        nested = make_pipeline(scaler, inner).fit(X, y, sample_domain=domain)
        found = get_scorer(name)(nested, X, y, sample_domain=domain)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["calibrated_confidence", "corr_c", "infomax"])
def test_scores_are_told_the_class_shares_that_the_classifier_is_for(name):
    X, y, X_tgt, _ = _domains()
    told = DANNClassifier(**QUICK, label_shift=[0.7, 0.2, 0.1]).fit(X, y, X_tgt)
    option = "target_shares" if name == "calibrated_confidence" else "shares"
    by_hand = get_scorer(name, **{option: [0.7, 0.2, 0.1]})(told, X, y, X_tgt=X_tgt)
    uniform = get_scorer(name, **{option: np.full(3, 1 / 3)})(told, X, y, X_tgt=X_tgt)
    assert get_scorer(name)(told, X, y, X_tgt=X_tgt) == pytest.approx(by_hand, rel=1e-12)
    assert by_hand != pytest.approx(uniform, rel=1e-3)
    search = DANNClassifierCV(
        DANNClassifier(**QUICK, label_shift=[0.7, 0.2, 0.1]), scoring=name, lambdas=[0], cv=2
    ).fit(X, y, X_tgt)
    told = DomainScorer(name, score_params={option: [0.7, 0.2, 0.1]})
    by_hand = search.set_params(scoring=told, random_state=0).fit(X, y, X_tgt).scores_
    found = search.set_params(scoring=name).fit(X, y, X_tgt).scores_
    np.testing.assert_allclose(by_hand[name], found[name], rtol=1e-12)


@pytest.mark.usefixtures("routing")
def test_folds_of_the_source_alone_hold_no_target_to_score():
    X, y, domain = _stacked(placeholder=-1)
    with pytest.raises(ValueError, match="no target row among those to score"):
        cross_validate(
            _pipeline(),
            X,
            y,
            cv=SourceKFold(2),
            scoring=get_scorer("infomax"),
            params={"sample_domain": domain},
            error_score="raise",
        )


def test_labels_are_asked_for_where_they_are_needed():
    X, y, X_tgt, _ = _domains()
    clf = LogisticRegression().fit(X, y)
    needing = {name for name in SCORES if "y" in needs_of(name)} | {"reverse_validation"}
    for name in LABEL_FREE:
        if name not in needing:
            assert get_scorer(name)(clf, X, X_tgt=X_tgt) == get_scorer(name)(clf, X, y, X_tgt=X_tgt)
            continue
        with pytest.raises(ValueError, match="y is None"):
            get_scorer(name)(clf, X, X_tgt=X_tgt)


def test_a_classifier_without_probabilities_is_refused():
    X, y, X_tgt, _ = _domains()
    with pytest.raises(TypeError, match="estimator must have predict_proba"):
        get_scorer("infomax")(LinearSVC().fit(X, y), X, y, X_tgt=X_tgt)


class _ProbabilitiesOnly:
    def __init__(self, clf):
        self.classes_, self.predict_proba = clf.classes_, clf.predict_proba


def test_probabilities_are_enough():
    X, y, X_tgt, _ = _domains()
    clf = LogisticRegression().fit(X, y)
    for name in SCORES:
        scorer = get_scorer(name)
        expected = scorer(clf, X, y, X_tgt=X_tgt)
        assert scorer(_ProbabilitiesOnly(clf), X, y, X_tgt=X_tgt) == pytest.approx(expected)


# For research


@pytest.mark.usefixtures("routing")
def test_the_oracle_reads_target_labels_and_says_so():
    X, y, domain = _stacked()
    with pytest.warns(OracleWarning, match="reads labels of target rows"):
        found = _all_scores(
            _pipeline(),
            X,
            y,
            ["oracle_accuracy"],
            cv=DomainKFold(2),
            params={"sample_domain": domain},
        )
    for fold, (train, test) in enumerate(DomainKFold(2).split(X, y, domain)):
        clf = _pipeline().fit(X[train], y[train], sample_domain=domain[train])
        rows = test[domain[test] < 0]
        assert found["oracle_accuracy"][fold] == np.mean(clf.predict(X[rows]) == y[rows])


def test_the_oracle_needs_labels_of_the_target():
    X, y, X_tgt, _ = _domains()
    clf = LogisticRegression().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="oracle_accuracy needs sample_domain"):
            get_scorer("oracle_accuracy")(clf, X, y, X_tgt=X_tgt)
