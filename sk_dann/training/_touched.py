"""Updates of only those rows of a large weight matrix that a step has touched."""

from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class TouchedRows:
    """Lends a layer and its optimizer, for a step, some rows of the weights.

    The layer's weight is replaced with a parameter of the given rows, and the optimizer's state
    of it with the state of these rows; afterwards all is put back. So a step costs the same
    however large the vocabulary is, and any rule that treats each number by itself works. As
    `torch.optim.SparseAdam` does, rows that a step does not touch rest, their moments and their
    weight decay too.

    Parameters
    ----------
    layer : MemberLinear
        Its weight has shape (K, d, h).
    optimizer : torch.optim.Optimizer
        Starts its state from zeros.
    """

    def __init__(self, layer, optimizer):
        self.layer = layer
        self.optimizer = optimizer
        self._whole, self._lent = layer.weight, None
        if layer.weight.device.type == "cpu":
            layer.weight.data = _zeros_like(layer.weight).copy_(layer.weight.detach())

    @contextmanager
    def __call__(self, columns):
        """Lend the rows of the weight that belong to the columns, a Tensor of int64, of the table.

        All columns must be distinct.
        """
        weight = self._whole
        state = self.optimizer.state.get(weight, {})
        whole = {key: value for key, value in state.items() if _is_like(value, weight)}
        rows = nn.Parameter(weight.detach().index_select(1, columns))
        lent = {key: value.index_select(1, columns) for key, value in whole.items()}
        self._lent = rows
        try:
            self._swap(weight, rows)
            if state:
                self.optimizer.state[rows] = {**state, **lent}
            yield
            state = self.optimizer.state.get(rows, {})
        finally:
            self.restore()
        _put(weight.detach(), columns, rows.detach())
        for key, value in state.items():
            if _is_like(value, rows):
                if key not in whole:
                    whole[key] = _zeros_like(weight)
                _put(whole[key], columns, value)
        if state:
            self.optimizer.state[weight] = {**state, **whole}

    def restore(self):
        """Put the whole weight back, wherever a step was broken off."""
        if self._lent is not None:
            self._swap(self._lent, self._whole)
            self.optimizer.state.pop(self._lent, None)
            self._lent = None

    def _swap(self, old, new):
        self.layer.weight = new
        for group in self.optimizer.param_groups:
            group["params"] = [new if p is old else p for p in group["params"]]


def _is_like(value, parameter):
    return isinstance(value, torch.Tensor) and value.shape == parameter.shape


def _zeros_like(weight):
    """Make zeros in numpy's memory: unlike torch, it asks the system for large pages.

    Rows far apart are then found in two thirds of the time.
    """
    if weight.device.type != "cpu":
        return torch.zeros_like(weight, requires_grad=False)
    return torch.from_numpy(np.zeros(weight.shape, weight.detach().numpy().dtype))


def _put(whole, columns, rows):
    """Write rows of each member into their places."""
    if whole.device.type != "cpu":
        whole.index_copy_(1, columns, rows)
        return
    # numpy takes three quarters of the time of index_copy_.
    for member, values in zip(whole.numpy(), rows.numpy(), strict=True):
        member[columns.numpy()] = values
