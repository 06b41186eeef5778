"""Memory stays flat over many fits in one process, and over many epochs of one."""

import gc
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from skorch.callbacks import Callback

from sk_dann import DANNClassifier
from sk_dann.training import infer, label_log_proba

STATM = Path("/proc/self/statm")
PAGE = 4096


def _resident():
    gc.collect()
    return int(STATM.read_text().split()[1]) * PAGE


@pytest.mark.skipif(not STATM.exists(), reason="reads the resident memory from /proc")
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_200_fits_leave_nothing_behind(container):
    rng = np.random.default_rng(0)
    X, X_tgt = container(rng.normal(size=(200, 500))), container(rng.normal(size=(200, 500)))
    y = np.arange(200) % 2

    def fit(times):
        for _ in range(times):
            DANNClassifier(max_iter=1, random_state=0).fit(X, y, X_tgt).predict(X_tgt)

    fit(50)
    before = _resident()
    fit(150)
    # A network with its gradients and Adam's moments is 2 MB here, so 150 of them are 300.
    assert _resident() - before < 20e6


class Watch(Callback):
    def on_train_begin(self, net, **kwargs):
        self.resident = []

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) % 100 == 0:
            self.resident.append(_resident())


@pytest.mark.skipif(not STATM.exists(), reason="reads the resident memory from /proc")
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_500_epochs_leave_nothing_behind(container):
    rng = np.random.default_rng(0)
    X, X_tgt = container(rng.normal(size=(200, 100))), container(rng.normal(size=(200, 100)))
    watch = Watch()
    clf = DANNClassifier(max_iter=500, random_state=0, callbacks=[("watch", watch)])
    clf.fit(X, np.arange(200) % 2, X_tgt)
    resident = dict(clf.net_.callbacks_)["watch"].resident
    # A batch is 100 kB here, and there are 2000 of them; an epoch's record is 1 kB.
    assert resident[-1] - resident[0] < 5e6


@pytest.mark.skipif(not STATM.exists(), reason="reads the resident memory from /proc")
def test_prediction_holds_the_result_and_a_chunk():
    X = np.random.default_rng(0).normal(size=(400_000, 20)).astype(np.float32)
    clf = DANNClassifier(max_iter=1, random_state=0).fit(X[:200], X[:200, 0] > 0, X[:200])
    clf.predict_proba(X[:1000])
    before = _resident()
    peak = []

    def watched(network, batch):
        peak.append(_resident())
        return label_log_proba(network, batch)

    infer(clf.net_.module_, X, watched, "cpu")
    # The hidden layer of all rows would be 160 MB.
    assert max(peak) - before < 40e6
