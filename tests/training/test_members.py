"""Members that differ, trained side by side, against each of them trained alone."""

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch import nn

from sk_dann import DANNClassifier
from sk_dann.domains import DomainData
from sk_dann.estimators._assembly import MemberParams, make_net
from sk_dann.nn import DANNNetwork, Members
from sk_dann.training import (
    BatchStream,
    EarlyStopping,
    MemberValidationRows,
    ValidationRows,
    _groups,
    infer,
    member_log_proba,
)

CPU = torch.device("cpu")
SEEDS = [3, 3, 8, 8, 5]
LAMBDAS = np.array([0.0, 1.0, 0.3, 2.0, 0.1])
ALPHAS = np.array([0.0, 0.1, 0.1, 0.01, 0.5])
# A member's part of the labels and weights.
ROWS = ("y", "label_weight", "domain_weight", "target_weight")


class Listener(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def _own_extractor():
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh()).double()


def _data(csr=False, by_member=True, scale=1.0):
    rng = np.random.default_rng(0)
    X, X_tgt = rng.normal(size=(60, 6)), rng.normal(size=(50, 6)) + 0.4
    if csr:
        X, X_tgt = sparse.csr_matrix(X * (X > 0)), sparse.csr_matrix(X_tgt * (X_tgt > 0))
    y = rng.integers(0, 3, size=(60, 5))
    source, target = (rng.random((n, 5)) * (rng.random((n, 5)) < 0.7) for n in (60, 50))
    rows = (y, source, source**2, target) if by_member else (y[:, 0], None, None, None)
    data = DomainData(
        X, np.arange(60), np.zeros(60, int), y[:, 0], None, None, X_tgt, np.arange(50)
    )
    return data.with_labels(*rows)


def _alone(data, k):
    return data.with_labels(
        *(v[:, k] if v is not None and v.ndim == 2 else v for v in (getattr(data, r) for r in ROWS))
    )


def _net(data, members, callbacks=(), **params):
    defaults = {
        "hidden_layer_sizes": (7, 5),
        "label_hidden_layer_sizes": (4,),
        "domain_hidden_layer_sizes": (4,),
        "learning_rate_init": 0.01,
        "learning_rate": "dann",
        "activation": "tanh",
    }
    estimator = DANNClassifier(**{**defaults, **params})
    estimator.classes_ = np.arange(3)
    active = np.ones(6, dtype=bool)
    kind = {"members": members} if isinstance(members, MemberParams) else {"n_members": 1}
    if isinstance(members, int):
        k = members
        estimator.set_params(lambda_adapt=LAMBDAS[k], alpha=ALPHAS[k])
        seed = SEEDS[k]
    else:
        seed = None
    return make_net(
        estimator, data, active, seed, torch.float64, CPU, callbacks=list(callbacks), **kind
    )


def _train(data, members, n_epochs=5, early_stopping=None, callbacks=(), start=None, **params):
    net = _net(data, members, callbacks, **params)
    if start is not None:
        net.start_from(start)
    return net.train(BatchStream(data, 8, 1, CPU, torch.float64), n_epochs, early_stopping)


def _parameters(net, k):
    """Return a member's parameters, whichever kind of modules they belong to."""
    found = {}
    for name, values in net.module_.named_parameters():
        own = name.split(".members.")
        if len(own) == 1:
            found[name] = values[k]
        elif own[1].startswith(f"{k}."):
            found[f"{own[0]}.{own[1].split('.', 1)[1]}"] = values
    return found


def _assert_equal(net, k, alone):
    mine, theirs = _parameters(net, k), _parameters(alone, 0)
    assert mine.keys() == theirs.keys()
    for name, values in mine.items():
        np.testing.assert_allclose(
            values.detach(), theirs[name].detach(), rtol=1e-9, atol=1e-11, err_msg=name
        )


ALL = MemberParams(SEEDS, LAMBDAS, ALPHAS)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("by_member", [False, True])
@pytest.mark.parametrize(
    ("cache_bytes", "fewest_alike", "callbacks", "params"),
    [
        (10**9, 4, [], {}),
        (10**9, 1, [], {}),
        (10**9, 1, [], {"dropout": 0.9}),
        (10**9, 4, [], {"dropout": 0.0}),
        (1, 4, [], {}),
        (10**9, 4, [Listener()], {}),
        (10**9, 4, [], {"solver": "sgd"}),
        (10**9, 4, [], {"solver": "adamw"}),
    ],
    ids=[
        "together",
        "by seed",
        "all units of a layer dropped",
        "without dropout",
        "in groups",
        "listened to",
        "sgd",
        "adamw",
    ],
)
def test_a_member_learns_what_it_would_alone(
    monkeypatch, csr, by_member, cache_bytes, fewest_alike, callbacks, params
):
    monkeypatch.setattr(_groups, "_CACHE_BYTES", cache_bytes)
    monkeypatch.setattr(_groups, "_FEWEST_ALIKE", fewest_alike)
    data = _data(csr, by_member)
    net = _train(data, ALL, callbacks=callbacks, **params)
    for k in range(5):
        _assert_equal(net, k, _train(_alone(data, k), k, **params))


