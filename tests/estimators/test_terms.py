"""Terms beside the domain game, as the estimators train with them."""

import pickle

import numpy as np
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, Checkpoint

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.exceptions import NoTargetWarning
from sk_dann.model_selection import SourceKFold
from sk_dann.nn import (
    CentralMomentDiscrepancy,
    InformationMaximization,
    MinimumClassConfusion,
    Term,
    class_confusion_loss,
    information_maximization_loss,
)
from sk_dann.shift import class_shares
from sk_dann.training import _groups

ALL = [InformationMaximization(0.3), MinimumClassConfusion(0.5), CentralMomentDiscrepancy(0.2)]
NAMES = ["information_maximization", "minimum_class_confusion", "central_moment_discrepancy"]
QUICK = {"hidden_layer_sizes": (8,), "activation": "logistic", "max_iter": 4, "random_state": 0}


def _make(terms, **params):
    return DANNClassifier(**{**QUICK, "terms": terms, **params})


class ModeTerm(Term):
    """Keeps what it was shown last."""

    def forward(self, step):
        type(self).seen = step
        return 0 * step.target_logits.sum(dim=(1, 2))


@pytest.mark.parametrize("term", ALL, ids=NAMES)
def test_a_term_falls_where_it_is_asked_for(term, three_classes):
    # Everything else, λ = 0, is of the source alone.
    X, y, X_tgt = three_classes

    def last(weight):
        own = clone(term, safe=False)
        own.weight, own.schedule = weight, "constant"
        params = {"max_iter": 60, "learning_rate_init": 0.02, "lambda_adapt": 0, "dropout": 0.0}
        return _make([own], **params).fit(X, y, 0.3 * X_tgt).history_[-1][term.name]

    assert last(2.0) < 0.7 * last(0.0)


def test_every_epoch_records_the_losses_before_they_are_weighted(three_classes):
    X_tgt = three_classes[2]
    terms = [InformationMaximization(0.3, "constant"), MinimumClassConfusion(0.5, "constant")]
    clf = _make(terms, batch_size=90, max_iter=2, dropout=0.0, learning_rate_init=1e-12)
    clf.fit(*three_classes)
    record = clf.history_[0]
    # In one step, hardly a weight moves; the target's 60 rows are taken half again.
    logits = torch.as_tensor(clf.predict_log_proba(np.tile(X_tgt, (3, 1))))[None]
    shares = torch.full((3,), 1 / 3, dtype=torch.float64)
    assert record[NAMES[0]] == pytest.approx(
        information_maximization_loss(logits, shares).item(), rel=0.05
    )
    assert record[NAMES[1]] == pytest.approx(class_confusion_loss(logits, shares).item(), rel=0.05)
    assert record["train_loss"] == pytest.approx(
        record["label_loss"]
        + record["domain_loss"]
        + 0.3 * record[NAMES[0]]
        + 0.5 * record[NAMES[1]]
    )


def test_schedules_move_the_weights(three_classes):
    off, on = (
        _make([InformationMaximization(weight, schedule)]).fit(*three_classes)
        for weight, schedule in ((0.0, "constant"), (9.0, lambda p: 0.0))
    )
    np.testing.assert_array_equal(
        off.predict_proba(three_classes[2]), on.predict_proba(three_classes[2])
    )
    plain = _make(None).fit(*three_classes)
    np.testing.assert_allclose(
        off.predict_proba(three_classes[2]), plain.predict_proba(three_classes[2]), rtol=1e-6
    )


class Listener(Callback):
    """Batches that are heard are trained on one by one, all members together."""

    def on_batch_end(self, net, **kwargs):
        pass


