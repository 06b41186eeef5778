"""Features and class predictions joined to what a conditional domain classifier sees.

Long, Cao, Wang, Jordan: Conditional adversarial domain adaptation. NeurIPS 2018. The maps are
linear in the features, so their gradient is the transposed map. They are written out for values
of shape (K, h, n), the rows last, as `ClosedFormStep` has them.
"""

import copy
import math

import torch
from torch import Tensor, nn

# Numbers a row from which on random features are the default, as in the paper.
_MANY_PRODUCTS = 4096


class ConditioningMap(nn.Module):
    """What both maps have in common."""

    def forward(self, features: Tensor, proba: Tensor) -> Tensor:
        return self.map(features.transpose(1, 2), proba.transpose(1, 2)).transpose(1, 2)

    def of_members(self, members: slice) -> "ConditioningMap":
        """Return the map of some members, a view of this one."""
        part = copy.copy(self)
        part._buffers = {name: values[members] for name, values in self._buffers.items()}
        return part


class MultilinearMap(ConditioningMap):
    """All products of a feature and a class probability: Equation 4 of the paper.

    Parameters
    ----------
    n_features, n_classes : int
        h and C.

    Attributes
    ----------
    n_outputs : int
        C * h; the products with the first class come first.

    Notes
    -----
    *Shape*: input (K, n, h) and (K, n, C), output (K, n, C * h).

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import MultilinearMap
    >>> features, proba = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0.25, 0.75]]])
    >>> MultilinearMap(2, 2)(features, proba)
    tensor([[[0.2500, 0.5000, 0.7500, 1.5000]]])
    """

    def __init__(self, n_features: int, n_classes: int):
        super().__init__()
        self.n_features, self.n_classes = n_features, n_classes
        self.n_outputs = n_features * n_classes

    def map(self, features: Tensor, proba: Tensor, kept: Tensor | None = None) -> Tensor:
        """Map (K, h, n) and (K, C, n) to (K, C * h, n); of `kept` features if not of all."""
        return (proba.unsqueeze(2) * features.unsqueeze(1)).flatten(1, 2)

    def transposed(self, grad: Tensor, proba: Tensor, kept: Tensor | None = None) -> Tensor:
        """Map a gradient in the output to one in the features."""
        n_members, n_classes, n_rows = proba.shape
        return (grad.view(n_members, n_classes, -1, n_rows) * proba.unsqueeze(2)).sum(dim=1)

    def kept_outputs(self, kept: Tensor | None) -> Tensor | None:
        """Return the positions of the outputs that come from `kept` features."""
        if kept is None:
            return None
        first = torch.arange(0, self.n_outputs, self.n_features, device=kept.device)
        return (first.unsqueeze(1) + kept).flatten()

    def extra_repr(self) -> str:
        return f"{self.n_features}, {self.n_classes}"


class RandomizedMap(ConditioningMap):
    r"""Random features whose inner products approximate those of `MultilinearMap`.

    Equation 6 of the paper: :math:`(R_f f) \odot (R_g g) / \sqrt{m}`, with normal random matrices
    that are drawn once and stay.

    Parameters
    ----------
    n_features, n_classes : int
        h and C.
    n_outputs : int, default=1024
        m.
    n_members : int, default=1
        K; each member has matrices of its own.
    generator : torch.Generator, default=None
        Draws them; torch's global generator if None.
    dtype : torch.dtype, default=None

    Attributes
    ----------
    feature_matrix : Tensor of shape (K, m, h)
    class_matrix : Tensor of shape (K, m, C)
        Divided by :math:`\sqrt{m}`.

    Notes
    -----
    *Shape*: input (K, n, h) and (K, n, C), output (K, n, m).

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import RandomizedMap
    >>> RandomizedMap(100, 50, n_outputs=64)(torch.zeros(1, 3, 100), torch.zeros(1, 3, 50)).shape
    torch.Size([1, 3, 64])
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        n_outputs: int = 1024,
        n_members: int = 1,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.n_outputs = n_outputs

        # Drawn in float32, as weights are.
        def draw(n_inputs):
            shape = (n_members, n_outputs, n_inputs)
            return torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)

        self.register_buffer("feature_matrix", draw(n_features))
        self.register_buffer("class_matrix", draw(n_classes) / math.sqrt(n_outputs))

    def _features(self, kept):
        return self.feature_matrix if kept is None else self.feature_matrix.index_select(2, kept)

    def map(self, features: Tensor, proba: Tensor, kept: Tensor | None = None) -> Tensor:
        """Map (K, h, n) and (K, C, n) to (K, m, n); of `kept` features if not of all."""
        return torch.bmm(self._features(kept), features) * torch.bmm(self.class_matrix, proba)

    def transposed(self, grad: Tensor, proba: Tensor, kept: Tensor | None = None) -> Tensor:
        """Map a gradient in the output to one in the features."""
        grad = grad * torch.bmm(self.class_matrix, proba)
        return torch.bmm(self._features(kept).transpose(1, 2), grad)

    def kept_outputs(self, kept: Tensor | None) -> None:
        """Return None: every output comes from all features."""
        return

    def extra_repr(self) -> str:
        n_members, n_outputs, n_features = self.feature_matrix.shape
        n_classes = self.class_matrix.shape[2]
        return f"{n_features}, {n_classes}, n_outputs={n_outputs}, n_members={n_members}"


def make_conditioning(
    kind: str | None,
    n_features: int,
    n_classes: int,
    n_random_features: int = 1024,
    n_members: int = 1,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> MultilinearMap | RandomizedMap | None:
    """Make the map of a kind: "multilinear", "randomized", "auto" or None for none.

    "auto" is multilinear up to 4096 products a row.
    """
    if kind is None:
        return None
    is_small = n_features * n_classes <= _MANY_PRODUCTS
    if kind == "multilinear" or (kind == "auto" and is_small):
        return MultilinearMap(n_features, n_classes)
    shared = {"generator": generator, "dtype": dtype}
    return RandomizedMap(n_features, n_classes, n_random_features, n_members, **shared)
