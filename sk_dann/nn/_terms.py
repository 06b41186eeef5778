"""Terms: modules that hold the weight, the schedule and the options of a further loss."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

from torch import Tensor, nn

from ._schedules import SCHEDULES
from ._term_losses import (
    central_moment_discrepancy,
    class_confusion_loss,
    information_maximization_loss,
)


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
        is_named = isinstance(schedule, str) and schedule in SCHEDULES
        if not (is_named or callable(schedule)):
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
