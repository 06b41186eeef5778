"""What is an interrupt from outside, and what a callback's wish to stop."""

import functools
import os
import pickle
import signal
import threading

import numpy as np
import pytest
from scipy import sparse
from skorch.callbacks import Callback

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.training._interrupts import is_from_signal, traceable_interrupts


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(n_samples=60, random_state=0)[:3]


@pytest.fixture(params=["default", "function", "partial", "method", "object"])
def handled(request):
    """A signal whose handler raises KeyboardInterrupt, set in one of the ways there are."""

    def function(number, frame):
        raise KeyboardInterrupt

    class Handler:
        def method(self, number, frame):
            raise KeyboardInterrupt

        __call__ = method

    handler = {
        "default": signal.default_int_handler,
        "function": function,
        "partial": functools.partial(lambda name, number, frame: function(number, frame), "x"),
        "method": Handler().method,
        "object": Handler(),
    }[request.param]
    number = signal.SIGINT if request.param == "default" else signal.SIGTERM
    before = signal.signal(number, handler)
    yield number
    signal.signal(number, before)


class At(Callback):
    """Does something at the end of an epoch."""

    def __init__(self, epoch, act):
        self.epoch = epoch
        self.act = act

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.act()


def _stop():
    raise KeyboardInterrupt


def test_fit_raises_an_interrupt_again_whatever_handles_the_signal(moons, handled):
    press = At(3, lambda: signal.raise_signal(handled))
    clf = DANNClassifier(max_iter=20, random_state=0, callbacks=[press])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*moons)
    assert clf.n_iter_ == 3
    assert clf.predict(moons[2]).shape == (60,)


def test_fit_raises_an_interrupt_again_that_another_thread_sends(moons, handled):
    clf = DANNClassifier(max_iter=10**6, random_state=0)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), handled))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*moons)
    timer.join()
    assert clf.predict(moons[2]).shape == (60,)


def test_fit_raises_an_interrupt_again_that_a_callback_has_caught(moons, handled):
    def press():
        try:
            signal.raise_signal(handled)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        DANNClassifier(max_iter=20, random_state=0, callbacks=[At(3, press)]).fit(*moons)


@pytest.mark.parametrize("in_thread", [False, True])
def test_fit_ends_where_a_callback_raises_keyboard_interrupt(moons, handled, in_thread):
    clf = DANNClassifier(max_iter=20, random_state=0, callbacks=[At(3, _stop)])
    if in_thread:
        thread = threading.Thread(target=clf.fit, args=moons)
        thread.start()
        thread.join()
    else:
        clf.fit(*moons)
    assert clf.n_iter_ == 3


def test_fit_leaves_signal_handlers_as_they_were(moons, handled):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    DANNClassifier(max_iter=2, random_state=0).fit(*moons)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_is_from_signal_looks_at_what_led_to_an_interrupt(handled):
    def press():
        try:
            signal.raise_signal(handled)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt from interrupt

    with traceable_interrupts():
        with pytest.raises(KeyboardInterrupt) as pressed:
            press()
        assert is_from_signal(pressed.value)
        with pytest.raises(KeyboardInterrupt) as stopped:
            _stop()
        assert not is_from_signal(stopped.value)


class InStep(Callback):
    """Sends what the keyboard would send, in a step's middle."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_grad_computed(self, net, **kwargs):
        self.n_steps -= 1
        if self.n_steps == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.parametrize("n_steps", [1, 2, 3, 5])
def test_an_interrupt_with_a_large_vocabulary_leaves_what_can_go_on(n_steps):
    X, X_tgt = (sparse.random(60, 20_000, 1e-3, "csr", random_state=seed) for seed in (0, 1))
    y = np.arange(60) % 2
    clf = DANNClassifier(
        max_iter=9, batch_size=20, warm_start=True, random_state=0, callbacks=[InStep(n_steps)]
    )
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y, X_tgt)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X_tgt), clf.predict_proba(X_tgt))
    clf.set_params(max_iter=clf.n_iter_ + 2, callbacks=None).fit(X, y, X_tgt)
    assert np.isfinite(clf.predict_proba(X_tgt)).all()
