"""Early stopping of each member by itself."""

import copy

import numpy as np
from skorch.callbacks import Callback

from ..nn import copy_members
from ._stopping import has_settled


class MemberEarlyStopping(Callback):
    """Does for each member what `SettledEarlyStopping` does for a net.

    Training ends when no member is running any more; each then has the weights of its own best
    epoch, except those that diverged before they would have been stopped, and those without
    validation rows, which train to the end.

    Parameters
    ----------
    patience : int
        Epochs without improvement.
    tol : float
        What counts as one.

    Attributes
    ----------
    best_epoch_ : ndarray of int of shape (K,)
        The epoch, counted from 1, whose weights each member has in the end; 0 for the last.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol

    def on_train_begin(self, net, **kwargs):
        n_members = len(net.running_)
        self.best_epoch_ = np.zeros(n_members, dtype=int)
        self.best_score_ = np.full(n_members, -1.0)
        self.threshold_ = np.full(n_members, -np.inf)
        self.misses_ = np.zeros(n_members, dtype=int)
        self.best_ = None

    def on_epoch_end(self, net, **kwargs):
        score = np.array(net.history[-1, "member_valid_acc"])
        if has_settled(net):
            judged = net.running_ & ~np.isnan(score)
            improved = judged & (score > self.threshold_)
            # Of epochs that are equal on the source, the later has adapted longer.
            kept = improved | (judged & (self.best_epoch_ > 0) & (score >= self.best_score_))
            self.best_score_[kept] = score[kept]
            self.threshold_[improved] = score[improved] + self.tol
            self.misses_[judged] += 1
            self.misses_[improved] = 0
            self._keep(net, np.flatnonzero(kept))
            net.running_ &= ~(judged & (self.misses_ == self.patience))
        if not net.running_.any():
            raise KeyboardInterrupt

    def _keep(self, net, members):
        self.best_epoch_[members] = net.history[-1, "epoch"]
        if self.best_ is None:
            self.best_ = copy.deepcopy(net.module_)
        copy_members(net.module_, self.best_, members.tolist())

    def on_train_end(self, net, **kwargs):
        if self.best_ is not None:
            known = (self.best_epoch_ > 0) & ~net.lost_
            copy_members(self.best_, net.module_, np.flatnonzero(known).tolist())
            self.best_ = None

    def __getstate__(self):
        # Not the weights a second time.
        return {**self.__dict__, "best_": None}