@pytest.mark.parametrize("part", ["feature_extractor", "label_predictor"])
def test_so_do_modules_of_ones_own(part):
    modules = {
        "feature_extractor": _own_extractor,
        "label_predictor": lambda: nn.Linear(5, 3).double(),
    }
    params = {part: modules[part]()}
    data = _data()
    net = _train(data, ALL, dropout=0.0, **params)
    assert isinstance(getattr(net.module_, part), Members)
    for k in range(5):
        _assert_equal(net, k, _train(_alone(data, k), k, dropout=0.0, **params))


def test_autograd_and_the_closed_form_agree(monkeypatch):
    data = _data()
    by_hand = _train(data, ALL)
    monkeypatch.setattr("sk_dann.nn.ClosedFormStep.supports", staticmethod(lambda *args: False))
    recorded = _train(data, ALL)
    for k in range(5):
        mine, theirs = _parameters(by_hand, k), _parameters(recorded, k)
        for name, values in mine.items():
            np.testing.assert_allclose(values.detach(), theirs[name].detach(), rtol=1e-9)
    for key in ("label_loss", "domain_loss", "domain_accuracy", "train_loss"):
        np.testing.assert_allclose(by_hand.history[:, key], recorded.history[:, key])


def test_without_adaptation_lambda_zero_is_the_source_only_network():
    data = _data(by_member=False)
    adapted = _train(data, MemberParams([0, 0], np.array([0.0, 1.0]), np.zeros(2)), dropout=0.0)
    source = _train(data.without_target(None), MemberParams([0], np.zeros(1), np.zeros(1)),
                    dropout=0.0)  # fmt: skip
    mine, theirs = _parameters(adapted, 0), _parameters(source, 0)
    for name, values in theirs.items():
        np.testing.assert_allclose(values.detach(), mine[name].detach(), rtol=1e-9, atol=1e-12)


def test_history_holds_each_members_lambda():
    record = _train(_data(), ALL, lambda_schedule="constant").history[-1]
    np.testing.assert_allclose(record["lambda_adapt"], LAMBDAS)
    assert all(isinstance(value, float) for value in record["lambda_adapt"])


def test_equal_weight_decay_is_left_to_the_optimizer():
    alphas = np.full(5, 0.2)
    net = _net(_data(), MemberParams(SEEDS, LAMBDAS, alphas))
    assert [g["weight_decay"] for g in net.optimizer_.param_groups] == [0.2, 0]


def test_solvers_without_weight_decay_are_refused():
    with pytest.raises(ValueError, match="no weight decay"):
        _net(_data(), ALL, solver=torch.optim.Rprop)


# Early stopping


def _validation(rng):
    X = rng.normal(size=(40, 6))
    return X, rng.integers(0, 3, size=(40, 5)), (rng.random((40, 5)) < 0.6) * 1.0


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("cache_bytes", [10**9, 1])
def test_members_stop_as_they_would_alone(monkeypatch, csr, cache_bytes):
    monkeypatch.setattr(_groups, "_CACHE_BYTES", cache_bytes)
    data = _data(csr)
    X, y, weight = _validation(np.random.default_rng(1))
    rows = np.arange(40)
    X = sparse.csr_matrix(X) if csr else X
    stopping = EarlyStopping(MemberValidationRows(X, rows, y, weight), 3, 0.01)
    net = _train(data, ALL, 40, stopping)
    n_epochs = []
    for k in range(5):
        one = EarlyStopping(ValidationRows(X, rows, y[:, k], weight[:, k]), 3, 0.01)
        alone = _train(_alone(data, k), k, 40, one)
        _assert_equal(net, k, alone)
        assert one.best_epoch_ == stopping.best_epoch_[k]
        n_epochs.append(len(alone.history))
    assert len(set(n_epochs)) > 1
    assert len(net.history) == max(n_epochs) < 40
    assert not net.running_.any()
    assert not net.lost_.any()


def test_members_without_validation_rows_train_to_the_end():
    data = _data()
    X, y, weight = _validation(np.random.default_rng(1))
    weight[:, 2] = 0
    validation = MemberValidationRows(X, np.arange(40), y, weight)
    net = _train(data, ALL, 20, EarlyStopping(validation, 2, 0.01))
    assert len(net.history) == 20
    assert net.running_.tolist() == [False, False, True, False, False]
    _assert_equal(net, 2, _train(_alone(data, 2), 2, 20))
    assert np.isnan(net.history[-1]["member_valid_acc"][2])
    assert np.isfinite(net.history[-1]["valid_acc"])


