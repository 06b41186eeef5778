"""The domain-adversarial network: features, label predictor, domain classifier."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._gradient_reversal import gradient_reversal
from ._layers import InputMask, member_mlp
from ._sparse import SparseBatch


class NetworkOutput(NamedTuple):
    """What a forward pass of `DANNNetwork` returns.

    `features` has shape (K, n, h), `label_logits` (K, n_source, C), `domain_logits`
    (K, n, 1 or S + 1) or None where the network has no domain classifier.
    """

    features: Tensor
    label_logits: Tensor
    domain_logits: Tensor | None


class DANNNetwork(nn.Module):
    """Feature extractor, label predictor and domain classifier behind a gradient reversal.

    Figure 1 of Ganin et al., JMLR 2016.

    Parameters
    ----------
    feature_extractor : Module
        (n, d) to (K, n, h); K is the number of members.
    label_predictor : Module
        (K, n, h) to (K, n, C), without softmax.
    domain_classifier : Module or None
        (K, n, h) to (K, n, 1) for one source domain, else to one logit a domain. None trains the
        other two without adaptation.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import DANNNetwork, member_mlp
    >>> network = DANNNetwork(
    ...     member_mlp((5, 8)), member_mlp((8, 3), linear_output=True), domain_classifier=None
    ... )
    >>> network(torch.zeros(2, 5)).label_logits.shape
    torch.Size([1, 2, 3])
    """

    def __init__(
        self,
        feature_extractor: nn.Module,
        label_predictor: nn.Module,
        domain_classifier: nn.Module | None,
    ):
        super().__init__()
        self.feature_extractor = feature_extractor
        self.label_predictor = label_predictor
        self.domain_classifier = domain_classifier

    def forward(
        self,
        X: Tensor | SparseBatch,
        reversal: float | Tensor = 1.0,
        n_source: int | None = None,
    ) -> NetworkOutput:
        """Compute features and logits.

        Parameters
        ----------
        X : Tensor or SparseBatch of shape (n, d)
            Source rows first.
        reversal : float or Tensor of shape (K, 1, 1), default=1.0
            Coefficient of the gradient reversal: λ in the deep form of the paper.
        n_source : int, default=None
            Number of rows whose label logits are wanted; all if None.

        Returns
        -------
        NetworkOutput
        """
        features = self.feature_extractor(X)
        label_logits = self.label_predictor(features[:, :n_source])
        if self.domain_classifier is None:
            return NetworkOutput(features, label_logits, None)
        domain_logits = self.domain_classifier(gradient_reversal(features, reversal))
        return NetworkOutput(features, label_logits, domain_logits)


def make_network(
    n_features: int,
    n_classes: int,
    n_source_domains: int = 1,
    *,
    n_members: int = 1,
    hidden_layer_sizes: tuple[int, ...] = (100,),
    label_hidden_layer_sizes: tuple[int, ...] = (),
    domain_hidden_layer_sizes: tuple[int, ...] = (64,),
    activation: str = "relu",
    dropout: float = 0.0,
    active_inputs: Tensor | None = None,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> DANNNetwork:
    """Make the default network: three perceptrons with K members each.

    Parameters
    ----------
    n_features, n_classes : int
        Number of inputs d and of classes C.
    n_source_domains : int, default=1
        S; 0 leaves the domain classifier out.
    n_members : int, default=1
        Number of independent networks K trained as one.
    hidden_layer_sizes : tuple of int, default=(100,)
        Layers of the feature extractor; the last one is the feature space.
    label_hidden_layer_sizes, domain_hidden_layer_sizes : tuple of int, default=() and (64,)
        Hidden layers of the label predictor and of the domain classifier.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
    dropout : float, default=0.0
        Probability of dropping a unit, in the feature extractor and the label predictor's hidden
        layers. The domain classifier has none of its own: it is the adversary, and a weak one
        lets the domains stay apart.
    active_inputs : Tensor of bool of shape (n_features,), default=None
        Marks with False the inputs that an `InputMask` sets to zero; none if None.
    generator, dtype
        As in `MemberLinear`.

    Returns
    -------
    DANNNetwork

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import make_network
    >>> network = make_network(5, n_classes=3, n_members=4, hidden_layer_sizes=(8,))
    >>> output = network(torch.zeros(2, 5))
    >>> output.label_logits.shape, output.domain_logits.shape
    (torch.Size([4, 2, 3]), torch.Size([4, 2, 1]))
    """
    shared = {"n_members": n_members, "activation": activation, "dtype": dtype}
    n_hidden = hidden_layer_sizes[-1]
    # Drawn in this order, features and label predictor start from the same weights with and
    # without a domain classifier.
    feature_extractor = member_mlp(
        (n_features, *hidden_layer_sizes),
        dropout=dropout,
        generator=generator,
        **shared,
    )
    if active_inputs is not None:
        feature_extractor.insert(0, InputMask(active_inputs))
    label_predictor = member_mlp(
        (n_hidden, *label_hidden_layer_sizes, n_classes),
        dropout=dropout,
        linear_output=True,
        generator=generator,
        **shared,
    )
    domain_classifier = None
    if n_source_domains:
        n_logits = 1 if n_source_domains == 1 else n_source_domains + 1
        domain_classifier = member_mlp(
            (n_hidden, *domain_hidden_layer_sizes, n_logits),
            linear_output=True,
            generator=generator,
            **shared,
        )
    return DANNNetwork(feature_extractor, label_predictor, domain_classifier)
