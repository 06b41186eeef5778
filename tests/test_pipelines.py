"""Pipelines, cross-validation and search, as users write them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn import config_context
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.fixes import parse_version

from sk_dann import DANNClassifier
from sk_dann.exceptions import UntransformedTargetWarning
from sk_dann.model_selection import SourceKFold

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
LAMBDAS = [0.0, 0.3, 1.0]


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def _numbers(n_target=40, n_source=60):
    rng = np.random.default_rng(0)
    X = rng.normal(scale=[1, 100, 0.01], loc=[0, 500, 0], size=(n_source, 3))
    y = (X[:, 0] + (X[:, 1] - 500) / 100 > 0).astype(int)
    return X, y, rng.normal(scale=[1, 100, 0.01], loc=[1, 550, 0], size=(n_target, 3))


def _scaled_pipeline(**params):
    steps = [("scale", StandardScaler()), ("dann", DANNClassifier(**QUICK, **params))]
    return Pipeline(steps, transform_input=["X_tgt"])


def _by_hand(X, y, X_tgt, **params):
    scaler = StandardScaler().fit(X)
    clf = DANNClassifier(**QUICK, **params)
    return scaler, clf.fit(scaler.transform(X), y, scaler.transform(X_tgt))


# The first way in, routed


@pytest.mark.usefixtures("routing")
def test_the_pipeline_transforms_the_target():
    X, y, X_tgt = _numbers()
    pipeline = _scaled_pipeline().fit(X, y, X_tgt=X_tgt)
    scaler, clf = _by_hand(X, y, X_tgt)
    expected = clf.predict_proba(scaler.transform(X_tgt))
    np.testing.assert_array_equal(pipeline.predict_proba(X_tgt), expected)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("n_target", [25, 75])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validation_is_that_by_hand(n_target, n_jobs):
    X, y, X_tgt = _numbers(n_target)
    cv = StratifiedKFold(3)
    scores = cross_validate(_scaled_pipeline(), X, y, params={"X_tgt": X_tgt}, cv=cv, n_jobs=n_jobs)
    expected = []
    for train, test in cv.split(X, y):
        scaler, clf = _by_hand(X[train], y[train], X_tgt)
        expected.append(clf.score(scaler.transform(X[test]), y[test]))
    np.testing.assert_array_equal(scores["test_score"], expected)


@pytest.mark.usefixtures("routing")
def test_grid_search_is_that_by_hand_and_refits_with_the_target():
    X, y, X_tgt = _numbers()
    cv = StratifiedKFold(3)
    grid = {"dann__lambda_adapt": LAMBDAS}
    search = GridSearchCV(_scaled_pipeline(), grid, cv=cv).fit(X, y, X_tgt=X_tgt)
    expected = []
    for lam in LAMBDAS:
        fits = [
            (_by_hand(X[train], y[train], X_tgt, lambda_adapt=lam), test)
            for train, test in cv.split(X, y)
        ]
        scores = [clf.score(sc.transform(X[test]), y[test]) for (sc, clf), test in fits]
        expected.append(np.mean(scores))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    scaler, clf = _by_hand(X, y, X_tgt, lambda_adapt=search.best_params_["dann__lambda_adapt"])
    np.testing.assert_array_equal(
        search.predict_proba(X_tgt), clf.predict_proba(scaler.transform(X_tgt))
    )


@pytest.mark.usefixtures("routing")
def test_grid_search_in_two_processes_gives_the_same_bits():
    X, y, X_tgt = _numbers()
    grid = {"dann__lambda_adapt": LAMBDAS, "dann__learning_rate_init": [0.001, 0.01]}
    one, two = (
        GridSearchCV(_scaled_pipeline(), grid, cv=2, n_jobs=n_jobs).fit(X, y, X_tgt=X_tgt)
        for n_jobs in (1, 2)
    )
    for key in one.cv_results_:
        if key.endswith("test_score"):
            np.testing.assert_array_equal(one.cv_results_[key], two.cv_results_[key])
    np.testing.assert_array_equal(one.predict_proba(X_tgt), two.predict_proba(X_tgt))


@pytest.mark.usefixtures("routing")
def test_a_target_as_long_as_the_source_fits():
    """A lone fit sees all of it; in folds scikit-learn cuts it to the fold, as documented."""
    X, y, X_tgt = _numbers(n_target=60)
    pipeline = _scaled_pipeline().fit(X, y, X_tgt=X_tgt)
    scaler, clf = _by_hand(X, y, X_tgt)
    np.testing.assert_array_equal(
        pipeline.predict_proba(X_tgt), clf.predict_proba(scaler.transform(X_tgt))
    )
    cv = StratifiedKFold(3)
    with pytest.warns(UserWarning, match="X_tgt has as many samples as X"):
        scores = cross_val_score(_scaled_pipeline(), X, y, params={"X_tgt": X_tgt}, cv=cv)
    expected = []
    for train, test in cv.split(X, y):
        scaler, clf = _by_hand(X[train], y[train], X_tgt[train])
        expected.append(clf.score(scaler.transform(X[test]), y[test]))
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.usefixtures("routing")
def test_validation_rows_pass_the_pipeline_too():
    X, y, X_tgt = _numbers()
    steps = [
        ("scale", StandardScaler()),
        ("dann", DANNClassifier(**QUICK, early_stopping=True, label_shift=None)),
    ]
    pipeline = Pipeline(steps, transform_input=["X_tgt", "X_val"])
    pipeline.fit(X[:40], y[:40], X_tgt=X_tgt, X_val=X[40:], y_val=y[40:])
    scores = pipeline["dann"].validation_scores_
    assert pipeline.score(X[40:], y[40:]) == pytest.approx(max(scores))


@pytest.mark.usefixtures("routing")
def test_text():
    source = ["good coffee", "bad coffee", "good tea", "bad tea", "great tea", "awful coffee"] * 3
    y = np.array(["+", "-", "+", "-", "+", "-"] * 3)
    target = ["good dog", "bad dog", "great cat food", "awful cat"]
    steps = [
        ("tfidf", TfidfVectorizer(dtype=np.float32)),
        ("dann", DANNClassifier(**{**QUICK, "max_iter": 60, "learning_rate_init": 0.01})),
    ]
    pipeline = Pipeline(steps, transform_input=["X_tgt"]).fit(source, y, X_tgt=target)
    assert pipeline.predict(["good food", "bad food"]).tolist() == ["+", "-"]
    assert pipeline["dann"].predict_proba(pipeline[:-1].transform(target)).dtype == np.float32


def _frames(library, n_source=60, n_target=30):
    rng = np.random.default_rng(0)

    def frame(n, shift):
        number = rng.normal(size=n) + shift
        kind = rng.choice(["a", "b", "c"], n)
        return library.DataFrame({"number": number, "kind": kind.tolist()}), number + (kind == "a")

    source, signal = frame(n_source, 0)
    return source, (signal > 0.3).astype(int), frame(n_target, 1)[0]


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_frames_with_mixed_columns(library, output):
    source, y, target = _frames(library)
    transformer = make_column_transformer(
        (StandardScaler(), ["number"]), (OneHotEncoder(sparse_output=False), ["kind"])
    ).set_output(transform=output)
    pipeline = Pipeline(
        [("columns", transformer), ("dann", DANNClassifier(**QUICK))], transform_input=["X_tgt"]
    ).fit(source, y, X_tgt=target)
    by_hand = DANNClassifier(**QUICK).fit(
        transformer.transform(source), y, transformer.transform(target)
    )
    np.testing.assert_array_equal(
        pipeline.predict_proba(target), by_hand.predict_proba(transformer.transform(target))
    )
    if output != "default":
        names = ["standardscaler__number", *(f"onehotencoder__kind_{k}" for k in "abc")]
        assert pipeline["dann"].feature_names_in_.tolist() == names


@pytest.mark.usefixtures("routing")
def test_features_for_another_classifier():
    from sklearn.linear_model import LogisticRegression

    X, y, X_tgt = _numbers()
    steps = [*_scaled_pipeline().steps, ("logistic", LogisticRegression())]
    pipeline = Pipeline(steps, transform_input=["X_tgt"]).fit(X, y, X_tgt=X_tgt)
    scaler, clf = _by_hand(X, y, X_tgt)
    features = clf.transform(scaler.transform(X))
    expected = LogisticRegression().fit(features, y).predict(features)
    np.testing.assert_array_equal(pipeline.predict(X), expected)


@pytest.mark.usefixtures("routing")
def test_a_forgotten_transform_input_is_warned_of():
    X, y, X_tgt = _numbers()
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
    with pytest.warns(UntransformedTargetWarning, match="transform_input"):
        pipeline.fit(X, y, X_tgt=X_tgt)


def test_the_target_handed_past_the_pipeline_is_warned_of():
    X, y, X_tgt = _numbers()
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
    with pytest.warns(UntransformedTargetWarning):
        pipeline.fit(X, y, dannclassifier__X_tgt=X_tgt)


def test_grid_search_of_the_bare_estimator_needs_no_routing():
    X, y, X_tgt = _numbers()
    X, X_tgt = StandardScaler().fit_transform(X), StandardScaler().fit_transform(X_tgt)
    grid = {"lambda_adapt": LAMBDAS}
    search = GridSearchCV(DANNClassifier(**QUICK), grid, cv=2).fit(X, y, X_tgt=X_tgt)
    expected = DANNClassifier(**QUICK, **search.best_params_).fit(X, y, X_tgt)
    np.testing.assert_array_equal(search.predict_proba(X_tgt), expected.predict_proba(X_tgt))


# The second way in, stacked


def _stacked(n_target=40):
    X, y, X_tgt = _numbers(n_target)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(X) + n_target)
    domain = np.r_[np.ones(len(X), int), -np.ones(n_target, int)][order]
    labels = np.r_[y, np.full(n_target, -1)][order]
    return np.vstack([X, X_tgt])[order], labels, domain


def _stacked_pipeline(**params):
    return make_pipeline(StandardScaler(), DANNClassifier(**QUICK, **params))


def _stacked_by_hand(X, y, domain, lambda_adapt=1.0):
    scores = []
    for train, test in SourceKFold(3).split(X, y, domain):
        scaler = StandardScaler().fit(X[train])
        clf = DANNClassifier(**QUICK, lambda_adapt=lambda_adapt)
        clf.fit(scaler.transform(X[train]), y[train], sample_domain=domain[train])
        scores.append(clf.score(scaler.transform(X[test]), y[test]))
    return scores


@pytest.mark.parametrize("n_target", [40, 60])
def test_stacked_cross_validation_without_routing(n_target):
    X, y, domain = _stacked(n_target)
    scores = cross_validate(
        _stacked_pipeline(),
        X,
        y,
        groups=domain,
        cv=SourceKFold(3),
        params={"dannclassifier__sample_domain": domain},
    )
    np.testing.assert_array_equal(scores["test_score"], _stacked_by_hand(X, y, domain))


def test_stacked_grid_search_without_routing():
    X, y, domain = _stacked()
    grid = {"dannclassifier__lambda_adapt": LAMBDAS}
    one, two = (
        GridSearchCV(_stacked_pipeline(), grid, cv=SourceKFold(3), n_jobs=n_jobs).fit(
            X, y, groups=domain, dannclassifier__sample_domain=domain
        )
        for n_jobs in (1, 2)
    )
    expected = [np.mean(_stacked_by_hand(X, y, domain, lam)) for lam in LAMBDAS]
    np.testing.assert_allclose(one.cv_results_["mean_test_score"], expected)
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_stacked_cross_validation_with_routing():
    X, y, domain = _stacked()
    scores = cross_val_score(
        _stacked_pipeline(), X, y, cv=SourceKFold(3), params={"sample_domain": domain}
    )
    np.testing.assert_array_equal(scores, _stacked_by_hand(X, y, domain))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="before 1.8 a search routes nothing to a pipeline's score (scikit-learn #30937)",
)
@pytest.mark.usefixtures("routing")
def test_with_routing_plain_folds_score_source_rows_alone():
    X, y, domain = _stacked()
    cv = StratifiedKFold(3)
    scores = cross_val_score(_stacked_pipeline(), X, y, cv=cv, params={"sample_domain": domain})
    for score, (train, test) in zip(scores, cv.split(X, y), strict=True):
        pipeline = _stacked_pipeline().fit(X[train], y[train], sample_domain=domain[train])
        rows = test[domain[test] > 0]
        assert score == pipeline.score(X[rows], y[rows])


def test_stacked_text_fits_the_vectoriser_on_both_domains():
    texts = ["good coffee", "bad coffee"] * 5 + ["good dog", "bad dog"] * 4
    labels = ["+", "-"] * 5 + ["?"] * 8
    domain = [1] * 10 + [-1] * 8
    pipeline = make_pipeline(TfidfVectorizer(), DANNClassifier(**QUICK))
    pipeline.fit(texts, labels, dannclassifier__sample_domain=domain)
    assert "dog" in pipeline[0].vocabulary_
    assert sparse.issparse(pipeline[0].transform(texts))
    assert set(pipeline.classes_) == {"+", "-"}


def test_clone_and_set_params_through_a_pipeline():
    pipeline = _stacked_pipeline().set_params(dannclassifier__lambda_adapt=0.25)
    assert pipeline[-1].lambda_adapt == 0.25
    html = pipeline._repr_html_()
    assert "DANNClassifier" in html
    assert "lambda_adapt" in html


def test_selectors_find_the_columns():
    source, y, target = _frames(pd)
    transformer = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    pipeline = make_pipeline(transformer, DANNClassifier(**QUICK))
    stacked = pd.concat([source, target], ignore_index=True)
    labels = pd.Series(np.r_[y, np.full(len(target), np.nan)])
    domain = np.r_[np.ones(len(source)), -np.ones(len(target))]
    pipeline.fit(stacked, labels, dannclassifier__sample_domain=domain)
    assert pipeline.predict(target).shape == (30,)
