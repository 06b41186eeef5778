"""The theory behind DANN: an upper bound of the risk on the target."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TargetRiskBound:
    """What `target_risk_bound` adds up.

    Parameters
    ----------
    source_risk : float
        Error on the source.
    source_complexity : float
        By how much it may be too small by chance.
    divergence : float
        Empirical H-divergence of the domains.
    divergence_complexity : float
        By how much it may be too small by chance.
    joint_risk : float
        Error of the best single classifier on both domains.

    Examples
    --------
    >>> from sk_dann.metrics import TargetRiskBound
    >>> TargetRiskBound(0.1, 0.05, 0.3, 0.05, 0.1).total.__round__(2)
    0.6
    """

    source_risk: float
    source_complexity: float
    divergence: float
    divergence_complexity: float
    joint_risk: float

    @property
    def total(self):
        """The bound: the sum of all terms; above 1 it says nothing."""
        return (
            self.source_risk
            + self.source_complexity
            + self.divergence
            + self.divergence_complexity
            + self.joint_risk
        )


def target_risk_bound(
    source_risk, divergence, *, n_source, n_target, vc_dimension, joint_risk=0.0, delta=0.05
):
    r"""Bound the error on the target by what is seen without its labels.

    Parameters
    ----------
    source_risk : float
        Error of the classifier on labelled source rows.
    divergence : float
        Empirical H-divergence of the domains, :func:`~sk_dann.metrics.h_divergence`.
    n_source, n_target : int
        Number of rows behind them.
    vc_dimension : int
        d, of the class of classifiers: one more than the columns for linear ones. At most
        `n_source` and `n_target`.
    joint_risk : float, default=0.0
        :math:`\beta`, the sum over both domains of the error of the best single classifier. No
        unlabelled target tells it: at 0 the bound takes for granted that there is a perfect one.
        Where the class shares differ, invariant features have none (Zhao et al., ICML 2019).
    delta : float, default=0.05
        Probability that the bound does not hold.

    Returns
    -------
    TargetRiskBound

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    With n rows of each domain,

    .. math::

        R_T \le R_S + \sqrt{\tfrac4n (d \log\tfrac{2 e n}{d} + \log\tfrac4\delta)}
        + \hat d_H + 4 \sqrt{\tfrac1n (d \log\tfrac{2 n}{d} + \log\tfrac4\delta)} + \beta

    The second root belongs to the divergence and takes the smaller number of rows.

    References
    ----------
    Ben-David, Blitzer, Crammer, Pereira: Analysis of representations for domain adaptation. NIPS
    2006; as in Ganin et al.: Domain-adversarial training of neural networks. JMLR 17(59), 2016,
    theorem 2.

    Examples
    --------
    >>> from sk_dann.metrics import target_risk_bound
    >>> bound = target_risk_bound(0.1, 0.2, n_source=10**6, n_target=10**6, vc_dimension=3)
    >>> round(bound.total, 3)
    0.341
    """
    for name, value in (("n_source", n_source), ("n_target", n_target)):
        if not value >= 1:
            raise ValueError(f"{name} must be at least 1, got {value!r}.")
    for name, value, low, high in (
        ("source_risk", source_risk, 0, 1),
        ("divergence", divergence, 0, 2),
        ("joint_risk", joint_risk, 0, 2),
        ("vc_dimension", vc_dimension, 1, min(n_source, n_target)),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low} to {high}, got {value!r}.")
    if not 0 < delta < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}.")
    d, n = vc_dimension, min(n_source, n_target)
    chance = np.log(4 / delta)
    source_chance = np.sqrt(4 / n_source * (d * np.log(2 * np.e * n_source / d) + chance))
    divergence_chance = 4 * np.sqrt((d * np.log(2 * n / d) + chance) / n)
    return TargetRiskBound(
        source_risk, float(source_chance), divergence, float(divergence_chance), joint_risk
    )
