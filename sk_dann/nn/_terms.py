"""Losses that are added to those of the domain game, as pure functions and as modules.

Shapes: K members, n rows, C classes, h features. As every loss here they return one value a
member.
"""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._rows import certainty_weight, entropy, row_shares, weighted_mean
from ._schedules import SCHEDULES

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
    mean = _sum_rows(row_shares(weight, logits), log_proba.exp())
    log_mean = mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
    divergence = mean * (log_mean - class_shares.clamp_min(LEAST_SHARE).log())
    return weighted_mean(entropy(log_proba), weight) + divergence.sum(dim=-1)


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


def _check_number(name: str, value: float, *, or_zero: bool = False) -> None:
    if not (isinstance(value, Real) and 0 <= value < math.inf and (or_zero or value > 0)):
        least = "of at least 0" if or_zero else "above 0"
        raise ValueError(f"{name} must be a finite number {least}, got {value!r}.")


class TermInput(NamedTuple):
    """What a `Term` sees of a step; the target's logits are those of its predictions.

    `source_features` and `target_features` have shape (K, n, h) with the rows of their side,
    `source_logits` and `target_logits` (K, n, C), `source_weight` and `target_weight` (n,) or
    (K, n), or are None. `class_shares` of shape (C,) or (K, C) are the shares that the target's
    classes are taken to have.
    """

    source_features: Tensor
    target_features: Tensor
    source_logits: Tensor
    target_logits: Tensor
    source_weight: Tensor | None
    target_weight: Tensor | None
    class_shares: Tensor


class Term(nn.Module):
    """A loss of both domains that is added to those of the domain game.

    For a term of your own, inherit from this class and write ``forward(step)``: it takes a
    `TermInput` and returns a tensor of shape (K,), one value a member. Members know nothing of
    each other, and come in groups: value k must depend on member k alone. A term must not draw
    random numbers, and has no parameters that are trained; buffers are moved to the device.

    Parameters
    ----------
    weight : float, default=1.0
        Factor of the loss in the sum.
    schedule : {"dann", "constant"} or callable, default="dann"
        Factor of `weight` over training, as the `lambda_schedule` of
        :class:`~sk_dann.DANNClassifier`.

    Attributes
    ----------
    name : str
        Under which the loss is found in the history: the name of the class, in lower case with
        underscores.

    Examples
    --------
    The distance of the domains' mean features:

    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.nn import Term
    >>> class MeanDistance(Term):
    ...     def forward(self, step):
    ...         source, target = step.source_features, step.target_features
    ...         return (source.mean(dim=1) - target.mean(dim=1)).norm(dim=-1)
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(terms=[MeanDistance(weight=0.1)], max_iter=2, random_state=0)
    >>> "mean_distance" in clf.fit(X_src, y_src, X_tgt).history_[-1]
    True
    """

    def __init__(self, weight: float = 1.0, schedule: str | Callable[[float], float] = "dann"):
        super().__init__()
        _check_number("weight", weight, or_zero=True)
        if not callable(schedule) and schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {sorted(SCHEDULES)} or a callable, got {schedule!r}."
            )
        self.weight = weight
        self.schedule = schedule

    @property
    def name(self) -> str:
        words = type(self).__name__
        return "".join(
            "_" + c.lower() if c.isupper() and i and not words[i - 1].isupper() else c.lower()
            for i, c in enumerate(words)
        )

    def factor(self, progress: float) -> float:
        """Return the factor of `weight` at a training progress from 0 to 1."""
        schedule = self.schedule
        return schedule(progress) if callable(schedule) else SCHEDULES[schedule](progress)

    def forward(self, step: TermInput) -> Tensor:
        """Compute the loss of each member; shape (K,)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(step).")

    def extra_repr(self) -> str:
        schedule = "" if self.schedule == "dann" else f", schedule={self.schedule!r}"
        return f"weight={self.weight}{schedule}"


class InformationMaximization(Term):
    """Asks for sure predictions on the target whose mean is its class shares.

    See :func:`~sk_dann.nn.information_maximization_loss`.

    Parameters
    ----------
    weight, schedule
        As those of `Term`.

    Examples
    --------
    >>> from sk_dann.nn import InformationMaximization
    >>> InformationMaximization(weight=0.1)
    InformationMaximization(weight=0.1)
    """

    def forward(self, step: TermInput) -> Tensor:
        return information_maximization_loss(
            step.target_logits, step.class_shares, step.target_weight
        )


class MinimumClassConfusion(Term):
    """Asks for predictions on the target that do not waver between the same classes.

    See :func:`~sk_dann.nn.class_confusion_loss`.

    Parameters
    ----------
    weight, schedule
        As those of `Term`.
    temperature : float, default=2.5
        What logits are divided by.

    Examples
    --------
    >>> from sk_dann.nn import MinimumClassConfusion
    >>> MinimumClassConfusion(weight=0.3, temperature=2.0)
    MinimumClassConfusion(weight=0.3, temperature=2.0)
    """

    def __init__(
        self,
        weight: float = 1.0,
        schedule: str | Callable[[float], float] = "dann",
        *,
        temperature: float = 2.5,
    ):
        super().__init__(weight, schedule)
        _check_number("temperature", temperature)
        self.temperature = temperature

    def forward(self, step: TermInput) -> Tensor:
        return class_confusion_loss(
            step.target_logits, step.class_shares, step.target_weight, self.temperature
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, temperature={self.temperature}"


class CentralMomentDiscrepancy(Term):
    """Asks for features whose means and central moments are those of the other domain.

    See :func:`~sk_dann.nn.central_moment_discrepancy`. With ``lambda_adapt=0`` it is the method of
    the paper, which has sigmoid features, in an interval of width 1.

    Parameters
    ----------
    weight, schedule
        As those of `Term`.
    n_moments : int, default=5
    width : float, default=1.0
        Of the interval that features lie in: 1 for the sigmoid, 2 for tanh. Higher moments of
        features that leave it soon outweigh everything else.

    Examples
    --------
    >>> from sk_dann.nn import CentralMomentDiscrepancy
    >>> CentralMomentDiscrepancy(schedule="constant")
    CentralMomentDiscrepancy(weight=1.0, schedule='constant', n_moments=5, width=1.0)
    """

    def __init__(
        self,
        weight: float = 1.0,
        schedule: str | Callable[[float], float] = "dann",
        *,
        n_moments: int = 5,
        width: float = 1.0,
    ):
        super().__init__(weight, schedule)
        if not isinstance(n_moments, Integral) or n_moments < 1:
            raise ValueError(f"n_moments must be an integer of at least 1, got {n_moments!r}.")
        _check_number("width", width)
        self.n_moments = n_moments
        self.width = width

    def forward(self, step: TermInput) -> Tensor:
        return central_moment_discrepancy(
            step.source_features,
            step.target_features,
            step.source_weight,
            step.target_weight,
            self.n_moments,
            self.width,
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, n_moments={self.n_moments}, width={self.width}"
