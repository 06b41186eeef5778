import pytest
import torch

from sk_dann.nn import GradientReversal, gradient_reversal


def test_forward_is_the_identity():
    x = torch.randn(2, 3, 4)
    assert torch.equal(gradient_reversal(x, 0.7), x)


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 2.0])
def test_backward_is_minus_the_coefficient(coefficient):
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, 4, dtype=torch.float64)
    gradient_reversal(x, coefficient).backward(direction)
    torch.testing.assert_close(x.grad, -coefficient * direction, rtol=0, atol=0)


def test_members_can_have_coefficients_of_their_own():
    x = torch.ones(3, 4, 5, requires_grad=True)
    coefficient = torch.tensor([0.0, 0.5, 2.0]).view(3, 1, 1)
    gradient_reversal(x, coefficient).sum().backward()
    torch.testing.assert_close(x.grad, -coefficient.expand(3, 4, 5))


def test_second_derivatives():
    # d/dx of the reversed gradient of x ** 2 / 2, as penalties on gradients need it.
    x = torch.tensor(3.0, requires_grad=True)
    (first,) = torch.autograd.grad(gradient_reversal(x, 0.5) ** 2 / 2, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert first.item() == -1.5
    # The gradient -0.5 * R(x) is itself passed back through the reversal.
    assert second.item() == 0.25


def test_module_applies_its_coefficient_and_can_change_it():
    layer = GradientReversal(0.5)
    x = torch.ones(2, requires_grad=True)
    layer(x).sum().backward()
    layer.coefficient = 1.0
    layer(x).sum().backward()
    assert x.grad.tolist() == [-1.5, -1.5]


def test_works_under_vmap():
    # torch.func stacks user modules this way.
    def loss(x, coefficient):
        return gradient_reversal(x, coefficient).sum()

    grads = torch.func.vmap(torch.func.grad(loss))(torch.ones(3, 2), torch.tensor([0.0, 1.0, 2.0]))
    assert grads.tolist() == [[0.0, 0.0], [-1.0, -1.0], [-2.0, -2.0]]
