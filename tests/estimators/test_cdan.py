"""`CDANClassifier`: what it does otherwise than `DANNClassifier`, and that it does all else."""

import inspect
import pickle

import numpy as np
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sk_dann import CDANClassifier, DANNClassifier, DANNClassifierCV
from sk_dann.exceptions import NoTargetWarning
from sk_dann.model_selection import SourceKFold
from sk_dann.nn import InformationMaximization, MultilinearMap, RandomizedMap
from sk_dann.training import _groups

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0, "n_random_features": 12}
KINDS = ["multilinear", "randomized"]
every_kind = pytest.mark.parametrize("conditioning", KINDS)


def _make(**params):
    return CDANClassifier(**{**QUICK, **params})


def test_the_parameters_of_dann_have_its_defaults():
    own, theirs = (
        inspect.signature(estimator.__init__).parameters
        for estimator in (CDANClassifier, DANNClassifier)
    )
    assert set(own) - set(theirs) == {"conditioning", "n_random_features", "entropy_weighting"}
    assert all(own[name] == theirs[name] for name in theirs)
    marked = {name: object() for name in own if name != "self"}
    assert CDANClassifier(**marked).get_params(deep=False) == marked


def test_auto_is_multilinear_up_to_4096_products(three_classes):
    small, large = (
        _make(conditioning="auto", hidden_layer_sizes=(n,), max_iter=1).fit(*three_classes)
        for n in (1365, 1366)
    )
    assert isinstance(small.net_.module_.conditioning, MultilinearMap)
    assert isinstance(large.net_.module_.conditioning, RandomizedMap)
    assert large.net_.module_.domain_classifier[0].weight.shape[1] == 12


@every_kind
def test_domains_are_predicted_from_what_the_domain_classifier_sees(three_classes, conditioning):
    X, _, X_tgt = three_classes
    clf = _make(conditioning=conditioning, n_estimators=2).fit(*three_classes)
    network = clf.net_.module_
    with torch.no_grad():
        logits = network(torch.from_numpy(X_tgt)).domain_logits
    expected = torch.sigmoid(logits).mean(0)[:, 0]
    np.testing.assert_allclose(clf.predict_domain_proba(X_tgt)[:, 0], expected)
    assert clf.predict_domain_proba(X[:1]).shape == (1, 2)


def test_what_it_is_conditioned_on_matters(three_classes):
    found = [
        clf.fit(*three_classes).predict_proba(three_classes[2])
        for clf in (
            DANNClassifier(hidden_layer_sizes=(8,), max_iter=4, random_state=0),
            _make(),
            _make(entropy_weighting=False),
            _make(conditioning="randomized"),
        )
    ]
    for i, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1e-6 for other in found[:i])


class Listener(Callback):
    """Batches that are heard are trained on one by one, all members together."""

    def on_batch_end(self, net, **kwargs):
        pass


@every_kind
@pytest.mark.parametrize("csr", [False, True])
def test_all_ways_of_training_are_one(three_classes, monkeypatch, conditioning, csr):
    X, y, X_tgt = three_classes
    if csr:
        X, X_tgt = (sparse.csr_matrix(rows * (rows > 0)) for rows in (X, X_tgt))
    weight = np.random.default_rng(1).random(len(y))
    params = {
        "conditioning": conditioning,
        "n_estimators": 3,
        "label_shift": [0.5, 0.3, 0.2],
        "terms": [InformationMaximization(0.3)],
        "batch_size": 16,
    }

    def fit(**more):
        return _make(**params, **more).fit(X, y, X_tgt, sample_weight=weight)

    together = fit()
    monkeypatch.setattr(_groups, "_CACHE_BYTES", 1)
    others = [fit(), fit(callbacks=[Listener()])]
    supports = "sk_dann.training._net.ClosedFormStep.supports"
    monkeypatch.setattr(supports, lambda network, criterion: False)
    others.append(fit())
    for other in others:
        np.testing.assert_allclose(
            other.predict_proba(X_tgt), together.predict_proba(X_tgt), rtol=1e-9
        )
        for key in ("information_maximization", "train_loss", "domain_loss", "domain_accuracy"):
            np.testing.assert_allclose(other.history_[:, key], together.history_[:, key], rtol=1e-9)


def test_members_have_matrices_of_their_own(three_classes):
    clf = _make(conditioning="randomized", n_estimators=2).fit(*three_classes)
    one, other = clf.net_.module_.conditioning.feature_matrix
    assert not torch.equal(one, other)


