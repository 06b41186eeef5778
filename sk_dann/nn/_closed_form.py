"""Losses and all gradients of a network of perceptrons, written out instead of recorded.

On small tables most of a training step is autograd's bookkeeping. Here both paths through the
network are differentiated by hand: the same gradients from a third of the operations.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ._closed_form_losses import ClosedFormTerms, RowTargets, cross_entropy
from ._conditioning import MultilinearMap, RandomizedMap
from ._criterion import DANNLoss
from ._network import DANNNetwork, NetworkOutput
from ._perceptron import Perceptron, is_perceptron
from ._rows import weigh_by_certainty
from ._sparse import SparseBatch

_KNOWN_CONDITIONING = (type(None), MultilinearMap, RandomizedMap)


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
        joined = network.conditioning
        self._conditioning = None if joined is None else joined.of_members(members)
        parts = [self._features, self._labels, self._domains]
        self._layers = [layer for part in parts if part is not None for layer in part.layers]
        self._members = members
        self._criterion = criterion
        self._label_targets = RowTargets()
        self._domain_targets = RowTargets()

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
            and type(network.conditioning) in _KNOWN_CONDITIONING
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
        sides = [(n_source, source_weight), (n_target, target_weight)]
        has_terms = n_target > 0 and len(self._criterion.terms) > 0
        plays = self._domains is not None
        features, kept, features_saved = self._features.forward(X, masks)
        # The rows whose predictions have a part in any loss.
        all_rows = has_terms or (plays and self._reads_target)
        read = features if all_rows else features.narrow(2, 0, n_source)
        label_logits, _, labels_saved = self._labels.forward(read, masks, kept)
        source_logits = label_logits.narrow(2, 0, n_source) if all_rows else label_logits
        targets = self._label_targets(y, source_logits, [(n_source, label_weight)])
        label_grad, label = cross_entropy(source_logits, *targets)
        if all_rows:
            label_grad = pad(label_grad, (0, n_target))
        extra = None, None
        if has_terms:
            extra, features_grad, logits_grad = self._record_terms(
                features, kept, label_logits, sides, term_weights
            )
            label_grad = label_grad + logits_grad
        grad = self._labels.backward(label_grad, labels_saved)
        if has_terms:
            grad = grad + features_grad
        adversarial = domain_logits = None
        if plays:
            domain_logits, reversed_grad, adversarial = self._play(
                features, kept, label_logits, domain, sides, reversal, masks
            )
            reversed_grad.narrow(2, 0, grad.shape[2]).add_(grad)
            grad = reversed_grad
        self._features.backward(grad, features_saved, to_input=False)
        wanted = label_logits if self._criterion.needs_target_logits else source_logits
        self._last_output = features, wanted, domain_logits
        return ClosedFormTerms(label, adversarial, extra, self._criterion.domain_weight)

    @property
    def _reads_target(self):
        """Whether the domain game looks at predictions, the target's among them."""
        return self._conditioning is not None or self._criterion.entropy_weighting

    def _play(self, features, kept, label_logits, domain, sides, reversal, masks):
        """Return the domain logits, the reversed gradient in the features, and the loss."""
        seen, kept_seen, proba = features, kept, None
        if self._reads_target:
            log_proba = torch.log_softmax(label_logits, dim=1)
            if self._criterion.entropy_weighting:
                n_rows, weights = zip(*sides, strict=True)
                weights = weigh_by_certainty(log_proba.transpose(1, 2), n_rows[0], *weights)
                sides = zip(n_rows, weights, strict=True)
            if self._conditioning is not None:
                proba = log_proba.exp()
                seen = self._conditioning.map(features, proba, kept)
                kept_seen = self._conditioning.kept_outputs(kept)
        domain_logits, _, saved = self._domains.forward(seen, masks, kept_seen)
        one_logit = domain_logits.shape[1] == 1
        # The logit of "source" against 0 is the same as the sigmoid of that logit.
        logits = domain_logits
        if one_logit:
            logits = torch.cat([logits, torch.zeros_like(logits)], dim=1)
        targets = self._domain_targets(domain, logits, list(sides))
        grad, adversarial = cross_entropy(logits, *targets)
        if one_logit:
            grad = grad.narrow(1, 0, 1)
        domain_weight = self._criterion.domain_weight
        if domain_weight != 1:
            grad = grad * domain_weight
        grad = self._domains.backward(grad, saved)
        if self._conditioning is not None:
            grad = self._conditioning.transposed(grad, proba, kept)
        return domain_logits, grad.mul_(-reversal), adversarial

    def _record_terms(self, features, kept, label_logits, sides, term_weights):
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
        (n_source, source_weight), (_, target_weight) = sides
        rows = n_source, source_weight, target_weight, self._members
        leaves = [values.detach().requires_grad_() for values in (seen, label_logits)]
        with torch.enable_grad():
            by_row = [leaf.transpose(1, 2) for leaf in leaves]
            losses = self._criterion.term_losses(*by_row, *rows)
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
