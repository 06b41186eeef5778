"""Candidates for hyper-parameters on folds of the rows, scored without target labels."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from ..metrics import importance_weights
from ..metrics._table import compute_score
from ..nn import view_members
from ..shift import move_posterior
from ..training import (
    TrainingDivergedError,
    infer,
    label_log_proba,
    member_features,
    member_log_proba,
    take_rows,
)
from ._label_shift import balance_domains
from ._member_training import (
    DIVERGED,
    Training,
    as_column,
    by_member,
    runs_of_members,
    without,
)
from ._reverse_members import reverse_scores

REVERSE_VALIDATION = "reverse_validation"


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
        held_out = by_member(training.held_out, self.fold)
        learned = without(self.source_mask, held_out)
        own = data.with_labels(
            data.y,
            learned * as_column(data.label_weight),
            self._domain_weight(learned * as_column(data.domain_weight)),
            target_mask,
        )
        self.net = training.run(own, members, held_out, data.y, data.domain_weight)

    def _domain_weight(self, weight):
        """Balance the classes of each member's source rows as the estimator does."""
        training = self.training
        shares, near = training.estimator.target_class_shares_, training.estimator._near_rows
        if not training.estimator._moves_shares and near is None:
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
        if not estimator._moves_shares:
            return log_proba
        return move_posterior(log_proba, estimator.class_shares_, estimator.target_class_shares_)

    def ask(self, k, X):
        """Log-probabilities (n, n_classes) that member `k` gives rows of any kind."""
        alone = view_members(self.net.module_, slice(k, k + 1))
        return self._for_target(infer(alone, X, label_log_proba, self.net.device))

    def features(self, k):
        """Features (n, n_hidden) of the test rows of member `k`, and of its target rows."""
        alone = view_members(self.net.module_, slice(k, k + 1))
        fold, data = self.training.folds[self.fold[k]], self.training.data
        for X, rows in (
            (data.X_source, data.source_rows[fold.test]),
            (data.X_target, data.target_rows[fold.target_test]),
        ):
            yield infer(alone, X, member_features, self.net.device, rows)

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
        reasons = dict.fromkeys(np.flatnonzero(self.lost), f"a network {DIVERGED}")
        scores = np.full(len(self.fold), np.nan)
        if name == REVERSE_VALIDATION:
            return reverse_scores(self, reasons)
        for k in np.flatnonzero(~self.lost):
            try:
                scores[k] = compute_score(name, _Evidence(self, k), **options)
            except ValueError as error:
                reasons[k] = f"{name}: {str(error).rstrip('.')}"
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
        return self._trained.training.row_weight(self._trained.fold[self._k])

    @property
    def feature_weight(self):
        return importance_weights(*self._trained.features(self._k))

    @property
    def shares(self):
        training = self._trained.training
        return training.estimator.target_class_shares_ if training.estimator._moves_shares else None


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
    n_candidates, n_folds = len(candidates.seeds), len(folds)
    try:
        training = Training.prepare(estimator, data, folds, seed)
    except TrainingDivergedError:
        missing = np.full((len(scorers), n_candidates, n_folds), np.nan)
        return missing, [f"networks without adaptation {DIVERGED}"]
    candidate, fold = (each.ravel() for each in np.indices((n_candidates, n_folds)))
    scores, reasons = np.empty((len(scorers), n_candidates * n_folds)), []
    members = candidates[candidate]
    for part in runs_of_members(training, members):
        trained = TrainedMembers(training, members[part], fold[part])
        for own, (name, options) in zip(scores, scorers, strict=True):
            own[part], found = trained.score(name, options)
            reasons += found.values()
    return scores.reshape(len(scorers), n_candidates, n_folds), reasons
