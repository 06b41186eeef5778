"""The domain-adversarial network: features, label predictor, domain classifier."""

import copy
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._conditioning import ConditioningMap, make_conditioning
from ._gradient_reversal import gradient_reversal
from ._layers import member_mlp
from ._members import Members
from ._random import isolated_random_state
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
    conditioning : MultilinearMap, RandomizedMap or None, default=None
        Joins features and class probabilities, through which no gradient passes, to what the
        domain classifier then sees instead of the features.

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
        conditioning: ConditioningMap | None = None,
    ):
        super().__init__()
        self.feature_extractor = feature_extractor
        self.label_predictor = label_predictor
        self.domain_classifier = domain_classifier
        self.conditioning = conditioning

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
        read = features[:, :n_source] if self.conditioning is None else features
        label_logits = self.label_predictor(read)
        domain_logits = None
        if self.domain_classifier is not None:
            seen = self.condition(features, label_logits)
            domain_logits = self.domain_classifier(gradient_reversal(seen, reversal))
        return NetworkOutput(features, label_logits[:, :n_source], domain_logits)

    def condition(self, features: Tensor, label_logits: Tensor | None = None) -> Tensor:
        """Return what the domain classifier sees of features (K, n, h) and their label logits.

        The logits are computed if they are needed and None.
        """
        if self.conditioning is None:
            return features
        if label_logits is None:
            label_logits = self.label_predictor(features)
        return self.conditioning(features, label_logits.detach().softmax(dim=-1))


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
    feature_extractor: type[nn.Module] | nn.Module | None = None,
    label_predictor: type[nn.Module] | nn.Module | None = None,
    domain_classifier: type[nn.Module] | nn.Module | None = None,
    conditioning: str | None = None,
    n_random_features: int = 1024,
    active_inputs: Tensor | None = None,
    example: Tensor | SparseBatch | None = None,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    outline: bool = False,
) -> DANNNetwork:
    """Make a network of perceptrons with K members each, or of modules of your own.

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
    feature_extractor, label_predictor, domain_classifier : Module class or instance, default=None
        Modules to take instead of the perceptrons. The first takes (n, d), the others (n, h); they
        return (n, h), (n, C) and (n, 1), or (n, S + 1) for several source domains. Classes are
        called without arguments, once a member; instances are copied.
    conditioning : {"auto", "multilinear", "randomized"} or None, default=None
        Joins features and class probabilities for the domain classifier: `MultilinearMap`, or
        `RandomizedMap`, which "auto" takes from more than 4096 products of h and C on.
    n_random_features : int, default=1024
        Outputs of `RandomizedMap`.
    active_inputs : Tensor of bool of shape (n_features,), default=None
        Marks with False the inputs that count for nothing; all count if None. The perceptron's
        weights of these start at zero, and stay there if training sees zeros in these columns.
        A feature extractor of your own sees them all.
    example : Tensor or SparseBatch of shape (n, n_features), default=None
        Rows to try modules of your own on; zeros if None.
    generator : torch.Generator, default=None
        Draws the initial weights; modules of your own draw them from torch's global generator,
        which is seeded alike for the purpose and put back.
    dtype : torch.dtype, default=None
    outline : bool, default=False
        Whether to leave the perceptrons on torch's meta device, where weights have a shape but take
        no memory, for weights that are known already.

    Returns
    -------
    DANNNetwork

    Raises
    ------
    ValueError
        If a module of your own does not take what it gets, or returns another width.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import make_network
    >>> network = make_network(5, n_classes=3, n_members=4, hidden_layer_sizes=(8,))
    >>> output = network(torch.zeros(2, 5))
    >>> output.label_logits.shape, output.domain_logits.shape
    (torch.Size([4, 2, 3]), torch.Size([4, 2, 1]))
    """
    if example is None:
        # Perceptrons are not tried.
        example = torch.zeros(2, 0 if feature_extractor is None else n_features, dtype=dtype)
    shared = {
        "n_members": n_members,
        "activation": activation,
        "generator": generator,
        "dtype": dtype,
        "device": "meta" if outline else None,
    }
    seed = 0 if generator is None else generator.initial_seed()

    def part(name, module, sizes, example, n_outputs=None, dropout=0.0):
        """Return the perceptron, or the user's module after it has been tried, and outputs."""
        if module is None:
            linear_output = n_outputs is not None
            mlp = member_mlp(sizes, dropout=dropout, linear_output=linear_output, **shared)
            if linear_output:
                return mlp, None  # nothing comes behind it that is to be tried
            return mlp, torch.zeros(n_members, example.shape[-2], sizes[-1], dtype=dtype)
        with isolated_random_state(seed):
            members = Members([_instance(name, module) for _ in range(n_members)]).to(dtype)
            return members, _try(name, module, members, example, n_outputs)

    # Made in this order, features and label predictor start from the same weights with and
    # without a domain classifier.
    with torch.no_grad():
        sizes = (n_features, *hidden_layer_sizes)
        features, hidden = part(
            "feature_extractor", feature_extractor, sizes, example, None, dropout
        )
        n_hidden = hidden.shape[-1]
        sizes = (n_hidden, *label_hidden_layer_sizes, n_classes)
        labels, _ = part("label_predictor", label_predictor, sizes, hidden, n_classes, dropout)
        domains = joined = None
        if n_source_domains:
            n_logits = 1 if n_source_domains == 1 else n_source_domains + 1
            joined = make_conditioning(
                conditioning, n_hidden, n_classes, n_random_features, n_members,
                generator=generator, dtype=dtype,
            )  # fmt: skip
            if joined is not None:
                n_hidden = joined.n_outputs
                hidden = hidden.new_zeros(*hidden.shape[:2], n_hidden)
            sizes = (n_hidden, *domain_hidden_layer_sizes, n_logits)
            domains, _ = part("domain_classifier", domain_classifier, sizes, hidden, n_logits)
        if active_inputs is not None and feature_extractor is None:
            features[0].weight *= active_inputs[:, None]
    return DANNNetwork(features, labels, domains, joined)


def name_of_module(module: type[nn.Module] | nn.Module | Callable[[], nn.Module]) -> str:
    """Return the name of a module's class, or of the function that makes the module."""
    if isinstance(module, nn.Module):
        return type(module).__name__
    while isinstance(module, partial):
        module = module.func
    return getattr(module, "__name__", type(module).__name__)


def _instance(name, module):
    instance = copy.deepcopy(module) if isinstance(module, nn.Module) else module()
    if not isinstance(instance, nn.Module):
        raise TypeError(f"{name}={module!r} is neither a torch Module nor a class of them.")
    return instance


def _try(name, module, members, example, n_outputs):
    """Pass the example through the user's module and look at what comes out."""
    kind = name_of_module(module)
    members.eval()
    try:
        output = members(example)
    except (RuntimeError, TypeError, IndexError) as error:
        shape = tuple(example.shape[-2:])
        raise ValueError(f"{name}={kind} failed on rows of shape {shape}: {error}") from error
    members.train()
    if output.dim() != 3 or output.shape[1] != example.shape[-2]:
        raise ValueError(
            f"{name}={kind} must return one row of outputs for each row, as a tensor of shape "
            f"(n, width); for {example.shape[-2]} rows it returned shape {tuple(output.shape[1:])}."
        )
    if n_outputs not in (None, output.shape[-1]):
        raise ValueError(
            f"{name}={kind} returns {output.shape[-1]} outputs a row, but {n_outputs} are needed: "
            + (
                "one a class."
                if name == "label_predictor"
                else "a single logit for one source domain, else one a domain."
            )
        )
    return output
