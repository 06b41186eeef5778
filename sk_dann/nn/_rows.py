"""Means over rows that count for more or less."""

import torch
from torch import Tensor


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over rows of values (K, n), weighted by (n,) or (K, n); 0 where no row has weight."""
    if weight is None:
        return values.mean(dim=1)
    total = weight.sum(dim=-1)
    return (values * weight).sum(dim=1) / torch.where(total > 0, total, 1)


def row_shares(weight: Tensor | None, like: Tensor) -> Tensor:
    """Weights of the rows of `like` (K, n, ...) that sum to 1, or to 0; (1, n) or (K, n)."""
    if weight is None:
        n_rows = like.shape[1]
        return like.new_full((1, n_rows), 1 / max(n_rows, 1))
    total = weight.sum(dim=-1, keepdim=True)
    return (weight / torch.where(total > 0, total, 1)).view(-1, weight.shape[-1])


def entropy(proba: Tensor, log_proba: Tensor) -> Tensor:
    """Entropy of each row, in nats: (K, n, C) to (K, n)."""
    return -(proba * log_proba).sum(dim=-1)


def certainty_weight(log_proba: Tensor) -> Tensor:
    """Weight ``1 + exp(-entropy)`` of each row, through which no gradient passes.

    Rows that are predicted surely count almost twice as much as those that are not.

    Parameters
    ----------
    log_proba : Tensor of shape (K, n, C)

    Returns
    -------
    Tensor of shape (K, n)
    """
    log_proba = log_proba.detach()
    return 1 + torch.exp(-entropy(log_proba.exp(), log_proba))


def weigh_by_certainty(
    log_proba: Tensor, n_source: int, source_weight: Tensor | None, target_weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Multiply the weights of both sides' rows by `certainty_weight`.

    Parameters
    ----------
    log_proba : Tensor of shape (K, n, C)
        The first `n_source` rows are source rows.
    n_source : int
    source_weight, target_weight : Tensor of shape (n_side,) or (K, n_side), or None

    Returns
    -------
    source_weight, target_weight : Tensor of shape (K, n_side)
    """
    certainty = certainty_weight(log_proba)
    sides = certainty[:, :n_source], certainty[:, n_source:]
    return tuple(
        own if weight is None else own * weight
        for own, weight in zip(sides, (source_weight, target_weight), strict=True)
    )
