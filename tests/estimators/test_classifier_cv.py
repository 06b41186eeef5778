"""DANNClassifierCV against single fits, the stock tools, and what should change nothing."""

import pickle
import signal
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.datasets import fetch_amazon_reviews, make_inter_twinning_moons
from sk_dann.estimators import _member_training
from sk_dann.estimators._assembly import MemberParams
from sk_dann.estimators._candidates import TrainedMembers
from sk_dann.estimators._folds import Fold
from sk_dann.estimators._member_training import Training
from sk_dann.exceptions import NoTargetWarning
from sk_dann.model_selection import (
    DomainKFold,
    DomainScorer,
    LeaveOneSourceDomainOut,
    SourceKFold,
    get_scorer_names,
)

NAMES = [name for name in get_scorer_names() if name != "oracle_accuracy"]
QUICK = {"hidden_layer_sizes": (8,), "domain_hidden_layer_sizes": (8,), "max_iter": 4}


def _data(n_source=90, n_target=70, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n_source) % n_classes
    truth = rng.integers(0, n_classes, n_target)
    centres = rng.normal(size=(n_classes, 5)) * 2
    X = centres[y] + rng.normal(size=(n_source, 5))
    X_tgt = centres[truth] + rng.normal(size=(n_target, 5)) + 0.7
    order = rng.permutation(n_source)
    return X[order], np.array(list("abc"))[y[order]], X_tgt, np.array(list("abc"))[truth]


@pytest.fixture
def data():
    return _data()[:3]


def _search(estimator=None, **params):
    estimator = DANNClassifier(**QUICK) if estimator is None else estimator
    defaults = {"lambdas": [0, 1], "cv": 3, "random_state": 0}
    return DANNClassifierCV(estimator, **{**defaults, **params})


def _scores(search):
    """All scores, by the names' order along the first axis."""
    return np.stack(list(search.scores_.values()))


def _stacked(X, y, X_tgt, placeholder="?"):
    rng = np.random.default_rng(3)
    order = rng.permutation(len(X) + len(X_tgt))
    domain = np.r_[np.ones(len(X), int), -np.ones(len(X_tgt), int)][order]
    labels = np.r_[y, np.full(len(X_tgt), placeholder)][order]
    return np.vstack([X, X_tgt])[order], labels, domain


def _trained(estimator, data, folds, seeds, lambdas, fold):
    ready = clone(estimator)
    known = ready._read_data(*data[:3], None, None)
    training = Training.prepare(ready, known, folds, 0)
    members = MemberParams(seeds, np.array(lambdas, float), np.full(len(seeds), 1e-4))
    return TrainedMembers(training, members, fold)


# What a member learns


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_fold_is_a_fit_to_its_rows(kind):
    """Steps of all rows, and no dropout: nothing but the fold makes a difference."""
    X, y, X_tgt, _ = _data(n_target=40)
    X, X_tgt = kind(X), kind(X_tgt)
    estimator = DANNClassifier(
        **QUICK, dropout=0.0, batch_size=1000, random_state=7, learning_rate_init=0.05
    )
    everywhere = np.arange(40)
    folds = [
        Fold(train, test, everywhere, everywhere)
        for train, test in StratifiedKFold(3).split(np.zeros(90), y)
    ]
    alone = [
        clone(estimator).set_params(lambda_adapt=0.0).fit(X[fold.train], y[fold.train], X_tgt)
        for fold in folds
    ]
    seeds = [clf.net_.seed for clf in alone]
    trained = _trained(estimator, (X, y, X_tgt), folds, seeds, [0, 0, 0], [0, 1, 2])
    for k, clf in enumerate(alone):
        for X_some, found in ((X, trained.log_proba_source), (X_tgt, trained.log_proba_target)):
            expected = clf.predict_log_proba(X_some)
            np.testing.assert_allclose(found[:, k], expected, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(trained.ask(k, X_tgt), trained.log_proba_target[:, k])


@pytest.mark.parametrize("name", ["reverse_validation", "calibrated_confidence", "mixval"])
@pytest.mark.parametrize(
    "params",
    [{}, {"early_stopping": True}, {"label_shift": [0.2, 0.3, 0.5]}, {"class_weight": "balanced"}],
    ids=lambda params: "-".join(params),
)
def test_candidates_have_the_scores_that_they_would_have_by_themselves(data, name, params):
    estimator = DANNClassifier(**QUICK, **params, learning_rate_init=0.02)
    common = {"scoring": name, "refit": False, "n_seeds": 2}
    both = _search(estimator, lambdas=[0, 0.5, 2], alphas=[1e-4, 0.1], **common).fit(*data)
    one = _search(estimator, lambdas=[0, 2], alphas=[0.1], **common).fit(*data)
    assert both.scores_[name].shape == (1, 3, 2, 2, 3)
    np.testing.assert_allclose(_scores(both)[:, :, [0, 2], 1:], _scores(one), atol=1e-12)


def test_members_may_be_trained_in_several_runs(data, monkeypatch):
    together = _search(n_seeds=2, scoring="reverse_validation").fit(*data)
    monkeypatch.setattr(_member_training, "_MAX_BYTES", 10**5)
    apart = _search(n_seeds=2, scoring="reverse_validation").fit(*data)
    np.testing.assert_allclose(_scores(apart), _scores(together), atol=1e-12)


def test_seeds_are_the_same_for_all_candidates_and_differ_among_themselves(data):
    scores = (
        _search(lambdas=[0, 1e-12], n_seeds=3, scoring="infomax").fit(*data).scores_["infomax"][0]
    )
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)
    assert len(np.unique(scores[0, 0, :, 0])) == 3


