"""Randomness of modules that draw from torch's global generator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def isolated_random_state(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators for the block, and put them back after it.

    Modules of torch's own, such as `torch.nn.Dropout`, draw from nowhere else.

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
    with torch.random.fork_rng(devices=[device] if accelerator else []):
        # torch.manual_seed would seed every accelerator for good.
        torch.default_generator.manual_seed(seed)
        if accelerator:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
