"""The stream of batches: in every step equal numbers of source and target rows."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ..nn import SparseBatch
from ._rows import DenseRows, SparseRows, count_entries


@dataclass(slots=True)
class Batch:
    """One step's rows, source rows first, as tensors on the training device.

    `X` has n rows, the other fields describe them: `y`, `label_weight` and `source_weight` the
    n_source source rows, `target_weight` the others, `domain` all n (0 to S - 1, the target
    last). Where members differ, `y` and the weights have shape (K, n_source). If `columns` is not
    None, `X` holds only those columns of the table.
    """

    X: torch.Tensor | SparseBatch
    y: torch.Tensor
    domain: torch.Tensor
    label_weight: torch.Tensor | None
    source_weight: torch.Tensor | None
    target_weight: torch.Tensor | None
    columns: torch.Tensor | None = None

    def __len__(self):
        return len(self.domain)

    @property
    def rows(self):
        """What the loss wants to know of the rows."""
        weights = self.label_weight, self.source_weight, self.target_weight
        return self.y, self.domain, *weights


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
    blank : ndarray of int, default=()
        Columns that are to be zero in every batch.
    compact : bool, default=False
        Leave out of sparse batches the columns in which they store nothing.
    min_step : int, default=1
        Fewest rows of a side in a step, if there are as many. A last step of fewer is left out,
        and its rows are part of the step before.
    """

    def __init__(
        self, data, batch_size, seed, device, dtype, *, blank=(), compact=False, min_step=1
    ):
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
        self.blank = blank = np.asarray(blank, dtype=np.intp)
        self.is_sparse = sparse.issparse(data.X_source)
        if self.is_sparse:
            self._rows = SparseRows(data, device, dtype, blank, compact)
        else:
            self._rows = DenseRows(data, device, dtype, blank)
        self._domains = {}
        self.is_compact = self.is_sparse and compact
        n_sides = 2 if self._n_target else 1
        self.n_rows = self._length * n_domains * n_sides
        self.n_step_rows = self._step * n_domains * n_sides
        # On average.
        self.n_row_entries = count_entries(data.X_source)
        self._n_steps = -(-self._length // self._step)
        n_last = self._length - (self._n_steps - 1) * self._step
        if n_last * n_domains < min_step and self._n_steps > 1:
            self._n_steps -= 1

    def __len__(self):
        return self._n_steps

    def _rng(self, epoch, domain):
        # Each domain has a stream of its own: the source's order must not depend on the target.
        return np.random.default_rng([self.seed, epoch, domain])

    def epoch(self, number):
        """Yield the batches of epoch `number`."""
        n_domains, data = len(self._members), self.data
        orders = [
            rows[cycle_shuffled(len(rows), self._length, self._rng(number, s))]
            for s, rows in enumerate(self._members)
        ]
        source = np.stack(orders, axis=1).ravel()
        sides, target_weight = [self._rows.locate(data.source_rows[source])], None
        if self._n_target:
            rng = self._rng(number, n_domains)
            target = cycle_shuffled(self._n_target, self._length * n_domains, rng)
            sides.append(self._rows.locate(data.target_rows[target]))
            target_weight = self._of_rows(data.target_weight, target, self.dtype)
        y = self._of_rows(data.y, source)
        label_weight = self._of_rows(data.label_weight, source, self.dtype)
        source_weight = self._of_rows(data.domain_weight, source, self.dtype)
        n_rows = self._step * n_domains
        for step in range(self._n_steps):
            stop = len(source) if step == self._n_steps - 1 else (step + 1) * n_rows
            part = slice(step * n_rows, stop)
            X, columns = self._rows.cut(*(side[part] for side in sides)), None
            if self.is_sparse:
                X, columns = X
            yield Batch(
                X,
                y[..., part],
                self._domain(stop - step * n_rows),
                None if label_weight is None else label_weight[..., part],
                None if source_weight is None else source_weight[..., part],
                None if target_weight is None else target_weight[..., part],
                columns,
            )

    def _domain(self, n_source):
        """Return the domains of a step's rows, the same tensor for the same number of rows."""
        if n_source not in self._domains:
            n_domains = len(self._members)
            domain = np.arange(n_source) % n_domains
            if self._n_target:
                domain = np.concatenate([domain, np.full(n_source, n_domains)])
            self._domains[n_source] = torch.from_numpy(domain).to(self.device)
        return self._domains[n_source]

    def _of_rows(self, values, rows, dtype=None):
        """Take labels or weights of an epoch's rows: (n,), or (K, n) where members differ."""
        if values is None:
            return None
        return torch.from_numpy(values[rows].T).to(self.device, dtype)
