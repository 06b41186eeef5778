"""What a fitted estimator is stored as: arrays and plain values.

No object of torch's, skorch's or of this library's own internals is stored, so that files can be
read by those who trust no pickle, on machines without the device that trained the network.
"""

from importlib.metadata import version

import numpy as np
import torch
from skorch.history import History

from .._warnings import warn_user
from ..exceptions import StoredElsewhereWarning
from ..shift import Calibration, ShareEstimate
from ..training import network_dtype, resolve_device
from ._assembly import Blueprint, outline_network, remake_net
from ._label_shift import SourceOnly

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


def pack(state):
    """Return the attributes of a fitted estimator as they are stored."""
    packed = {**state, "net_": pack_net(state["net_"]), "_versions": current_versions()}
    packed.pop("history_", None)  # the net's
    source_only, estimate = state.get("_source_only"), state.get("share_estimate_")
    if source_only is not None:
        packed["_source_only"] = {**vars(source_only), "net": pack_net(source_only.net)}
    if estimate is not None:
        calibration = estimate.calibration and estimate.calibration._asdict()
        packed["share_estimate_"] = {**vars(estimate), "calibration": calibration}
    return packed


def unpack(packed):
    """Return the attributes of a stored estimator as they were, and warn of what is different."""
    state = dict(packed)
    compare_versions(state.pop("_versions"))
    device = device_here(state["device"])
    state["net_"] = unpack_net(state["net_"], device)
    if "n_iter_" in state:
        state["history_"] = state["net_"].history
    source_only, estimate = state.get("_source_only"), state.get("share_estimate_")
    if source_only is not None:
        net = unpack_net(source_only["net"], device)
        state["_source_only"] = SourceOnly(**{**source_only, "net": net})
    if estimate is not None:
        calibration = estimate["calibration"] and Calibration(**estimate["calibration"])
        state["share_estimate_"] = ShareEstimate(**{**estimate, "calibration": calibration})
    return state


def pack_net(net):
    """Return what a net has learned and how to make another that knows it.

    Callbacks are left out: those of the user's own are the estimator's parameters.
    """
    return {
        "blueprint": dict(vars(net.blueprint)),
        "dtype": str(next(net.module_.parameters()).dtype).removeprefix("torch."),
        "seed": net.seed,
        "weights": _as_arrays(net.module_.state_dict()),
        "optimizer_state": _as_arrays(net.optimizer_.state_dict()["state"]),
        "history": list(net.history),
    }


def unpack_net(packed, device):
    """Make the net anew, on a device."""
    dtype = network_dtype(np.dtype(packed["dtype"]), device)
    what = Blueprint(**packed["blueprint"]), packed["seed"], dtype
    weights = _as_tensors(packed["weights"], copies=False)
    net = remake_net(outline_network(*what), weights, *what)
    groups = net.optimizer_.state_dict()["param_groups"]
    # Optimizers keep the very tensors that they are given.
    state = {"state": _as_tensors(packed["optimizer_state"]), "param_groups": groups}
    net.optimizer_.load_state_dict(state)
    net.history = History(packed["history"])
    return net.to(device)


def _as_arrays(values):
    """Return nested dicts and lists with arrays in the place of tensors."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # Some optimizers have states of bfloat16, which numpy does not know.
        return values if values.dtype == torch.bfloat16 else values.numpy()
    if isinstance(values, dict):
        return {key: _as_arrays(value) for key, value in values.items()}
    return [_as_arrays(value) for value in values] if isinstance(values, list) else values


def _as_tensors(values, copies=True):
    if isinstance(values, np.ndarray):
        # Arrays may be read-only, and mapped from a file: tensors cannot.
        copies = copies or not values.flags.writeable
        return torch.tensor(values) if copies else torch.from_numpy(values)
    if isinstance(values, dict):
        return {key: _as_tensors(value, copies) for key, value in values.items()}
    return [_as_tensors(value, copies) for value in values] if isinstance(values, list) else values