def test_it_scores_as_the_stock_tools_do():
    """Batches differ, so equal but for chance; the curves over λ go together."""
    X, y, X_tgt, _ = make_inter_twinning_moons(rotation=50, random_state=0)
    estimator = DANNClassifier(hidden_layer_sizes=(20,), max_iter=60, learning_rate_init=0.01)
    lambdas = [0.0, 1.0, 6.0]
    search = DANNClassifierCV(
        estimator,
        lambdas=lambdas,
        cv=3,
        n_seeds=3,
        random_state=0,
        refit=False,
        scoring="source_accuracy",
    ).fit(X, y, X_tgt)
    with config_context(enable_metadata_routing=True):
        stock = [
            np.mean(
                [
                    cross_val_score(
                        clone(estimator).set_params(lambda_adapt=each, random_state=seed),
                        X,
                        y,
                        cv=3,
                        params={"X_tgt": X_tgt[:-1]},
                        scoring=DomainScorer("source_accuracy"),
                    )
                    for seed in range(3)
                ]
            )
            for each in lambdas
        ]
    found = search.cv_results_["mean_test_source_accuracy"]
    np.testing.assert_allclose(found, stock, atol=0.04)


# Reverse validation


def test_the_way_back_is_right_where_the_domains_are_alike(data):
    X, y, _ = data
    search = _search(DANNClassifier(**{**QUICK, "max_iter": 60}), scoring="reverse_validation").fit(
        X, y, X + 1e-3
    )
    assert _scores(search).min() > 0.7
    shuffled = np.random.default_rng(0).permutation(y)
    chance = clone(search).fit(X, shuffled, X + 1e-3)
    assert _scores(chance).mean() < _scores(search).mean() - 0.25


def test_one_class_predicted_on_the_target_scores_its_share(data):
    X, y, _ = data
    # On constant rows every network predicts one class.
    search = _search(scoring="reverse_validation", refit=False, lambdas=[0])
    search.fit(X, y, np.zeros((30, 5)))
    np.testing.assert_allclose(_scores(search), 1 / 3)


def test_early_stopping_keeps_rows_out_on_both_sides(data):
    estimator = DANNClassifier(**QUICK, early_stopping=True, validation_fraction=0.2)
    ready = clone(estimator)
    known = ready._read_data(*data, None, None)
    folds = [Fold(np.arange(60), np.arange(60, 90), np.arange(70), np.arange(70))] * 2
    training = Training.prepare(ready, known, folds, 0)
    for rows in training.held_out:
        assert len(rows) == 12
        assert set(rows) < set(range(60))
        assert len(np.unique(known.y[rows])) == 3
    assert [len(rows) for rows in training.held_out_target] == [14, 14]
    rows = np.arange(70)
    for target_test in (rows[50:], rows):
        some = [Fold(np.arange(60), np.arange(60, 90), rows[:50], target_test)]
        (found,) = Training.prepare(ready, known, some, 0).held_out_target
        np.testing.assert_array_equal(found, rows[50:])


