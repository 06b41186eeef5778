"""What skorch's callbacks see of the training loop."""

import copy
import inspect
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    GradientNormClipping,
    LRScheduler,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
)
from skorch.exceptions import SkorchException
from skorch.utils import noop

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.nn import ClosedFormStep


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(n_samples=60, random_state=0)[:3]


def _fit(moons, **params):
    defaults = {"max_iter": 4, "hidden_layer_sizes": (5,), "batch_size": 20, "random_state": 0}
    return DANNClassifier(**{**defaults, **params}).fit(*moons)


class Recorder(Callback):
    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return lambda net, **kwargs: self.seen.append(name)
        return super().__getattribute__(name)


class BatchRecorder(Callback):
    def __init__(self):
        self.losses = []
        self.grads = 0

    def on_batch_end(self, net, batch, training, loss, **kwargs):
        self.losses.append(loss.item())

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.grads += all(parameter.grad is not None for _, parameter in named_parameters)


def test_moments_come_in_skorchs_order(moons):
    recorder = Recorder()
    _fit(moons, callbacks=[recorder], max_iter=1)
    epochs = [name for name in recorder.seen if "batch" not in name and "grad" not in name]
    assert epochs == ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]


def test_batches_are_recorded_when_somebody_listens_and_only_then(moons):
    recorder = BatchRecorder()
    heard = _fit(moons, callbacks=[recorder])
    assert len(recorder.losses) == recorder.grads == 4 * 3
    batches = heard.history_[-1]["batches"]
    assert [batch["train_loss"] for batch in batches] == recorder.losses[-3:]
    assert [batch["train_batch_size"] for batch in batches] == [40, 40, 40]
    silent = _fit(moons)
    loss = silent.history_[-1]["train_loss"]
    assert silent.history_[-1]["batches"] == [{"train_loss": loss, "train_batch_size": 120}]
    # Listening changes nothing.
    assert silent.loss_curve_ == heard.loss_curve_
    assert heard.history_[-1]["train_loss"] == pytest.approx(np.mean(recorder.losses[-3:]))


def test_history_adds_up(moons):
    clf = _fit(moons, lambda_adapt=0.7, lambda_schedule="constant", learning_rate_init=0.01)
    for record in clf.history_:
        total = record["label_loss"] + record["domain_loss"]
        assert record["train_loss"] == pytest.approx(total, rel=1e-6)
        assert record["lambda_adapt"] == 0.7
        assert record["lr"] == 0.01
        assert 0 <= record["domain_accuracy"] <= 1
        assert record["dur"] > 0


def test_stock_callbacks_work(moons, capsys):
    clf = _fit(
        moons,
        callbacks=[
            ("clip", GradientNormClipping(1e-9)),
            ("loss", PassthroughScoring("train_loss", on_train=True)),
            ("lr", LRScheduler("StepLR", step_size=1, gamma=0.1)),
            ("log", PrintLog()),
        ],
        solver="sgd",
        learning_rate_init=1.0,
    )
    assert "domain_loss" in capsys.readouterr().out
    np.testing.assert_allclose([r["lr"] for r in clf.history_], [1, 0.1, 0.01, 0.001])
    # Clipped to nothing, the weights stay where they started.
    assert clf.loss_curve_[0] == pytest.approx(clf.loss_curve_[-1], abs=0.2)
    assert clf.history_[-1]["train_loss_best"] in (True, False)


def test_skorchs_default_callbacks_mark_the_best_epoch(moons):
    callbacks = [PassthroughScoring("train_loss", on_train=True), PrintLog(sink=noop)]
    history = _fit(moons, callbacks=callbacks, max_iter=8).history_
    losses = history[:, "train_loss"]
    assert history[:, "train_loss_best"] == [
        loss <= min(losses[: i + 1]) for i, loss in enumerate(losses)
    ]


def test_a_callback_can_stop_training(moons):
    clf = _fit(
        moons,
        max_iter=50,
        callbacks=[EarlyStopping("train_loss", patience=2, threshold=10, threshold_mode="abs")],
    )
    assert clf.n_iter_ == 3


