"""Candidates for hyper-parameters on folds of the rows, trained side by side and scored.

A member of the networks here is a candidate on a fold. All members see the same batches, and a
fold is a mask over the rows: rows that are held out have weight 0. So is everything else that
members differ in: labels, weights, λ and weight decay.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from ..domains import DomainData
from ..metrics import importance_weights
from ..metrics._table import compute_score
from ..nn import view_members
from ..shift import class_shares, move_posterior
from ..training import (
    BatchStream,
    MemberEarlyStopping,
    MemberValidationRows,
    infer,
    label_log_proba,
    member_log_proba,
    network_dtype,
    resolve_device,
    take_rows,
)
from ._assembly import count_epochs, make_callbacks, make_net, touches_few_rows
from ._label_shift import balance_domains
from ._validation import draw_held_out, weights_of_classes

# Weights of all members of a network together: training takes four times their memory.
_MAX_WEIGHTS = 2**27
REVERSE_VALIDATION = "reverse_validation"


@dataclass(frozen=True)
class Fold:
    """Positions among the source rows, and among the target rows.

    Where a splitter holds out no target rows, all are trained on and all are looked at.
    """

    train: np.ndarray
    test: np.ndarray
    target_train: np.ndarray
    target_test: np.ndarray


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
        active = ~data.constant_source_columns()
        estimator._settle_shares(data, active, seed, dtype, device)
        return cls(estimator, data, folds, seed, active, dtype, device)

    @property
    def moves_shares(self):
        """Whether the target is taken to have other class shares than the source."""
        estimator = self.estimator
        return not np.array_equal(estimator.target_class_shares_, estimator.class_shares_)

    def mask(self, part, fold):
        """Return 1 for the rows of a `part` of each member's fold; (n_rows, n_members)."""
        n_rows = len(self.data.target_rows if part.startswith("target") else self.data.y)
        by_fold = np.zeros((n_rows, len(self.folds)), dtype=self.data.X_source.dtype)
        for f, each in enumerate(self.folds):
            by_fold[getattr(each, part), f] = 1
        return by_fold[:, fold]

    @cached_property
    def held_out(self):
        """For early stopping, positions of source rows kept out of each fold's training."""
        if not self.estimator.early_stopping:
            return None
        fraction = self.estimator.validation_fraction
        return [
            fold.train[draw_held_out(self.data.keep_source(fold.train), fraction, self.seed)[1]]
            for fold in self.folds
        ]

    @cached_property
    def held_out_target(self):
        """For early stopping of reverse networks, positions of target rows."""
        if not self.estimator.early_stopping:
            return None
        if any(len(fold.target_train) < len(self.data.target_rows) for fold in self.folds):
            return [fold.target_test for fold in self.folds]
        n_rows = len(self.data.target_rows)
        n_held_out = min(n_rows - 1, round(self.estimator.validation_fraction * n_rows) or 1)
        rows = np.random.default_rng([self.seed, 5]).permutation(n_rows)[:n_held_out]
        return [rows for _ in self.folds]

    def run(self, data, members, held_out, y, start=None):
        """Train the members on `data`, from the weights of the net `start` if there is one.

        Parameters
        ----------
        data : DomainData
        members : MemberParams
        held_out : list of ndarray of int or None
            Positions of rows, a list entry a member, to stop early by.
        y : ndarray of shape (n_source,) or (n_source, n_members)
            What their labels are.
        start : DANNNet, default=None

        Returns
        -------
        DANNNet
        """
        estimator = self.estimator
        callbacks = make_callbacks(estimator, data, None)
        validation = None
        if held_out is not None:
            stopping = MemberEarlyStopping(estimator.n_iter_no_change, estimator.tol)
            callbacks.append(("sk_dann_early_stopping", stopping))
            rows = np.unique(np.concatenate(held_out))
            weight = np.stack([np.isin(rows, own) for own in held_out], axis=1).astype(float)
            validation = MemberValidationRows(
                data.X_source, data.source_rows[rows], y[rows], weight
            )
        stream = BatchStream(
            data,
            estimator.batch_size,
            self.seed,
            self.device,
            self.dtype,
            blank=np.flatnonzero(~self.active),
            compact=touches_few_rows(estimator, data),
        )
        net = make_net(
            estimator,
            data,
            self.active,
            None,
            self.dtype,
            self.device,
            callbacks=callbacks,
            members=members,
        )
        if start is not None:
            net.start_from(start)
        return net.train(stream, count_epochs(estimator.max_iter, len(stream)), validation)


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
    size = max(1, _MAX_WEIGHTS // n_weights)
    return [slice(i, i + size) for i in range(0, n_members, size)]


class TrainedMembers:
    """Members that were trained, and what scores are computed from.

    Parameters
    ----------
    training : Training
    members : MemberParams
    fold : ndarray of int of shape (n_members,)
        The fold that each is trained on.
    """

    def __init__(self, training, members, fold):
        self.training, self.members, self.fold = training, members, np.asarray(fold)
        data = training.data
        self.source_mask = training.mask("train", self.fold)
        target_mask = None
        if data.X_target is not None and any(
            len(each.target_train) < len(data.target_rows) for each in training.folds
        ):
            target_mask = training.mask("target_train", self.fold)
        self.target_mask = target_mask
        held_out = _by_member(training.held_out, self.fold)
        learned = _without(self.source_mask, held_out)
        own = data.with_labels(
            data.y,
            learned * _column(data.label_weight),
            self._domain_weight(learned * _column(data.domain_weight)),
            target_mask,
        )
        self.net = training.run(own, members, held_out, data.y)

    def _domain_weight(self, weight):
        """Balance the classes of each member's source rows as the estimator does."""
        training = self.training
        shares, near = training.estimator.target_class_shares_, training.estimator._near_rows
        if not training.moves_shares and near is None:
            return weight
        balanced = np.empty_like(weight)
        for f in np.unique(self.fold):
            own = np.flatnonzero(self.fold == f)
            data = replace(training.data, domain_weight=weight[:, own[0]])
            balanced[:, own] = balance_domains(data, shares, near)[:, None]
        return balanced

    @property
    def lost(self):
        """Which members diverged."""
        return self.net.lost_

    @cached_property
    def log_proba_source(self):
        """As the members predict: (n_source, n_members, n_classes)."""
        return self._log_proba(self.training.data.X_source, self.training.data.source_rows)

    @cached_property
    def log_proba_target(self):
        """As the members predict: (n_target, n_members, n_classes)."""
        return self._log_proba(self.training.data.X_target, self.training.data.target_rows)

    def _log_proba(self, X, rows=None):
        found = infer(self.net.module_, X, member_log_proba, self.net.device, rows)
        return self._for_target(found)

    def _for_target(self, log_proba):
        estimator = self.training.estimator
        if not self.training.moves_shares:
            return log_proba
        return _move(log_proba, estimator.class_shares_, estimator.target_class_shares_)

    @cached_property
    def features(self):
        """Of source rows and target rows: (n_rows, n_members, n_hidden) each."""
        data = self.training.data
        return [
            infer(self.net.module_, X, _member_features, self.net.device, rows)
            for X, rows in (
                (data.X_source, data.source_rows),
                (data.X_target, data.target_rows),
            )
        ]

    def ask(self, k, X):
        """Log-probabilities (n, n_classes) that member `k` gives rows of any kind."""
        alone = view_members(self.net.module_, slice(k, k + 1))
        return self._for_target(infer(alone, X, label_log_proba, self.net.device))

    @cached_property
    def _weights(self):
        return {}

    def row_weight(self, f):
        """Return the importance weights of the test rows of fold `f`, sample weights counted.

        Without a target all rows are as important.
        """
        if f not in self._weights:
            fold, data = self.training.folds[f], self.training.data
            weight = np.ones(len(fold.test))
            if data.X_target is not None:
                weight = importance_weights(
                    take_rows(data.X_source, data.source_rows[fold.test]),
                    take_rows(data.X_target, data.target_rows[fold.target_test]),
                )
            if data.domain_weight is not None:
                weight = weight * data.domain_weight[fold.test]
            self._weights[f] = weight
        return self._weights[f]

    def score(self, name, options):
        """Score every member.

        Parameters
        ----------
        name : str
        options : dict

        Returns
        -------
        scores : ndarray of shape (n_members,)
            NaN where there is none.
        reasons : dict of int to str
            Why there is none.
        """
        reasons = dict.fromkeys(np.flatnonzero(self.lost), "it diverged in training")
        scores = np.full(len(self.fold), np.nan)
        if name == REVERSE_VALIDATION:
            return reverse_scores(self, reasons)
        for k in np.flatnonzero(~self.lost):
            try:
                scores[k] = compute_score(name, _Evidence(self, k), **options)
            except ValueError as error:
                reasons[k] = str(error)
        return scores, reasons


class _Evidence:
    """What `compute_score` may ask for, of one member."""

    def __init__(self, trained, k):
        self._trained, self._k = trained, k
        self._fold = trained.training.folds[trained.fold[k]]

    def __getitem__(self, name):
        return getattr(self, name)

    @property
    def y(self):
        return self._trained.training.data.y[self._fold.test]

    @property
    def log_proba_source(self):
        return self._trained.log_proba_source[self._fold.test, self._k]

    @property
    def log_proba_target(self):
        return self._trained.log_proba_target[self._fold.target_test, self._k]

    @property
    def X_target(self):  # noqa: N802 - the argument's name
        data = self._trained.training.data
        return take_rows(data.X_target, data.target_rows[self._fold.target_test])

    def predict_log_proba(self, X):
        return self._trained.ask(self._k, X)

    @property
    def weight(self):
        return self._trained.row_weight(self._trained.fold[self._k])

    @property
    def feature_weight(self):
        source, target = self._trained.features
        return importance_weights(
            source[self._fold.test, self._k], target[self._fold.target_test, self._k]
        )


def reverse_scores(trained, reasons):
    """Reverse validation of all members side by side, as in section 5.1.2 of the paper.

    The target rows with the labels that a member predicts are the source of its reverse network,
    which starts from the member's weights; the source rows it was trained on are the target.

    Parameters
    ----------
    trained : TrainedMembers
    reasons : dict of int to str
        Gets those of reverse networks that diverge.

    Returns
    -------
    scores, reasons
        As those of `TrainedMembers.score`.
    """
    training, fold = trained.training, trained.fold
    data, estimator = training.data, training.estimator
    codes = trained.log_proba_target.argmax(axis=2)
    n_classes = len(estimator.classes_)
    seen = np.ones(codes.shape, data.X_source.dtype)
    seen = seen if trained.target_mask is None else trained.target_mask
    held_out = _by_member(training.held_out_target, fold)
    learned = label_weight = _without(seen, held_out)
    if estimator.class_weight is not None:
        label_weight = np.stack(
            [
                own * weights_of_classes(estimator.class_weight, estimator.classes_, y, own)[y]
                for y, own in zip(codes.T, learned.T, strict=True)
            ],
            axis=1,
        ).astype(seen.dtype)
    target_weight = trained.source_mask * _column(data.domain_weight)
    if estimator._near_rows is not None:
        target_weight *= estimator._near_rows[:, None]
    back = DomainData(
        data.X_target,
        data.target_rows,
        np.zeros(len(codes), dtype=np.int64),
        codes,
        label_weight,
        learned,
        data.X_source,
        data.source_rows,
        target_weight,
    )
    shares = None
    if estimator.label_shift is not None:
        # On the way back the source is the target, and its class shares are known.
        shares = [
            (
                class_shares(y, n_classes, own),
                class_shares(data.y, n_classes, mask),
            )
            for y, own, mask in zip(codes.T, learned.T, trained.source_mask.T, strict=True)
        ]
        back = replace(back, domain_weight=_rebalance(codes, learned, shares))
    net = training.run(back, trained.members, held_out, codes, start=trained.net)
    log_proba = infer(net.module_, data.X_source, member_log_proba, net.device, data.source_rows)
    scores = np.full(len(fold), np.nan)
    for k, f in enumerate(fold):
        if k in reasons:
            continue
        test = training.folds[f].test
        found = log_proba[test, k]
        present = np.unique(codes[seen[:, k] > 0, k])
        if len(present) == 1:  # nothing to learn from
            scores[k] = np.mean(data.y[test] == present[0])
        elif net.lost_[k]:
            reasons[k] = "its reverse network diverged in training"
        else:
            if shares is not None:
                found = move_posterior(found, *shares[k])
            scores[k] = np.mean(found.argmax(axis=1) == data.y[test])
    return scores, reasons


def _rebalance(codes, weight, shares):
    """Weight rows so that each member's predicted classes have the shares that are wanted."""
    balanced = np.empty_like(weight)
    for k, (present, wanted) in enumerate(shares):
        ratio = np.divide(wanted, present, out=np.zeros(len(wanted)), where=present > 0)
        balanced[:, k] = weight[:, k] * ratio[codes[:, k]]
    return balanced / np.maximum(balanced.max(axis=0), np.finfo(balanced.dtype).tiny)


def _member_features(network, X):
    return network.feature_extractor(X).transpose(0, 1)


def _by_member(by_fold, fold):
    return None if by_fold is None else [by_fold[f] for f in fold]


def _without(mask, held_out):
    """Take each member's held-out rows out of its mask."""
    mask = mask.copy()
    for k, rows in enumerate(held_out or []):
        mask[rows, k] = 0
    return mask


def _move(log_proba, source_shares, target_shares):
    """Move posteriors of shape (..., n_classes)."""
    rows = log_proba.reshape(-1, log_proba.shape[-1])
    return move_posterior(rows, source_shares, target_shares).reshape(log_proba.shape)


def _column(weight):
    """Weights (n,) as a column; all ones if there are none."""
    return 1 if weight is None else weight[:, None]


def score_candidates(estimator, data, folds, candidates, scorers, seed):
    """Train candidates on all folds and score them.

    Parameters
    ----------
    estimator : DANNClassifier
        With `classes_`.
    data : DomainData
    folds : list of F Fold
    candidates : MemberParams
        P of them.
    scorers : list of S pairs (str, dict)
        The names of scores, and their keyword arguments.
    seed : int

    Returns
    -------
    scores : ndarray of shape (S, P, F)
        NaN where there is none.
    reasons : list of str
        Why there is none, a string for each that is missing.
    """
    training = Training.prepare(estimator, data, folds, seed)
    n_candidates, n_folds = len(candidates.seeds), len(folds)
    candidate, fold = (each.ravel() for each in np.indices((n_candidates, n_folds)))
    scores, reasons = np.empty((len(scorers), n_candidates * n_folds)), []
    members = candidates[candidate]
    for part in runs_of_members(training, members):
        trained = TrainedMembers(training, members[part], fold[part])
        for own, (name, options) in zip(scores, scorers, strict=True):
            own[part], found = trained.score(name, options)
            reasons += found.values()
    return scores.reshape(len(scorers), n_candidates, n_folds), reasons
