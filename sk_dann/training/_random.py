"""What dropout draws in an epoch."""

from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from ..nn import MemberDropout, MemberGenerators, Members, isolated_random_state


def _of_epoch(seed, epoch):
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0])


@contextmanager
def seeded(network, seed, epoch, device):
    """Lend the network generators for an epoch.

    They are seeded anew each epoch: a resumed fit needs the epoch's number, not a random state.

    Parameters
    ----------
    network : DANNNetwork
    seed : int or sequence of int, one a member
        Modules of the user's own draw from torch's global generators, for which the first counts.
    epoch : int
    device : torch.device
    """
    seeds = [_of_epoch(each, epoch) for each in np.atleast_1d(seed)]
    by_member = np.ndim(seed) > 0
    generator = MemberGenerators(seeds) if by_member else torch.Generator().manual_seed(seeds[0])
    modules = list(network.modules())
    for module in modules:
        if isinstance(module, MemberDropout):
            module.generator = generator
    # Only users' own modules may draw from the global generators, which threads share.
    own = any(isinstance(module, Members) for module in modules)
    with isolated_random_state(seeds[0], device) if own else nullcontext():
        yield
