"""Generators: torch's global one for modules that know no other, and one a member."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

_lock = threading.RLock()


def _renew_lock():
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    # A thread that held it is not there in the child.
    os.register_at_fork(after_in_child=_renew_lock)


class MemberGenerators:
    """Draws for each member what a network of that seed alone would draw.

    Members of the same seed get the same numbers, so that whatever else they differ in can be
    compared.

    Parameters
    ----------
    seeds : sequence of int
        One a member.

    Examples
    --------
    >>> from sk_dann.nn import MemberGenerators
    >>> one, other, again = MemberGenerators([0, 1, 0]).rand((3, 2))
    >>> bool((one == again).all()), bool((one == other).any())
    (True, False)
    """

    def __init__(self, seeds: Sequence[int]):
        distinct = list(dict.fromkeys(seeds))
        self._generators = [torch.Generator().manual_seed(seed) for seed in distinct]
        self._places = torch.tensor([distinct.index(seed) for seed in seeds])

    def rand(self, shape: tuple[int, ...]) -> Tensor:
        """Draw uniform numbers of float32 in [0, 1) for all members, the first axis."""
        shape = (1, *shape[1:])
        draws = [torch.rand(shape, dtype=torch.float32, generator=g) for g in self._generators]
        return torch.cat(draws)[self._places]


@contextmanager
def isolated_random_state(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators for the block, and put them back after it.

    Modules of torch's own, such as `torch.nn.Dropout`, draw from nowhere else. Threads share the
    generators, so only one is in such a block at a time and the others wait. What draws from them
    outside of such blocks while one is entered is not kept apart.

    Parameters
    ----------
    seed : int
    device : torch.device, default=None
        The accelerator whose generator is to be treated alike; the CPU's always is.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import isolated_random_state
    >>> before = torch.get_rng_state()
    >>> with isolated_random_state(0):
    ...     one = torch.rand(2)
    >>> with isolated_random_state(0):
    ...     other = torch.rand(2)
    >>> torch.equal(one, other), torch.equal(torch.get_rng_state(), before)
    (True, True)
    """
    accelerator = device is not None and device.type == "cuda"
    with _lock, torch.random.fork_rng(devices=[device] if accelerator else []):
        # torch.manual_seed would seed every accelerator for good.
        torch.default_generator.manual_seed(seed)
        if accelerator:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
