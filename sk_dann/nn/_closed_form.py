"""Losses and all gradients of a network of perceptrons, written out instead of recorded.

On small tables most of a training step is autograd's bookkeeping. Here both paths through the
network are differentiated by hand: the same gradients from a third of the operations.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ._losses import DANNLoss, LossTerms
from ._network import DANNNetwork, NetworkOutput
from ._perceptron import Perceptron, is_perceptron
from ._sparse import SparseBatch


class ClosedFormTerms:
    """The `LossTerms` of a step, worked out only when somebody looks.

    Training needs the gradients alone, and the losses of many steps are found together for what
    those of two would cost.
    """

    __slots__ = ("_domain", "_extra", "_label", "domain_weight")

    def __init__(self, label, domain=None, extra=(None, None), domain_weight=1.0):
        # Of each side: log-probabilities (K, C, n), and minus the weights where they count.
        self._label, self._domain, self.domain_weight = label, domain, domain_weight
        # The losses of further terms (T, K) and their weighted sum (K,).
        self._extra = extra

    @property
    def n_members(self) -> int:
        """K."""
        return len(self._label[0])

    @property
    def size(self) -> int:
        """How many numbers are kept to work the terms out."""
        return sum(side[0].numel() for side in (self._label, self._domain) if side is not None)

    @staticmethod
    def stack(steps: "list[ClosedFormTerms]") -> LossTerms:
        """Return the terms of several steps of equal shape, along a new first axis."""
        label, _ = _losses([step._label for step in steps])
        domain = log_proba = None
        if steps[0]._domain is not None:
            domain, log_proba = _losses([step._domain for step in steps])
            log_proba = log_proba.transpose(-1, -2)
        extra = (
            None if part[0] is None else torch.stack(part)
            for part in zip(*(step._extra for step in steps), strict=True)
        )
        return LossTerms(label, domain, log_proba, *extra, steps[0].domain_weight)

    @property
    def total(self) -> Tensor:
        """As that of the `LossTerms`."""
        return self.evaluate().total

    def evaluate(self) -> LossTerms:
        """Return the terms."""
        *parts, weight = self.stack([self])
        return LossTerms(*(None if part is None else part[0] for part in parts), weight)


def _losses(sides):
    """Return the losses (B, K) of B steps, and the log-probabilities (B, K, C, n)."""
    log_proba, targets = (torch.stack(part) for part in zip(*sides, strict=True))
    if targets.dim() == 3:  # the members' weights are the same
        targets = targets.unsqueeze(1)
    return (log_proba * targets).sum(dim=(2, 3)), log_proba


class ClosedFormStep:
    r"""Computes what `DANNLoss` does, and sets ``.grad`` of all parameters on the way.

    Parameters
    ----------
    network : DANNNetwork
        Of `member_mlp` parts; see :meth:`supports`.
    criterion : DANNLoss
    members : slice, default=slice(None)
        The members to compute with. The gradients of some, rather than all, are found in
        `gradients` alone.
    alike : bool, default=False
        Whether the members' dropout masks are the same. What they drop is then left out of the
        products, and of the features in `output`.

    Notes
    -----
    With the log-probabilities :math:`\log p` of a row and its weight :math:`w` (the weights of
    a side sum to 1), the gradient of the cross-entropy in the logits is :math:`w (p - e_y)`. The
    features get that of the labels minus λ times that of the domains: Equations 13 to 15 of Ganin
    et al., JMLR 2016.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import ClosedFormStep, DANNLoss, make_network
    >>> network = make_network(5, 2, hidden_layer_sizes=(8,))
    >>> y, domain = torch.tensor([0, 1, 1]), torch.tensor([0] * 3 + [1] * 3)
    >>> terms = ClosedFormStep(network, DANNLoss())(torch.randn(6, 5), 0.1, y, domain)
    >>> network.feature_extractor[0].weight.grad.shape
    torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        network: DANNNetwork,
        criterion: DANNLoss,
        members: slice = slice(None),
        *,
        alike: bool = False,
    ):
        self._features = Perceptron(network.feature_extractor, members, alike)
        self._labels = Perceptron(network.label_predictor, members, alike)
        classifier = network.domain_classifier
        self._domains = None if classifier is None else Perceptron(classifier, members, alike)
        parts = [self._features, self._labels, self._domains]
        self._layers = [layer for part in parts if part is not None for layer in part.layers]
        self._members = members
        self._criterion = criterion
        self._label_targets = _Targets()
        self._domain_targets = _Targets()

    @staticmethod
    def supports(network: nn.Module, criterion: nn.Module) -> bool:
        """Tell whether the network and the loss are of the kinds that are known by heart.

        That is parts as `member_mlp` makes them, all of them trained, and without hooks, which
        would not be called.
        """
        if type(network) is not DANNNetwork or type(criterion) is not DANNLoss:
            return False
        parts = network.feature_extractor, network.label_predictor, network.domain_classifier
        return (
            all(part is None or is_perceptron(part) for part in parts)
            and all(p.requires_grad and not p._backward_hooks for p in network.parameters())
            and not any(
                module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
                for module in network.modules()
            )
        )

    @torch.no_grad()
    def __call__(
        self,
        X: Tensor | SparseBatch,
        reversal: float | Tensor,
        y: Tensor,
        domain: Tensor,
        label_weight: Tensor | None = None,
        source_weight: Tensor | None = None,
        target_weight: Tensor | None = None,
        term_weights: Sequence[float] | None = None,
        *,
        masks: list[Tensor | None] | None = None,
    ) -> ClosedFormTerms:
        """Compute losses and gradients.

        The arguments are those of `DANNNetwork` and `DANNLoss`, for all members; `masks` are what
        :meth:`draw_masks` returned, drawn anew if None.
        """
        masks = iter(self.draw_masks() if masks is None else masks)
        if isinstance(reversal, Tensor) and reversal.dim():
            reversal = reversal[self._members]
        y, label_weight, source_weight, target_weight = (
            self._own(values) for values in (y, label_weight, source_weight, target_weight)
        )
        n_source = y.shape[-1]
        n_target = len(domain) - n_source
        has_terms = n_target > 0 and len(self._criterion.terms) > 0
        features, kept, features_saved = self._features.forward(X, masks)
        # The rows that labels, or predictions, have a part in.
        read = features if has_terms else features.narrow(2, 0, n_source)
        label_logits, _, labels_saved = self._labels.forward(read, masks, kept)
        source_logits = label_logits.narrow(2, 0, n_source) if has_terms else label_logits
        targets = self._label_targets(y, source_logits, [(n_source, label_weight)])
        label_grad, label = _cross_entropy(source_logits, *targets)
        extra = None, None
        if has_terms:
            weights = n_source, source_weight, target_weight
            extra, features_grad, logits_grad = self._record_terms(
                features, kept, label_logits, weights, term_weights
            )
            label_grad = logits_grad + pad(label_grad, (0, n_target))
        grad = self._labels.backward(label_grad, labels_saved)
        if has_terms:
            grad = grad + features_grad
        domain_weight = self._criterion.domain_weight
        if self._domains is None:
            self._features.backward(grad, features_saved, to_input=False)
            self._last_output = features, label_logits, None
            return ClosedFormTerms(label, None, extra, domain_weight)

        domain_logits, _, domains_saved = self._domains.forward(features, masks, kept)
        one_logit = domain_logits.shape[1] == 1
        # The logit of "source" against 0 is the same as the sigmoid of that logit.
        logits = domain_logits
        if one_logit:
            logits = torch.cat([logits, torch.zeros_like(logits)], dim=1)
        sides = [(n_source, source_weight), (n_target, target_weight)]
        targets = self._domain_targets(domain, logits, sides)
        domain_grad, adversarial = _cross_entropy(logits, *targets)
        if one_logit:
            domain_grad = domain_grad.narrow(1, 0, 1)
        if domain_weight != 1:
            domain_grad = domain_grad * domain_weight
        reversed_grad = self._domains.backward(domain_grad, domains_saved).mul_(-reversal)
        reversed_grad.narrow(2, 0, grad.shape[2]).add_(grad)
        self._features.backward(reversed_grad, features_saved, to_input=False)
        self._last_output = features, label_logits, domain_logits
        return ClosedFormTerms(label, adversarial, extra, domain_weight)

    def _record_terms(self, features, kept, label_logits, weights, term_weights):
        """Leave terms, which are the user's if need be, to autograd: from features and logits on.

        Returns
        -------
        extra : tuple of Tensor
            The losses (T, K) and their weighted sum (K,).
        features_grad, logits_grad : Tensor
            In the shape of `features` and `label_logits`.
        """
        seen = features
        if kept is not None:
            shape = len(features), self._features.n_outputs, features.shape[2]
            seen = features.new_zeros(shape).index_copy_(1, kept, features)
        leaves = [values.detach().requires_grad_() for values in (seen, label_logits)]
        with torch.enable_grad():
            by_row = (leaf.transpose(1, 2) for leaf in leaves)
            losses = self._criterion.term_losses(*by_row, *weights, members=self._members)
            total = self._criterion.weigh(losses, term_weights)
            features_grad, logits_grad = (
                torch.autograd.grad(total.sum(), leaves, allow_unused=True, materialize_grads=True)
                if total.requires_grad
                else map(torch.zeros_like, leaves)
            )
        if kept is not None:
            features_grad = features_grad.index_select(1, kept)
        return (losses.detach(), total.detach()), features_grad, logits_grad

    def _own(self, values: Tensor | None) -> Tensor | None:
        """Cut these members' part out of what may differ between members."""
        return values[self._members] if values is not None and values.dim() == 2 else values

    def draw_masks(self) -> list[Tensor | None]:
        """Draw the dropout masks of a step, for all members, whichever are computed with."""
        return [layer.draw_mask() for layer in self._layers]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The network's parameters, in the order of `gradients`."""
        return [p for layer in self._layers for p in (layer.linear.weight, layer.linear.bias)]

    @property
    def gradients(self) -> list[Tensor | Iterator[Tensor]]:
        """The members' part of the gradients of the last step.

        For the weights that meet sparse rows it is an iterator over some of the members, which
        works them out one by one.
        """
        return [g for layer in self._layers for g in (layer.weight_grad, layer.bias_grad)]

    @property
    def output(self) -> NetworkOutput:
        """What the network returned in the last step."""
        return NetworkOutput(*(v if v is None else v.transpose(1, 2) for v in self._last_output))


