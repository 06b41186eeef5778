"""Cross-entropies and their gradients, for `ClosedFormStep`: values have shape (K, C, n)."""

import torch
from torch import Tensor

from ._criterion import LossTerms


class ClosedFormTerms:
    """The `LossTerms` of a step, worked out only when somebody looks.

    Training needs the gradients alone, and the losses of many steps are found together for what
    those of two would cost.
    """

    __slots__ = ("_domain", "_extra", "_label", "domain_weight")

    def __init__(self, label, domain=None, extra=(None, None), domain_weight=1.0):
        # Of each side: log-probabilities (K, C, n), and minus the weights where they count.
        self._label, self._domain, self.domain_weight = label, domain, domain_weight
        # The losses of further terms (T, K) and their weighted sum (K,).
        self._extra = extra

    @property
    def n_members(self) -> int:
        """K."""
        return len(self._label[0])

    @property
    def size(self) -> int:
        """How many numbers are kept to work the terms out."""
        return sum(side[0].numel() for side in (self._label, self._domain) if side is not None)

    @staticmethod
    def stack(steps: "list[ClosedFormTerms]") -> LossTerms:
        """Return the terms of several steps of equal shape, along a new first axis."""
        label, _ = _losses([step._label for step in steps])
        domain = log_proba = None
        if steps[0]._domain is not None:
            domain, log_proba = _losses([step._domain for step in steps])
            log_proba = log_proba.transpose(-1, -2)
        extra = (
            None if part[0] is None else torch.stack(part)
            for part in zip(*(step._extra for step in steps), strict=True)
        )
        return LossTerms(label, domain, log_proba, *extra, steps[0].domain_weight)

    @property
    def total(self) -> Tensor:
        """As that of the `LossTerms`."""
        return self.evaluate().total

    def evaluate(self) -> LossTerms:
        """Return the terms."""
        *parts, weight = self.stack([self])
        return LossTerms(*(None if part is None else part[0] for part in parts), weight)


def _losses(sides):
    """Return the losses (B, K) of B steps, and the log-probabilities (B, K, C, n)."""
    log_proba, targets = (torch.stack(part) for part in zip(*sides, strict=True))
    if targets.dim() == 3:  # the members' weights are the same
        targets = targets.unsqueeze(1)
    return (log_proba * targets).sum(dim=(2, 3)), log_proba


class RowTargets:
    """Minus the row's weight in the row of its class, 0 elsewhere, and the weights.

    What does not change from step to step is kept: the domains never do while batches have the
    same size.
    """

    def __init__(self):
        self._onehot = None
        self._shares = {}
        self._index, self._version, self._targets = None, None, None

    def __call__(self, index, logits, sides):
        if self._onehot is None:
            n_classes = logits.shape[1]
            self._onehot = torch.eye(n_classes, dtype=logits.dtype, device=logits.device)
        if any(weight is not None for _, weight in sides):
            shares = [_share(n, weight, logits) for n, weight in sides]
            if len({share.dim() for share in shares}) > 1:  # one side has a weight for each member
                shares = [share.expand(len(logits), 1, -1) for share in shares]
            return self._weigh(index, torch.cat(shares, dim=-1), logits)
        sizes = tuple(n for n, _ in sides)
        if sizes not in self._shares:
            self._shares[sizes] = torch.cat([_share(n, None, logits) for n in sizes], dim=-1)
        share = self._shares[sizes]
        if index.dim() == 2:
            return self._weigh(index, share, logits)
        if index is not self._index or index._version != self._version:
            self._index, self._version = index, index._version
            self._targets, _ = self._weigh(index, share, logits)
        return self._targets, share

    def _weigh(self, index, share, logits):
        if index.dim() == 1:
            return self._onehot.index_select(1, index) * -share, share
        index = index.unsqueeze(1)  # each member has labels of its own
        return torch.zeros_like(logits).scatter_(1, index, -share.expand(index.shape)), share


def _share(n, weight, like):
    """Weights of a side that sum to 1, of shape (1, n) or (K, 1, n)."""
    if weight is None:
        return like.new_full((1, n), 1 / max(n, 1))
    total = weight.sum(dim=-1, keepdim=True)
    return (weight / torch.where(total > 0, total, 1)).unsqueeze(-2)


def cross_entropy(logits, targets, share):
    """Return the gradient, and what the loss can be worked out from."""
    log_proba = torch.log_softmax(logits, dim=1)
    return torch.addcmul(targets, log_proba.exp(), share), (log_proba, targets)
