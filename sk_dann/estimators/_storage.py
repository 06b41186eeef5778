"""What a stored estimator remembers of the place it comes from."""

from importlib.metadata import version

import torch

from ..exceptions import StoredElsewhereWarning, warn_user
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
        warn_user(
            f"The estimator was stored with {', '.join(changed)}. It may behave differently or "
            "fail; better fit it anew, or load it with the versions it was stored with.",
            StoredElsewhereWarning,
        )


def device_here(device):
    """Resolve an estimator's `device` on this machine, the CPU standing in with a warning."""
    try:
        return resolve_device(device)
    except ValueError as error:
        warn_user(f"{error} The loaded estimator uses the CPU.", StoredElsewhereWarning)
        return torch.device("cpu")