def _by_autograd(monkeypatch):
    monkeypatch.setattr(
        "sk_dann.training._net.ClosedFormStep.supports", lambda network, criterion: False
    )


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("label_shift", [None, [0.5, 0.3, 0.2]])
def test_all_ways_of_training_are_one(three_classes, monkeypatch, csr, label_shift):
    X, y, X_tgt = three_classes
    if csr:
        X, X_tgt = (sparse.csr_matrix(rows * (rows > 0)) for rows in (X, X_tgt))
    weight = np.random.default_rng(1).random(len(y))
    params = {"n_estimators": 3, "label_shift": label_shift, "batch_size": 16}

    def fit(**more):
        clf = _make(ALL, **params, **more).fit(X, y, X_tgt, sample_weight=weight)
        return clf, clf.predict_proba(X_tgt)

    together, proba = fit()
    monkeypatch.setattr(_groups, "_CACHE_BYTES", 1)
    others = [fit(), fit(callbacks=[Listener()])]
    _by_autograd(monkeypatch)
    others.append(fit())
    for other, found in others:
        np.testing.assert_allclose(found, proba, rtol=1e-9)
        for key in (*NAMES, "train_loss", "domain_loss"):
            np.testing.assert_allclose(together.history_[:, key], other.history_[:, key], rtol=1e-9)


def test_a_row_of_the_target_without_label_shift_meets_the_sources_shares(three_classes):
    X, y, X_tgt = three_classes
    weight = np.where(y == 0, 2.0, 1.0)
    _make([ModeTerm()]).fit(X, y, X_tgt, sample_weight=weight)
    np.testing.assert_allclose(ModeTerm.seen.class_shares, [0.5, 0.25, 0.25])
    _make([ModeTerm()], label_shift=[0.2, 0.2, 0.6]).fit(X, y, X_tgt)
    np.testing.assert_allclose(ModeTerm.seen.class_shares, [0.2, 0.2, 0.6])
    # The side of the source is weighted to have these shares too.
    assert len(ModeTerm.seen.source_weight.unique()) == 2


def test_terms_go_by_the_estimated_shares():
    rng = np.random.default_rng(0)
    y, y_tgt = np.arange(400) % 2, (np.arange(400) % 10 == 0).astype(int)
    X, X_tgt = (rng.normal(size=(400, 6)) + 2 * labels[:, None] for labels in (y, y_tgt))
    params = {"label_shift": "estimate", "max_iter": 20, "learning_rate_init": 0.02}
    clf = _make([ModeTerm(0.1)], **params).fit(X, y, X_tgt)
    assert clf.share_estimate_.reason is None
    assert clf.target_class_shares_[1] < 0.3
    np.testing.assert_allclose(ModeTerm.seen.class_shares, clf.target_class_shares_)
    again = pickle.loads(pickle.dumps(_make(ALL, **params).fit(X, y, X_tgt)))
    assert again.predict(X_tgt).shape == (400,)


def test_without_a_target_there_are_no_terms(three_classes):
    X, y, _ = three_classes
    with pytest.warns(NoTargetWarning):
        clf = _make(ALL).fit(X, y)
    assert NAMES[0] not in clf.history_[-1]
    with pytest.warns(NoTargetWarning):
        plain = _make(None).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))


def test_without_lambda_terms_adapt_alone(three_classes):
    # The domain classifier looks on: what it is like does not matter to the features.
    one, other = (
        _make(ALL[2:], lambda_adapt=0, domain_hidden_layer_sizes=sizes).fit(*three_classes)
        for sizes in ((), (3, 3))
    )
    np.testing.assert_allclose(
        one.transform(three_classes[2]), other.transform(three_classes[2]), rtol=1e-9
    )
    plain = _make(None, lambda_adapt=0).fit(*three_classes)
    assert np.abs(one.transform(three_classes[2]) - plain.transform(three_classes[2])).max() > 1e-3


def test_several_source_domains(three_classes):
    X, y, X_tgt = three_classes
    domain = np.r_[np.arange(90) % 2 + 1, -np.ones(60, int)]
    clf = _make(ALL).fit(np.vstack([X, X_tgt]), np.r_[y, np.zeros(60, int)], sample_domain=domain)
    assert set(NAMES) <= set(clf.history_[-1])


