"""Gradient reversal: the layer that turns plain gradient descent into the saddle-point search."""

import torch
from torch import Tensor, nn


class _GradientReversal(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, coefficient):
        # A fresh view: autograd must see an output that is not the input itself.
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, coefficient = inputs
        ctx.save_for_backward(coefficient)

    @staticmethod
    def backward(ctx, grad_output):
        (coefficient,) = ctx.saved_tensors
        return -coefficient * grad_output, None


def gradient_reversal(x: Tensor, coefficient: float | Tensor = 1.0) -> Tensor:
    """Return `x` unchanged, and multiply the gradient by ``-coefficient`` on the way back.

    Equations 16 and 17 of Ganin et al. [1]_, where the coefficient is λ.

    Parameters
    ----------
    x : Tensor of any shape
        Usually the features, of shape (n_members, n_rows, n_features).
    coefficient : float or Tensor, default=1.0
        A tensor must broadcast against `x`: shape (n_members, 1, 1) gives every member a λ of
        its own.

    Returns
    -------
    Tensor of the shape of `x`

    References
    ----------
    .. [1] Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 17(59), 2016.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import gradient_reversal
    >>> x = torch.ones(2, requires_grad=True)
    >>> gradient_reversal(x, 0.5).sum().backward()
    >>> x.grad
    tensor([-0.5000, -0.5000])
    """
    coefficient = torch.as_tensor(coefficient, dtype=x.dtype, device=x.device)
    return _GradientReversal.apply(x, coefficient)


class GradientReversal(nn.Module):
    """Module form of :func:`gradient_reversal`, for use in :class:`torch.nn.Sequential`.

    Parameters
    ----------
    coefficient : float, default=1.0
        λ; may be set anew between steps.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import GradientReversal
    >>> head = torch.nn.Sequential(GradientReversal(0.3), torch.nn.Linear(4, 1))
    >>> head(torch.zeros(2, 4)).shape
    torch.Size([2, 1])
    """

    def __init__(self, coefficient: float = 1.0):
        super().__init__()
        self.coefficient = coefficient

    def forward(self, x: Tensor) -> Tensor:
        return gradient_reversal(x, self.coefficient)

    def extra_repr(self) -> str:
        return f"coefficient={self.coefficient}"
