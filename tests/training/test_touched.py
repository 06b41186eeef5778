import numpy as np
import pytest
import torch
from scipy import sparse

from sk_dann import DANNClassifier
from sk_dann.estimators import _assembly
from sk_dann.nn import MemberLinear
from sk_dann.training._touched import TouchedRows

OPTIMIZERS = {
    "adam": lambda params: torch.optim.Adam(params, lr=0.1, weight_decay=0.1),
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.1),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
    "plain": lambda params: torch.optim.SGD(params, lr=0.1),
}


def _step(layer, optimizer, gradient):
    layer.weight.grad = gradient
    layer.bias.grad = torch.ones_like(layer.bias)
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_move_as_if_they_were_the_whole_weight(name):
    generator = torch.Generator().manual_seed(0)
    layer = MemberLinear(6, 3, 2, generator=generator)
    small = MemberLinear(3, 3, 2, generator=generator)
    rows = torch.tensor([0, 2, 5])
    before = layer.weight.detach().clone()
    with torch.no_grad():
        small.weight.copy_(before[:, rows])
    optimizer, reference = (
        OPTIMIZERS[name](layer.parameters()),
        OPTIMIZERS[name](small.parameters()),
    )
    whole, touched = layer.weight, TouchedRows(layer, optimizer)
    for _ in range(4):
        gradient = torch.randn(2, 3, 3, generator=generator)
        with touched(rows):
            assert layer.weight.shape == (2, 3, 3)
            _step(layer, optimizer, gradient)
        _step(small, reference, gradient)
        assert layer.weight is whole
        assert whole in [*optimizer.param_groups[0]["params"]]
    torch.testing.assert_close(layer.weight[:, rows], small.weight, rtol=0, atol=0)
    rest = [1, 3, 4]
    assert torch.equal(layer.weight[:, rest], before[:, rest])
    for key, value in optimizer.state[layer.weight].items():
        if torch.is_tensor(value) and value.shape == before.shape:
            assert not value[:, rest].any()
            assert torch.equal(value[:, rows], reference.state[small.weight][key])


def test_state_of_rows_rests_while_others_are_touched():
    layer = MemberLinear(4, 2)
    optimizer = OPTIMIZERS["adam"](layer.parameters())
    touched = TouchedRows(layer, optimizer)
    with touched(torch.tensor([0, 1])):
        _step(layer, optimizer, torch.ones(1, 2, 2))
    weight, state = layer.weight.detach().clone(), optimizer.state[layer.weight]["exp_avg"].clone()
    with touched(torch.tensor([2])):
        _step(layer, optimizer, torch.ones(1, 1, 2))
    assert torch.equal(layer.weight[:, :2], weight[:, :2])
    assert torch.equal(optimizer.state[layer.weight]["exp_avg"][:, :2], state[:, :2])


def test_all_is_put_back_if_the_step_fails():
    layer = MemberLinear(4, 2)
    optimizer = OPTIMIZERS["adam"](layer.parameters())
    weight = layer.weight
    with pytest.raises(KeyboardInterrupt), TouchedRows(layer, optimizer)(torch.tensor([1])):
        raise KeyboardInterrupt
    assert layer.weight is weight
    assert optimizer.param_groups[0]["params"][0] is weight
    assert not optimizer.state


def _rare_words(n_features=50):
    """Rows that touch every column, so that updating all or the touched is the same."""
    rng = np.random.default_rng(0)
    X = sparse.csr_matrix(rng.normal(size=(40, n_features)))
    return X, np.arange(40) % 2, X + X.multiply(0.5)


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("own_head", [None, torch.nn.Linear(100, 2, dtype=torch.float64)])
def test_a_fit_that_touches_all_columns_is_the_same_fit(monkeypatch, solver, own_head):
    def fit():
        clf = DANNClassifier(
            solver=solver, max_iter=3, random_state=0, n_estimators=2, label_predictor=own_head
        )
        return clf.fit(*_rare_words()).predict_proba(_rare_words()[0])

    expected = fit()
    monkeypatch.setattr(_assembly, "_MANY_COLUMNS", 10)
    np.testing.assert_allclose(fit(), expected, rtol=1e-9)


def test_only_touched_rows_move_and_a_large_vocabulary_fits():
    n_features = 2**17
    rng = np.random.default_rng(0)
    used = rng.choice(n_features, 300, replace=False)
    columns = used[rng.integers(0, 300, (100, 20))].astype(np.int64)
    values = rng.random(columns.size)
    X = sparse.csr_array(
        (values, columns.ravel(), np.arange(0, columns.size + 1, 20, dtype=np.int64)),
        shape=(100, n_features),
    )
    y = np.arange(100) % 2
    for params in ({}, {"warm_start": True}, {"early_stopping": True}):
        clf = DANNClassifier((4,), max_iter=2, random_state=0, **params).fit(X, y, X)
        if "warm_start" in params:
            clf.set_params(max_iter=3).fit(X, y, X)
        weight = clf.net_.module_.feature_extractor[0].weight
        moments = clf.net_.optimizer_.state[weight]["exp_avg"]
        touched = np.flatnonzero(moments.abs().sum(dim=(0, 2)).numpy())
        assert 0 < len(touched) <= 300
        assert set(touched) <= set(used)
        assert np.isfinite(clf.predict_proba(X)).all()
