"""Losses of both domains beside those of the domain game, as pure functions of tensors.

Shapes: K members, n rows, C classes, h features. As every loss here they return one value a
member.
"""

import torch
from torch import Tensor

from ._rows import certainty_weight, entropy, row_shares, weighted_mean

# What a class counts as that is not to occur at all: logarithms stay finite.
LEAST_SHARE = 1e-6


def _sum_rows(shares: Tensor, values: Tensor) -> Tensor:
    """Sum values (K, n, m) over the rows, weighted by shares (1, n) or (K, n): (K, m)."""
    return (shares.unsqueeze(1) @ values).squeeze(1)


def information_maximization_loss(
    logits: Tensor, class_shares: Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""Mean entropy of the predictions, plus how far their mean is from the class shares.

    .. math:: \frac1n \sum_i H(p_i) + KL(\bar p \,\|\, \pi)

    Rows are to be predicted surely, but not all as the same class. With equal shares it is the
    negative mutual information of rows and predictions, up to the constant log C.

    Parameters
    ----------
    logits : Tensor of shape (K, n, C)
    class_shares : Tensor of shape (C,) or (K, C)
        :math:`\pi`; shares below 1e-6 count as that.
    weight : Tensor of shape (n,) or (K, n), default=None

    Returns
    -------
    Tensor of shape (K,)

    References
    ----------
    Krause, Perona, Gomes: Discriminative clustering by regularized information maximization.
    NIPS 2010.

    Shi, Sha: Information-theoretical learning of discriminative clusters for unsupervised domain
    adaptation. ICML 2012.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import information_maximization_loss
    >>> shares = torch.tensor([0.5, 0.5])
    >>> unsure, one_class = torch.zeros(1, 2, 2), torch.tensor([[[90.0, 0.0], [90.0, 0.0]]])
    >>> information_maximization_loss(unsure, shares)  # ln 2
    tensor([0.6931])
    >>> information_maximization_loss(one_class, shares)
    tensor([0.6931])
    """
    log_proba = torch.log_softmax(logits, dim=-1)
    proba = log_proba.exp()
    mean = _sum_rows(row_shares(weight, logits), proba)
    log_mean = mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
    divergence = mean * (log_mean - class_shares.clamp_min(LEAST_SHARE).log())
    return weighted_mean(entropy(proba, log_proba), weight) + divergence.sum(dim=-1)


def class_confusion_loss(
    logits: Tensor, class_shares: Tensor, weight: Tensor | None = None, temperature: float = 2.5
) -> Tensor:
    r"""How much of each class the predictions give to the others.

    With predictions :math:`p_i` at a raised temperature and weights
    :math:`w_i \propto 1 + \exp(-H(p_i))`, the confusion of classes is
    :math:`\sum_i w_i p_i p_i^T`, its rows made to sum to 1. The loss is what stands beside the
    diagonal: the mean over classes in the paper, their mean by `class_shares` here, which is the
    same for equal shares.

    Parameters
    ----------
    logits : Tensor of shape (K, n, C)
    class_shares : Tensor of shape (C,) or (K, C)
    weight : Tensor of shape (n,) or (K, n), default=None
    temperature : float, default=2.5

    Returns
    -------
    Tensor of shape (K,)

    References
    ----------
    Jin, Wang, Long, Wang: Minimum class confusion for versatile domain adaptation. ECCV 2020.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import class_confusion_loss
    >>> class_confusion_loss(torch.zeros(1, 3, 4), torch.full((4,), 0.25))
    tensor([0.7500])
    """
    log_proba = torch.log_softmax(logits / temperature, dim=-1)
    proba = log_proba.exp()
    # The scale of the weights goes out with the sums of the rows.
    rows = certainty_weight(log_proba)
    rows = rows if weight is None else rows * weight
    # Row j of the confusion sums to that of w_i p_ij, since predictions sum to 1.
    beside, total = (_sum_rows(rows, part) for part in (proba * (1 - proba), proba))
    return (class_shares * beside / total.clamp_min(torch.finfo(total.dtype).tiny)).sum(dim=-1)


def central_moment_discrepancy(
    source: Tensor,
    target: Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
    n_moments: int = 5,
    width: float = 1.0,
) -> Tensor:
    r"""Distance of the means and central moments of two sides' features.

    .. math::
        \frac{\|\mu_s - \mu_t\|}{|b - a|}
        + \sum_{k=2}^{n} \frac{\|c_k(s) - c_k(t)\|}{|b - a|^k}

    Parameters
    ----------
    source : Tensor of shape (K, n_source, h)
    target : Tensor of shape (K, n_target, h)
    source_weight : Tensor of shape (n_source,) or (K, n_source), default=None
    target_weight : Tensor of shape (n_target,) or (K, n_target), default=None
    n_moments : int, default=5
    width : float, default=1.0
        Of the interval that features lie in, :math:`|b - a|`.

    Returns
    -------
    Tensor of shape (K,)
        0 where no row of a side has weight.

    References
    ----------
    Zellinger, Grubinger, Lughofer, Natschläger, Saminger-Platz: Central moment discrepancy (CMD)
    for domain-invariant representation learning. ICLR 2017.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import central_moment_discrepancy
    >>> rows = torch.tensor([[[0.0], [1.0]]])
    >>> central_moment_discrepancy(rows, rows + 0.3)  # only the means differ
    tensor([0.3000])
    """
    sides = source, target
    shares = [row_shares(*side) for side in ((source_weight, source), (target_weight, target))]
    means = [_sum_rows(*side) for side in zip(shares, sides, strict=True)]
    has_both = (shares[0].sum(dim=-1) > 0) & (shares[1].sum(dim=-1) > 0)
    # With the target's rows counted negatively, a sum is a difference of moments.
    signed = torch.cat([share.expand(len(source), -1) for share in (shares[0], -shares[1])], dim=1)
    centred = [side - mean.unsqueeze(1) for side, mean in zip(sides, means, strict=True)]
    powers = centred = torch.cat(centred, dim=1) / width
    differences = [(means[0] - means[1]) / width]
    for _ in range(n_moments - 1):
        powers = powers * centred
        differences.append(_sum_rows(signed, powers))
    # torch takes the gradient of a norm at 0 for 0.
    distance = torch.linalg.vector_norm(torch.stack(differences), dim=-1).sum(dim=0)
    return torch.where(has_both, distance, 0)
