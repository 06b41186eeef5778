import math

import pytest
import torch
from torch.nn import functional as F

from sk_dann.nn import (
    DANNLoss,
    average_members,
    domain_log_proba,
    domain_loss,
    label_loss,
    make_network,
)


def test_label_loss_is_torchs_cross_entropy_for_each_member():
    logits = torch.randn(3, 6, 4)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    expected = torch.stack([F.cross_entropy(member, y) for member in logits])
    torch.testing.assert_close(label_loss(logits, y), expected)


def test_weight_two_is_the_row_twice():
    logits = torch.randn(2, 4, 3, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 1])
    twice = torch.tensor([0, 0, 1, 2, 3, 3, 3])
    weight = torch.tensor([2.0, 1.0, 1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(
        label_loss(logits, y, weight), label_loss(logits[:, twice], y[twice])
    )


def test_a_batch_without_weight_loses_nothing_and_is_no_nan():
    loss = label_loss(torch.randn(2, 3, 2), torch.tensor([0, 1, 0]), torch.zeros(3))
    assert loss.tolist() == [0.0, 0.0]


def test_members_can_weigh_rows_differently():
    logits = torch.randn(2, 3, 2)
    y = torch.tensor([0, 1, 0])
    weight = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    loss = label_loss(logits, y, weight)
    torch.testing.assert_close(loss[0], F.cross_entropy(logits[0, :1], y[:1]))
    torch.testing.assert_close(loss[1], F.cross_entropy(logits[1, 1:], y[1:]))


def test_one_domain_logit_is_that_of_the_source():
    z = torch.randn(2, 5, 1)
    proba = domain_log_proba(z).exp()
    torch.testing.assert_close(proba[..., 0], torch.sigmoid(z[..., 0]))
    torch.testing.assert_close(proba.sum(-1), torch.ones(2, 5))


def test_large_logits_stay_finite():
    log_proba = domain_log_proba(torch.tensor([[[1e4], [-1e4]]]))
    assert torch.isfinite(log_proba).all()


def test_one_source_is_binary_cross_entropy_source_plus_target():
    z = torch.randn(2, 7, 1)
    domain = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    expected = torch.stack(
        [
            F.binary_cross_entropy_with_logits(member[:3], torch.ones(3))
            + F.binary_cross_entropy_with_logits(member[3:], torch.zeros(4))
            for member in z[..., 0]
        ]
    )
    torch.testing.assert_close(domain_loss(domain_log_proba(z), domain, 3), expected)


def test_two_logits_coincide_with_one():
    # Binary is the special case of the softmax with logits (z, 0).
    z = torch.randn(1, 4, 1)
    two = torch.cat([z, torch.zeros_like(z)], dim=-1)
    torch.testing.assert_close(domain_log_proba(two), domain_log_proba(z))


def test_source_weights_move_the_source_side_alone():
    log_proba = domain_log_proba(torch.randn(1, 4, 1))
    domain = torch.tensor([0, 0, 1, 1])
    weighted = domain_loss(log_proba, domain, 2, torch.tensor([1.0, 0.0]))
    expected = -log_proba[0, 0, 0] - log_proba[0, 2:, 1].mean()
    torch.testing.assert_close(weighted[0], expected)


@pytest.mark.parametrize("n_sources", [1, 2, 3])
def test_guessing_costs_the_logarithm_of_the_number_of_domains(n_sources):
    n_logits = 1 if n_sources == 1 else n_sources + 1
    domain = torch.arange(n_sources + 1)
    loss = domain_loss(domain_log_proba(torch.zeros(1, len(domain), n_logits)), domain, n_sources)
    assert loss.item() == pytest.approx(2 * math.log(n_sources + 1))


def test_average_is_of_probabilities_and_survives_tiny_ones():
    log_proba = torch.tensor([[[-800.0]], [[-801.0]]], dtype=torch.float64)
    expected = -800 + math.log((1 + math.exp(-1)) / 2)
    assert average_members(log_proba).item() == pytest.approx(expected)


def _gradients(reversal, domain_weight):
    network = make_network(
        4, 2, hidden_layer_sizes=(3,), generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
    )  # fmt: skip
    x = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    output = network(x, reversal=reversal, n_source=3)
    domain = torch.tensor([0, 0, 0, 1, 1, 1])
    DANNLoss(domain_weight)(output, torch.tensor([0, 1, 0]), domain).total.backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


def test_the_two_forms_differ_in_the_domain_classifier_alone():
    deep, shallow = _gradients(0.3, 1.0), _gradients(1.0, 0.3)
    for name in deep:
        factor = 0.3 if name.startswith("domain_classifier") else 1.0
        torch.testing.assert_close(factor * deep[name], shallow[name])


def test_features_get_label_gradient_minus_lambda_times_domain_gradient():
    label_only, domain_plain, both = _gradients(0.0, 1.0), _gradients(-1.0, 1.0), _gradients(2.0, 1)
    for name, gradient in both.items():
        if name.startswith("feature_extractor"):
            domain_part = domain_plain[name] - label_only[name]
            assert domain_part.abs().max() > 1e-3
            torch.testing.assert_close(gradient, label_only[name] - 2 * domain_part)