def test_own_modules_go_with_terms(three_classes):
    clf = _make(ALL, feature_extractor=torch.nn.Linear(12, 5, dtype=torch.float64))
    clf.fit(*three_classes)
    assert set(NAMES) <= set(clf.history_[-1])


def test_a_fit_leaves_terms_as_they_were_and_clones_have_their_own(three_classes):
    terms = [MinimumClassConfusion(0.3)]
    clf = _make(terms).fit(*three_classes)
    assert clf.terms is terms
    assert clf.net_.criterion_.terms[0] is not terms[0]
    copy = clone(clf)
    assert copy.terms[0] is not terms[0]
    assert repr(copy) == repr(clf)
    assert "MinimumClassConfusion(weight=0.3, temperature=2.5)" in repr(clf)


def test_stored_and_loaded(three_classes):
    clf = _make(ALL, label_shift=[0.2, 0.3, 0.5]).fit(*three_classes)
    again = pickle.loads(pickle.dumps(clf))
    X_tgt = three_classes[2]
    np.testing.assert_array_equal(again.predict_proba(X_tgt), clf.predict_proba(X_tgt))
    assert again.history_[-1][NAMES[1]] == clf.history_[-1][NAMES[1]]


@pytest.mark.parametrize("stored", [False, True])
def test_warm_start_goes_on_as_if_there_had_been_no_break(three_classes, stored):
    params = {"label_shift": [0.2, 0.3, 0.5], "max_iter": 6, "lambda_schedule": "constant"}
    terms = [InformationMaximization(0.5, "constant")]
    whole = _make(terms, **params).fit(*three_classes)
    parts = _make(terms, **{**params, "max_iter": 3}, warm_start=True).fit(*three_classes)
    if stored:
        parts = pickle.loads(pickle.dumps(parts))
    parts.set_params(max_iter=6).fit(*three_classes)
    X_tgt = three_classes[2]
    np.testing.assert_array_equal(parts.predict_proba(X_tgt), whole.predict_proba(X_tgt))
    assert len(parts.history_[:, NAMES[0]]) == 6


def test_checkpoints_can_be_loaded(three_classes, tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path, monitor=None, f_criterion="criterion.pt")
    clf = _make(ALL, callbacks=[checkpoint]).fit(*three_classes)
    clf.net_.load_params(checkpoint=checkpoint)


def test_early_stopping_waits_for_the_terms(three_classes):
    late = [InformationMaximization(1.0, lambda p: float(p > 0.7))]
    params = {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 20, "lambda_adapt": 0}
    clf = _make(late, lambda_schedule="constant", **params).fit(*three_classes)
    assert clf.n_iter_ > 14
    assert _make(None, lambda_schedule="constant", **params).fit(*three_classes).n_iter_ < 14


GRID = [None, [MinimumClassConfusion(0.3)], ALL]


