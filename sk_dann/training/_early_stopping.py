"""Early stopping that does not undo the adaptation."""

import copy

import numpy as np

from ..nn import copy_members, count_members

# Part of its final value from which λ's schedule counts as having arrived.
_ARRIVED = 0.9


def has_settled(net):
    """Tell whether λ, and the weights of further terms, are (almost) what they are going to be."""
    if "lambda_adapt" not in net.history[-1]:
        return True
    progress = len(net.history) / net.max_epochs
    schedules = [net.lambda_schedule, *(term.factor for term in net.criterion_.terms)]
    return all(schedule(progress) >= _ARRIVED * schedule(1.0) for schedule in schedules)


class EarlyStopping:
    """Watches the validation accuracy from when λ is (almost) what it is going to be.

    Accuracy on the source is often best before adapting has begun, and the weights of that time
    would be restored: a network that has seen the target and not adapted to it.

    The members are judged and stopped together, by their average, or each by itself: then a member
    that has diverged keeps its last weights, and one without validation samples trains to the end.

    Parameters
    ----------
    validation : ValidationRows or MemberValidationRows
        The former judges all members together, the latter each by itself.
    patience : int
        Epochs without improvement.
    tol : float
        What counts as one.

    Attributes
    ----------
    best_epoch_ : ndarray of int of shape (1,) or (n_members,)
        The epoch, counted from 1, whose weights are restored in the end; 0 for the last.
    """

    def __init__(self, validation, patience, tol):
        self.validation = validation
        self.patience = patience
        self.tol = tol

    def begin(self, net, state=None):
        """Prepare for training, or go on from the state of an earlier fit.

        Parameters
        ----------
        net : DANNNet
        state : dict, default=None
            By :meth:`state_dict`.
        """
        n_members = count_members(net.module_)
        # The members that are judged together.
        units = np.arange(n_members)
        self._units = units[:, None] if self.validation.by_member else units[None]
        n_units = len(self._units)
        self.best_epoch_ = np.zeros(n_units, dtype=int)
        self.best_score_ = np.full(n_units, -1.0)
        self.threshold_ = np.full(n_units, -np.inf)
        self.misses_ = np.zeros(n_units, dtype=int)
        self.best_network_ = None
        if state is not None:
            self._load_state_dict(net, state)
        self._stop(net, self.misses_ >= self.patience)

    def judge(self, net):
        """Look at the epoch that has just been recorded, and stop whoever does not improve."""
        if not has_settled(net):
            return
        score = self.validation.scores_of(net.history[-1])
        is_running = net.running_[self._units].any(axis=1)
        judged = is_running & ~np.isnan(score)
        improved = judged & (score > self.threshold_)
        # Of epochs that are equal on the source, the later has adapted longer.
        is_as_good = judged & (self.best_epoch_ > 0) & (score >= self.best_score_)
        kept = improved | is_as_good
        self.best_score_[kept] = score[kept]
        self.threshold_[improved] = score[improved] + self.tol
        self.misses_[judged] += 1
        self.misses_[improved] = 0
        if kept.any():
            self._keep(net, kept)
        self._stop(net, judged & (self.misses_ >= self.patience))

    def finish(self, net):
        """Restore the weights of the best epochs."""
        if self.best_network_ is None:
            return
        is_known = self.best_epoch_ > 0
        members = self._units[is_known].ravel()
        members = members[~net.lost_[members]]
        copy_members(self.best_network_, net.module_, members.tolist())
        self.best_network_ = None

    def state_dict(self):
        """Return what has been seen so far, in lists and tensors."""
        best = None if self.best_network_ is None else self.best_network_.state_dict()
        return {
            "best_epoch": self.best_epoch_.tolist(),
            "best_score": self.best_score_.tolist(),
            "threshold": self.threshold_.tolist(),
            "misses": self.misses_.tolist(),
            "best_weights": best,
        }

    def _load_state_dict(self, net, state):
        self.best_epoch_[:] = state["best_epoch"]
        self.best_score_[:] = state["best_score"]
        self.threshold_[:] = state["threshold"]
        self.misses_[:] = state["misses"]
        if state["best_weights"] is not None:
            self.best_network_ = copy.deepcopy(net.module_)
            self.best_network_.load_state_dict(state["best_weights"])

    def _keep(self, net, units):
        if self.best_network_ is None or units.all():
            # A new copy in one assignment: after Ctrl-C it is that of one epoch or of another.
            self.best_network_ = copy.deepcopy(net.module_)
        else:
            copy_members(net.module_, self.best_network_, self._units[units].ravel().tolist())
        self.best_epoch_[units] = net.history[-1]["epoch"]

    def _stop(self, net, units):
        net.running_[self._units[units].ravel()] = False
