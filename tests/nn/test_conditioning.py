"""What a conditional domain classifier sees, and the network and loss around it."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sk_dann.nn import (
    DANNLoss,
    DANNNetwork,
    MultilinearMap,
    RandomizedMap,
    copy_members,
    domain_log_proba,
    domain_loss,
    finite_members,
    make_network,
    member_mlp,
    stack_members,
    view_members,
)

DOUBLE = torch.float64


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=_generator(seed), dtype=DOUBLE)


def _make(conditioning, n_classes=3, seed=0, **params):
    defaults = {"hidden_layer_sizes": (4,), "n_random_features": 16, "n_members": 2}
    return make_network(
        5, n_classes, conditioning=conditioning, generator=_generator(seed), dtype=DOUBLE,
        **{**defaults, **params},
    )  # fmt: skip


def test_multilinear_are_the_outer_products():
    features, proba = _draw(2, 5, 4), _draw(2, 5, 3, seed=1).softmax(-1)
    expected = torch.einsum("knc,knh->knch", proba, features).flatten(2)
    torch.testing.assert_close(MultilinearMap(4, 3)(features, proba), expected)


def test_with_one_class_multilinear_is_dann():
    conditional, plain = (_make(kind, n_classes=1) for kind in ("multilinear", None))
    plain.load_state_dict(conditional.state_dict())
    X = _draw(6, 5)
    for one, other in zip(conditional(X, 0.3), plain(X, 0.3), strict=True):
        torch.testing.assert_close(one, other)


def test_randomized_inner_products_approximate_multilinear_ones():
    # Theorem 1 of the paper: unbiased, with a variance that falls with the number of products.
    features, proba = _draw(1, 6, 5), _draw(1, 6, 4, seed=1).softmax(-1)
    exact = MultilinearMap(5, 4)(features, proba)[0]
    exact = exact @ exact.T
    errors = []
    for n_outputs in (100, 10_000, 1_000_000):
        mapped = RandomizedMap(5, 4, n_outputs, generator=_generator(), dtype=DOUBLE)
        found = mapped(features, proba)[0]
        errors.append((found @ found.T - exact).abs().max() / exact.abs().max())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01


@pytest.mark.parametrize(
    "joined", [MultilinearMap(4, 3), RandomizedMap(4, 3, 6, n_members=2, dtype=DOUBLE)]
)
@pytest.mark.parametrize("kept", [None, torch.tensor([0, 2, 3])])
def test_the_transposed_map_is_the_gradient(joined, kept):
    features, proba = _draw(2, 4, 5).requires_grad_(), _draw(2, 3, 5, seed=1).softmax(1)
    # What is not kept is zero.
    mask = torch.ones(4, dtype=DOUBLE) if kept is None else F.one_hot(kept, 4).sum(0).double()
    whole = joined.map(features * mask[:, None], proba)
    cut = joined.map(features if kept is None else features[:, kept], proba, kept)
    places = joined.kept_outputs(kept)
    torch.testing.assert_close(cut, whole if places is None else whole[:, places])
    grad = _draw(*whole.shape, seed=2)
    (expected,) = torch.autograd.grad((grad * whole).sum(), features)
    found = joined.transposed(grad if places is None else grad[:, places], proba, kept)
    torch.testing.assert_close(found, expected if kept is None else expected[:, kept])


def test_auto_draws_random_features_for_many_products():
    assert isinstance(_make("auto", hidden_layer_sizes=(2048,), n_classes=2).conditioning,
                      MultilinearMap)  # fmt: skip
    many = _make("auto", hidden_layer_sizes=(2049,), n_classes=2)
    assert isinstance(many.conditioning, RandomizedMap)
    assert many.domain_classifier[0].weight.shape == (2, 16, 64)


def test_random_matrices_follow_the_seed_differ_between_members_and_are_stored():
    one, same, other = (_make("randomized", seed=seed) for seed in (0, 0, 1))
    for name in ("feature_matrix", "class_matrix"):
        assert f"conditioning.{name}" in one.state_dict()
        matrix = getattr(one.conditioning, name)
        assert torch.equal(matrix, getattr(same.conditioning, name))
        assert not torch.equal(matrix, getattr(other.conditioning, name))
        assert not torch.equal(matrix[0], matrix[1])
    assert not any(name.startswith("conditioning") for name, _ in one.named_parameters())


@pytest.mark.parametrize("kind", ["multilinear", "randomized"])
def test_the_map_of_some_members_is_a_view(kind):
    joined = _make(kind, n_members=3).conditioning
    features, proba = _draw(3, 5, 4), _draw(3, 5, 3, seed=1).softmax(-1)
    part, expected = joined.of_members(slice(1, 3)), joined(features, proba)
    torch.testing.assert_close(part(features[1:], proba[1:]), expected[1:])
    torch.testing.assert_close(joined(features, proba), expected)


def test_labels_start_alike_with_and_without_conditioning():
    networks = [_make(kind) for kind in (None, "multilinear", "randomized")]
    x = _draw(3, 5)
    first, *others = (network(x).label_logits for network in networks)
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("kind", ["multilinear", "randomized"])
def test_members_side_by_side_are_the_members_alone(kind):
    networks = [_make(kind, seed=seed, n_members=1) for seed in range(3)]
    together, X = stack_members(networks), _draw(6, 5)
    expected = torch.cat([network(X).domain_logits for network in networks])
    torch.testing.assert_close(together(X).domain_logits, expected)
    torch.testing.assert_close(view_members(together, slice(1, 3))(X).domain_logits, expected[1:])
    other = stack_members([_make(kind, seed=9, n_members=1)] * 3)
    copy_members(together, other, [0, 2])
    torch.testing.assert_close(other(X).domain_logits[[0, 2]], expected[[0, 2]])
    assert finite_members(together).all()


def test_what_the_label_predictor_learns_from_the_domains_it_learns_through_the_features():
    network = _make("multilinear")
    output = network(_draw(6, 5), -1.0)
    output.domain_logits.sum().backward()
    assert network.label_predictor[0].weight.grad is None
    assert network.feature_extractor[0].weight.grad.any()


def test_own_domain_classifiers_are_tried_on_what_they_will_see():
    network = _make("multilinear", domain_classifier=nn.Linear(12, 1))
    assert network(_draw(3, 5)).domain_logits.shape == (2, 3, 1)
    with pytest.raises(ValueError, match=r"domain_classifier=Linear failed on rows of shape"):
        _make("randomized", domain_classifier=nn.Linear(12, 1))


def test_own_parts_may_be_conditioned():
    network = DANNNetwork(
        member_mlp((5, 4)), member_mlp((4, 3)), member_mlp((12, 1)), MultilinearMap(4, 3)
    )
    output = network(torch.zeros(6, 5), n_source=2)
    assert output.label_logits.shape == (1, 2, 3)
    assert output.domain_logits.shape == (1, 6, 1)


# Entropy weights


@pytest.mark.parametrize("weighted", [False, True])
def test_sure_rows_count_more_in_the_domain_game(weighted):
    network, X = _make("multilinear"), 3 * _draw(7, 5)
    y, domain = torch.tensor([0, 1, 2]), torch.tensor([0] * 3 + [1] * 4)
    weights = (_draw(2, 3).exp(), _draw(4).exp()) if weighted else (None, None)
    output = network(X)
    losses = DANNLoss(entropy_weighting=True)(output, y, domain, None, *weights)
    proba = output.label_logits.detach().softmax(-1)
    certainty = 1 + torch.exp((proba * proba.log()).sum(-1))
    assert certainty.std() > 0.05
    # A mean of 1 on each side, times the weights that rows have.
    sides = []
    for side, weight in zip(certainty.split([3, 4], dim=1), weights, strict=True):
        side = side / side.mean(dim=1, keepdim=True)
        sides.append(side if weight is None else side * weight)
    log_proba = domain_log_proba(output.domain_logits)
    torch.testing.assert_close(losses.domain, domain_loss(log_proba, domain, 3, *sides))
    plain = DANNLoss()(output, y, domain, None, *weights)
    torch.testing.assert_close(losses.label, plain.label)
    assert not torch.allclose(losses.domain, plain.domain)


def test_no_gradient_passes_through_entropy_weights():
    network = _make(None)
    y, domain = torch.tensor([0, 1, 2]), torch.tensor([0] * 3 + [1] * 4)
    DANNLoss(entropy_weighting=True)(network(_draw(7, 5)), y, domain).domain.sum().backward()
    assert network.label_predictor[0].weight.grad is None


# A restatement of the paper, apart from everything here


def _restated(weights, X_source, y, X_target, coefficient, matrices, entropy):
    """Equations 5, 6 and 9 for one network: hand-made layers, einsum, torch's own losses."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = weights
    features = torch.tanh(torch.cat([X_source, X_target]) @ w1 + b1)
    logits = features @ w2 + b2
    proba = F.softmax(logits, dim=1).detach()
    if matrices is None:
        joined = torch.einsum("nc,nh->nch", proba, features).reshape(len(features), -1)
    else:
        of_features, of_classes = matrices
        joined = (features @ of_features) * (proba @ of_classes) / math.sqrt(of_classes.shape[1])
    # The reversed gradient: the domain classifier sees joined, the features the negative of it.
    joined = joined.detach() * (1 + coefficient) - coefficient * joined
    is_source = (torch.tanh(joined @ w3 + b3) @ w4 + b4).squeeze(1)
    truth = (torch.arange(len(features)) < len(y)).double()
    row = F.binary_cross_entropy_with_logits(is_source, truth, reduction="none")
    weight = torch.ones_like(row)
    if entropy:
        weight = 1 + torch.exp(torch.special.entr(proba).sum(1).neg())
    sides = [(weight[own] * row[own]).sum() / weight[own].sum() for own in (truth > 0, truth < 1)]
    return F.cross_entropy(logits[: len(y)], y), sides[0] + sides[1]


