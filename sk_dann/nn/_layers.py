"""Layers with a leading member axis: K independent networks computed as one.

Shapes used throughout `sk_dann.nn`: K members, n rows, d inputs, h outputs. A batch that all
members share has shape (n, d); anything that differs between members has shape (K, n, d).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ._random import MemberGenerators
from ._sparse import SparseBatch, sparse_matmul


class MemberLinear(nn.Module):
    """K linear layers, each with weights of its own, computed as one product.

    Parameters
    ----------
    in_features : int
        Number of inputs, d.
    out_features : int
        Number of outputs of each member, h.
    n_members : int, default=1
        Number of members, K.
    generator : torch.Generator, default=None
        Draws the initial weights; torch's global generator if None.
    dtype : torch.dtype, default=None
    device : torch.device or str, default=None
        Where the weights lie. On "meta" none are drawn: there is a shape, and no memory.

    Attributes
    ----------
    weight : Parameter of shape (K, d, h)
        The members one after another, so that a member's part of a product stays in the cache:
        one wide sparse product for sixteen members takes twice as long as sixteen.
    bias : Parameter of shape (K, 1, h)

    Notes
    -----
    *Shape*: input (n, d), dense or `SparseBatch`, shared by all members, or (K, n, d);
    output (K, n, h).

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import MemberLinear
    >>> layer = MemberLinear(5, 3, n_members=4)
    >>> layer(torch.zeros(7, 5)).shape, layer(torch.zeros(4, 7, 5)).shape
    (torch.Size([4, 7, 3]), torch.Size([4, 7, 3]))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        n_members: int = 1,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        where = {"dtype": dtype, "device": device}
        self.weight = nn.Parameter(torch.empty(n_members, in_features, out_features, **where))
        self.bias = nn.Parameter(torch.empty(n_members, 1, out_features, **where))
        if not self.weight.is_meta:
            self.reset_parameters(generator)

    @classmethod
    def from_linear(cls, layers: list[nn.Linear]) -> "MemberLinear":
        """Stack plain layers of equal shape, one a member."""
        first = layers[0]
        stacked = cls(first.in_features, first.out_features, len(layers), dtype=first.weight.dtype)
        with torch.no_grad():
            for k, layer in enumerate(layers):
                stacked.weight[k] = layer.weight.T
                stacked.bias[k, 0] = layer.bias
        return stacked

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw uniform weights and biases within ``±1 / sqrt(d)``, as `torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.weight.shape[1])
        # Drawn on the CPU in float32 whatever the device and dtype: a seed means the same weights
        # everywhere.
        for parameter in (self.weight, self.bias):
            draws = torch.empty(parameter.shape, dtype=torch.float32)
            parameter.copy_(draws.uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor | SparseBatch) -> Tensor:
        if isinstance(x, SparseBatch):
            return torch.stack([sparse_matmul(x, weight) for weight in self.weight]) + self.bias
        if x.dim() == 2:
            x = x.expand(len(self.weight), -1, -1)
        return torch.baddbmm(self.bias, x, self.weight)

    def extra_repr(self) -> str:
        n_members, in_features, out_features = self.weight.shape
        return f"{in_features}, {out_features}, n_members={n_members}"


class MemberDropout(nn.Module):
    """Dropout with one mask a step, shared by all rows; each member has a mask of its own.

    A mask shared by the rows costs n times fewer random numbers, scores like a row-wise one, and
    does not depend on the number of rows: a row of weight 2 is then the same as the row twice.

    Parameters
    ----------
    p : float
        Probability of dropping a unit.

    Attributes
    ----------
    generator : torch.Generator, MemberGenerators or None
        Draws the masks; torch's global generator if None. Training sets it for its duration.

    Notes
    -----
    *Shape*: input and output (K, n, h).

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import MemberDropout
    >>> out = MemberDropout(0.5)(torch.ones(2, 4, 10))
    >>> bool((out == out[:, :1]).all())  # all rows of a member agree
    True
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x: Tensor) -> Tensor:
        return x if not self.training or self.p == 0 else x * self.draw_mask(x)

    def draw_mask(self, x: Tensor) -> Tensor:
        """Return what a step multiplies `x` of shape (K, n, h) with; shape (K, 1, h)."""
        n_members, _, n_units = x.shape
        # Drawn on the CPU in float32, like the weights; K * h numbers are cheap to move.
        shape = (n_members, 1, n_units)
        if isinstance(self.generator, MemberGenerators):
            draws = self.generator.rand(shape)
        else:
            draws = torch.rand(shape, dtype=torch.float32, generator=self.generator)
        return ((draws >= self.p) / (1 - self.p)).to(x.device, x.dtype, non_blocking=True)

    def __getstate__(self):
        # The generator is lent for the time of a fit; it is no part of what has been learned.
        return {**super().__getstate__(), "generator": None}

    def extra_repr(self) -> str:
        return f"p={self.p}"


ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def member_mlp(
    sizes: tuple[int, ...],
    n_members: int = 1,
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    linear_output: bool = False,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> nn.Sequential:
    """Stack member-batched linear layers, each followed by its activation and dropout.

    Parameters
    ----------
    sizes : tuple of int
        Number of units from the input to the output; at least two.
    n_members : int, default=1
        Number of members, K.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        The names are those of :class:`sklearn.neural_network.MLPClassifier`.
    dropout : float, default=0.0
        Probability of dropping a unit after each activation.
    linear_output : bool, default=False
        Leave the last layer without activation and dropout, as logits want it.
    generator, dtype, device
        As in `MemberLinear`.

    Returns
    -------
    torch.nn.Sequential
        *Shape*: input (n, sizes[0]) or (K, n, sizes[0]); output (K, n, sizes[-1]).

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import member_mlp
    >>> mlp = member_mlp((5, 8, 2), n_members=3, linear_output=True)
    >>> mlp(torch.zeros(4, 5)).shape
    torch.Size([3, 4, 2])
    """
    layers: list[nn.Module] = []
    n_layers = len(sizes) - 1
    weights = {"generator": generator, "dtype": dtype, "device": device}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        layers.append(MemberLinear(n_in, n_out, n_members, **weights))
        if not (linear_output and i == n_layers - 1):
            layers.append(ACTIVATIONS[activation]())
            if dropout > 0:
                layers.append(MemberDropout(dropout))
    return nn.Sequential(*layers)
