"""Updates of only those rows of a large weight matrix that a step has touched."""

from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def touched_rows(layer, optimizer, columns):
    """Let the layer and the optimizer see, for a step, some rows of the weights alone.

    The layer's weight is replaced with a parameter of the given rows, and the optimizer's state
    of it with the state of these rows; afterwards all is put back. So the step costs the same
    however large the vocabulary is, and any rule that treats each number by itself works, as
    `torch.optim.SparseAdam` does: rows that a step does not touch rest, their moments and their
    weight decay too.

    Parameters
    ----------
    layer : MemberLinear
        Its weight has shape (K, d, h).
    optimizer : torch.optim.Optimizer
        Starts its state from zeros.
    columns : Tensor of int64 of shape (n_columns,)
        Rows of the weight, columns of the table.
    """
    weight = layer.weight
    rows = nn.Parameter(weight.detach().index_select(1, columns))
    state = optimizer.state.pop(weight, {})
    whole = {key: value for key, value in state.items() if _is_like(value, weight)}
    lent = {key: value.index_select(1, columns) for key, value in whole.items()}
    if state:
        optimizer.state[rows] = {**state, **lent}
    _replace(optimizer, weight, rows)
    layer.weight = rows
    try:
        yield
    finally:
        layer.weight = weight
        _replace(optimizer, rows, weight)
        weight.detach().index_copy_(1, columns, rows.detach())
        returned = optimizer.state.pop(rows, state)
        for key, value in returned.items():
            if _is_like(value, rows):
                if key not in whole:
                    whole[key] = torch.zeros_like(weight)
                whole[key].index_copy_(1, columns, value)
        if returned:
            optimizer.state[weight] = {**returned, **whole}


def _is_like(value, parameter):
    return isinstance(value, torch.Tensor) and value.shape == parameter.shape


def _replace(optimizer, old, new):
    for group in optimizer.param_groups:
        group["params"] = [new if p is old else p for p in group["params"]]