def test_one_target_row_is_enough_to_be_held_out_of_nothing(data):
    X, y, X_tgt = data
    estimator = DANNClassifier(**QUICK, early_stopping=True)
    search = _search(estimator, scoring="reverse_validation").fit(X, y, X_tgt[:1])
    assert np.isfinite(_scores(search)).all()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_without_weight_do_not_matter(data, early_stopping):
    X, y, X_tgt = data
    weight = np.ones(len(X))
    weight[::4] = 0
    noise = X.copy()
    noise[::4] += np.random.default_rng(0).normal(size=noise[::4].shape)
    estimator = DANNClassifier(**QUICK, early_stopping=early_stopping, label_shift=[0.2, 0.2, 0.6])
    search = _search(estimator, scoring=["infomax", "prediction_entropy"], refit=False)
    one, other = (
        _scores(clone(search).fit(each, y, X_tgt, sample_weight=weight)) for each in (X, noise)
    )
    np.testing.assert_array_equal(one, other)


def test_a_row_that_is_listed_twice_counts_twice(data):
    X, y, X_tgt = data
    rows, params = np.arange(60), {"scoring": "infomax", "refit": False, "lambdas": [0]}
    once, twice, weighted = (
        _scores(_search(cv=[(train, np.arange(60, 90))], **params).fit(X, y, X_tgt, **extra))
        for train, extra in (
            (rows, {}),
            (np.r_[rows, rows[::2]], {}),
            (rows, {"sample_weight": np.r_[np.tile([2, 1], 30), np.ones(30)]}),
        )
    )
    np.testing.assert_allclose(twice, weighted)
    assert not np.allclose(once, twice)


# Target labels


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_target_rows_are_never_read(data, name):
    scores = []
    for placeholder in ("a", "zzz"):
        X, y, domain = _stacked(*data, placeholder)
        search = _search(scoring=name, cv=DomainKFold(3), refit=False)
        scores.append(_scores(search.fit(X, y, sample_domain=domain)))
    np.testing.assert_array_equal(*scores)


def test_the_oracle_is_not_to_be_had(data):
    for scoring in ("oracle_accuracy", DomainScorer("oracle_accuracy")):
        with pytest.raises(ValueError, match="scoring"):
            _search(scoring=scoring).fit(*data)


# Both ways in, and folds


@pytest.mark.parametrize("cv", [None, 3, SourceKFold(3), DomainKFold(3), KFold(3)])
def test_both_ways_in_are_one(data, cv):
    X, y, X_tgt = data
    X_all, labels = np.vstack([X, X_tgt]), np.r_[y, np.full(len(X_tgt), "?")]
    domain = np.r_[np.ones(len(X), int), -np.ones(len(X_tgt), int)]
    apart = _search(cv=cv, scoring="reverse_validation").fit(X, y, X_tgt)
    stacked = _search(cv=cv, scoring="reverse_validation").fit(X_all, labels, sample_domain=domain)
    np.testing.assert_allclose(_scores(apart), _scores(stacked), atol=1e-12)
    assert apart.n_splits_ == _scores(apart).shape[-1] == (cv is None) * 2 + 3
    np.testing.assert_allclose(apart.predict_proba(X_tgt), stacked.predict_proba(X_tgt))


def test_listed_folds_are_rows_of_what_is_passed(data):
    X, y, domain = _stacked(*data)
    folds = list(DomainKFold(3).split(X, y, domain))
    kept = _search(cv=DomainKFold(3)).fit(X, y, sample_domain=domain)
    listed = _search(cv=folds).fit(X, y, sample_domain=domain)
    np.testing.assert_array_equal(_scores(kept), _scores(listed))
    source_alone = list(StratifiedKFold(3).split(*data[:2]))
    np.testing.assert_array_equal(
        _scores(_search(cv=source_alone).fit(*data)), _scores(_search(cv=3).fit(*data))
    )


def test_one_source_domain_left_out(data):
    X, y, X_tgt = data
    domain = np.r_[np.arange(90) % 2 + 1, np.full(70, -1)]
    labels = np.r_[y, np.full(70, "?")]
    search = _search(cv=LeaveOneSourceDomainOut(), scoring="reverse_validation")
    search.fit(np.vstack([X, X_tgt]), labels, sample_domain=domain)
    assert search.n_splits_ == 2
    assert np.isfinite(_scores(search)).all()
    assert search.best_estimator_.n_source_domains_ == 2


