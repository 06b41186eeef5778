"""Training candidates for hyper-parameters on folds of the rows, side by side.

A member of the networks here is a candidate on a fold. All members see the same batches, and a
fold is a mask over the rows: rows that are held out have weight 0. So is everything else that
members differ in: labels, weights, λ and weight decay.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..domains import DomainData
from ..metrics import importance_weights
from ..training import (
    EarlyStopping,
    MemberValidationRows,
    network_dtype,
    resolve_device,
    take_rows,
)
from ._assembly import count_epochs, find_active_columns, make_net, make_stream
from ._validation import draw_held_out

# Of the members that are trained side by side.
_MAX_BYTES = 2**31
# Arrays of the size of a member's weights: with gradients, two moments, the best epoch's, and those
# that reverse networks start from. And of a member's rows: masks and weights of the losses.
_WEIGHT_COPIES, _ROW_COPIES = 6, 8
DIVERGED = "diverged in training"


@dataclass(frozen=True)
class Training:
    """What the members of all networks have in common.

    Parameters
    ----------
    estimator : DANNClassifier
        Knows its parameters, `classes_` and the class shares of both domains.
    data : DomainData
    folds : list of Fold
    seed : int
        Of the batches, and of what is held out for early stopping.
    active : ndarray of bool of shape (n_features,)
    dtype : torch.dtype
    device : torch.device
    """

    estimator: object
    data: DomainData
    folds: list
    seed: int
    active: np.ndarray
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def prepare(cls, estimator, data, folds, seed):
        """Find out what does not depend on the candidates.

        The class shares are found from all rows: they are the target's, and no fold's.
        """
        device = resolve_device(estimator.device)
        dtype = network_dtype(data.X_source.dtype, device)
        active = find_active_columns(estimator, data)
        estimator._settle_shares(data, active, seed, dtype, device)
        return cls(estimator, data, folds, seed, active, dtype, device)

    def mask(self, part, fold):
        """Count the rows in a `part` of each member's fold; (n_rows, n_members)."""
        n_rows = len(self.data.target_rows if part.startswith("target") else self.data.y)
        by_fold = np.zeros((n_rows, len(self.folds)), dtype=self.data.X_source.dtype)
        for f, each in enumerate(self.folds):
            np.add.at(by_fold[:, f], getattr(each, part), 1)  # a row may be listed twice
        return by_fold[:, fold]

    @cached_property
    def held_out(self):
        """For early stopping, positions of source rows kept out of each fold's training."""
        if not self.estimator.early_stopping:
            return None
        held_out = []
        for fold in self.folds:
            trained_on = self.data.keep_source(fold.train)
            _, drawn = draw_held_out(trained_on, self.estimator.validation_fraction, self.seed)
            held_out.append(fold.train[drawn])
        return held_out if any(map(len, held_out)) else None

    @cached_property
    def held_out_target(self):
        """For early stopping of reverse networks, positions of target rows."""
        if not self.estimator.early_stopping:
            return None
        rng = np.random.default_rng([self.seed, 5])
        fraction, held_out = self.estimator.validation_fraction, []
        for fold in self.folds:
            rows = np.setdiff1d(fold.target_test, fold.target_train)
            if not len(rows):
                rows = rng.permutation(np.unique(fold.target_train))
                rows = rows[: min(len(rows) - 1, max(1, round(fraction * len(rows))))]
            held_out.append(rows)
        return held_out if all(map(len, held_out)) else None

    @cached_property
    def _row_weights(self):
        return {}

    def row_weight(self, f):
        """Return the importance weights of the test rows of fold `f`, sample weights counted.

        Without a target all rows are as important, and one row tells nothing either.
        """
        if f not in self._row_weights:
            fold, data = self.folds[f], self.data
            weight = np.ones(len(fold.test))
            if data.X_target is not None and min(len(fold.test), len(fold.target_test)) > 1:
                weight = importance_weights(
                    take_rows(data.X_source, data.source_rows[fold.test]),
                    take_rows(data.X_target, data.target_rows[fold.target_test]),
                )
            if data.domain_weight is not None:
                weight = weight * data.domain_weight[fold.test]
            if not weight.sum() > 0:
                raise ValueError(
                    "sample_weight is zero on all source samples that cv tests on in fold "
                    f"{f}: take fewer folds, or leave sample_weight out"
                )
            self._row_weights[f] = weight
        return self._row_weights[f]

    def run(self, data, members, held_out, y, weight=None, *, shares=None, start=None):
        """Train the members on `data`, from the weights of the net `start` if there is one.

        Parameters
        ----------
        data : DomainData
        members : MemberParams
        held_out : list of ndarray of int or None
            Positions of rows, a list entry a member, to stop early by.
        y : ndarray of shape (n_source,) or (n_source, n_members)
            What their labels are.
        weight : ndarray of shape (n_source,), default=None
            Their weights.
        shares : pair of ndarray of shape (n_members, n_classes), default=None
            Class shares of the source and of the target, if not the estimator's.
        start : DANNNet, default=None

        Returns
        -------
        DANNNet
        """
        estimator = self.estimator
        early_stopping = None
        if held_out is not None:
            rows = np.unique(np.concatenate(held_out))
            counted = np.stack([np.isin(rows, own) for own in held_out], axis=1).astype(float)
            if weight is not None:
                weighted = counted * weight[rows, None]
                counted = np.where(weighted.sum(axis=0) > 0, weighted, counted)
            validation = MemberValidationRows(
                data.X_source, data.source_rows[rows], y[rows], counted
            )
            early_stopping = EarlyStopping(validation, estimator.n_iter_no_change, estimator.tol)
        stream = make_stream(estimator, data, self.active, self.seed, self.dtype, self.device)
        net = make_net(
            estimator,
            data,
            self.active,
            None,
            self.dtype,
            self.device,
            callbacks=[],
            members=members,
        )
        net.set_class_shares(*(shares or (estimator.class_shares_, estimator.target_class_shares_)))
        if start is not None:
            net.start_from(start)
        net.train(stream, count_epochs(estimator.max_iter, len(stream)), early_stopping)
        net.optimizer_.state.clear()  # only predictions are going to be asked for
        return net


def runs_of_members(training, members):
    """Cut members into runs whose weights fit in memory, and so can be trained side by side.

    Parameters
    ----------
    training : Training
    members : MemberParams

    Returns
    -------
    list of slice
    """
    n_members = len(members.seeds)
    one = make_net(
        training.estimator,
        training.data,
        training.active,
        None,
        training.dtype,
        training.device,
        callbacks=[],
        members=members[:1],
    )
    n_weights = sum(parameter.numel() for parameter in one.module_.parameters())
    data = training.data
    n_rows = len(data.y) + (0 if data.X_target is None else len(data.target_rows))
    n_numbers = _WEIGHT_COPIES * n_weights
    n_numbers += sum(buffer.numel() for buffer in one.module_.buffers())
    n_numbers += n_rows * (_ROW_COPIES + 2 * len(training.estimator.classes_))
    size = max(1, _MAX_BYTES // (n_numbers * data.X_source.dtype.itemsize))
    return [slice(i, i + size) for i in range(0, n_members, size)]


def by_member(by_fold, fold):
    """Return each member's part of what a fold has; None if there is nothing."""
    return None if by_fold is None else [by_fold[f] for f in fold]


def without(mask, held_out):
    """Take each member's held-out rows out of its mask."""
    mask = mask.copy()
    for k, rows in enumerate(held_out or []):
        mask[rows, k] = 0
    return mask


def as_column(weight):
    """Return weights (n,) as a column; all ones if there are none."""
    return 1 if weight is None else weight[:, None]
