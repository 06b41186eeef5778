"""The gradients written by hand against autograd's, and against differences."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sk_dann.nn import (
    CentralMomentDiscrepancy,
    ClosedFormStep,
    DANNLoss,
    InformationMaximization,
    LossTerms,
    MemberDropout,
    MinimumClassConfusion,
    MultilinearMap,
    SparseBatch,
    Term,
    isolated_random_state,
    make_network,
)
from sk_dann.nn._closed_form import ClosedFormTerms


def _network(n_sources=1, dtype=torch.float64, **params):
    defaults = {"n_members": 2, "hidden_layer_sizes": (4,), "activation": "tanh"}
    with isolated_random_state(0):
        return make_network(5, 3, n_sources, dtype=dtype, **{**defaults, **params})


def _batch(n_sources=1, n_source=6, n_target=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(n_source + n_target, 5, generator=generator, dtype=dtype)
    y = torch.arange(n_source) % 3
    domain = torch.cat([torch.arange(n_source) % n_sources, torch.full((n_target,), n_sources)])
    return X, y, domain


def _lend_generators(network, seed=3):
    for module in network.modules():
        if isinstance(module, MemberDropout):
            module.generator = torch.Generator().manual_seed(seed)


def _autograd(network, criterion, X, reversal, y, *rows):
    """Return the terms and the gradients by name, as plain modules give them."""
    network = copy.deepcopy(network)
    _lend_generators(network)
    n_source = None if criterion.needs_target_logits else y.shape[-1]
    terms = criterion(network(X, reversal, n_source=n_source), y, *rows)
    terms.total.backward()
    return terms.detach(), {name: p.grad for name, p in network.named_parameters()}


def _by_hand(network, criterion, *arguments):
    _lend_generators(network)
    step = ClosedFormStep(network, criterion)
    terms = step(*arguments).evaluate()
    return terms, {name: p.grad for name, p in network.named_parameters()}, step.output


def _check(network, criterion, *arguments):
    expected_terms, expected = _autograd(network, criterion, *arguments)
    terms, gradients, _ = _by_hand(network, criterion, *arguments)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=1e-12)
        assert gradient.stride() == dict(network.named_parameters())[name].stride()
    for found, wanted in zip(terms, expected_terms, strict=True):
        torch.testing.assert_close(found, wanted)


@given(
    n_members=st.integers(1, 3),
    n_sources=st.integers(1, 3),
    hidden=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    label_hidden=st.lists(st.integers(1, 3), max_size=2),
    domain_hidden=st.lists(st.integers(1, 3), max_size=2),
    activation=st.sampled_from(["identity", "logistic", "tanh", "relu"]),
    dropout=st.sampled_from([0.0, 0.4]),
    reversal=st.sampled_from([0.0, 0.3, 2.0]),
    domain_weight=st.sampled_from([1.0, 0.2]),
    sparse=st.booleans(),
    weights=st.sampled_from([None, "shared", "by member", "none on the source"]),
    target_weights=st.sampled_from([None, "shared", "by member", "none"]),
    labels_differ=st.booleans(),
)
def test_gradients_are_autograds(
    n_members, n_sources, hidden, label_hidden, domain_hidden, activation, dropout, reversal,
    domain_weight, sparse, weights, target_weights, labels_differ,
):  # fmt: skip
    network = _network(
        n_sources,
        n_members=n_members,
        hidden_layer_sizes=tuple(hidden),
        label_hidden_layer_sizes=tuple(label_hidden),
        domain_hidden_layer_sizes=tuple(domain_hidden),
        activation=activation,
        dropout=dropout,
    )
    X, y, domain = _batch(n_sources)
    if sparse:
        X = SparseBatch.from_dense(X * (X > 0))
    weight = {
        None: None,
        "shared": torch.arange(6.0, dtype=torch.float64),
        "by member": torch.arange(6.0 * n_members, dtype=torch.float64).view(n_members, 6),
        "none on the source": torch.zeros(6, dtype=torch.float64),
    }[weights]
    target_weight = {
        None: None,
        "shared": torch.arange(5.0, dtype=torch.float64),
        "by member": torch.arange(5.0 * n_members, dtype=torch.float64).view(n_members, 5),
        "none": torch.zeros(5, dtype=torch.float64),
    }[target_weights]
    if labels_differ:
        y = torch.arange(6 * n_members).view(n_members, 6) % 3
    weights = weight, weight, target_weight
    _check(network, DANNLoss(domain_weight), X, reversal, y, domain, *weights)


class Constant(Term):
    def forward(self, step):
        return step.class_shares.new_zeros(len(step.target_logits))


TERMS = {
    "information": [InformationMaximization(0.7)],
    "confusion": [MinimumClassConfusion(0.5, temperature=1.5)],
    "moments": [CentralMomentDiscrepancy(2.0, n_moments=3)],
    "all": [CentralMomentDiscrepancy(0.3), InformationMaximization(2.0), MinimumClassConfusion()],
    "constant": [Constant()],
}


def _rand(*shape):
    generator = torch.Generator().manual_seed(4)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def _shares(n_members=None):
    rows = () if n_members is None else (n_members,)
    shares = _rand(2, *rows, 3) + 0.1
    return shares / shares.sum(dim=-1, keepdim=True)


@pytest.mark.parametrize("terms", TERMS)
@given(
    n_sources=st.integers(0, 2),
    label_hidden=st.lists(st.integers(1, 3), max_size=1),
    activation=st.sampled_from(["logistic", "relu"]),
    dropout=st.sampled_from([0.0, 0.4]),
    reversal=st.sampled_from([0.0, 0.3]),
    sparse=st.booleans(),
    weighted=st.sampled_from([None, "shared", "by member"]),
    shares=st.sampled_from([None, "shared", "by member"]),
)
def test_gradients_of_terms_are_autograds(
    terms, n_sources, label_hidden, activation, dropout, reversal, sparse, weighted, shares
):
    network = _network(
        n_sources,
        n_members=3,
        label_hidden_layer_sizes=tuple(label_hidden),
        activation=activation,
        dropout=dropout,
    )
    criterion = DANNLoss(terms=TERMS[terms])
    if shares is not None:
        criterion.set_class_shares(*_shares(3 if shares == "by member" else None))
    X, y, domain = _batch(n_sources or 1)
    if sparse:
        X = SparseBatch.from_dense(X * (X > 0))
    weights = None, None, None
    if weighted is not None:
        rows = () if weighted == "shared" else (3,)
        weights = [_rand(*rows, n) for n in (6, 6, 5)]
    factors = [0.5 + i for i in range(len(TERMS[terms]))]
    _check(network, criterion, X, reversal, y, domain, *weights, factors)


@pytest.mark.parametrize("terms", TERMS)
def test_terms_of_some_members_are_their_part_of_all(terms):
    network = _network(n_members=4, hidden_layer_sizes=(6, 6), dropout=0.5, activation="logistic")
    criterion = DANNLoss(terms=TERMS[terms])
    criterion.set_class_shares(*_shares(4))
    _check_part(network, criterion, (None, _rand(4, 6), _rand(4, 5)))


def _check_part(network, criterion, weights):
    """Compare members 1 and 2, what they drop left out, with their part of all four."""
    X, y, domain = _batch()
    rows = y, domain, *weights
    _lend_generators(network)
    everyone = ClosedFormStep(network, criterion)
    masks = everyone.draw_masks()
    masks = [mask if mask is None else mask[:1].expand_as(mask) for mask in masks]
    whole = everyone(X, 0.5, *rows, masks=masks).evaluate()
    some = ClosedFormStep(network, criterion, slice(1, 3), alike=True)
    part = some(X, 0.5, *rows, masks=masks).evaluate()
    for found, expected in zip(some.gradients, everyone.gradients, strict=True):
        torch.testing.assert_close(found, expected[1:3], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(part.domain, whole.domain[1:3])
    torch.testing.assert_close(part.extra, whole.extra[:, 1:3])
    torch.testing.assert_close(part.extra_total, whole.extra_total[1:3])


@given(
    kind=st.sampled_from([None, "multilinear", "randomized"]),
    entropy_weighting=st.booleans(),
    with_terms=st.booleans(),
    n_sources=st.integers(1, 2),
    label_hidden=st.lists(st.integers(1, 3), max_size=1),
    domain_hidden=st.lists(st.integers(1, 3), max_size=2),
    activation=st.sampled_from(["tanh", "relu"]),
    dropout=st.sampled_from([0.0, 0.4]),
    domain_weight=st.sampled_from([1.0, 0.2]),
    sparse=st.booleans(),
    weighted=st.sampled_from([None, "shared", "by member"]),
)
def test_gradients_of_the_conditional_game_are_autograds(
    kind, entropy_weighting, with_terms, n_sources, label_hidden, domain_hidden, activation,
    dropout, domain_weight, sparse, weighted,
):  # fmt: skip
    network = _network(
        n_sources,
        n_members=3,
        label_hidden_layer_sizes=tuple(label_hidden),
        domain_hidden_layer_sizes=tuple(domain_hidden),
        activation=activation,
        dropout=dropout,
        conditioning=kind,
        n_random_features=7,
    )
    terms = TERMS["all"] if with_terms else ()
    criterion = DANNLoss(domain_weight, terms, entropy_weighting=entropy_weighting)
    assert ClosedFormStep.supports(network, criterion)
    X, y, domain = _batch(n_sources)
    if sparse:
        X = SparseBatch.from_dense(X * (X > 0))
    weights = None, None, None
    if weighted is not None:
        rows = () if weighted == "shared" else (3,)
        weights = [_rand(*rows, n) for n in (6, 6, 5)]
    _check(network, criterion, X, 0.3, y, domain, *weights)


@pytest.mark.parametrize("kind", ["multilinear", "randomized"])
def test_the_conditional_game_of_some_members_is_their_part_of_all(kind):
    network = _network(
        n_members=4, hidden_layer_sizes=(6, 6), dropout=0.5, conditioning=kind, n_random_features=7
    )
    weight = None, _rand(4, 6), _rand(4, 5)
    _check_part(network, DANNLoss(terms=TERMS["all"], entropy_weighting=True), weight)


def test_a_conditioning_of_ones_own_is_not_supported():
    class Own(MultilinearMap):
        pass

    network = _network(conditioning="multilinear")
    network.conditioning = Own(4, 3)
    assert not ClosedFormStep.supports(network, DANNLoss())


def test_members_may_have_a_lambda_each():
    reversal = torch.tensor([0.1, 3.0], dtype=torch.float64).view(2, 1, 1)
    _check(_network(), DANNLoss(), _batch()[0], reversal, *_batch()[1:])


def test_without_domain_classifier():
    X, y, domain = _batch(n_target=0)
    _check(_network(0), DANNLoss(), X, 1.0, y, domain)


class _Total(torch.autograd.Function):
    """The step as a node of autograd, so that `gradcheck` can look at it."""

    @staticmethod
    def forward(ctx, network, batch, *values):
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.data.copy_(value)
        # Unreversed, the gradients are those of the sum of the losses.
        terms = ClosedFormStep(network, DANNLoss())(batch[0], -1.0, *batch[1:])
        ctx.gradients = [parameter.grad.clone() for parameter in network.parameters()]
        return terms.evaluate().total

    @staticmethod
    def backward(ctx, grad_output):
        return None, None, *(grad_output * gradient for gradient in ctx.gradients)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "identity", "relu"])
def test_gradcheck(activation):
    network = _network(activation=activation, label_hidden_layer_sizes=(3,))
    values = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    assert torch.autograd.gradcheck(
        lambda *values: _Total.apply(network, _batch(), *values), values
    )


def test_output_is_the_networks():
    network = _network()
    X, y, domain = _batch()
    _, _, output = _by_hand(network, DANNLoss(), X, 1.0, y, domain)
    for found, expected in zip(output, network(X, n_source=len(y)), strict=True):
        torch.testing.assert_close(found, expected.detach())


def test_parameters_that_moved_to_other_memory_are_found():
    network, (X, y, domain) = _network(), _batch()
    step = ClosedFormStep(network, DANNLoss())
    step(X, 1.0, y, domain)
    for parameter in network.parameters():
        parameter.data = parameter.data + 0.5
    step(X, 1.0, y, domain)
    _, expected = _autograd(network, DANNLoss(), X, 1.0, y, domain)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name])


def test_other_labels_in_the_same_tensor_are_seen():
    network, (X, y, domain) = _network(), _batch()
    step = ClosedFormStep(network, DANNLoss())
    one = step(X, 1.0, y, domain)
    y[:] = 2 - y
    other = step(X, 1.0, y, domain)
    assert not torch.equal(one.evaluate().label, other.evaluate().label)


class OwnLoss(DANNLoss):
    pass


@pytest.mark.parametrize(
    ("network", "criterion", "supported"),
    [
        (_network(), DANNLoss(), True),
        (_network(0, dropout=0.5), DANNLoss(), True),
        (_network(feature_extractor=nn.Linear(5, 4, dtype=torch.float64)), DANNLoss(), False),
        (_network(label_predictor=nn.Linear(4, 3, dtype=torch.float64)), DANNLoss(), False),
        (_network(), OwnLoss(), False),
        (nn.Linear(2, 2), DANNLoss(), False),
    ],
)
def test_only_what_is_known_by_heart_is_supported(network, criterion, supported):
    assert ClosedFormStep.supports(network, criterion) is supported


def test_what_it_would_compute_wrongly_is_not_supported():
    network = _network()
    network.feature_extractor.append(nn.ReLU())  # a second activation
    assert not ClosedFormStep.supports(network, DANNLoss())
    network = _network()
    network.label_predictor[0].weight.requires_grad_(False)
    assert not ClosedFormStep.supports(network, DANNLoss())
    network = _network()
    network.domain_classifier.register_forward_hook(lambda *args: None)
    assert not ClosedFormStep.supports(network, DANNLoss())


def test_the_criterion_may_change_its_weight():
    network, (X, y, domain) = _network(), _batch()
    criterion = DANNLoss()
    step = ClosedFormStep(network, criterion)
    criterion.domain_weight = 0.0
    step(X, 1.0, y, domain)
    assert not network.domain_classifier[0].weight.grad.any()


@pytest.mark.parametrize("n_sources", [0, 1, 2])
def test_terms_of_many_steps_are_those_of_each(n_sources):
    network = _network(n_sources)
    X, y, domain = _batch(n_sources or 1, n_target=5 if n_sources else 0)
    step = ClosedFormStep(network, DANNLoss(0.5))
    _check_stacked([step(X * factor, 1.0, y, domain) for factor in (1.0, 2.0, 3.0)])
    if n_sources:
        step = ClosedFormStep(network, DANNLoss(0.5, TERMS["all"]))
        stacked = _check_stacked([step(X * factor, 1.0, y, domain) for factor in (1.0, 2.0, 3.0)])
        assert stacked.extra.shape == (3, 3, 2)


def _check_stacked(terms):
    stacked = ClosedFormTerms.stack(terms)
    expected = LossTerms.stack([each.evaluate() for each in terms])
    for one, other in zip(stacked, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert stacked.label.shape == (3, 2)
    return stacked