def test_held_out_target_rows_are_not_seen(data):
    X, y, X_tgt = data
    moved = X_tgt.copy()
    moved[::3] += 100
    rows = np.arange(90)
    target = 90 + np.flatnonzero(np.arange(70) % 3)
    X_all = [np.vstack([X, each]) for each in (X_tgt, moved)]
    labels, domain = np.r_[y, np.full(70, "?")], np.r_[np.ones(90, int), -np.ones(70, int)]
    folds = [(np.r_[rows[rows % 3 > 0], target], rows[rows % 3 == 0])]
    kept = [
        _scores(
            _search(cv=folds, scoring="source_accuracy", refit=False).fit(
                each, labels, sample_domain=domain
            )
        )
        for each in X_all
    ]
    np.testing.assert_array_equal(*kept)


# The choice


def test_results_load_into_a_frame(data):
    search = _search(
        lambdas=[1, 0.1], alphas=[0.1, 1e-4], param_grid=[{"dropout": [0.0]}, {"max_iter": [3, 5]}]
    ).fit(*data)
    frame = pd.DataFrame(search.cv_results_)
    assert len(frame) == 3 * 3 * 2
    np.testing.assert_array_equal(search.lambdas_, [0, 0.1, 1])
    np.testing.assert_array_equal(search.alphas_, [0.1, 1e-4])
    assert frame["param_lambda_adapt"].tolist()[:6] == [0, 0, 0.1, 0.1, 1, 1]
    assert frame["param_max_iter"].isna().sum() == 6
    assert list(search.scores_) == ["calibrated_confidence", "importance_weighted"]
    for name, scores in search.scores_.items():
        folds = frame[[f"split{i}_test_{name}" for i in range(3)]]
        np.testing.assert_allclose(folds, scores.mean(axis=3).reshape(18, 3))
        np.testing.assert_allclose(frame[f"mean_test_{name}"], folds.mean(axis=1))
        without = frame.query("param_lambda_adapt == 0")
        assert (without[f"mean_gain_{name}"] == 0).all()
        by_hand = frame[f"mean_test_{name}"][2] - frame[f"mean_test_{name}"][0]
        assert frame[f"mean_gain_{name}"][2] == pytest.approx(by_hand)
    assert frame["rank_test_score"].min() == frame["rank_test_score"][search.best_index_] == 1
    best = frame.loc[search.best_index_]
    assert search.best_params_ == best["params"]
    assert search.lambda_adapt_ == best["param_lambda_adapt"]
    assert search.alpha_ == best["param_alpha"]
    assert search.best_score_ == best["mean_test_calibrated_confidence"]
    refitted = search.best_estimator_.get_params()
    assert search.best_params_.items() <= refitted.items()


def _choose(scores, lambdas=(0, 0.3, 1), alphas=(1e-4,), **params):
    """Let a search choose by scores that were made up: name → (n_lambdas, n_alphas, n_splits)."""
    search = _search(**params)
    search.lambdas_, search.alphas_ = np.array(lambdas), np.array(alphas)
    search.scores_ = {name: np.array(own)[None, :, :, None] for name, own in scores.items()}
    search._choose([{}])
    return search


def test_one_score_is_smoothed_and_the_best_is_chosen():
    scores = np.array([0.8, 0.5, 0.7, 0.75])[:, None, None]
    search = _choose({"infomax": scores}, lambdas=[0, 0.1, 0.3, 1])
    # (0.8 + 0.8 + 0.8 + 0.5) / 4, ..., (0.7 + 0.75 + 0.75 + 0.75) / 4
    assert search.lambda_adapt_ == 1
    assert search.best_score_ == 0.75
    assert search.cv_results_["rank_test_score"].tolist() == [2, 4, 3, 1]


def test_several_scores_choose_by_their_mean_rank():
    scores = {
        "infomax": np.array([0.1, 0.5, 90.0])[:, None, None],
        "corr_c": np.array([0.5, 0.9, 0.1])[:, None, None],
    }
    # Smoothed, their ranks are 1, 2, 3 and 2, 3, 1.
    search = _choose(scores)
    assert search.lambda_adapt_ == 0.3
    assert search.best_score_ == 0.5
    assert search.cv_results_["rank_test_score"].tolist() == [3, 1, 2]