@every_kind
def test_stored_and_loaded(three_classes, conditioning):
    X_tgt = three_classes[2]
    clf = _make(conditioning=conditioning, label_shift="estimate").fit(*three_classes)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X_tgt), clf.predict_proba(X_tgt))
    np.testing.assert_array_equal(
        again.predict_domain_proba(X_tgt), clf.predict_domain_proba(X_tgt)
    )


@every_kind
def test_warm_start_goes_on_as_if_there_had_been_no_break(three_classes, conditioning):
    params = {"conditioning": conditioning, "lambda_schedule": "constant"}
    whole = _make(**params, warm_start=True).set_params(max_iter=6).fit(*three_classes)
    parts = _make(**params, warm_start=True).set_params(max_iter=3).fit(*three_classes)
    parts.set_params(max_iter=6).fit(*three_classes)
    X_tgt = three_classes[2]
    np.testing.assert_array_equal(
        parts.predict_domain_proba(X_tgt), whole.predict_domain_proba(X_tgt)
    )


def test_without_a_target_it_is_the_plain_network(three_classes):
    X, y, _ = three_classes
    with pytest.warns(NoTargetWarning):
        clf = _make().fit(X, y)
    params = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0}
    with pytest.warns(NoTargetWarning):
        plain = DANNClassifier(**params).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))


@every_kind
def test_early_stopping_several_sources_and_own_modules(three_classes, conditioning):
    X, y, X_tgt = three_classes
    domain = np.r_[np.arange(90) % 2 + 1, -np.ones(60, int)]
    params = {"conditioning": conditioning, "early_stopping": True}
    clf = _make(**params, feature_extractor=torch.nn.Linear(12, 5, dtype=torch.float64))
    clf.fit(np.vstack([X, X_tgt]), np.r_[y, np.zeros(60, int)], sample_domain=domain)
    assert clf.predict_domain_proba(X_tgt).shape == (60, 3)


@every_kind
def test_search_in_members(three_classes, conditioning):
    def search(lambdas, **params):
        return DANNClassifierCV(
            _make(conditioning=conditioning, early_stopping=True, label_shift=[0.2, 0.3, 0.5]),
            lambdas=lambdas,
            n_seeds=2,
            scoring=["infomax", "reverse_validation"],
            cv=2,
            random_state=0,
            **params,
        ).fit(*three_classes)

    whole, part = search([0, 0.5, 1]), search([0, 1], refit=False)
    assert isinstance(whole.best_estimator_, CDANClassifier)
    for name, scores in whole.scores_.items():
        # Candidates are what they would be alone, their random matrices those of their seed.
        np.testing.assert_allclose(scores[:, [0, 2]], part.scores_[name], rtol=1e-9)
    infomax = whole.scores_["infomax"]
    assert np.abs(infomax[0, 0] - infomax[0, 2]).max() > 0
    assert pickle.loads(pickle.dumps(whole)).predict(three_classes[2]).shape == (60,)


def test_search_over_its_own_parameters(three_classes):
    grid = {"conditioning": KINDS, "entropy_weighting": [False, True]}
    search = DANNClassifierCV(
        _make(), lambdas=[0, 1], param_grid=grid, scoring="infomax", cv=2, random_state=0
    ).fit(*three_classes)
    scores = search.scores_["infomax"]
    without, adapted = scores[:, 0], scores[:, 1]
    np.testing.assert_allclose(without, without[:1].repeat(4, axis=0), rtol=1e-9)
    assert len(np.unique(adapted[:, 0, 0, 0])) == 4
    with pytest.raises(ValueError, match="no parameter of CDANClassifier"):
        DANNClassifierCV(_make(), param_grid={"conditionings": [1]}).fit(*three_classes)
    with pytest.raises(ValueError, match="no parameter of DANNClassifier"):
        DANNClassifierCV(param_grid=grid).fit(*three_classes)


def test_grid_search(three_classes):
    X, y, X_tgt = three_classes
    X, y = np.vstack([X, X_tgt]), np.r_[y, np.zeros(60, int)]
    domain = np.r_[np.ones(90, int), -np.ones(60, int)]
    search = GridSearchCV(_make(), {"conditioning": KINDS}, cv=SourceKFold(2), error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(X, y, sample_domain=domain)
    assert search.best_estimator_.predict(X_tgt).shape == (60,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"conditioning": "bilinear"}, "'conditioning' parameter of CDANClassifier"),
        ({"conditioning": None}, "'conditioning' parameter of CDANClassifier"),
        ({"n_random_features": 0}, "'n_random_features' parameter"),
        ({"entropy_weighting": "yes"}, "'entropy_weighting' parameter"),
    ],
)
def test_bad_parameters_are_refused(params, message, three_classes):
    with pytest.raises(ValueError, match=message):
        _make(**params).fit(*three_classes)
