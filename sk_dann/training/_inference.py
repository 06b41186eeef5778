"""Passing many rows through a trained network, a chunk at a time."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ..nn import MemberLinear, Members, average_members, count_members, domain_log_proba
from ._rows import count_entries, take_rows, to_batch
from ._threads import count_products, enough_threads

# Bounds the memory of a pass whatever the number of rows, and keeps the widest layer in the cache.
# Modules of the user's own are taken for this wide.
_CHUNK_ELEMENTS = 2**20
_UNKNOWN_WIDTH = 1024


def label_log_proba(network, X):
    """Log-probabilities of the classes, averaged over members: (n_rows, n_classes)."""
    logits = network.label_predictor(network.feature_extractor(X))
    return average_members(torch.log_softmax(logits, dim=-1))


def member_log_proba(network, X):
    """Log-probabilities of the classes of each member: (n_rows, n_members, n_classes)."""
    logits = network.label_predictor(network.feature_extractor(X))
    return torch.log_softmax(logits, dim=-1).transpose(0, 1)


def domain_log_proba_of(network, X):
    """Log-probabilities of the domains, averaged over members: (n_rows, S + 1)."""
    logits = network.domain_classifier(network.condition(network.feature_extractor(X)))
    return average_members(domain_log_proba(logits))


def member_features(network, X):
    """Features of all members side by side: (n_rows, n_members * n_hidden)."""
    return network.feature_extractor(X).transpose(0, 1).flatten(start_dim=1)


def infer(network, X, read, device, rows=None):
    """Apply `read` to all rows of an array.

    Parameters
    ----------
    network : DANNNetwork
    X : ndarray or CSR matrix of shape (n, d)
    read : callable
        ``read(network, batch)`` gives a tensor of shape (n_rows, ...).
    device : torch.device or str
    rows : ndarray of int, default=None
        The rows of `X` that are wanted; all if None.

    Returns
    -------
    ndarray of shape (n_rows, ...), in the dtype of the network
    """
    dtype = next(network.parameters()).dtype
    n_rows = X.shape[0] if rows is None else len(rows)
    chunk_size = max(1, _CHUNK_ELEMENTS // _row_size(network, X))
    # Left alone where it is in evaluation already: another thread may be predicting with it.
    was_training = network.training
    if was_training:
        network.eval()
    values = None
    n_products = n_rows * count_products(network, count_entries(X))
    with torch.inference_mode(), enough_threads(n_products):
        for start in range(0, n_rows, chunk_size):
            stop = min(start + chunk_size, n_rows)
            cut = _slice(X, start, stop) if rows is None else take_rows(X, rows[start:stop])
            batch = to_batch(cut, device, dtype, transpose=False)
            result = read(network, batch).cpu().numpy()
            if values is None:
                values = np.empty((n_rows, *result.shape[1:]), result.dtype)
            # Kept one by one, the small results would lie between the large freed pieces of memory.
            values[start:stop] = result
    if was_training:
        network.train()
    return values


def _slice(X, start, stop):
    """Cut out rows that follow each other, if possible without a copy of what they hold."""
    if not sparse.issparse(X):
        cut = np.require(X[start:stop], requirements=["C", "W"])
        # A single row counts as contiguous whichever way the rows are counted.
        return cut.copy() if min(cut.strides) < 0 else cut
    first, last = X.indptr[start], X.indptr[stop]
    parts = (np.require(part[first:last], requirements="W") for part in (X.data, X.indices))
    return sparse.csr_matrix(
        (*parts, X.indptr[start : stop + 1] - first), shape=(stop - start, X.shape[1]), copy=False
    )


def _row_size(network, X):
    """Count the numbers that a row of `X` is made into, at the widest layer of all members."""
    inputs = int(count_entries(X))
    modules = list(network.modules())
    widths = [m.weight[:, 0].numel() for m in modules if isinstance(m, MemberLinear)]
    if any(isinstance(m, Members) for m in modules):
        widths.append(_UNKNOWN_WIDTH)
    if network.conditioning is not None:
        widths.append(network.conditioning.n_outputs * count_members(network))
    return max(inputs, *widths, 1)


@dataclass(frozen=True)
class ValidationRows:
    """Labelled rows that are kept out of training.

    `y` holds positions of classes; `sample_weight` may be None.
    """

    X: np.ndarray | sparse.spmatrix
    rows: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None = None
    by_member = False

    def __len__(self):
        # Batches, as skorch counts: they are scored in one go.
        return 1

    def score(self, network, device):
        """Weighted accuracy of the members' average, by its name in the history."""
        log_proba = infer(network, self.X, label_log_proba, device, self.rows)
        hits = log_proba.argmax(axis=1) == self.y
        return {"valid_acc": float(np.average(hits, weights=self.sample_weight))}

    @staticmethod
    def scores_of(record):
        """Return what early stopping goes by, of an epoch's record; shape (1,)."""
        return np.array([record["valid_acc"]])


@dataclass(frozen=True)
class MemberValidationRows(ValidationRows):
    """Labelled rows on which each member is judged by itself.

    `y` and `sample_weight` may have shape (n_rows, n_members): a row of weight 0 is none of a
    member's.
    """

    by_member = True

    def score(self, network, device):
        """Weighted accuracies, by their names in the history; NaN of a member without rows."""
        log_proba = infer(network, self.X, member_log_proba, device, self.rows)
        y = self.y if self.y.ndim == 2 else self.y[:, None]
        hits = log_proba.argmax(axis=2) == y
        weight = np.ones(len(y)) if self.sample_weight is None else self.sample_weight
        weight = np.broadcast_to(weight if weight.ndim == 2 else weight[:, None], hits.shape)
        total = weight.sum(axis=0)
        scores = np.full(hits.shape[1], np.nan)
        np.divide((hits * weight).sum(axis=0), total, out=scores, where=total > 0)
        return {
            "valid_acc": float(scores[total > 0].mean()),
            "member_valid_acc": scores.tolist(),
        }

    @staticmethod
    def scores_of(record):
        """Return what early stopping goes by, of an epoch's record; shape (n_members,)."""
        return np.array(record["member_valid_acc"])
