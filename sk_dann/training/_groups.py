"""Members of a large network in groups that stay in the cache."""

from itertools import islice, pairwise

import numpy as np

from ..nn import ClosedFormStep
from ._adam import MemberAdam

# Weights, gradients and two moments of the members of a group have to fit in what a core has of
# the last cache. Measured: 16 members of 4 MB each, 4 at a time, take 8 % less time than at once.
_CACHE_BYTES = 16 * 2**20
_COPIES = 4
# And the outputs of a group's layers in a core's own cache. More is also asked of the system anew
# in each step: 40 members of 170 kB each take half as long again at once as 10 at a time.
_OUTPUT_BYTES = 2 * 2**20
# Of one seed, at the least, for whose sake groups are cut smaller than the caches allow. Measured:
# from about here on, leaving out dropped units gains more than smaller groups lose.
_FEWEST_ALIKE = 4
# Steps that a group takes before the next one's turn; their batches are kept meanwhile.
_STEPS_PER_TURN = 8


def split_members(network, n_rows, seeds=0, *, is_sparse=False):
    """Cut the members into slices whose training fits in the caches.

    Members of one seed drop the same units, which then need not be computed; so slices end where
    the seed changes, if that leaves enough members in each.

    Parameters
    ----------
    network : DANNNetwork
    n_rows : int
        Of a step.
    seeds : int or sequence of K ints, default=0
    is_sparse : bool, default=False
        Whether the rows are sparse. The weights that meet them are trained member by member, and
        so are no reason for small groups.

    Returns
    -------
    slices : list of slice
        One slice if all members fit, if there is one, or on an accelerator.
    alike : bool
        Whether it is known that the members of each slice have the same seed.
    """
    parameters = list(network.parameters())
    n_members = len(parameters[0])
    if parameters[0].device.type != "cpu":
        return [slice(0, n_members)], False
    n_joined = 0 if network.conditioning is None else network.conditioning.n_outputs
    largest = _largest_group(parameters, n_rows, is_sparse, n_joined)
    together = _cut([0, n_members], largest)
    if np.ndim(seeds) == 0:
        return together, False
    changes = np.flatnonzero(np.diff(seeds)) + 1
    by_seed = _cut([0, *changes.tolist(), n_members], largest)
    few = n_members < _FEWEST_ALIKE * (len(changes) + 1)
    return (together, False) if few and len(by_seed) > len(together) else (by_seed, True)


def _largest_group(parameters, n_rows, is_sparse, n_joined):
    """Return how many members fit in the caches, at least one."""
    # The first parameter is the weight that meets the rows.
    cached = parameters[1:] if is_sparse else parameters
    n_bytes = sum(p[0].numel() * p.element_size() for p in cached) * _COPIES
    widths = [p.shape[2] * p.element_size() for p in parameters if p.shape[1] == 1]  # of biases
    widths.append(n_joined * parameters[0].element_size())
    return max(1, min(_CACHE_BYTES // n_bytes, _OUTPUT_BYTES // (n_rows * sum(widths))))


def _cut(edges, largest):
    """Return slices from edge to edge, cut evenly where members are more than `largest`."""
    slices = []
    for start, stop in pairwise(edges):
        n = stop - start
        n_groups = -(-n // largest)
        inner = [start + n * i // n_groups for i in range(n_groups + 1)]
        slices += [slice(*pair) for pair in pairwise(inner)]
    return slices


def running_slices(slices, running):
    """Leave out the slices of which no member is running, and what others begin and end with.

    Parameters
    ----------
    slices : list of slice
    running : ndarray of bool of shape (K,)

    Returns
    -------
    list of slice
    """
    trimmed = []
    for members in slices:
        places = members.start + np.flatnonzero(running[members])
        if len(places):
            trimmed.append(slice(int(places[0]), int(places[-1]) + 1))
    return trimmed


class MemberGroups:
    """Trains the members of a network group by group, some steps at a time.

    Members know nothing of each other, so the order in which they take their steps is free.

    Parameters
    ----------
    network : DANNNetwork
    criterion : DANNLoss
    optimizer : torch.optim.Adam
        See `is_plain_adam`.
    slices : list of slice
    alike : bool, default=False
        Whether the members of each slice have the same dropout masks.
    """

    def __init__(self, network, criterion, optimizer, slices, alike=False):
        self._optimizer = optimizer
        steps = [ClosedFormStep(network, criterion, members, alike=alike) for members in slices]
        self._groups = [
            (step, MemberAdam(optimizer, step.parameters, members))
            for step, members in zip(steps, slices, strict=True)
        ]

    def train(self, steps):
        """Let all groups take the given steps.

        Parameters
        ----------
        steps : iterator of (Batch, λ, the terms' weights, learning rates)

        Yields
        ------
        terms : ClosedFormTerms
            Of a group's members in a step.
        domain : Tensor
            That of the batch.
        """
        try:
            if len(self._groups) == 1:
                yield from self._train_alone(steps)
            else:
                yield from self._take_turns(steps)
        finally:
            for _, adam in self._groups:
                adam.put_back(self._optimizer)

    def _train_alone(self, steps):
        ((step, adam),) = self._groups
        for batch, reversal, term_weights, learning_rates in steps:
            yield step(batch.X, reversal, *batch.rows, term_weights), batch.domain
            adam.step(step.gradients, learning_rates)

    def _take_turns(self, steps):
        # The masks are those that all members would have drawn in a step together.
        draw_masks = self._groups[0][0].draw_masks
        while turn := [(*s, draw_masks()) for s in islice(steps, _STEPS_PER_TURN)]:
            for step, adam in self._groups:
                for batch, reversal, term_weights, learning_rates, masks in turn:
                    terms = step(batch.X, reversal, *batch.rows, term_weights, masks=masks)
                    yield terms, batch.domain
                    adam.step(step.gradients, learning_rates)
            del turn, batch  # before the next batches are cut