def test_validation_rows_may_be_everybodys():
    data = _data(by_member=False)
    X, y, weight = _validation(np.random.default_rng(1))
    net = _train(data, ALL, 2)
    shared = MemberValidationRows(X, np.arange(40), y[:, 0], weight[:, 0])
    scores = shared.score(net.module_, CPU)["member_valid_acc"]
    predicted = infer(net.module_, X, member_log_proba, CPU).argmax(axis=2)
    for k in range(5):
        expected = np.average(predicted[:, k] == y[:, 0], weights=weight[:, 0])
        assert scores[k] == pytest.approx(expected)
    unweighted = MemberValidationRows(X, np.arange(40), y[:, 0])
    expected = np.mean(predicted[:, 3] == y[:, 0])
    assert unweighted.score(net.module_, CPU)["member_valid_acc"][3] == pytest.approx(expected)


# Divergence


class Spoil(Callback):
    """Gives a member a weight that no number is."""

    def __init__(self, member, epoch):
        self.member = member
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            with torch.no_grad():
                next(iter(_parameters(net, self.member).values()))[0] = np.nan


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("cache_bytes", [10**9, 1])
def test_a_member_that_diverges_leaves_the_others_alone(monkeypatch, own, cache_bytes):
    monkeypatch.setattr(_groups, "_CACHE_BYTES", cache_bytes)
    params = {"feature_extractor": _own_extractor(), "dropout": 0.0} if own else {}
    data = _data()
    net = _train(data, ALL, callbacks=[("spoil", Spoil(1, 3))], **params)
    assert net.lost_.tolist() == [False, True, False, False, False]
    assert net.running_.tolist() == [True, False, True, True, True]
    for k in (0, 2, 3, 4):
        _assert_equal(net, k, _train(_alone(data, k), k, **params))
    log_proba = infer(net.module_, data.X_source, member_log_proba, CPU)
    assert np.isnan(log_proba[:, 1]).all()
    assert np.isfinite(log_proba[:, [0, 2, 3, 4]]).all()
    assert all(np.isfinite(record["train_loss"]) for record in net.history)


def test_losses_are_those_of_the_members_that_are_left():
    data = _data(by_member=False)
    members = MemberParams([0, 0, 0], np.ones(3), np.zeros(3))
    net = _train(data, members, callbacks=[("spoil", Spoil(1, 1))])
    alone = _train(data, MemberParams([0], np.ones(1), np.zeros(1)))
    for key in ("train_loss", "label_loss", "domain_loss", "domain_accuracy"):
        np.testing.assert_allclose(net.history[:, key], alone.history[:, key], rtol=1e-6)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("own", [False, True])
def test_all_may_diverge(solver, own):
    params = {"feature_extractor": _own_extractor(), "dropout": 0.0} if own else {}
    net = _train(_data(), ALL, solver=solver, learning_rate_init=1e308, activation="relu", **params)
    assert net.lost_.all()
    assert len(net.history) < 5


def test_a_member_that_diverges_after_it_has_stopped_is_not_lost():
    data = _data()
    X, y, weight = _validation(np.random.default_rng(1))
    weight[:, 2] = 0  # trains on
    validation = MemberValidationRows(X, np.arange(40), y, weight)
    callbacks = [("spoil", Spoil(1, 19))]
    net = _train(data, ALL, 20, EarlyStopping(validation, 1, 0.5), callbacks)
    assert not net.lost_.any()
    assert np.isfinite(infer(net.module_, X, member_log_proba, CPU)).all()


def test_a_lost_member_stays_lost_and_ends_no_training():
    data = _data()
    X, y, weight = _validation(np.random.default_rng(1))
    validation = MemberValidationRows(X, np.arange(40), y, weight)
    callbacks = [("spoil", Spoil(1, 15))]
    net = _train(data, ALL, 20, EarlyStopping(validation, 30, 0.0), callbacks)
    assert net.lost_.tolist() == [False, True, False, False, False]
    assert len(net.history) == 20
    assert np.isnan(infer(net.module_, X, member_log_proba, CPU)[:, 1]).all()


# Reverse networks


def test_reverse_networks_start_from_the_forward_ones():
    data = _data()
    forward = _train(data, ALL)
    reverse = _net(data, ALL)
    drawn = [p.clone() for p in reverse.module_.domain_classifier.parameters()]
    reverse.start_from(forward)
    for part in ("feature_extractor", "label_predictor"):
        pairs = zip(
            *(getattr(net.module_, part).parameters() for net in (reverse, forward)), strict=True
        )
        for mine, theirs in pairs:
            assert torch.equal(mine, theirs)
            assert mine.data_ptr() != theirs.data_ptr()
    kept = reverse.module_.domain_classifier.parameters()
    assert all(torch.equal(*pair) for pair in zip(drawn, kept, strict=True))
    assert not reverse.history
    assert not reverse.optimizer_.state
    assert isinstance(reverse.module_, DANNNetwork)


def test_constant_columns_count_if_they_vary_for_some_member():
    X = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0]])
    weight = np.array([[1.0, 0], [1, 1], [0, 1]])
    data = DomainData(X, np.arange(3), np.zeros(3, int), np.arange(3), weight)
    assert data.constant_source_columns().tolist() == [False, False, True]
