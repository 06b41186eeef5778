"""What a stored estimator remembers of the place it comes from."""

import warnings
from importlib.metadata import version

import torch

from ..exceptions import StoredElsewhereWarning
from ..training import resolve_device

_PACKAGES = ("sk-dann", "scikit-learn", "skorch", "torch")


def current_versions():
    """Return the versions of the packages whose objects are stored, without local parts."""
    return {package: version(package).partition("+")[0] for package in _PACKAGES}


def compare_versions(stored):
    """Warn if any package has another version than when the estimator was stored."""
    changed = [
        f"{package} {stored[package]} (here {now})"
        for package, now in current_versions().items()
        if stored.get(package, now) != now
    ]
    if changed:
        warnings.warn(
            f"The estimator was stored with {', '.join(changed)}. It may behave differently or "
            "fail; better fit it anew, or load it with the versions it was stored with.",
            StoredElsewhereWarning,
            stacklevel=3,
        )


def device_here(device):
    """Resolve an estimator's `device` on this machine, the CPU standing in with a warning."""
    try:
        return resolve_device(device)
    except ValueError as error:
        warnings.warn(
            f"{error} The loaded estimator uses the CPU.", StoredElsewhereWarning, stacklevel=3
        )
        return torch.device("cpu")
