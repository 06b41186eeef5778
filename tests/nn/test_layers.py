import numpy as np
import pytest
import torch
from torch import nn

from sk_dann.nn import MemberDropout, MemberLinear, SparseBatch, member_mlp


def _stack(n_members=3, n_in=5, n_out=4):
    layers = [nn.Linear(n_in, n_out, dtype=torch.float64) for _ in range(n_members)]
    return layers, MemberLinear.from_linear(layers)


@pytest.mark.parametrize("shared", [True, False])
def test_each_member_is_the_plain_layer(shared):
    layers, stacked = _stack()
    x = torch.randn((7, 5) if shared else (3, 7, 5), dtype=torch.float64)
    expected = torch.stack([layer(x if shared else x[k]) for k, layer in enumerate(layers)])
    torch.testing.assert_close(stacked(x), expected)


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_are_those_of_the_plain_layers(shared):
    layers, stacked = _stack()
    x = torch.randn((7, 5) if shared else (3, 7, 5), dtype=torch.float64)
    stacked(x).pow(2).sum().backward()
    for k, layer in enumerate(layers):
        layer(x if shared else x[k]).pow(2).sum().backward()
        torch.testing.assert_close(stacked.weight.grad[k], layer.weight.grad.T)
        torch.testing.assert_close(stacked.bias.grad[k, 0], layer.bias.grad)


def test_sparse_input_gives_what_dense_input_gives():
    _, stacked = _stack()
    x = torch.randn(7, 5, dtype=torch.float64) * (torch.rand(7, 5) < 0.4)
    results = []
    for batch in (x, SparseBatch.from_dense(x)):
        stacked.zero_grad()
        out = stacked(batch)
        out.pow(2).sum().backward()
        results.append((out, stacked.weight.grad.clone()))
    torch.testing.assert_close(results[0], results[1])


def test_initial_weights_fill_the_interval_of_torch_linear():
    layer = MemberLinear(25, 200, n_members=2, generator=torch.Generator().manual_seed(0))
    bound = 1 / np.sqrt(25)
    for parameter in (layer.weight, layer.bias):
        assert parameter.abs().max() <= bound
        assert parameter.abs().max() > 0.95 * bound
        assert abs(parameter.mean()) < 0.1 * bound


def test_a_generator_makes_weights_repeatable_and_leaves_the_global_state():
    before = torch.get_rng_state()
    first, second = (
        MemberLinear(3, 4, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_mask_is_shared_by_rows_but_not_by_members():
    out = MemberDropout(0.5)(torch.ones(2, 3, 100))
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert not torch.equal(out[0], out[1])


def test_dropout_keeps_the_expectation():
    dropout = MemberDropout(0.3)
    dropout.generator = torch.Generator().manual_seed(0)
    out = dropout(torch.ones(1, 1, 100_000))
    kept = out[out != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.7))
    assert abs(out.mean() - 1) < 0.01


def test_dropout_rests_in_evaluation():
    x = torch.randn(1, 3, 4)
    assert torch.equal(MemberDropout(0.9).eval()(x), x)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_mlp_is_scikit_learns(activation):
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    reference = MLPRegressor(hidden_layer_sizes=(4, 5), activation=activation, random_state=0)
    reference.partial_fit(X, rng.normal(size=(20, 2)))
    mlp = member_mlp((3, 4, 5, 2), activation=activation, linear_output=True, dtype=torch.float64)
    linear = [layer for layer in mlp if isinstance(layer, MemberLinear)]
    with torch.no_grad():
        for layer, weight, bias in zip(
            linear, reference.coefs_, reference.intercepts_, strict=True
        ):
            layer.weight[0] = torch.from_numpy(weight)
            layer.bias[0, 0] = torch.from_numpy(bias)
        out = mlp(torch.from_numpy(X))[0]
    np.testing.assert_allclose(out.numpy(), reference.predict(X), rtol=1e-12)


def test_mlp_drops_after_hidden_layers_only():
    mlp = member_mlp((3, 4, 5, 2), dropout=0.5, linear_output=True)
    kinds = [type(layer).__name__ for layer in mlp]
    hidden = ["MemberLinear", "ReLU", "MemberDropout"]
    assert kinds == [*hidden, *hidden, "MemberLinear"]


def test_on_the_meta_device_nothing_is_drawn():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    layer = MemberLinear(10**9, 10**3, generator=generator, device="meta")
    assert layer.weight.is_meta
    assert layer.weight.shape == (1, 10**9, 10**3)
    assert torch.equal(generator.get_state(), before)
