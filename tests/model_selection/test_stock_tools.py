"""scikit-learn's tools on two domains: right, or an error that says how."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import CDANClassifier, DANNClassifier, DANNClassifierCV
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.model_selection import (
    DomainKFold,
    SourceKFold,
    SourceOnlyClassifier,
    get_scorer,
    stack_domains,
)

DANN = DANNClassifier((8,), max_iter=5, random_state=0)
ESTIMATORS = {
    "DANN": DANN,
    "CDAN": CDANClassifier((8,), max_iter=5, random_state=0),
    "source-only": SourceOnlyClassifier(LogisticRegression()),
    "search": DANNClassifierCV(DANN, lambdas=[0, 1], cv=2, random_state=0),
}
JUDGED = r"judge predictions for target samples by their placeholders in y.*SourceKFold"


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(100, n_samples_target=80, rotation=30, random_state=0)


@pytest.fixture(scope="module")
def stacked(moons):
    X_src, y_src, X_tgt, _ = moons
    return stack_domains(X_src, y_src, X_tgt)


def _with_placeholders(stacked, placeholder):
    X, y, domain = stacked
    return X, np.where(domain > 0, y, placeholder), domain


def _folds_by_hand(estimator, stacked, cv):
    """Fit on each fold of the stack, and count the source samples of its test part alone."""
    X, y, domain = stacked
    scores = []
    for train, test in cv:
        fitted = estimator.fit(X[train], y[train], sample_domain=domain[train])
        source = test[domain[test] > 0]
        scores.append(np.mean(fitted.predict(X[source]) == y[source]))
    return scores


# Scores


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("cv", [DomainKFold(3), SourceKFold(3), KFold(3)], ids=str)
@pytest.mark.parametrize("scoring", [None, get_scorer("source_accuracy")], ids=str)
@pytest.mark.parametrize("placeholder", [None, -1])
def test_scores_that_know_the_domains_count_source_samples(
    stacked, estimator, cv, scoring, placeholder
):
    if scoring is not None and isinstance(cv, SourceKFold) and not isinstance(cv, DomainKFold):
        pytest.skip("scores of the target want some in the test folds")
    if placeholder is not None:
        stacked = _with_placeholders(stacked, placeholder)
    X, y, domain = stacked
    params = {"sample_domain": domain}
    found = cross_val_score(
        estimator, X, y, cv=cv, scoring=scoring, params=params, error_score="raise"
    )
    folds = cv.split(X, y, domain) if isinstance(cv, SourceKFold) else cv.split(X)
    np.testing.assert_allclose(found, _folds_by_hand(estimator, stacked, folds))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("cv", [DomainKFold(3), 3, StratifiedKFold(3, shuffle=True)], ids=str)
@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "balanced_accuracy", "roc_auc", lambda clf, X, y: 1.0, ["f1", "accuracy"]],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scores_that_count_placeholders_are_refused(stacked, estimator, cv, scoring, n_jobs):
    X, y, domain = stacked
    options = {"cv": cv, "scoring": scoring, "n_jobs": n_jobs, "params": {"sample_domain": domain}}
    with pytest.raises(ValueError, match=JUDGED):
        cross_validate(estimator, X, y, **options)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
def test_any_score_is_right_where_source_samples_alone_are_tested(stacked, scoring):
    X, y, domain = stacked
    options = {"cv": SourceKFold(3), "scoring": scoring, "params": {"sample_domain": domain}}
    found = cross_validate(DANN, X, y, **options)
    with pytest.raises(ValueError, match=JUDGED):
        cross_validate(DANN, X, y, **options, return_train_score=True)
    if scoring == "accuracy":
        folds = SourceKFold(3).split(X, y, domain)
        np.testing.assert_allclose(found["test_score"], _folds_by_hand(DANN, stacked, folds))


@pytest.mark.usefixtures("routing")
def test_one_score_among_several_that_counts_placeholders_is_refused(stacked):
    X, y, domain = stacked
    scoring = {"known": get_scorer("source_accuracy"), "blind": "accuracy"}
    with pytest.raises(ValueError, match=f"by accuracy_score, which.*{JUDGED[:5]}|{JUDGED}"):
        cross_validate(
            DANN, X, y, cv=DomainKFold(3), scoring=scoring, params={"sample_domain": domain}
        )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_without_routing_no_score_knows_the_domains(stacked, n_jobs):
    X, y, domain = stacked
    options = {"params": {"sample_domain": domain}, "n_jobs": n_jobs}
    for cv, groups in ((DomainKFold(3), domain), (KFold(3), None)):
        with pytest.raises(ValueError, match=JUDGED):
            cross_val_score(DANN, X, y, cv=cv, groups=groups, **options)
    found = cross_val_score(DANN, X, y, cv=SourceKFold(3), groups=domain, **options)
    folds = SourceKFold(3).split(X, y, domain)
    np.testing.assert_allclose(found, _folds_by_hand(DANN, stacked, folds))


@pytest.mark.usefixtures("routing")
def test_out_of_fold_predictions_are_made_of_all_samples(stacked):
    X, y, domain = stacked
    params = {"sample_domain": domain}
    found = cross_val_predict(DANN, X, y, cv=DomainKFold(3), params=params, method="predict_proba")
    assert found.shape == (180, 2)
    train, test = next(DomainKFold(3).split(X, y, domain))
    expected = DANN.fit(X[train], y[train], sample_domain=domain[train]).predict_proba(X[test])
    np.testing.assert_array_equal(found[test], expected)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_searches_refuse_scores_that_count_placeholders(stacked, search, in_pipeline):
    X, y, domain = stacked
    estimator, name = DANN, "alpha"
    if in_pipeline:
        estimator, name = make_pipeline(StandardScaler(), DANN), "dannclassifier__alpha"
    grid = {name: [1e-4, 1e-2]}
    more = {
        HalvingGridSearchCV: {"min_resources": 120, "return_train_score": False},
        RandomizedSearchCV: {"n_iter": 2},
    }.get(search, {})
    blind = search(estimator, grid, cv=DomainKFold(2), scoring="accuracy", **more)
    with pytest.raises(ValueError, match=JUDGED):
        blind.fit(X, y, sample_domain=domain)
    for options in ({"cv": SourceKFold(2), "scoring": "accuracy"}, {"cv": DomainKFold(2)}):
        found = search(estimator, grid, **options, **more).fit(X, y, sample_domain=domain)
        assert 0 < found.best_score_ < 1


# Curves


@pytest.mark.usefixtures("routing")
def test_curves_refuse_scores_that_count_placeholders(stacked):
    X, y, domain = stacked
    options = {"cv": SourceKFold(3), "params": {"sample_domain": domain}, "error_score": "raise"}
    ranges = {"param_name": "alpha", "param_range": [1e-4, 1e-2]}
    for scoring in (None, "accuracy"):
        for curve, extra in (
            (learning_curve, {"train_sizes": [0.5, 1.0]}),
            (validation_curve, ranges),
        ):
            if scoring is None:
                *_, train, test = curve(DANN, X, y, **options, **extra)
                assert train.mean() > 0.6
                assert test.mean() > 0.6
            else:
                # Both score what was trained on, too, placeholders and all.
                with pytest.raises(ValueError, match=f"{curve.__name__} would {JUDGED}"):
                    curve(DANN, X, y, **options, **extra, scoring=scoring)


def test_a_learning_curve_is_that_by_hand(stacked):
    X, y, domain = stacked
    with config_context(enable_metadata_routing=True):
        sizes, _, scores = learning_curve(
            DANN, X, y, train_sizes=[60, 120], cv=SourceKFold(3), params={"sample_domain": domain}
        )
    for column, size in enumerate(sizes):
        folds = [(train[:size], test) for train, test in SourceKFold(3).split(X, y, domain)]
        np.testing.assert_allclose(scores[column], _folds_by_hand(DANN, stacked, folds))


def test_permutations_stay_within_the_domains(stacked, moons):
    X, y, domain = stacked
    options = {"cv": SourceKFold(3), "n_permutations": 3, "random_state": 0}
    params = {"sample_domain": domain}
    score, _, _ = permutation_test_score(DANN, X, y, groups=domain, params=params, **options)
    folds = SourceKFold(3).split(X, y, domain)
    assert score == pytest.approx(np.mean(_folds_by_hand(DANN, stacked, folds)))
    with config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match=r"exchange labels.*X_tgt.*groups=sample_domain"):
            permutation_test_score(DANN, X, y, params=params, **options)
        X_src, y_src, X_tgt, _ = moons
        apart = permutation_test_score(DANN, X_src, y_src, params={"X_tgt": X_tgt}, cv=3)
    assert 0 < apart[2] < 0.1


# Encoders and ensembles

ENCODERS = {
    "voting": lambda dann: VotingClassifier([("a", dann), ("b", dann)], voting="soft"),
    "stacking": lambda dann: StackingClassifier(
        [("a", dann), ("b", dann)], final_estimator=SourceOnlyClassifier(LogisticRegression()), cv=3
    ),
    "bagging": lambda dann: BaggingClassifier(dann, n_estimators=2, random_state=0),
    "calibrated": lambda dann: CalibratedClassifierCV(dann, cv=SourceKFold(3)),
    "isotonic": lambda dann: CalibratedClassifierCV(dann, cv=SourceKFold(3), method="isotonic"),
    "one-vs-rest": OneVsRestClassifier,
    "one-vs-one": OneVsOneClassifier,
    "output code": lambda dann: OutputCodeClassifier(dann, random_state=0),
}


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("labels", ["int", "str"])
def test_encoders_are_right_on_stacked_domains(moons, encoder, labels):
    X_src, y_src, X_tgt, y_tgt = moons
    y_src, y_tgt = ((y, np.array(["up", "down"])[y])[labels == "str"] for y in (y_src, y_tgt))
    X, y, domain = stack_domains(X_src, y_src, X_tgt)
    fitted = encoder(DANNClassifier(max_iter=20, random_state=0)).fit(X, y, sample_domain=domain)
    assert fitted.classes_.tolist() == np.unique(y_src).tolist()
    assert set(fitted.predict(X_tgt)) <= set(y_src)
    assert fitted.score(X_tgt, y_tgt) > 0.75


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("placeholder", [-1, 7])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_encoders_refuse_placeholders_that_are_no_classes(stacked, encoder, placeholder, n_jobs):
    X, y, domain = _with_placeholders(stacked, placeholder)
    tool = encoder(DANN)
    if n_jobs and "n_jobs" in tool.get_params():
        tool.set_params(n_jobs=n_jobs)
    with pytest.raises(ValueError, match=r"takes this placeholder for a class.*stack_domains"):
        tool.fit(X, y, sample_domain=domain)


@pytest.mark.usefixtures("routing")
def test_a_vote_is_the_mean_by_hand(stacked, moons):
    X, y, domain = stacked
    members = [DANN, SourceOnlyClassifier(LogisticRegression())]
    vote = VotingClassifier([("a", members[0]), ("b", members[1])], voting="soft")
    vote.fit(X, y, sample_domain=domain)
    expected = np.mean(
        [m.fit(X, y, sample_domain=domain).predict_proba(moons[2]) for m in members], axis=0
    )
    np.testing.assert_allclose(vote.predict_proba(moons[2]), expected)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("shuffle", [False, True])
def test_stacking_takes_domain_k_fold(stacked, moons, shuffle):
    X, y, domain = stacked
    final = SourceOnlyClassifier(LogisticRegression())
    stack = StackingClassifier([("dann", DANN)], final, cv=DomainKFold(3, shuffle=shuffle))
    assert stack.fit(X, y, sample_domain=domain).score(moons[2], moons[3]) > 0.6


@pytest.mark.parametrize("kind", [SourceKFold, DomainKFold])
def test_splitters_refuse_a_random_state_without_shuffle(kind):
    with pytest.raises(ValueError, match="random_state=0 has no effect without shuffle=True"):
        kind(3, random_state=0)


@pytest.mark.usefixtures("routing")
def test_calibrators_and_thresholds_refuse_to_learn_from_placeholders(stacked):
    X, y, domain = stacked
    tools = [
        CalibratedClassifierCV(DANN, cv=DomainKFold(3)),
        CalibratedClassifierCV(DANN, cv=3),
        CalibratedClassifierCV(DANN, cv=DomainKFold(3), ensemble=False),
        CalibratedClassifierCV(make_pipeline(StandardScaler(), DANN), cv=3, n_jobs=2),
        TunedThresholdClassifierCV(DANN, cv=3),
        TunedThresholdClassifierCV(DANN, cv=DomainKFold(3)),
        BaggingClassifier(DANN, oob_score=True, n_estimators=10),
    ]
    for tool in tools:
        with pytest.raises(ValueError, match=f"{type(tool).__name__} would {JUDGED}"):
            tool.fit(X, y, sample_domain=domain)
    TunedThresholdClassifierCV(DANN, cv=SourceKFold(3)).fit(X, y, sample_domain=domain)


@pytest.mark.usefixtures("routing")
def test_feature_selection_refuses_scores_that_count_placeholders(stacked):
    X, y, domain = stacked
    select = SequentialFeatureSelector(DANN, n_features_to_select=1, cv=3, scoring="accuracy")
    with pytest.raises(ValueError, match=JUDGED):
        select.fit(X, y, sample_domain=domain)


# Domains apart


@pytest.mark.usefixtures("routing")
def test_a_target_that_would_be_cut_to_the_folds_is_warned_of(moons):
    X_src, y_src, X_tgt, _ = moons
    tools = [
        lambda X_tgt: cross_val_score(DANN, X_src, y_src, cv=3, params={"X_tgt": X_tgt}),
        lambda X_tgt: GridSearchCV(DANN, {"alpha": [1e-4]}, cv=3).fit(X_src, y_src, X_tgt=X_tgt),
        lambda X_tgt: OneVsOneClassifier(DANN).fit(X_src, y_src, X_tgt=X_tgt),
        lambda X_tgt: CalibratedClassifierCV(DANN, cv=3).fit(X_src, y_src, X_tgt=X_tgt),
    ]
    for tool in tools:
        tool(X_tgt)
        with pytest.warns(UserWarning, match=r"X_tgt has as many samples as X, so .* cuts it"):
            tool(np.concatenate([X_tgt, X_tgt[:20]]))


@pytest.mark.usefixtures("routing")
def test_calibration_that_takes_a_correction_back_is_warned_of(moons):
    X_src, y_src, X_tgt, _ = moons
    dann = DANNClassifier(max_iter=2, label_shift=[0.9, 0.1], random_state=0)
    for estimator in (dann, make_pipeline(StandardScaler(), dann)):
        calibrated = CalibratedClassifierCV(estimator, cv=2)
        X, y, metadata = X_src, y_src, {"X_tgt": X_tgt}
        if estimator is not dann:
            X, y, domain = stack_domains(X_src, y_src, X_tgt)
            calibrated.set_params(cv=SourceKFold(2))
            metadata = {"sample_domain": domain}
        with pytest.warns(UserWarning, match=r"takes back .*label_shift=\[0.9, 0.1\]"):
            calibrated.fit(X, y, **metadata)


@pytest.mark.usefixtures("routing")
def test_a_search_by_a_label_free_score_says_who_knows_the_accuracy(stacked, moons):
    X, y, domain = stacked
    search = GridSearchCV(DANN, {"alpha": [1e-4]}, cv=DomainKFold(2), scoring=get_scorer("infomax"))
    search.fit(X, y, sample_domain=domain)
    with pytest.raises(ValueError, match=r"search\.best_estimator_\.score\(X, y\)"):
        search.score(*moons[2:])
    assert search.best_estimator_.score(*moons[2:]) > 0.5
