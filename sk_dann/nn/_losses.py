"""The two losses of the domain game, as pure functions of tensors.

Shapes: K members, n rows, n_src of them source rows, C classes, S source domains. Every loss
returns one value a member: members are independent, so their sum is what is minimised.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ._rows import weighted_mean


def label_loss(logits: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""Cross-entropy of the label predictor, :math:`L_y`, averaged over the source rows.

    Parameters
    ----------
    logits : Tensor of shape (K, n_src, C)
    y : Tensor of int64 of shape (n_src,) or (K, n_src)
        Positions of the classes.
    weight : Tensor of shape (n_src,) or (K, n_src), default=None
        Weights of the rows; the loss is divided by their sum, so that a row of weight 2 counts
        as the row twice.

    Returns
    -------
    Tensor of shape (K,)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import label_loss
    >>> label_loss(torch.zeros(1, 3, 2), torch.tensor([0, 1, 1]))  # ln 2
    tensor([0.6931])
    """
    log_proba = F.log_softmax(logits, dim=-1)
    index = y.expand(logits.shape[0], -1).unsqueeze(-1)
    return weighted_mean(-log_proba.gather(-1, index).squeeze(-1), weight)


def domain_log_proba(logits: Tensor) -> Tensor:
    """Log-probabilities of the domains, the target's last.

    Parameters
    ----------
    logits : Tensor of shape (K, n, 1) or (K, n, S + 1)
        A single logit is that of "source", as in the paper; with several source domains there
        is one logit a domain.

    Returns
    -------
    Tensor of shape (K, n, S + 1)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import domain_log_proba
    >>> domain_log_proba(torch.zeros(1, 1, 1)).exp()
    tensor([[[0.5000, 0.5000]]])
    """
    if logits.shape[-1] == 1:
        return F.logsigmoid(torch.cat([logits, -logits], dim=-1))
    return F.log_softmax(logits, dim=-1)


def average_members(log_proba: Tensor) -> Tensor:
    """Average the members' probabilities, in log space so that small ones survive.

    Parameters
    ----------
    log_proba : Tensor of shape (K, n, C)

    Returns
    -------
    Tensor of shape (n, C)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import average_members
    >>> average_members(torch.tensor([[[0.2, 0.8]], [[0.4, 0.6]]]).log()).exp()
    tensor([[0.3000, 0.7000]])
    """
    n_members = len(log_proba)
    return log_proba[0] if n_members == 1 else log_proba.logsumexp(dim=0) - math.log(n_members)


def domain_loss(
    log_proba: Tensor,
    domain: Tensor,
    n_source: int,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of the domain classifier, :math:`L_d`: source mean plus target mean.

    The bracket of Equation 9 of Ganin et al., JMLR 2016.

    Parameters
    ----------
    log_proba : Tensor of shape (K, n, S + 1)
        As `domain_log_proba` returns it. The first `n_source` rows are source rows, the others
        target rows.
    domain : Tensor of int64 of shape (n,)
        Position of each row's domain: 0 to S - 1 for the sources, S for the target.
    n_source : int
    source_weight : Tensor of shape (n_source,) or (K, n_source), default=None
    target_weight : Tensor of shape (n_target,) or (K, n_target), default=None

    Returns
    -------
    Tensor of shape (K,)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import domain_log_proba, domain_loss
    >>> log_proba = domain_log_proba(torch.zeros(1, 4, 1))
    >>> domain_loss(log_proba, torch.tensor([0, 0, 1, 1]), n_source=2)  # 2 ln 2
    tensor([1.3863])
    """
    index = domain.expand(log_proba.shape[0], -1).unsqueeze(-1)
    losses = -log_proba.gather(-1, index).squeeze(-1)
    source = weighted_mean(losses[:, :n_source], source_weight)
    return source + weighted_mean(losses[:, n_source:], target_weight)
