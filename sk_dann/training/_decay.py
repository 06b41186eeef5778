"""Weight decay of weights and not of biases, the members' own where they differ."""

import numpy as np
import torch

# Under which the k-th module of the user's own is found.
_OWN_MODULES = (
    "feature_extractor.members",
    "label_predictor.members",
    "domain_classifier.members",
)


def weight_decay_groups(alpha, dtype, device):
    """Make the parameter groups, in skorch's form, under which weights decay and biases do not.

    Parameters
    ----------
    alpha : float or array-like of shape (K,)
        Weight decay of all members, or of each.
    dtype : torch.dtype
    device : torch.device

    Returns
    -------
    list of (str, dict)
    """
    # Biases are left out by name: some solvers decay whatever they are not told about.
    rest = ("*", {"weight_decay": 0})
    if len(np.unique(alpha)) == 1:
        return [("*weight", {"weight_decay": float(np.ravel(alpha)[0])}), rest]
    own = [
        (f"{part}.{k}.*weight", {"weight_decay": float(strength)})
        for part in _OWN_MODULES
        for k, strength in enumerate(alpha)
    ]
    by_member = torch.as_tensor(alpha, dtype=dtype, device=device).view(-1, 1, 1)
    return [*own, ("*weight", {"weight_decay": 0, "member_decay": by_member}), rest]


def add_member_decay(params, gradients, decay):
    """Add to gradients what an optimizer adds for its one weight decay, for each member its own."""
    for parameter, gradient in zip(params, gradients, strict=True):
        gradient.addcmul_(parameter, decay)


def decay_members(optimizer):
    """Let members decay before the optimizer's step, as it would do with a decay of its own."""
    for group in optimizer.param_groups:
        decay = group.get("member_decay")
        if decay is None:
            continue
        params = [p for p in group["params"] if p.grad is not None]
        decoupled = isinstance(optimizer, torch.optim.AdamW)
        if decoupled or group.get("decoupled_weight_decay"):
            for parameter in params:
                parameter.mul_(1 - group["lr"] * decay)
        else:
            add_member_decay(params, [p.grad for p in params], decay)
