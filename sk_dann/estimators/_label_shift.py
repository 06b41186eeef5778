"""Source-only networks, and the class shares of the target that they tell."""

from dataclasses import dataclass

import numpy as np

from ..shift import class_shares, estimate_class_shares, no_estimate
from ..training import BatchStream, DANNNet, infer, label_log_proba, member_log_proba
from ._assembly import count_epochs, make_net, touches_few_rows

# Folds of the source rows; a network is trained on the others' rows for each.
_N_FOLDS = 3
# Of which every fold has some.
_MIN_CLASS_ROWS = 5
# Share of the adapted network's epochs that the source-only networks are trained for.
_EPOCHS = 0.25


@dataclass
class SourceOnly:
    """Networks that never saw the target, one a fold of the source rows.

    `fold` of shape (n_source,) names the one that has not learned from a row.
    """

    net: DANNNet
    fold: np.ndarray

    def out_of_fold(self, data):
        """Log-probabilities of the source rows' classes, by the network that does not know them."""
        log_proba = infer(
            self.net.module_, data.X_source, member_log_proba, self.net.device, data.source_rows
        )
        return log_proba[np.arange(len(self.fold)), self.fold]

    def on_target(self, data):
        """Log-probabilities of the target rows' classes: (n_members, n_target, n_classes)."""
        log_proba = infer(
            self.net.module_, data.X_target, member_log_proba, self.net.device, data.target_rows
        )
        return log_proba.swapaxes(0, 1)

    def log_proba(self, X):
        """Log-probabilities of the classes, averaged over the networks."""
        return infer(self.net.module_, X, label_log_proba, self.net.device)


def assign_folds(strata, n_folds, rng):
    """Give each row a fold, in equal parts of each stratum; shape (n,)."""
    fold = np.empty(len(strata), dtype=np.intp)
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        fold[rows] = np.arange(len(rows)) % n_folds
    return fold


def train_source_only(estimator, data, active, seed, dtype, device):
    """Train a network for each fold of the source rows, all as members of one.

    Returns
    -------
    SourceOnly
    """
    # Not the stream of draws that the adapted network has.
    seed = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0] >> 1)
    fold = assign_folds(data.y, _N_FOLDS, np.random.default_rng(seed))
    weight = (fold[:, None] != np.arange(_N_FOLDS)).astype(data.X_source.dtype)
    if data.label_weight is not None:
        weight *= data.label_weight[:, None]
    source = data.without_target(weight)
    stream = BatchStream(
        source,
        estimator.batch_size,
        seed,
        device,
        dtype,
        blank=np.flatnonzero(~active),
        compact=touches_few_rows(estimator, source),
    )
    net = make_net(estimator, source, active, seed, dtype, device, callbacks=[], n_members=_N_FOLDS)
    n_epochs = max(1, round(_EPOCHS * count_epochs(estimator.max_iter, len(stream))))
    net.train(stream, n_epochs)
    # Only its predictions are going to be asked for.
    net.optimizer_.state.clear()
    return SourceOnly(net, fold)


def estimate_shares(estimator, data, active, seed, dtype, device):
    """Estimate the class shares of the target from networks trained on the source alone.

    Returns
    -------
    estimate : ShareEstimate
    source_only : SourceOnly or None
        None if a class has too few rows for folds.
    """
    n_classes = len(estimator.classes_)
    counts = np.bincount(data.y, minlength=n_classes)
    if counts.min() < _MIN_CLASS_ROWS:
        reason = f"a class has only {counts.min()} source rows, fewer than {_MIN_CLASS_ROWS}"
        return no_estimate(estimator.class_shares_, reason), None
    source_only = train_source_only(estimator, data, active, seed, dtype, device)
    estimate = estimate_class_shares(
        source_only.out_of_fold(data),
        data.y,
        source_only.on_target(data),
        # Class weights are a matter of the decision; calibration takes them out of the scores.
        sample_weight=data.domain_weight,
        seed=seed,
    )
    return estimate, source_only


def balance_domains(data, shares):
    """Weights of the source rows under which every source domain has the given class shares.

    Returns
    -------
    ndarray of shape (n_source,)
    """
    weight = (
        np.ones(len(data.y)) if data.domain_weight is None else data.domain_weight.astype(float)
    )
    for domain in range(data.n_source_domains):
        rows = data.source_domain == domain
        present = class_shares(data.y[rows], len(shares), weight[rows])
        ratio = np.divide(shares, present, out=np.zeros(len(shares)), where=present > 0)
        weight[rows] *= ratio[data.y[rows]]
    return (weight / weight.max()).astype(data.X_source.dtype)


def check_shares(label_shift, n_classes):
    """Validate class shares that the user gave; None if there are none.

    Raises
    ------
    ValueError
        If they are no shares of `n_classes` classes.
    """
    if label_shift is None or isinstance(label_shift, str):
        return None
    try:
        shares = np.asarray(label_shift, dtype=float)
    except (TypeError, ValueError):
        shares = np.empty(0)
    if (
        shares.shape != (n_classes,)
        or not (np.isfinite(shares).all() and (shares >= 0).all())
        or abs(shares.sum() - 1) > 1e-6
    ):
        raise ValueError(
            f"label_shift must hold one share of at least 0 a class, {n_classes} in the order of "
            f'classes_, that sum to 1, or be "estimate" or None; got {label_shift!r}.'
        )
    return shares / shares.sum()
