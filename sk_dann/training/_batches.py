"""The stream of batches: in every step equal numbers of source and target rows."""

from dataclasses import dataclass

import numpy as np
import torch

from ..nn import SparseBatch
from ._rows import stack_rows, take_rows, to_batch


@dataclass(frozen=True)
class Batch:
    """One step's rows, source rows first, as tensors on the training device.

    `X` has n rows, the other fields describe them: `y`, `label_weight` and `source_weight` the
    n_source source rows, `domain` all n (0 to S - 1, the target last).
    """

    X: torch.Tensor | SparseBatch
    y: torch.Tensor
    domain: torch.Tensor
    label_weight: torch.Tensor | None
    source_weight: torch.Tensor | None

    def __len__(self):
        return len(self.domain)


def cycle_shuffled(n_rows, length, rng):
    """Return `length` positions below `n_rows`: one shuffle after another, each without gaps."""
    n_shuffles = -(-length // n_rows)
    return np.concatenate([rng.permutation(n_rows) for _ in range(n_shuffles)])[:length]


class BatchStream:
    """Cuts a `DomainData` into batches, a pass over the largest domain an epoch.

    The smaller domains are cycled with fresh shuffles, and the last step of an epoch takes what
    is left, so every row of every domain is seen at least once an epoch. What an epoch holds is a
    function of `seed` and the epoch's number alone: resuming needs no random state.

    Parameters
    ----------
    data : DomainData
    batch_size : int
        Rows of each side (source, target) in a step; with S source domains each gives
        ``batch_size // S`` of them, and at least one.
    seed : int
    device : torch.device
    dtype : torch.dtype
    """

    def __init__(self, data, batch_size, seed, device, dtype):
        self.data = data
        self.seed = seed
        self.device = device
        self.dtype = dtype
        n_domains = data.n_source_domains
        # Positions within the source rows of each source domain.
        self._members = [np.flatnonzero(data.source_domain == s) for s in range(n_domains)]
        self._n_target = 0 if data.X_target is None else len(data.target_rows)
        longest = max(len(rows) for rows in self._members)
        self._length = max(longest, -(-self._n_target // n_domains))
        # No step asks for more rows of each source than the longest domain has.
        self._step = min(max(batch_size // n_domains, 1), self._length)
        self._y = torch.from_numpy(data.y)
        self._source_domain = torch.from_numpy(data.source_domain)

    def __len__(self):
        return -(-self._length // self._step)

    def _rng(self, epoch, domain):
        # Each domain has a stream of its own: the source's order must not depend on the target.
        return np.random.default_rng([self.seed, epoch, domain])

    def epoch(self, number):
        """Yield the batches of epoch `number`."""
        n_domains = len(self._members)
        orders = [
            rows[cycle_shuffled(len(rows), self._length, self._rng(number, s))]
            for s, rows in enumerate(self._members)
        ]
        source_order = np.stack(orders, axis=1)
        target_order = None
        if self._n_target:
            target_order = self.data.target_rows[
                cycle_shuffled(
                    self._n_target, self._length * n_domains, self._rng(number, n_domains)
                )
            ].reshape(self._length, n_domains)
        for start in range(0, self._length, self._step):
            stop = start + self._step
            target = None if target_order is None else target_order[start:stop].ravel()
            yield self._batch(source_order[start:stop].ravel(), target)

    def _batch(self, source, target):
        data = self.data
        parts = [take_rows(data.X_source, data.source_rows[source])]
        domain = self._source_domain[source]
        if target is not None:
            parts.append(take_rows(data.X_target, target))
            domain = torch.cat([domain, domain.new_full((len(target),), len(self._members))])
        return Batch(
            X=to_batch(stack_rows(parts), self.device, self.dtype),
            y=self._y[source].to(self.device),
            domain=domain.to(self.device),
            label_weight=self._weights(data.label_weight, source),
            source_weight=self._weights(data.domain_weight, source),
        )

    def _weights(self, weight, source):
        if weight is None:
            return None
        return torch.from_numpy(weight[source]).to(self.device, self.dtype)
