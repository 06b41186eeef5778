import numpy as np
import pytest
from scipy import sparse
from skorch.callbacks import Callback

from sk_dann import DANNClassifier
from sk_dann.nn import make_network
from sk_dann.training import _groups
from sk_dann.training._groups import split_members


def _fit(monkeypatch, cache_bytes, **params):
    monkeypatch.setattr(_groups, "_CACHE_BYTES", cache_bytes)
    rng = np.random.default_rng(0)
    X, X_tgt = rng.normal(size=(90, 6)), rng.normal(size=(70, 6)) + 0.3
    if params.pop("csr", False):
        X, X_tgt = sparse.csr_matrix(X * (X > 0)), sparse.csr_matrix(X_tgt * (X_tgt > 0))
    defaults = {
        "n_estimators": 5,
        "max_iter": 4,
        "batch_size": 8,
        "random_state": 0,
        "learning_rate": "dann",
        "label_hidden_layer_sizes": (4,),
    }
    weight = rng.random(90)
    return DANNClassifier(**{**defaults, **params}).fit(
        X, np.arange(90) % 3, X_tgt, sample_weight=weight
    )


class Listener(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize("csr", [False, True])
def test_groups_train_the_same_networks(monkeypatch, csr):
    together = _fit(monkeypatch, 10**9, csr=csr)
    apart = _fit(monkeypatch, 1, csr=csr)
    listened = _fit(monkeypatch, 1, csr=csr, callbacks=[Listener()])
    for other in (apart, listened):
        for one, two in zip(
            together.net_.module_.parameters(), other.net_.module_.parameters(), strict=True
        ):
            np.testing.assert_allclose(one.detach(), two.detach(), rtol=1e-9, atol=1e-12)
        for key in ("train_loss", "label_loss", "domain_loss", "domain_accuracy", "lr"):
            np.testing.assert_allclose(
                [epoch[key] for epoch in together.history_],
                [epoch[key] for epoch in other.history_],
            )
    assert apart.history_[0]["batches"][0]["train_batch_size"] == 180
    for params in (together, apart):
        state = params.net_.optimizer_.state_dict()["state"]
        assert {value["step"].item() for value in state.values()} == {4 * 12}


def test_without_target(monkeypatch):
    monkeypatch.setattr(_groups, "_CACHE_BYTES", 1)
    X = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.warns(UserWarning, match="No target"):
        clf = DANNClassifier(n_estimators=3, max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    assert clf.domain_loss_curve_ == []


@pytest.mark.parametrize(
    ("n_members", "sizes"),
    [(1, [1]), (4, [4]), (5, [2, 3]), (16, [4, 4, 4, 4])],
)
def test_slices_are_as_large_as_the_cache_allows(n_members, sizes):
    # 1000 * 250 weights of 4 bytes, four times: 3.9 MiB a member.
    network = make_network(1000, 2, 0, n_members=n_members, hidden_layer_sizes=(250,))
    slices, alike = split_members(network, 64)
    assert [s.stop - s.start for s in slices] == sizes
    assert slices[0].start == 0
    assert slices[-1].stop == n_members
    assert not alike


@pytest.mark.parametrize(("n_rows", "n_slices"), [(128, 1), (1024, 2), (2**20, 10)])
def test_so_are_the_outputs_of_the_layers(n_rows, n_slices):
    # 102 of 4 bytes a row.
    network = make_network(5, 2, 0, n_members=10, hidden_layer_sizes=(100,))
    slices, _ = split_members(network, n_rows)
    assert len(slices) == n_slices


def test_weights_that_meet_sparse_rows_are_no_reason_for_small_groups():
    network = make_network(1000, 2, 0, n_members=16, hidden_layer_sizes=(250,))
    slices, _ = split_members(network, 64, is_sparse=True)
    assert slices == [slice(0, 16)]


@pytest.mark.parametrize(
    ("largest", "seeds", "sizes", "alike"),
    [
        (8, [1] * 8, [8], True),
        (8, [1] * 4 + [2] * 4, [4, 4], True),
        (5, [1] * 8, [4, 4], True),
        (5, [1] * 4 + [2] * 8, [4, 4, 4], True),
        # Too few of each to be worth smaller groups.
        (6, [1, 1, 1, 2, 2, 2], [6], False),
        # Groups that are as small anyway.
        (1, [1, 2], [1, 1], True),
        # One generator for all: members draw masks of their own.
        (8, 1, [8], False),
    ],
)
def test_groups_end_where_the_seed_changes(monkeypatch, largest, seeds, sizes, alike):
    monkeypatch.setattr(_groups, "_largest_group", lambda *args: largest)
    network = make_network(5, 2, 0, n_members=sum(sizes))
    slices, found = split_members(network, 64, seeds)
    assert [s.stop - s.start for s in slices] == sizes
    assert [s.start for s in slices] == np.cumsum([0, *sizes[:-1]]).tolist()
    assert found == alike
