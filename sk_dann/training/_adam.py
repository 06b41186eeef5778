"""Adam's step without the bookkeeping around it, which on small networks is most of it."""

import torch

from ._decay import add_member_decay, decay_members


def is_plain_adam(optimizer):
    """Tell whether the optimizer is a fused `torch.optim.Adam`, and nobody watches its steps."""
    options = ("amsgrad", "maximize", "differentiable", "capturable", "decoupled_weight_decay")
    hooks = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    return (
        type(optimizer) is torch.optim.Adam
        and not any(hooks)
        # A learning rate scheduler of torch's replaces the method, to see the steps taken.
        and "step" not in vars(optimizer)
        and all(
            group["fused"] and not any(group.get(option) for option in options)
            for group in optimizer.param_groups
        )
    )


@torch.no_grad()
def adam_step(optimizer):
    """Do what ``optimizer.step()`` does, in less time if it is a plain Adam.

    `torch.optim.Adam` looks up hooks, profilers, devices and dtypes before each call of its fused
    kernel; none of them change during a fit.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    """
    decay_members(optimizer)
    if not is_plain_adam(optimizer):
        optimizer.step()
        return
    calls = []
    for group in optimizer.param_groups:
        params = [p for p in group["params"] if p.grad is not None]
        calls.append((group, params, _states(optimizer, params)))
    torch._foreach_add_([s["step"] for _, _, states in calls for s in states], 1)
    for group, params, states in calls:
        _call_kernel(
            group,
            params,
            [p.grad for p in params],
            [s["exp_avg"] for s in states],
            [s["exp_avg_sq"] for s in states],
            [s["step"] for s in states],
            group["lr"],
        )


def _states(optimizer, params):
    """Return the parameters' state; where there is none yet, it starts as in torch's first step."""
    for p in params:
        if not optimizer.state.get(p):
            optimizer.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
    return [optimizer.state[p] for p in params]


class MemberAdam:
    """The part of a plain Adam that concerns some members.

    Parameters
    ----------
    optimizer : torch.optim.Adam
    parameters : list of Parameter
        In the order in which `step` gets their gradients.
    members : slice
    """

    def __init__(self, optimizer, parameters, members):
        self._calls = []
        place = {id(p): i for i, p in enumerate(parameters)}
        for group in optimizer.param_groups:
            params = group["params"]
            states = _states(optimizer, params)
            decay = group.get("member_decay")
            self._calls.append(
                (
                    group,
                    None if decay is None else decay[members],
                    [place[id(p)] for p in params],
                    [p.detach()[members] for p in params],
                    [s["exp_avg"][members] for s in states],
                    [s["exp_avg_sq"][members] for s in states],
                    # Other members count for themselves.
                    [s["step"].clone() for s in states],
                )
            )
        self._steps = [step for call in self._calls for step in call[-1]]

    @torch.no_grad()
    def step(self, gradients, learning_rates):
        """Take a step with these gradients, and the learning rate of each parameter group.

        Where they are an iterator over members, each is used up before the next is worked out.
        """
        torch._foreach_add_(self._steps, 1)
        for call, rate in zip(self._calls, learning_rates, strict=True):
            group, decay, places, *values = call
            together = []
            for gradient, *own in zip([gradients[i] for i in places], *values, strict=True):
                if isinstance(gradient, torch.Tensor):
                    together.append((gradient, *own))
                    continue
                *own, count = own
                for k, its in enumerate(gradient):
                    strength = None if decay is None else decay[k]
                    _take_step(group, strength, [its], *([v[k]] for v in own), [count], rate)
            if together:
                _take_step(group, decay, *zip(*together, strict=True), rate)

    def put_back(self, optimizer):
        """Let the optimizer's state say how many steps were taken, by these members at least."""
        for group, *_, steps in self._calls:
            for p, step in zip(group["params"], steps, strict=True):
                known = optimizer.state[p]["step"]
                known.copy_(torch.maximum(known, step))


def _take_step(group, decay, grads, params, exp_avgs, exp_avg_sqs, steps, lr):
    if decay is not None:
        add_member_decay(params, grads, decay)
    _call_kernel(group, params, grads, exp_avgs, exp_avg_sqs, steps, lr)


def _call_kernel(group, params, grads, exp_avgs, exp_avg_sqs, steps, lr):
    torch._fused_adam_(
        params,
        grads,
        exp_avgs,
        exp_avg_sqs,
        [],
        steps,
        lr=lr,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
        grad_scale=None,
        found_inf=None,
    )
