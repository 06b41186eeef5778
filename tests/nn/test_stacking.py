import pytest
import torch
from torch import nn

from sk_dann.nn import (
    MemberGenerators,
    copy_members,
    count_members,
    finite_members,
    make_network,
    stack_members,
)


def _network(n_members, own=False):
    params = {"feature_extractor": nn.Linear(5, 4)}
    return make_network(
        5, 3, n_members=n_members, hidden_layer_sizes=(4,), **(params if own else {})
    )


@pytest.mark.parametrize("own", [False, True])
def test_stacked_members_compute_what_they_did(own):
    networks = [_network(2, own), _network(1, own)]
    stacked = stack_members(networks)
    assert count_members(stacked) == 3
    X = torch.randn(6, 5)
    expected = [torch.cat(parts) for parts in zip(*(n(X) for n in networks), strict=True)]
    for found, wanted in zip(stacked(X), expected, strict=True):
        torch.testing.assert_close(found, wanted)
    # Copies: what happens to one does nothing to the other.
    for parameter in stacked.parameters():
        assert parameter.requires_grad
        parameter.data.fill_(0)
    torch.testing.assert_close(torch.cat([n(X).features for n in networks]), expected[0])


@pytest.mark.parametrize("own", [False, True])
def test_copied_members_and_no_others_change(own):
    source, destination = _network(3, own), _network(3, own)
    X = torch.randn(6, 5)
    before, wanted = destination(X), source(X)
    copy_members(source, destination, [0, 2])
    for old, new, other in zip(before, destination(X), wanted, strict=True):
        torch.testing.assert_close(new[[0, 2]], other[[0, 2]])
        torch.testing.assert_close(new[1], old[1])


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_members_with_a_number_that_is_none_are_found(own, value):
    network = _network(3, own)
    assert finite_members(network).tolist() == [True, True, True]
    with torch.no_grad():
        extractor = network.feature_extractor
        (extractor.members[1] if own else extractor[0]).bias[... if own else 1, -1] = value
    assert finite_members(network).tolist() == [True, False, True]


def test_members_draw_what_their_seed_alone_would():
    draws = MemberGenerators([7, 2, 7]).rand((3, 1, 40))
    for seed, drawn in zip([7, 2, 7], draws, strict=True):
        alone = torch.rand((1, 1, 40), generator=torch.Generator().manual_seed(seed))
        assert torch.equal(drawn, alone[0])
