"""Perceptrons with their backward pass written out, for `ClosedFormStep`."""

import re

import torch
from torch import Tensor, nn

from ._layers import MemberDropout, MemberLinear
from ._sparse import SparseBatch

_aten = torch.ops.aten


def _relu_backward(grad: Tensor, y: Tensor) -> Tensor:
    return _aten.threshold_backward.default(grad, y, 0)


# By module: the activation in place, and the gradient of its input from the gradient of its
# output and the output itself.
_ACTIVATIONS = {
    nn.Identity: (None, None),
    nn.Sigmoid: (torch.sigmoid_, _aten.sigmoid_backward.default),
    nn.Tanh: (torch.tanh_, _aten.tanh_backward.default),
    nn.ReLU: (torch.relu_, _relu_backward),
}


class _Layer:
    """A `MemberLinear` with the activation and the dropout behind it.

    What passes between layers has shape (K, h, n), the rows last: the products of all layers then
    come out in the order that the next ones read, and a softmax over few classes runs along
    contiguous rows. Views of the parameters are made once, since on small layers each takes as
    long as a sum.

    Where dropout masks of all members are `alike`, what they drop is left out: at a dropout of
    one half a layer between two others has a quarter of the products left. `kept` are the
    positions of the units that remain; None if all do.
    """

    def __init__(self, linear: MemberLinear, members: slice, alike: bool):
        self.linear = linear
        self.members = members
        self.alike = alike
        self.activate, self.differentiate = None, None
        self.dropout: MemberDropout | None = None
        self._weight, self._bias = None, None

    def _look_again(self):
        """Take new views if the parameter is another one, or lies elsewhere, than last time."""
        # Not as attributes: modules take a microsecond to find one.
        parameters = self.linear._parameters
        weight, bias = parameters["weight"], parameters["bias"]
        addresses = weight.data_ptr(), bias.data_ptr()
        if weight is self._weight and bias is self._bias and addresses == self._addresses:
            return
        self._weight, self._bias, self._addresses = weight, bias, addresses
        self.values = weight.detach()[self.members]
        bias = self._bias.detach()[self.members]
        self.weight_grad, self.bias_grad = torch.empty_like(self.values), torch.empty_like(bias)
        self.one_output = self.values.shape[2] == 1
        self.forwards, self.bias = self.values.transpose(1, 2), bias.transpose(1, 2)
        self.transposed_grad = self.weight_grad.transpose(1, 2)
        self.bias_sums = self.bias_grad.squeeze(1)

    def draw_mask(self) -> Tensor | None:
        """Draw a dropout mask for all members, of shape (K, h, 1)."""
        if self.dropout is None or not self.dropout.training:
            return None
        return self.dropout.draw_mask(self.linear.bias).transpose(1, 2)

    def forward(self, x: Tensor | SparseBatch, mask: Tensor | None, kept_in: Tensor | None):
        """Return the output, its units that are kept, and what the backward pass needs.

        The input has shape (n, d) if members share it, else (K, d, n).
        """
        self._look_again()
        kept = None
        if mask is not None:
            mask = mask[self.members]
            if self.alike and len(units := mask[0, :, 0].nonzero()):
                kept = units.squeeze(1)
                mask = mask.index_select(1, kept)
        if isinstance(x, SparseBatch):
            weight = self.values
            y = self.values.new_empty(*self.bias.shape[:2], x.shape[0])
            for member, bias, out in zip(self.values, self.bias, y, strict=True):
                torch.add((x.rows @ member).t(), bias, out=out)
            # Picked before, the weights would take longer than the product.
            y = y if kept is None else y.index_select(1, kept)
        else:
            by_column = x.t().expand(len(self.values), -1, -1) if x.dim() == 2 else x
            weight, forwards, bias = self.values, self.forwards, self.bias
            if kept_in is not None:
                weight = weight.index_select(1, kept_in)
                forwards = weight.transpose(1, 2)
            if kept is not None:
                weight, bias = weight.index_select(2, kept), bias.index_select(1, kept)
                forwards = weight.transpose(1, 2)
            y = torch.baddbmm(bias, forwards, by_column)
        if self.activate is not None:
            self.activate(y)
        saved = x, y, mask, weight, kept_in, kept
        return y if mask is None else y * mask, kept, saved

    def backward(self, grad: Tensor, saved, to_input: bool) -> Tensor | None:
        """Set the parameters' gradients; return that of the input if it is wanted."""
        x, y, mask, weight, kept_in, kept = saved
        if mask is not None:
            grad = grad * mask
        if self.differentiate is not None:
            grad = self.differentiate(grad, y)
        if kept is not None and isinstance(x, SparseBatch):
            grad = grad.new_zeros(len(grad), len(self.bias[0]), grad.shape[2]).index_copy_(
                1, kept, grad
            )
            kept = None
        if kept is None and kept_in is None:
            torch.sum(grad, dim=2, out=self.bias_sums)
            self._set_weight_grad(grad, x)
        else:
            self._scatter_grads(grad, x, kept_in, kept)
        if self.members == slice(None):
            self._weight.grad, self._bias.grad = self.weight_grad, self.bias_grad
        if not to_input:
            return None
        # A batched product with one column is slow.
        return weight * grad if self.one_output else torch.bmm(weight, grad)

    def _scatter_grads(self, grad, x, kept_in, kept):
        """Set the gradients of the weights between units that are kept, and zeros elsewhere."""
        sums, by_row = grad.sum(dim=2), grad.transpose(1, 2)
        if x.dim() == 2:
            products = torch.bmm(x.t().expand(len(grad), -1, -1), by_row)
        else:
            products = torch.bmm(grad, x.transpose(1, 2)).transpose(1, 2)
        if kept is None:
            self.bias_sums.copy_(sums)
        else:
            self.bias_sums.zero_().index_copy_(1, kept, sums)
            if kept_in is not None:
                n_units = self.weight_grad.shape[2]
                wide = products.new_zeros(*products.shape[:2], n_units)
                products = wide.index_copy_(2, kept, products)
        axis, places = (2, kept) if kept_in is None else (1, kept_in)
        self.weight_grad.zero_().index_copy_(axis, places, products)

    @staticmethod
    def _collect(products):
        first, *others = products
        return torch.stack([first, *others]) if others else first.unsqueeze(0)

    def _set_weight_grad(self, grad, x):
        if isinstance(x, SparseBatch):
            products = (x.transpose @ member.t().contiguous() for member in grad)
            # Each is as large as the weights, and best used up while it is in the cache.
            self.weight_grad = self._collect(products) if self.members == slice(None) else products
        elif x.dim() == 2:
            by_column = x.t().expand(len(grad), -1, -1)
            torch.bmm(by_column, grad.transpose(1, 2), out=self.weight_grad)
        else:
            # The other way round, products with few outputs are up to twenty times slower.
            self.transposed_grad.copy_(torch.bmm(grad, x.transpose(1, 2)))


