"""Source-only networks: the class shares of the target, and the source rows that lie near it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..nn import Members, SparseBatch
from ..shift import class_shares, estimate_class_shares, no_estimate, overlap_cut
from ..shift._checks import in_order_of
from ..shift._shares import share_ratio
from ..training import DANNNet, infer, label_log_proba, member_log_proba
from ._assembly import count_epochs, make_net, make_stream

# Folds of the source rows; a network is trained on the others' rows for each.
_N_FOLDS = 3
# Of which every fold has some.
_MIN_CLASS_ROWS = 5
# Share of the adapted network's epochs that the source-only networks are trained for.
_EPOCHS = 0.2
# Each split of the columns gives two halves.
_N_SPLITS = 6
_MIN_COLUMNS = 4
# Of a domain; more tell the shares no better than the network can.
_MAX_ROWS = 10_000
# And of those that half of the columns are looked at in: the same rows for all halves, so that
# nothing but the columns makes the difference.
_MAX_VIEW_ROWS = 1000
# From which on the Hessian of a classifier of the domains takes longer than many gradients.
_MANY_FEATURES = 500


@dataclass
class SourceOnly:
    """Networks that never saw the target, one a fold of the source rows.

    `fold` of shape (n_source,) names the one that has not learned from a row, `accuracy` is
    theirs on such rows.
    """

    net: DANNNet
    fold: np.ndarray
    accuracy: float | None = None

    @property
    def dtype(self):
        """What the networks compute in."""
        return next(self.net.module_.parameters()).dtype

    @property
    def has_own_extractor(self):
        """Whether the features are made by modules of the user's, to whom half a row is no row."""
        return isinstance(self.net.module_.feature_extractor, Members)

    def out_of_fold(self, data, rows, look=None):
        """Log-probabilities of source rows' classes, by the network that does not know them."""
        log_proba = self._of_members(data.X_source, data.source_rows[rows], look)
        return log_proba[np.arange(len(rows)), self.fold[rows]]

    def on_target(self, data, rows):
        """Log-probabilities of target rows' classes: (n_members, len(rows), n_classes)."""
        return self._of_members(data.X_target, data.target_rows[rows]).swapaxes(0, 1)

    def on_target_by_turns(self, data, rows, look):
        """Log-probabilities of target rows' classes, of each row by one of the networks."""
        log_proba = self._of_members(data.X_target, data.target_rows[rows], look)
        turns = np.arange(len(rows))
        return log_proba[turns, turns % log_proba.shape[1]]

    def _of_members(self, X, rows, look=None):
        def read(network, batch):
            return member_log_proba(network, batch if look is None else look(batch))

        return infer(self.net.module_, X, read, self.net.device, rows)

    def features(self, X, rows):
        """Features that the first network makes of rows: (len(rows), n_hidden)."""

        def read(network, batch):
            return network.feature_extractor(batch)[0]

        return infer(self.net.module_, X, read, self.net.device, rows)

    def log_proba(self, X):
        """Log-probabilities of the classes, averaged over the networks."""
        return infer(self.net.module_, X, label_log_proba, self.net.device)


@dataclass
class HalfOfColumns:
    """Shows a network half of the columns of a batch, and of the others nothing.

    Parameters
    ----------
    shown : Tensor of bool of shape (n_features,)
    filling : Tensor of shape (n_features,) or None
        What stands in the hidden columns of dense rows; those of sparse rows are zero.
    """

    shown: torch.Tensor
    filling: torch.Tensor | None

    def __call__(self, batch):
        if isinstance(batch, SparseBatch):
            return batch.mask_columns(self.shown)
        return torch.where(self.shown, batch, self.filling)