@pytest.mark.parametrize(
    "callback",
    [
        Checkpoint(monitor=None, f_params=None, f_optimizer=None, f_criterion=None, f_history=None),
        GradientNormClipping(1.0),
        LRScheduler("StepLR", step_size=2),
        PassthroughScoring("train_loss", on_train=True),
        PrintLog(sink=noop),
        ProgressBar(),
        TrainEndCheckpoint(f_params=None, f_optimizer=None, f_criterion=None, f_history=None),
        EarlyStopping("train_loss", sink=noop),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_each_stock_callback_works_alone(moons, callback):
    clf = _fit(moons, callbacks=[callback], early_stopping=True)
    assert clf.n_iter_ == 4


def test_a_callbacks_error_comes_through(moons):
    with pytest.raises((KeyError, SkorchException)):
        _fit(moons, callbacks=[EarlyStopping("no_such_loss")])


class CtrlC(Callback):
    """Sends what the keyboard would send, at a moment of the third epoch."""

    def __init__(self, moment):
        self.moment = moment
        setattr(self, moment, self.press)

    def press(self, net, **kwargs):
        if len(net.history) == 3:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_epoch_end"])
def test_ctrl_c_in_a_callback_leaves_a_usable_estimator_and_is_raised_again(moons, moment):
    clf = DANNClassifier(max_iter=50, random_state=0, batch_size=20, callbacks=[CtrlC(moment)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*moons)
    assert clf.n_iter_ == len(clf.loss_curve_) == 2 + (moment == "on_epoch_end")
    assert np.isfinite(clf.predict_proba(moons[2])).all()


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("n_steps", [2, 8])
def test_ctrl_c_in_a_step_does_so_too(moons, n_steps, early_stopping, monkeypatch):
    original = ClosedFormStep.__call__
    calls = []

    def interrupted(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == n_steps:
            signal.raise_signal(signal.SIGINT)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ClosedFormStep, "__call__", interrupted)
    params = {"early_stopping": early_stopping, "label_shift": [0.5, 0.5]}
    clf = DANNClassifier(max_iter=50, random_state=0, batch_size=20, **params)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*moons)
    assert clf.n_iter_ == (n_steps - 1) // 3
    assert np.isfinite(clf.predict_proba(moons[2])).all()


@pytest.mark.usefixtures("default_ctrl_c")
def test_ctrl_c_before_the_first_epoch_leaves_a_network_as_well(moons, monkeypatch):
    def interrupted(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ClosedFormStep, "__call__", interrupted)
    clf = DANNClassifier(random_state=0)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*moons)
    assert clf.n_iter_ == 0
    assert clf.share_estimate_ is None
    assert np.isfinite(clf.predict_proba(moons[2])).all()


def test_threads_can_predict_at_once_and_draw_nothing(moons):
    clf = _fit(moons, dropout=0.5)
    expected = clf.predict_proba(moons[2])
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        for proba in pool.map(lambda _: clf.predict_proba(moons[2]), range(100)):
            np.testing.assert_array_equal(proba, expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_diverging_loss_ends_the_fit_with_advice(moons):
    with pytest.raises(ValueError, match=r"diverged.*epoch.*StandardScaler.*learning_rate_init"):
        _fit(moons, solver="sgd", learning_rate_init=1e30, max_iter=20)


def test_the_stored_network_holds_no_random_generator(moons):
    module = copy.deepcopy(_fit(moons, dropout=0.5).net_.module_)
    assert all(getattr(m, "generator", None) is None for m in module.modules())


# What callbacks may do to the net while it trains.


class Do(Callback):
    """Calls the given function at one of skorch's moments."""

    def __init__(self, moment, what):
        self.moment = moment
        self.what = what

    def __getattribute__(self, name):
        if name.startswith("on_") and name == object.__getattribute__(self, "moment"):
            return lambda net, **kwargs: self.what(net)
        return super().__getattribute__(name)


def test_the_net_can_be_pickled_while_it_trains(moons, tmp_path):
    _fit(moons, callbacks=[Checkpoint(monitor=None, f_pickle="a.pkl", dirname=tmp_path)])
    with open(tmp_path / "a.pkl", "rb") as file:
        assert pickle.load(file)._closed_form is None


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_frozen_parameters_rest(moons, solver):
    before = []

    def freeze(net):
        for parameter in net.module_.feature_extractor.parameters():
            parameter.requires_grad_(False)
            before.append(parameter.clone())

    clf = _fit(moons, callbacks=[Do("on_train_begin", freeze)], solver=solver)
    after = clf.net_.module_.feature_extractor.parameters()
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert clf.loss_curve_[-1] != clf.loss_curve_[0]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_hooks_are_called(moons, solver):
    calls = []

    def register(net):
        net.optimizer_.register_step_post_hook(lambda *args: calls.append("step"))
        net.module_.label_predictor.register_forward_hook(lambda *args: calls.append("forward"))

    _fit(moons, callbacks=[Do("on_train_begin", register)], solver=solver)
    # Afterwards the guard looks at predictions.
    assert calls[:24] == ["forward", "step"] * 12
    assert "step" not in calls[24:]


def test_looking_into_the_optimizer_starts_nothing(moons):
    def look(net):
        for parameter in net.module_.parameters():
            net.optimizer_.state[parameter].get("exp_avg")

    looked = _fit(moons, callbacks=[Do("on_train_begin", look)])
    assert looked.loss_curve_ == _fit(moons).loss_curve_


def test_decoupled_weight_decay_is_kept(moons):
    if "decoupled_weight_decay" not in inspect.signature(torch.optim.Adam).parameters:
        pytest.skip("this torch has no such option")
    solvers = [
        partial(torch.optim.Adam, fused=fused, decoupled_weight_decay=True)
        for fused in (False, True)
    ]
    one, other = (_fit(moons, solver=solver, alpha=5.0) for solver in solvers)
    np.testing.assert_allclose(one.predict_proba(moons[2]), other.predict_proba(moons[2]))


def test_batch_callbacks_see_the_whole_model_of_a_large_vocabulary():
    X = sparse.random(60, 20_000, 0.001, format="csr", random_state=0)
    shapes = []

    class Look(Callback):
        def on_batch_end(self, net, **kwargs):
            shapes.append(next(net.module_.parameters()).shape)

    params = {"hidden_layer_sizes": (3,), "max_iter": 1, "random_state": 0}
    clf = DANNClassifier(**params, callbacks=[Look()]).fit(X, np.arange(60) % 2, X)
    assert set(shapes) == {(1, 20_000, 3)}
    silent = DANNClassifier(**params).fit(X, np.arange(60) % 2, X)
    np.testing.assert_array_equal(clf.predict_proba(X), silent.predict_proba(X))


def test_a_column_that_became_constant_no_longer_counts(moons):
    X, y, X_tgt = (part.copy() for part in moons)
    clf = _fit(moons, warm_start=True)
    X[:, 1] = 0
    clf.set_params(max_iter=8).fit(X, y, X_tgt)
    X_tgt[:, 1] += 100
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), clf.predict_proba(X_tgt * [1, 0]))


def test_reversed_rows_can_be_predicted(moons):
    X = moons[2]
    clf = _fit(moons)
    np.testing.assert_allclose(clf.predict_proba(X[::-1][:1]), clf.predict_proba(X[-1:]))
