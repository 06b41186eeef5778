"""Memory stays flat over many fits, in one process."""

import gc
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from sk_dann import DANNClassifier

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