def halve_columns(data, rng, dtype, device, n_splits=_N_SPLITS):
    """Split the columns in two at random, some times over; yield what shows each of the halves."""
    n_columns = data.X_source.shape[1]
    if n_columns < _MIN_COLUMNS:
        return
    filling = None
    if not sparse.issparse(data.X_source):
        rows = rng.permutation(data.source_rows[_weighted_rows(data)])[:_MAX_ROWS]
        mean = data.X_source[rows].mean(axis=0, dtype=float)
        filling = torch.as_tensor(mean, dtype=dtype, device=device)
    for _ in range(n_splits):
        first = np.zeros(n_columns, dtype=bool)
        first[rng.permutation(n_columns)[: n_columns // 2]] = True
        for shown in (first, ~first):
            yield HalfOfColumns(torch.from_numpy(shown).to(device), filling)


def _weighted_rows(data):
    """Positions of the source rows that have weight; what the others hold is no matter."""
    weight = data.domain_weight
    return np.arange(len(data.y)) if weight is None else np.flatnonzero(weight > 0)


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
    stream = make_stream(estimator, source, active, seed, dtype, device)
    net = make_net(estimator, source, active, seed, dtype, device, callbacks=[], n_members=_N_FOLDS)
    n_epochs = max(1, round(_EPOCHS * count_epochs(estimator.max_iter, len(stream))))
    net.train(stream, n_epochs)
    # Only its predictions are going to be asked for.
    net.optimizer_.state.clear()
    return SourceOnly(net, fold)


def estimate_shares(estimator, data, active, seed, dtype, device):
    """Estimate what of the source is to meet the target, by networks trained on the source alone.

    Returns
    -------
    estimate : ShareEstimate
        Of the target's class shares.
    near : ndarray of bool of shape (n_source,) or None
        Source rows that lie near the target, None if all do.
    source_only : SourceOnly or None
        None if a class has too few rows for folds.
    """
    shares = estimator.class_shares_
    reason = has_few_rows(data, len(shares))
    if reason:
        return no_estimate(shares, reason), None, None
    source_only = train_source_only(estimator, data, active, seed, dtype, device)
    near = find_near_rows(source_only, data, *_draw_rows(data, seed, _MAX_VIEW_ROWS))
    return read_shares(source_only, data, shares, seed, near), near, source_only


def has_few_rows(data, n_classes):
    """Say which number of rows is too small to tell class shares by, None if none is."""
    n_rows = np.bincount(data.y[_weighted_rows(data)], minlength=n_classes).min()
    if n_rows < _MIN_CLASS_ROWS:
        return f"a class has only {n_rows} source rows, fewer than {_MIN_CLASS_ROWS}"
    return None


def _draw_rows(data, seed, n_rows):
    """Draw positions of source rows that have weight, and of target rows: some of each."""
    rng = np.random.default_rng([seed, 2])
    return [rng.permutation(r)[:n_rows] for r in (_weighted_rows(data), len(data.target_rows))]


def read_shares(source_only, data, shares, seed, near=None, n_splits=_N_SPLITS):
    """Estimate the class shares of the target as some networks see it.

    Parameters
    ----------
    source_only : SourceOnly
        Gets its `accuracy`.
    data : DomainData
    shares : ndarray of shape (n_classes,)
        Those of the source.
    seed : int
        Of the draws of rows and of halves of the columns.
    near : ndarray of bool of shape (n_source,), default=None
        Source rows that lie near the target; None if all do.
    n_splits : int
        How often the columns are halved.

    Returns
    -------
    ShareEstimate
    """
    source, target = _draw_rows(data, seed, _MAX_ROWS)
    rng = np.random.default_rng([seed, 4])
    few_source, few_target = source[:_MAX_VIEW_ROWS], target[:_MAX_VIEW_ROWS]
    weight = None if data.domain_weight is None else data.domain_weight[source]
    log_proba = source_only.out_of_fold(data, source)
    if np.isnan(log_proba).any():
        return no_estimate(shares, "the networks' outputs are undefined")
    hits = log_proba.argmax(axis=1) == data.y[source]
    source_only.accuracy = float(np.average(hits, weights=weight))
    if near is not None:
        # Far from the target, scores may mean something else.
        weight = balance_domains(data, shares, near)[source]
    halves = ()
    if not source_only.has_own_extractor:
        halves = halve_columns(data, rng, source_only.dtype, source_only.net.device, n_splits)
    views = (
        (
            source_only.out_of_fold(data, few_source, half),
            source_only.on_target_by_turns(data, few_target, half),
        )
        for half in halves
    )
    estimate = estimate_class_shares(
        log_proba,
        data.y[source],
        source_only.on_target(data, target),
        views=views,
        view_rows=np.arange(len(few_source)),
        # Class weights are a matter of the decision; calibration takes them out of the scores.
        sample_weight=weight,
        seed=seed,
    )
    # The source's shares are those of all its rows, to the last bit where nothing is corrected.
    unmoved = np.array_equal(estimate.target_shares, estimate.source_shares)
    target_shares = shares if unmoved else estimate.target_shares
    return replace(estimate, source_shares=shares, target_shares=target_shares)


def find_near_rows(source_only, data, source, target):
    """Tell which source rows lie near the target, by a classifier of the domains.

    Its features are those of a network that never saw the target: adapted ones look alike
    everywhere in the end, and choosing by them feeds back.

    Parameters
    ----------
    source_only : SourceOnly
    data : DomainData
    source, target : ndarray of int
        Positions of the rows of each domain that the classifier learns from.

    Returns
    -------
    ndarray of bool of shape (n_source,) or None
        None if all do.
    """
    X_source = source_only.features(data.X_source, data.source_rows[source])
    X_target = source_only.features(data.X_target, data.target_rows[target])
    X = np.concatenate([X_source, X_target])
    with np.errstate(over="ignore", invalid="ignore"):
        spread = X.std(axis=0)
    if not np.isfinite(spread).all():
        return None
    is_target = np.arange(len(X)) >= len(source)
    solver = "newton-cholesky" if X.shape[1] < _MANY_FEATURES else "lbfgs"
    domains = make_pipeline(
        StandardScaler(),
        LogisticRegression(class_weight="balanced", solver=solver, tol=1e-3, max_iter=500),
    )
    log_odds = domains.fit(X, is_target).decision_function(X)
    cut = overlap_cut(log_odds[~is_target], log_odds[is_target])
    if cut == -np.inf:
        return None
    return domains.decision_function(source_only.features(data.X_source, data.source_rows)) >= cut


def balance_domains(data, shares, near=None):
    """Weights of the source rows under which every source domain has the given class shares.

    Parameters
    ----------
    data : DomainData
    shares : ndarray of shape (n_classes,)
    near : ndarray of bool of shape (n_source,), default=None
        Rows that are to have weight at all; all if None.

    Returns
    -------
    ndarray of shape (n_source,)
    """
    weight = (
        np.ones(len(data.y)) if data.domain_weight is None else data.domain_weight.astype(float)
    )
    if near is not None:
        weight *= near
    for domain in range(data.n_source_domains):
        rows = data.source_domain == domain
        if not weight[rows].any():  # all of it is far
            continue
        present = class_shares(data.y[rows], len(shares), weight[rows])
        weight[rows] *= share_ratio(shares, present)[data.y[rows]]
    return (weight / (weight.max() or 1)).astype(data.X_source.dtype)


def check_shares(label_shift, classes):
    """Validate class shares that the user gave; None if there are none.

    Raises
    ------
    ValueError
        If they are no shares of these classes.
    """
    if label_shift is None or isinstance(label_shift, str):
        return None
    n_classes = len(classes)
    label_shift = in_order_of(classes, label_shift, "label_shift")
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