def test_grid_search_over_terms(three_classes):
    X, y, X_tgt = three_classes
    X, y = np.vstack([X, X_tgt]), np.r_[y, np.zeros(60, int)]
    domain = np.r_[np.ones(90, int), -np.ones(60, int)]
    search = GridSearchCV(_make(None), {"terms": GRID}, cv=SourceKFold(2), error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(X, y, sample_domain=domain)
    assert [repr(p["terms"]) for p in search.cv_results_["params"]] == [repr(t) for t in GRID]


@pytest.mark.parametrize("label_shift", [None, [0.2, 0.3, 0.5], "estimate"])
def test_search_in_members(three_classes, label_shift):
    search = DANNClassifierCV(
        _make(None, early_stopping=True, label_shift=label_shift),
        lambdas=[0, 1],
        n_seeds=2,
        param_grid={"terms": GRID},
        scoring=["infomax", "reverse_validation"],
        cv=2,
        random_state=0,
    ).fit(*three_classes)
    assert search.scores_["infomax"].shape == (3, 2, 1, 2, 2)
    # Each combination is another network, and on the way back too.
    for scores in search.scores_.values():
        assert np.isfinite(scores).all()
    infomax = search.scores_["infomax"]
    assert np.abs(infomax[0] - infomax[1]).min() > 0
    assert pickle.loads(pickle.dumps(search)).predict(three_classes[2]).shape == (60,)
    assert list(search.cv_results_["param_terms"]) == [t for t in GRID for _ in range(2)]


def test_a_member_of_a_search_is_the_network_alone(three_classes):
    # λ = 0 and 1 side by side, against each by itself.
    searches = [
        DANNClassifierCV(
            _make(ALL, label_shift=[0.2, 0.3, 0.5]),
            lambdas=lambdas,
            scoring=["infomax", "reverse_validation"],
            cv=2,
            random_state=0,
            refit=False,
        ).fit(*three_classes)
        for lambdas in ([0, 0.5, 1], [0, 1])
    ]
    for name, scores in searches[0].scores_.items():
        np.testing.assert_allclose(scores[:, [0, 2]], searches[1].scores_[name], rtol=1e-9)


def test_reverse_networks_have_their_own_shares(three_classes):
    # Their source is the target as the member labels it; their target the source with its labels.
    X, y, X_tgt = three_classes
    weight = np.where(y == 0, 3.0, 1.0)
    for label_shift, known in ((None, False), ([0.2, 0.3, 0.5], True)):
        DANNClassifierCV(
            _make([ModeTerm()], label_shift=label_shift),
            lambdas=[0],
            scoring="reverse_validation",
            cv=[(np.arange(0, 90), np.arange(60, 90))],
            random_state=0,
            refit=False,
        ).fit(X, y, X_tgt, sample_weight=weight)
        shares = ModeTerm.seen.class_shares
        assert shares.shape == (1, 3)
        is_the_sources = np.allclose(shares, class_shares(y, 3, weight))
        assert is_the_sources == known


class LabelLoss(Term):
    def forward(self, step):
        return step.class_shares.new_zeros(len(step.target_logits))


class Trained(LabelLoss):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))


@pytest.mark.parametrize(
    ("terms", "kind", "message"),
    [
        ([torch.nn.ReLU()], TypeError, r"terms must hold instances of sk_dann.nn.Term, got ReLU"),
        ([InformationMaximization], TypeError, "Make an instance of it"),
        (["infomax"], TypeError, "terms must hold instances"),
        (InformationMaximization(), ValueError, "The 'terms' parameter .* must be"),
        ([LabelLoss()], ValueError, "label_loss, which is the name of something else"),
        ([Trained()], ValueError, "terms holds trained, which has parameters"),
        (
            [InformationMaximization(schedule=lambda p: -1.0)],
            ValueError,
            "information_maximization",
        ),
        ([InformationMaximization(schedule=lambda p: "x")], ValueError, "terms: schedule"),
    ],
)
def test_bad_terms_are_refused(terms, kind, message, three_classes):
    with pytest.raises(kind, match=message):
        _make(terms).fit(*three_classes)


def test_a_schedule_that_goes_wrong_in_between_is_named(three_classes):
    term = InformationMaximization(schedule=lambda p: -1.0 if 0 < p < 1 else 1.0)
    with pytest.raises(ValueError, match=r"schedule of InformationMaximization.* returned -1.0"):
        _make([term]).fit(*three_classes)


def test_terms_that_diverge_are_told_of(three_classes):
    X, y, X_tgt = three_classes
    term = CentralMomentDiscrepancy(1e30, "constant", n_moments=200)
    with pytest.raises(ValueError, match=r"became nan.* or the weights of the terms"):
        _make([term], activation="identity").fit(100 * X, y, 100 * X_tgt)
