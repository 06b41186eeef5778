"""Where a network is trained."""

import torch

from ._threads import survive_fork


def resolve_device(device):
    """Turn the estimators' `device` into a torch device that is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" takes CUDA if there is one, else MPS, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If torch does not know the device, or cannot reach it on this machine.
    """
    survive_fork()
    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "meta":
            raise RuntimeError("it computes nothing.")
        torch.empty(1, device=resolved)
    # torch raises AssertionError for a build without CUDA and NotImplementedError for others.
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not available: {str(error).splitlines()[0]} "
            f'Use device="auto" or "cpu".'
        ) from error
    return resolved


def network_dtype(dtype, device):
    """Return the torch dtype in which to compute on `device` for arrays of numpy's `dtype`."""
    has_float64 = device.type != "mps"
    return torch.float64 if dtype.itemsize == 8 and has_float64 else torch.float32


def has_room_for(n_bytes, device):
    """Tell whether an array fits into the accelerator and leaves as much room again."""
    if device.type != "cuda":
        return True  # MPS shares the memory that the array lies in already.
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * n_bytes < free
