"""Early stopping that does not undo the adaptation."""

import copy

from skorch.callbacks import EarlyStopping
from skorch.utils import noop

# Share of its final value from which λ's schedule counts as having arrived.
_ARRIVED = 0.9


def has_settled(net):
    """Tell whether λ, and the weights of further terms, are (almost) what they are going to be."""
    if "lambda_adapt" not in net.history[-1]:
        return True
    progress = len(net.history) / net.max_epochs
    schedules = [net.lambda_schedule, *(term.factor for term in net.criterion_.terms)]
    return all(schedule(progress) >= _ARRIVED * schedule(1.0) for schedule in schedules)


class SettledEarlyStopping(EarlyStopping):
    """Watches the validation accuracy from when λ is (almost) what it is going to be.

    Accuracy on the source is often best before adapting has begun, and the weights of that time
    would be restored: a network that has seen the target and not adapted to it.

    Parameters
    ----------
    patience : int
        Epochs without improvement.
    tol : float
        What counts as one.
    """

    def __init__(self, patience, tol):
        super().__init__(
            monitor="valid_acc",
            lower_is_better=False,
            patience=patience,
            threshold=tol,
            threshold_mode="abs",
            load_best=True,
            sink=noop,
        )
        self.tol = tol

    def on_train_begin(self, net, **kwargs):
        super().on_train_begin(net, **kwargs)
        self.best_score_ = -1.0

    def on_epoch_end(self, net, **kwargs):
        if not has_settled(net):
            return
        score = net.history[-1, "valid_acc"]
        if self.best_model_weights_ is not None and score >= self.best_score_:
            # Of epochs that are equal on the source, the later has adapted longer.
            self._keep(net)
        self.best_score_ = max(score, self.best_score_)
        super().on_epoch_end(net, **kwargs)

    def _keep(self, net):
        self.best_model_weights_ = copy.deepcopy(net.module_.state_dict())
        self.best_epoch_ = net.history[-1, "epoch"]