@pytest.mark.parametrize("entropy", [False, True])
@pytest.mark.parametrize("kind", ["multilinear", "randomized"])
def test_training_is_that_of_an_independent_restatement(kind, entropy):
    network = _make(kind, n_members=1, activation="tanh", domain_hidden_layer_sizes=(3,))
    joined, matrices = network.conditioning, None
    if kind == "randomized":
        root = math.sqrt(joined.n_outputs)
        matrices = joined.feature_matrix[0].T, root * joined.class_matrix[0].T
    layers = [
        network.feature_extractor[0], network.label_predictor[0],
        network.domain_classifier[0], network.domain_classifier[2],
    ]  # fmt: skip
    weights = [
        tuple(p.detach().clone().requires_grad_() for p in (layer.weight[0], layer.bias[0, 0]))
        for layer in layers
    ]
    flat = [each for pair in weights for each in pair]
    optimizers = [torch.optim.SGD(own, lr=0.3) for own in (network.parameters(), flat)]
    criterion = DANNLoss(entropy_weighting=entropy)
    domain = torch.tensor([0] * 6 + [1] * 4)
    for step in range(5):
        X, y = 2 * _draw(10, 5, seed=step), torch.arange(6) % 3
        for optimizer in optimizers:
            optimizer.zero_grad()
        losses = criterion(network(X, 0.7), y, domain)
        losses.total.backward()
        label, adversarial = _restated(weights, X[:6], y, X[6:], 0.7, matrices, entropy)
        (label + adversarial).backward()
        torch.testing.assert_close(losses.label[0], label)
        torch.testing.assert_close(losses.domain[0], adversarial)
        for optimizer in optimizers:
            optimizer.step()
    for layer, (weight, bias) in zip(layers, weights, strict=True):
        torch.testing.assert_close(layer.weight[0], weight, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(layer.bias[0, 0], bias, rtol=1e-9, atol=1e-12)
