"""Adam's step without the bookkeeping around it, which on small networks is most of it."""

import torch


def adam_step(optimizer):
    """Return a function that does what ``optimizer.step`` does, in less time.

    `torch.optim.Adam` looks up hooks, profilers, devices and dtypes before each call of its fused
    kernel; none of them change during a fit.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer

    Returns
    -------
    callable
        Calls the fused kernel if this is a plain fused Adam, else it is ``optimizer.step``.
    """
    options = ("amsgrad", "maximize", "differentiable", "capturable")
    plain = type(optimizer) is torch.optim.Adam and all(
        group["fused"] and not any(group[option] for option in options)
        for group in optimizer.param_groups
    )
    # Looked up anew in each step: learning rate schedulers of torch's replace it.
    return _FusedStep(optimizer) if plain else lambda: optimizer.step()


class _FusedStep:
    def __init__(self, optimizer):
        self.optimizer = optimizer

    @torch.no_grad()
    def __call__(self):
        state = self.optimizer.state
        # The first step makes the state; a learning rate scheduler wants to see the steps taken.
        if not state or "step" in vars(self.optimizer):
            self.optimizer.step()
            return
        calls = []
        for group in self.optimizer.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            calls.append((group, params, [state[p] for p in params]))
        torch._foreach_add_([s["step"] for _, _, states in calls for s in states], 1)
        for group, params, states in calls:
            torch._fused_adam_(
                params,
                [p.grad for p in params],
                [s["exp_avg"] for s in states],
                [s["exp_avg_sq"] for s in states],
                [],
                [s["step"] for s in states],
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
                grad_scale=None,
                found_inf=None,
            )
