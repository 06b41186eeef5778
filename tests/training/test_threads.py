"""One thread where more do not pay, and in processes made by fork."""

import multiprocessing
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from sk_dann import CDANClassifier, DANNClassifier
from sk_dann.nn import make_network
from sk_dann.training import _threads
from sk_dann.training._threads import count_products, count_step_products, enough_threads

MANY = _threads._WORTH_THREADS


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("n_products", "expected"), [(0, 1), (MANY - 1, 1), (MANY, 2)])
def test_enough_threads_is_one_for_little_work(n_products, expected):
    with enough_threads(n_products):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_enough_threads_comes_back_after_an_error():
    with pytest.raises(KeyError), enough_threads(0):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_enough_threads_concerns_the_calling_thread_alone():
    seen = []
    with enough_threads(0):
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert seen == [2]


@pytest.mark.usefixtures("two_threads")
def test_enough_threads_limits_mkl_too():
    setter = _threads._mkl_setter()
    if setter is None:
        pytest.skip("this torch has no MKL that can be asked")
    with enough_threads(0):
        inside = setter(1)
    outside = setter(0)
    setter(outside)
    assert inside == 1
    assert outside != 1


@pytest.mark.usefixtures("two_threads")
def test_enough_threads_leaves_a_lower_limit():
    with threadpool_limits(1), enough_threads(10 * MANY):
        assert torch.get_num_threads() == 1


def test_products_are_counted_by_layer():
    network = make_network(20, 3, hidden_layer_sizes=(10,), domain_hidden_layer_sizes=(5,))
    n_products = 20 * 10 + 10 * 3 + 10 * 5 + 5 * 1
    assert count_products(network, 20) == n_products
    assert count_products(network, 4) == n_products - 16 * 10  # sparse samples
    members = make_network(
        20, 3, n_members=4, hidden_layer_sizes=(10,), domain_hidden_layer_sizes=(5,)
    )
    assert count_products(members, 20) == 4 * n_products
    own = make_network(20, 3, feature_extractor=torch.nn.Linear(20, 10))
    assert count_products(own, 20) == np.inf


def test_a_step_that_touches_few_weights_updates_few():
    network = make_network(10**6, 2, hidden_layer_sizes=(10,))
    some, all_ = (count_step_products(network, 8, 5, few) for few in (True, False))
    n_rest = sum(p.numel() for p in network.parameters()) - 10**7
    assert all_ - some == _threads._UPDATE * (10**7 - 8 * 5 * 10)
    assert some == 8 * count_products(network, 5) + _threads._UPDATE * (n_rest + 400)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("estimator", [DANNClassifier, CDANClassifier])
def test_small_fits_have_the_same_bits_at_any_number_of_threads(estimator):
    rng = np.random.default_rng(0)
    X, X_tgt = rng.normal(size=(400, 200)), rng.normal(size=(300, 200)) + 0.3
    y = (X[:, :2].sum(axis=1) > 0).astype(int)
    proba = []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        clf = estimator(max_iter=5, random_state=0).fit(X, y, X_tgt)
        proba.append(clf.predict_proba(X_tgt))
    np.testing.assert_array_equal(*proba)


@pytest.mark.usefixtures("two_threads")
def test_fit_and_predict_leave_the_number_of_threads():
    X = np.random.default_rng(0).normal(size=(50, 3))
    clf = DANNClassifier(max_iter=2).fit(X, np.arange(50) % 2, X)
    clf.predict(X)
    assert torch.get_num_threads() == 2


FORKED = """
import multiprocessing, pickle
import numpy as np, torch
from sk_dann import DANNClassifier
torch.set_num_threads(2)
rng = np.random.default_rng(0)
X, y, X_tgt = rng.normal(size=(600, 300)), np.arange(600) % 2, rng.normal(size=(600, 300))
# So much that two threads are started, which a fork leaves behind.
clf = DANNClassifier((400,), batch_size=300, max_iter=2, random_state=0).fit(X, y, X_tgt)
torch.randn(2000, 2000) @ torch.randn(2000, 2000)

stored = pickle.dumps(clf)

def child(what):
    if what == "unpickle":
        return pickle.loads(stored).predict(X_tgt).sum()
    return (clf if what == "predict" else clf.fit(X, y, X_tgt)).predict(X_tgt).sum()

for what in ("predict", "fit", "unpickle"):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(what, pool.apply_async(child, (what,)).get(120))
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_fits_and_predicts():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["predict", "fit", "unpickle"]
