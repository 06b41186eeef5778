"""The sum of all losses that a step minimises."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._losses import domain_log_proba, domain_loss, label_loss
from ._network import NetworkOutput
from ._rows import weigh_by_certainty
from ._term_losses import LEAST_SHARE
from ._terms import Term, TermInput


class LossTerms(NamedTuple):
    """What `DANNLoss` returns; `total` is to be minimised.

    `label` and `domain` have shape (K,), `domain_log_proba` (K, n, S + 1); the last two are None
    without a domain classifier. `extra` of shape (T, K) holds the losses of T further terms,
    `extra_total` of shape (K,) their weighted sum; None without any.
    """

    label: Tensor
    domain: Tensor | None = None
    domain_log_proba: Tensor | None = None
    extra: Tensor | None = None
    extra_total: Tensor | None = None
    domain_weight: float = 1.0

    @property
    def total(self) -> Tensor:
        """Sum over the members, whose gradients do not mix: a scalar tensor."""
        total = self.label.sum()
        if self.domain is not None:
            total = total + self.domain_weight * self.domain.sum()
        return total if self.extra_total is None else total + self.extra_total.sum()

    @property
    def n_members(self) -> int:
        """K."""
        return len(self.label)

    @property
    def size(self) -> int:
        """How many numbers the terms are."""
        return sum(part.numel() for part in self[:-1] if part is not None)

    def detach(self) -> "LossTerms":
        """Return the same numbers without what led to them."""
        return LossTerms(*(v.detach() if isinstance(v, Tensor) else v for v in self))

    @staticmethod
    def stack(steps: "list[LossTerms]") -> "LossTerms":
        """Return the terms of several steps of equal shape, along a new first axis."""
        parts = zip(*(step[:-1] for step in steps), strict=True)
        stacked = (None if part[0] is None else torch.stack(part) for part in parts)
        return LossTerms(*stacked, steps[0].domain_weight)


class DANNLoss(nn.Module):
    r"""Label loss plus domain loss; with the reversed gradient, the objective of the paper.

    Both forms of Ganin et al., JMLR 2016, are the same sum with λ in another place:

    - the deep networks (Section 4.2): λ is the coefficient of the gradient reversal, so it scales
      what reaches the features while the domain classifier learns at full weight. Leave
      `domain_weight` at 1 and pass λ to the network;
    - Algorithm 1 (the shallow network): λ scales the domain classifier's learning too. Pass λ as
      `domain_weight` and 1 to the network.

    Parameters
    ----------
    domain_weight : float, default=1.0
        Weight of the domain loss in the sum.
    terms : sequence of Term, default=()
        What is added where a step has target rows.
    entropy_weighting : bool, default=False
        Weight rows in the domain loss by 1 + exp(-H), where H is the entropy of their class
        predictions, on top of their own weights: the E of CDAN+E (Long et al., NeurIPS 2018).
        Each side is a weighted mean, so only ratios count. No gradient passes through the weights.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import DANNLoss, InformationMaximization, make_network
    >>> network = make_network(5, 2, hidden_layer_sizes=(8,))
    >>> output = network(torch.randn(6, 5), reversal=0.1)
    >>> losses = DANNLoss(terms=[InformationMaximization()])(
    ...     output, y=torch.tensor([0, 1, 1]), domain=torch.tensor([0] * 3 + [1] * 3)
    ... )
    >>> losses.total.backward()
    """

    def __init__(
        self,
        domain_weight: float = 1.0,
        terms: Sequence[Term] = (),
        *,
        entropy_weighting: bool = False,
    ):
        super().__init__()
        self.domain_weight = domain_weight
        self.entropy_weighting = entropy_weighting
        self.terms = nn.ModuleList(terms)
        # Found in the data anew by each fit, so no part of what checkpoints hold.
        self.register_buffer("class_shares", None, persistent=False)
        self.register_buffer("_logit_shift", None, persistent=False)

    @property
    def term_names(self) -> list[str]:
        """The terms' names, with a number behind those that occur again."""
        names: list[str] = []
        for term in self.terms:
            same = sum(before.name == term.name for before in self.terms[: len(names)])
            names.append(f"{term.name}_{same + 1}" if same else term.name)
        return names

    @property
    def needs_target_logits(self) -> bool:
        """Whether the label logits of target rows have a part in the loss."""
        return self.entropy_weighting or len(self.terms) > 0

    def set_class_shares(self, source: Tensor, target: Tensor) -> None:
        """Say how often each class occurs in both domains; equally often if this is not called.

        Terms are told the target's shares. Where they differ from the source's, they see the
        target's logits moved from one to the other, by Bayes' rule, as predictions are.

        Parameters
        ----------
        source, target : Tensor of shape (C,), or (K, C) where members differ
        """
        self.class_shares, self._logit_shift = target, None
        if not torch.equal(source, target):
            ratio = target.clamp_min(LEAST_SHARE) / source.clamp_min(LEAST_SHARE)
            self._logit_shift = ratio.log().unsqueeze(-2)

    def term_losses(
        self,
        features: Tensor,
        label_logits: Tensor,
        n_source: int,
        source_weight: Tensor | None = None,
        target_weight: Tensor | None = None,
        members: slice = slice(None),
    ) -> Tensor:
        """Compute the losses of the terms.

        Parameters
        ----------
        features : Tensor of shape (K, n, h)
        label_logits : Tensor of shape (K, n, C)
        n_source : int
        source_weight, target_weight : Tensor of shape (n_side,) or (K, n_side), default=None
        members : slice, default=slice(None)
            Which the K members are, where they are not all.

        Returns
        -------
        Tensor of shape (T, K)

        Raises
        ------
        ValueError
            If a term returns another shape.
        """
        n_members, _, n_classes = label_logits.shape
        target_logits, shares = label_logits[:, n_source:], self.class_shares
        if shares is None:
            shares = label_logits.new_full((n_classes,), 1 / n_classes)
        elif shares.dim() == 2:
            shares = shares[members]
        if self._logit_shift is not None:
            shift = self._logit_shift
            target_logits = target_logits + (shift[members] if shift.dim() == 3 else shift)
        step = TermInput(
            features[:, :n_source],
            features[:, n_source:],
            label_logits[:, :n_source],
            target_logits,
            source_weight,
            target_weight,
            shares,
        )
        losses = [term(step) for term in self.terms]
        for term, loss in zip(self.terms, losses, strict=True):
            if not isinstance(loss, Tensor) or loss.shape != (n_members,):
                found = tuple(loss.shape) if isinstance(loss, Tensor) else loss
                raise ValueError(
                    f"The term {term.name} must return a tensor of shape {(n_members,)}, one value "
                    f"a member, and returned {found}."
                )
        return torch.stack(losses)

    def forward(
        self,
        output: NetworkOutput,
        y: Tensor,
        domain: Tensor,
        label_weight: Tensor | None = None,
        source_weight: Tensor | None = None,
        target_weight: Tensor | None = None,
        term_weights: Sequence[float] | None = None,
    ) -> LossTerms:
        """Compute the losses.

        Parameters
        ----------
        output : NetworkOutput
            With the label logits of all rows if `needs_target_logits`.
        y, domain, label_weight, source_weight, target_weight
            As those of `label_loss` and `domain_loss`.
        term_weights : sequence of float, default=None
            The weights of the terms in this step; None stands for their `weight`.

        Returns
        -------
        LossTerms
        """
        n_source = y.shape[-1]
        label = label_loss(output.label_logits[:, :n_source], y, label_weight)
        adversarial = log_proba = extra = extra_total = None
        if output.domain_logits is not None:
            log_proba = domain_log_proba(output.domain_logits)
            weights = source_weight, target_weight
            if self.entropy_weighting:
                class_log_proba = torch.log_softmax(output.label_logits, dim=-1)
                weights = weigh_by_certainty(class_log_proba, n_source, *weights)
            adversarial = domain_loss(log_proba, domain, n_source, *weights)
        if len(self.terms) and len(domain) > n_source:
            extra = self.term_losses(
                output.features, output.label_logits, n_source, source_weight, target_weight
            )
            extra_total = self.weigh(extra, term_weights)
        return LossTerms(label, adversarial, log_proba, extra, extra_total, self.domain_weight)

    def weigh(self, extra: Tensor, term_weights: Sequence[float] | None = None) -> Tensor:
        """Sum up the terms' losses (T, K) with the weights of a step; shape (K,)."""
        if term_weights is None:
            term_weights = [term.weight for term in self.terms]
        return sum(weight * loss for weight, loss in zip(term_weights, extra, strict=True))