def test_what_is_missing_is_not_chosen_and_does_not_spoil_its_neighbours():
    scores = np.array([0.5, np.nan, 0.6, 0.9])[:, None, None]
    search = _choose({"infomax": scores, "corr_c": scores}, lambdas=[0, 0.1, 0.3, 1])
    assert search.lambda_adapt_ == 1
    assert search.cv_results_["rank_test_score"].tolist() == [3, 4, 2, 1]


def test_one_standard_error_takes_the_smallest_lambda_that_is_as_good():
    scores = np.array([[0.5, 0.6], [0.79, 0.8], [0.9, 0.7]])[..., None] + np.zeros(3)
    scores[2, 0] += [-0.2, 0.0, 0.2]
    made_up = {"infomax": scores}, (0, 0.3, 1), (1e-4, 0.1)
    search = _choose(*made_up)
    assert search.best_params_ == {"lambda_adapt": 1.0, "alpha": 1e-4}
    # Smoothed .8725 with a standard error of .087; λ = 0.3 has .745 and .725 then.
    search = _choose(*made_up, one_standard_error=True)
    assert search.best_params_ == {"lambda_adapt": 1.0, "alpha": 1e-4}
    scores[2, 0] += [-0.2, 0.0, 0.2]
    search = _choose(*made_up, one_standard_error=True)
    assert search.best_params_ == {"lambda_adapt": 0.3, "alpha": 0.1}
    assert search.best_score_ == pytest.approx(0.8)


def test_it_chooses_to_adapt_where_that_helps(amazon_data_home):
    X, y, X_tgt, X_test, y_test = fetch_amazon_reviews(
        "books", "electronics", data_home=amazon_data_home, return_X_y=True
    )
    tfidf = TfidfTransformer(sublinear_tf=True).fit(sparse.vstack([X, X_tgt]))
    X, X_tgt, X_test = (tfidf.transform(part.astype(np.float32)) for part in (X, X_tgt, X_test))
    estimator = DANNClassifier(hidden_layer_sizes=(50,), random_state=0)
    search = DANNClassifierCV(estimator, lambdas=[0, 0.3], cv=2, random_state=0)
    search.fit(X, y, X_tgt)
    assert search.lambda_adapt_ == 0.3
    assert search.cv_results_["mean_gain_calibrated_confidence"][1] > 0.02
    alone = clone(estimator).set_params(lambda_adapt=0).fit(X, y, X_tgt)
    assert search.score(X_test, y_test) > alone.score(X_test, y_test) + 0.01
    areas = [roc_auc_score(y_test, clf.decision_function(X_test)) for clf in (search, alone)]
    assert areas[0] > areas[1]