class _Targets:
    """Minus the row's weight in the row of its class, 0 elsewhere, and the weights.

    What does not change from step to step is kept: the domains never do while batches have the
    same size.
    """

    def __init__(self):
        self._onehot = None
        self._shares = {}
        self._index, self._version, self._targets = None, None, None

    def __call__(self, index, logits, sides):
        if self._onehot is None:
            n_classes = logits.shape[1]
            self._onehot = torch.eye(n_classes, dtype=logits.dtype, device=logits.device)
        if any(weight is not None for _, weight in sides):
            shares = [_share(n, weight, logits) for n, weight in sides]
            if len({share.dim() for share in shares}) > 1:  # one side has a weight for each member
                shares = [share.expand(len(logits), 1, -1) for share in shares]
            return self._weigh(index, torch.cat(shares, dim=-1), logits)
        sizes = tuple(n for n, _ in sides)
        if sizes not in self._shares:
            self._shares[sizes] = torch.cat([_share(n, None, logits) for n in sizes], dim=-1)
        share = self._shares[sizes]
        if index.dim() == 2:
            return self._weigh(index, share, logits)
        if index is not self._index or index._version != self._version:
            self._index, self._version = index, index._version
            self._targets, _ = self._weigh(index, share, logits)
        return self._targets, share

    def _weigh(self, index, share, logits):
        if index.dim() == 1:
            return self._onehot.index_select(1, index) * -share, share
        index = index.unsqueeze(1)  # each member has labels of its own
        return torch.zeros_like(logits).scatter_(1, index, -share.expand(index.shape)), share


def _share(n, weight, like):
    """Weights of a side that sum to 1, of shape (1, n) or (K, 1, n)."""
    if weight is None:
        return like.new_full((1, n), 1 / max(n, 1))
    total = weight.sum(dim=-1, keepdim=True)
    return (weight / torch.where(total > 0, total, 1)).unsqueeze(-2)


def _cross_entropy(logits, targets, share):
    """Return the gradient, and what the loss can be worked out from."""
    log_proba = torch.log_softmax(logits, dim=1)
    return torch.addcmul(targets, log_proba.exp(), share), (log_proba, targets)