class Perceptron:
    """A `member_mlp` with its backward pass."""

    def __init__(self, modules: nn.Sequential, members: slice, alike: bool):
        self.layers: list[_Layer] = []
        for module in modules:
            if isinstance(module, MemberLinear):
                self.layers.append(_Layer(module, members, alike))
            elif isinstance(module, MemberDropout):
                self.layers[-1].dropout = module
            else:
                layer = self.layers[-1]
                layer.activate, layer.differentiate = _ACTIVATIONS[type(module)]

    @property
    def n_outputs(self) -> int:
        """Number of outputs of each member, kept or not."""
        return self.layers[-1].linear.bias.shape[2]

    def forward(self, x: Tensor | SparseBatch, masks, kept: Tensor | None = None):
        """Return the output (K, h, n), its kept units, and what the backward pass needs."""
        saved = []
        for layer in self.layers:
            x, kept, needed = layer.forward(x, next(masks), kept)
            saved.append(needed)
        return x, kept, saved

    def backward(self, grad: Tensor, saved, *, to_input: bool = True) -> Tensor | None:
        """Set the parameters' gradients; return that of the input if it is wanted."""
        for i in reversed(range(len(self.layers))):
            grad = self.layers[i].backward(grad, saved[i], to_input or i > 0)
        return grad


def is_perceptron(part: nn.Module) -> bool:
    """Tell whether each linear layer is followed by at most an activation, and then a dropout."""
    if type(part) is not nn.Sequential:
        return False
    kinds = {MemberLinear: "l", MemberDropout: "d", **dict.fromkeys(_ACTIVATIONS, "a")}
    return re.fullmatch("(l(ad?)?)+", "".join(kinds.get(type(m), "?") for m in part)) is not None