# Divergence


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("label_shift", [None, "estimate"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_candidates_that_diverge_are_reported_and_not_chosen(data, solver, label_shift, dtype):
    X, y, X_tgt = data
    data = X.astype(dtype), y, X_tgt.astype(dtype)
    rate = {"f4": 1e38, "f8": 1e300}[dtype]
    search = _search(
        DANNClassifier(**QUICK, solver=solver, momentum=0.0, label_shift=label_shift),
        param_grid={"learning_rate_init": [0.01, rate]},
        scoring="reverse_validation",
    )
    with pytest.warns(FitFailedWarning, match=r"6 of 12 scores are missing.* diverged"):
        search.fit(*data)
    assert np.isfinite(_scores(search)[:, 0]).all()
    assert np.isnan(_scores(search)[:, 1]).all()
    assert search.best_params_["learning_rate_init"] == 0.01
    assert search.cv_results_["rank_test_score"].tolist()[2:] == [3, 3]


def test_nothing_is_chosen_if_all_diverge(data):
    estimator = DANNClassifier(**QUICK, solver="sgd", learning_rate_init=1e38)
    with pytest.raises(ValueError, match=r"No candidate has a score.*learning_rate_init"):
        _search(estimator).fit(*data)


# Outer loops


GRID = {"hidden_layer_sizes": [(5,), (8,)], "class_weight": [None, "balanced"]}


@pytest.fixture(scope="module")
def one_process():
    return _search(param_grid=GRID, scoring="reverse_validation").fit(*_data()[:3])


def test_other_processes_give_the_same(one_process):
    search = _search(param_grid=GRID, scoring="reverse_validation", n_jobs=2).fit(*_data()[:3])
    np.testing.assert_allclose(_scores(search), _scores(one_process), atol=1e-12)
    assert search.best_params_ == one_process.best_params_


# As other estimators of scikit-learn


def test_it_works_in_a_pipeline(data):
    X, y, X_tgt = data
    with config_context(enable_metadata_routing=True):
        steps = [("scale", StandardScaler()), ("dann", _search())]
        pipeline = Pipeline(steps, transform_input=["X_tgt"])
        stacked = clone(pipeline)
        pipeline.fit(X, y, X_tgt=X_tgt)
        X_all, labels, domain = _stacked(X, y, X_tgt)
        stacked.fit(X_all, labels, sample_domain=domain)
    scale = StandardScaler().fit(X)
    by_hand = _search().fit(scale.transform(X), y, scale.transform(X_tgt))
    np.testing.assert_array_equal(_scores(pipeline[-1]), _scores(by_hand))
    assert stacked.predict(X_tgt).shape == (70,)
    assert stacked.transform(X_tgt).shape == (70, 8)


def test_frames_keep_their_names(data):
    X, y, X_tgt = data
    names = list("vwxyz")
    search = _search().fit(pd.DataFrame(X, columns=names), y, pd.DataFrame(X_tgt, columns=names))
    assert search.feature_names_in_.tolist() == names
    assert (
        search.set_output(transform="pandas")
        .transform(pd.DataFrame(X_tgt, columns=names))
        .columns[0]
        == "dannclassifiercv0"
    )
    search.fit(*data)
    assert not hasattr(search, "feature_names_in_")


class Interruption(Callback):
    """Ctrl-C in the middle of training the network that is kept."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.parametrize("again", [False, True], ids=["first", "second fit"])
def test_an_interrupted_fit_leaves_what_has_been_learned(again, monkeypatch):
    X, y, X_tgt, _ = make_inter_twinning_moons(40, random_state=0)
    quick = DANNClassifier(hidden_layer_sizes=(4,), max_iter=4, callbacks=[Interruption()])
    clf = DANNClassifierCV(quick, lambdas=[0, 1], cv=2, random_state=0)
    if again:  # to other columns
        clf.set_params(estimator__callbacks=None).fit(X[:, :1], y, X_tgt[:, :1])
        clf.set_params(estimator__callbacks=[Interruption()])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y, X_tgt)
    assert clf.best_estimator_.n_iter_ == 2
    assert np.isfinite(clf.predict_proba(X_tgt)).all()

    def interrupt(*args):
        raise KeyboardInterrupt

    before = clf.predict_proba(X_tgt)
    monkeypatch.setattr(Training, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:, :1], y, X_tgt[:, :1])
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), before)


def test_without_refit_there_is_nothing_to_predict_with(data):
    search = _search().fit(*data)
    search.set_params(refit=False).fit(*data)
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform"):
        with pytest.raises(AttributeError, match="refit=False"):
            getattr(search, name)(data[2])
    assert search.best_params_
    with pytest.raises(NotFittedError):
        _search().predict(data[2])


def test_pickle_predicts_the_same(data):
    search = _search().fit(*data)
    other = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(other.predict_proba(data[2]), search.predict_proba(data[2]))


def test_the_estimator_that_was_passed_stays_as_it_was(data):
    estimator = DANNClassifier(**QUICK)
    before = estimator.get_params()
    _search(estimator, param_grid={"dropout": [0.1]}).fit(*data)
    assert estimator.get_params() == before
    assert not hasattr(estimator, "classes_")


def test_without_a_target_source_accuracy_chooses(data):
    X, y, _ = data
    with pytest.warns(NoTargetWarning) as caught:
        search = _search(alphas=[1e-4, 1e3], scoring="infomax").fit(X, y)
    assert len(caught) == 1
    assert search.scores_["importance_weighted"].shape == (1, 1, 2, 1, 3)
    assert search.alpha_ == 1e-4
    assert search.lambda_adapt_ == 0
    assert search.best_score_ <= 1


def test_estimated_shares_are_used(data):
    X, y, X_tgt, _ = _data(n_source=240, n_target=240)
    estimator = DANNClassifier(**{**QUICK, "max_iter": 20}, label_shift="estimate")
    search = _search(estimator, scoring="reverse_validation").fit(X, y, X_tgt)
    assert search.best_estimator_.share_estimate_ is not None
    assert np.isfinite(_scores(search)).all()


def test_a_warning_is_given_once(data):
    X, y, X_tgt = data
    with warnings.catch_warnings(record=True, action="always") as caught:
        _search().fit(X, y, X_tgt * 1000)
    assert [w.category.__name__ for w in caught].count("UntransformedTargetWarning") == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lambdas": []}, "lambdas must hold finite numbers of at least 0"),
        ({"lambdas": [0, -1]}, "lambdas must hold finite numbers of at least 0"),
        ({"lambdas": [0, np.nan]}, "lambdas must hold"),
        ({"lambdas": [1, 1]}, "lambdas holds a number twice"),
        ({"alphas": [[1]]}, "alphas must hold"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"scoring": "accuracy"}, "scoring"),
        ({"scoring": []}, "scoring must be one of"),
        ({"scoring": ["infomax", "infomax"]}, "each once"),
        ({"scoring": ["infomax", "oracle_accuracy"]}, "scoring must be one of"),
        ({"estimator": LogisticRegression()}, "estimator"),
        ({"param_grid": {"lambda_adapt": [1]}}, "must not hold lambda_adapt: pass lambdas"),
        ({"param_grid": {"n_estimators": [2]}}, "n_seeds"),
        ({"param_grid": {"hidden": [1]}}, "'hidden', which is no parameter of DANNClassifier"),
        ({"param_grid": {"dropout": [2.0]}}, "dropout"),
        ({"cv": 31}, "cv: 31 folds need 31 source samples of a class, but the most frequent .* 30"),
        ({"cv": SourceKFold(31)}, "n_splits: 31 folds need 31 source samples of a class"),
        ({"cv": DomainKFold(80)}, "n_splits=80 is more than the 70 target rows"),
        ({"cv": [(np.arange(60), [])]}, "no source rows to test on in fold 0"),
        ({"cv": []}, "cv makes no folds"),
        ({"cv": [(np.arange(60), np.arange(60, 95))]}, "cv holds positions .* 90 rows in fold 0"),
        ({"lambdas": ["a"]}, "lambdas must hold"),
        ({"scoring": DomainScorer("atc", score_params={"bla": 1})}, r"no score_params \['bla'\]"),
        ({"param_grid": {"max_iter": [3, -1]}}, "max_iter"),
    ],
)
def test_bad_parameters_say_what_would_work(data, params, message):
    with pytest.raises(ValueError, match=message):
        _search(**params).fit(*data)


def test_folds_without_weight_are_refused(data):
    X, y, X_tgt = data
    heavy = np.zeros(90)
    heavy[:2] = 1
    folds = [(np.arange(60), np.arange(60, 90)), (np.arange(30, 90), np.arange(30))]
    with pytest.raises(ValueError, match=r"sample_weight .* cv trains on in fold 1"):
        _search(cv=folds).fit(X, y, X_tgt, sample_weight=heavy)
    search = _search(cv=folds[:1], scoring="importance_weighted")
    with pytest.raises(ValueError, match=r"sample_weight .* cv tests on in fold 0"):
        search.fit(X, y, X_tgt, sample_weight=heavy)


def test_a_target_too_small_to_be_scored_names_the_score(data):
    X, y, X_tgt = data
    with pytest.raises(ValueError, match=r"mixval: .* two rows.* Name other scores in scoring"):
        _search(scoring="mixval").fit(X, y, X_tgt[:1])


def test_folds_that_look_at_target_rows_must_train_on_others(data):
    X, y, domain = _stacked(*data)
    source, target = np.flatnonzero(domain > 0), np.flatnonzero(domain < 0)
    folds = [(source[:60], np.r_[source[60:], target])]
    with pytest.raises(ValueError, match="no target rows to train on in fold 0"):
        _search(cv=folds).fit(X, y, sample_domain=domain)


def test_folds_of_one_class_are_refused(data):
    X, y, X_tgt = data
    rows = np.flatnonzero(y == "a"), np.flatnonzero(y != "a")
    with pytest.raises(ValueError, match="fewer than two classes to train on in fold 0"):
        _search(cv=[rows]).fit(X, y, X_tgt)


def test_a_fold_that_tests_on_one_class_has_no_calibration(data):
    X, y, X_tgt = data
    rows = np.arange(90)
    folds = [(rows[30:], rows[:30]), (rows[y != "a"], rows[y == "a"])]
    with pytest.raises(ValueError, match=r"No candidate has a score.*at least two classes"):
        _search(cv=folds, scoring="calibrated_confidence").fit(X, y, X_tgt)
