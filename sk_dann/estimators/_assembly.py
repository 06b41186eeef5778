"""From an estimator's parameters to the net that is trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback, LRScheduler
from skorch.callbacks.scoring import ScoringBase

from ..nn import (
    SCHEDULES,
    DANNLoss,
    MemberLinear,
    constant,
    dann_learning_rate,
    make_network,
    stack_members,
)
from ..training import (
    BatchStream,
    DANNNet,
    EpochProgressBar,
    take_rows,
    to_batch,
    weight_decay_groups,
)
from ._callbacks import ScikitLearnCallbacks
from ._validation import check_layer_sizes, check_schedule, check_terms

LAMBDA_SCHEDULES = SCHEDULES
LR_SCHEDULES = {"dann": dann_learning_rate, "constant": constant}
SOLVERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

# Sparse columns from which a step updates only the rows of the first layer that it has touched:
# below, updating all is faster than picking some.
_MANY_COLUMNS = 2**14

# max_iter="auto", chosen on the Amazon development tasks with 2000 and with 500 rows a domain.
_MIN_EPOCHS, _MIN_STEPS = 20, 640


@dataclass(frozen=True)
class MemberParams:
    """What the members of a net differ in.

    Members of the same seed start from the same weights and drop the same units. A member is
    trained as a net with its seed, λ and weight decay alone would be; one that diverges is left
    out.

    Parameters
    ----------
    seeds : sequence of K ints
    lambda_adapt, alpha : ndarray of shape (K,)
    """

    seeds: Sequence[int]
    lambda_adapt: np.ndarray
    alpha: np.ndarray

    def __getitem__(self, which):
        seeds = [int(seed) for seed in np.asarray(self.seeds)[which]]
        return MemberParams(seeds, self.lambda_adapt[which], self.alpha[which])


@dataclass(frozen=True)
class Blueprint:
    """What it takes to make a net of some shape without the data.

    Parameters
    ----------
    estimator : DANNClassifier
        Unfitted, with the parameters that the net has whatever becomes of the user's estimator.
    n_features, n_classes : int
    n_source_domains : int
        0 without a target.
    n_members : int, default=1
    """

    estimator: BaseEstimator
    n_features: int
    n_classes: int
    n_source_domains: int
    n_members: int = 1


def draw_up(estimator, n_features, n_classes, n_source_domains, n_members=None):
    """Draw up the blueprint of an estimator's net; as many members as it says if None."""
    plain = type(estimator)(**estimator.get_params(deep=False))
    # As they are now: subclasses set some themselves, and need not take all of them.
    settings = {k: v for k, v in vars(estimator).items() if not (k[0] == "_" or k[-1] == "_")}
    # Callbacks and seeds are of no account for the net's shape, and perhaps full of the user's
    # objects.
    vars(plain).update(settings, callbacks=None, random_state=None)
    return Blueprint(
        plain,
        n_features,
        n_classes,
        n_source_domains,
        estimator.n_estimators if n_members is None else n_members,
    )


def make_net(estimator, data, active, seed, dtype, device, *, callbacks, n_members=1, members=None):
    """Make the net, ready to be trained.

    Parameters
    ----------
    estimator : DANNClassifier
        Knows its parameters and `classes_`.
    data : DomainData
    active : ndarray of bool of shape (n_features,)
        Columns that something can be learned about.
    seed : int
    dtype : torch.dtype
    device : torch.device
    callbacks : list of skorch callbacks
    n_members : int, default=1
        Members that are alike, but for the draws from the one `seed`.
    members : MemberParams, default=None
        Members that differ, instead; `seed`, `n_members` and the estimator's own λ and weight
        decay are then of no account.

    Returns
    -------
    DANNNet
    """
    blueprint = draw_up(
        estimator,
        data.X_source.shape[1],
        len(estimator.classes_),
        0 if data.X_target is None else data.n_source_domains,
        1 if members is not None else n_members,
    )
    rows = take_rows(data.X_source, data.source_rows[:2])
    example = to_batch(rows, torch.device("cpu"), dtype)
    active_inputs = None if active.all() else torch.from_numpy(active)

    def draw(seed):
        return _make_network(blueprint, seed, dtype, active_inputs, example)

    if members is None:
        network = draw(seed)
    else:
        by_seed = {s: draw(s) for s in set(members.seeds)}
        network = stack_members([by_seed[s] for s in members.seeds])
        blueprint = replace(blueprint, n_members=len(members.seeds))
    return _wrap(network, blueprint, seed, dtype, device, callbacks, members)


def outline_network(blueprint, seed, dtype):
    """Make a network for weights that are known already: its perceptrons have shapes alone.

    Parameters
    ----------
    blueprint : Blueprint
    seed : int
        For modules of the user's own.
    dtype : torch.dtype

    Returns
    -------
    DANNNetwork
    """
    return _make_network(blueprint, seed, dtype, outline=True)


def remake_net(network, weights, blueprint, seed, dtype):
    """Make a net around an outline and its weights, on the CPU.

    Parameters
    ----------
    network : DANNNetwork
        By :func:`outline_network`.
    weights : dict of str to Tensor
        They are copied.
    blueprint : Blueprint
    seed : int
    dtype : torch.dtype

    Returns
    -------
    DANNNet
    """
    for layer in network.modules():
        if isinstance(layer, MemberLinear) and layer.weight.is_meta:
            layer.to_empty(device="cpu")
    network.load_state_dict(weights)
    network.eval()
    return _wrap(network, blueprint, seed, dtype, torch.device("cpu"), callbacks=[])


def _wrap(network, blueprint, seed, dtype, device, callbacks, members=None):
    """Make the net around a network."""
    estimator = blueprint.estimator
    lambda_schedule = check_schedule(estimator.lambda_schedule, LAMBDA_SCHEDULES, "lambda_schedule")
    lr_schedule = check_schedule(estimator.learning_rate, LR_SCHEDULES, "learning_rate")
    terms = check_terms(estimator.terms)
    lambda_adapt, alpha = estimator.lambda_adapt, estimator.alpha
    if members is not None:
        seed, lambda_adapt, alpha = members.seeds, members.lambda_adapt, members.alpha
    net = DANNNet(
        network,
        criterion=DANNLoss,
        **{f"criterion__{name}": value for name, value in estimator._domain_game()[1].items()},
        criterion__terms=terms if blueprint.n_source_domains else [],
        lambda_adapt=lambda_adapt,
        lambda_schedule=lambda_schedule,
        lr_schedule=lr_schedule,
        lr=estimator.learning_rate_init,
        train_split=None,
        callbacks=callbacks,
        device=device,
        seed=seed,
        members_may_diverge=members is not None,
        blueprint=blueprint,
        # Only callbacks that the user passed speak, and those are meant to.
        verbose=1,
        **_solver_params(estimator, weight_decay_groups(alpha, dtype, device)),
    )
    try:
        net.initialize()
    except (TypeError, ValueError) as error:
        raise TypeError(f"solver={estimator.solver!r} or callbacks: {error}") from error
    if not isinstance(net.optimizer_, torch.optim.Optimizer):
        raise TypeError(f"solver={estimator.solver!r} makes no torch optimizer.")
    if np.any(alpha > 0) and "weight_decay" not in net.optimizer_.defaults:
        raise ValueError(
            f"solver={estimator.solver!r} has no weight decay, so alpha={alpha} would "
            "be ignored; set alpha=0."
        )
    return net


def find_active_columns(estimator, data):
    """Tell which columns something can be learned about.

    Those that are constant in the source cannot be learned from labels, and are noise on the
    target. A feature extractor of the user's own sees the data as they are: there the column may
    be a mask, or a token that has another meaning than zero.

    Parameters
    ----------
    estimator : DANNClassifier
    data : DomainData

    Returns
    -------
    ndarray of bool of shape (n_features,)
    """
    if estimator.feature_extractor is not None:
        return np.ones(data.X_source.shape[1], dtype=bool)
    return ~data.constant_source_columns()


def make_stream(estimator, data, active, seed, dtype, device):
    """Make the stream of batches that the net of an estimator is trained on.

    Parameters
    ----------
    estimator : DANNClassifier
    data : DomainData
    active : ndarray of bool of shape (n_features,)
        By :func:`find_active_columns`.
    seed : int
    dtype : torch.dtype
    device : torch.device

    Returns
    -------
    BatchStream
    """
    modules = estimator.feature_extractor, estimator.label_predictor, estimator.domain_classifier
    has_own_modules = any(module is not None for module in modules)
    return BatchStream(
        data,
        estimator.batch_size,
        seed,
        device,
        dtype,
        blank=np.flatnonzero(~active),
        compact=touches_few_rows(estimator, data),
        # Batch normalisation needs two.
        min_step=2 if has_own_modules else 1,
    )


def touches_few_rows(estimator, data):
    """Tell whether steps are to update only the touched rows of the first layer's weights.

    That takes an optimizer known to treat each number by itself, from a state of zeros.
    """
    return (
        sparse.issparse(data.X_source)
        and data.X_source.shape[1] > _MANY_COLUMNS
        and estimator.feature_extractor is None
        and isinstance(estimator.solver, str)
    )


def count_epochs(max_iter, n_steps):
    """Return the number of epochs of `n_steps` steps that `max_iter` stands for."""
    return max(_MIN_EPOCHS, math.ceil(_MIN_STEPS / n_steps)) if max_iter == "auto" else max_iter


def _check_callback(callback, estimator):
    named = isinstance(callback, tuple) and len(callback) == 2
    callback = callback[1] if named else callback
    kind = callback if isinstance(callback, type) else type(callback)
    if not issubclass(kind, Callback):
        raise TypeError(
            f"callbacks must hold skorch callbacks, or pairs of a name and one; got {callback!r}. "
            "Those of scikit-learn are passed to set_callbacks."
        )
    if issubclass(kind, ScoringBase):
        raise ValueError(
            f"callbacks holds {kind.__name__}, which wants a skorch Dataset; use early_stopping, "
            "or scikit-learn's ScoringMonitor through set_callbacks."
        )
    if issubclass(kind, LRScheduler) and estimator.learning_rate != "constant":
        raise ValueError(
            f"callbacks holds {kind.__name__} while learning_rate={estimator.learning_rate!r} sets "
            'the rate in each step; use learning_rate="constant" with it.'
        )


def _make_network(blueprint, seed, dtype, active_inputs=None, example=None, outline=False):
    estimator = blueprint.estimator
    sizes = {
        name: check_layer_sizes(getattr(estimator, name), name, min_layers)
        for name, min_layers in (
            ("hidden_layer_sizes", 1),
            ("label_hidden_layer_sizes", 0),
            ("domain_hidden_layer_sizes", 0),
        )
    }
    return make_network(
        blueprint.n_features,
        blueprint.n_classes,
        blueprint.n_source_domains,
        n_members=blueprint.n_members,
        **sizes,
        activation=estimator.activation,
        dropout=estimator.dropout,
        feature_extractor=estimator.feature_extractor,
        label_predictor=estimator.label_predictor,
        domain_classifier=estimator.domain_classifier,
        **estimator._domain_game()[0],
        active_inputs=active_inputs,
        example=example,
        generator=torch.Generator().manual_seed(seed),
        dtype=dtype,
        outline=outline,
    )


def _solver_params(estimator, param_groups):
    solver = estimator.solver
    named = isinstance(solver, str)
    optimizer = SOLVERS[solver] if named else solver
    if isinstance(optimizer, type) and not issubclass(optimizer, torch.optim.Optimizer):
        raise TypeError(f"solver={solver!r} is not a class of torch optimizers.")
    if optimizer is torch.optim.LBFGS:
        raise ValueError("solver=LBFGS takes full batches and a closure; take one that steps.")
    if "weight_decay" in getattr(optimizer, "keywords", {}):
        raise ValueError(
            "solver is a partial with weight_decay, which alpha would override; set alpha instead."
        )
    params = {
        "optimizer": optimizer,
        "optimizer__param_groups": param_groups,
    }
    if named:
        params["optimizer__fused"] = True
    if solver == "sgd":
        params["optimizer__momentum"] = estimator.momentum
    return params


def make_callbacks(estimator, data):
    """List the user's callbacks and those that parameters stand for, in skorch's form."""
    callbacks = list(estimator.callbacks or [])
    for callback in callbacks:
        _check_callback(callback, estimator)
    if estimator.verbose:
        callbacks.append(("sk_dann_progress_bar", EpochProgressBar()))
    if hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx"):
        told = ScikitLearnCallbacks(
            estimator,
            X=lambda: take_rows(data.X_source, data.source_rows),
            y=lambda: estimator.classes_[data.y],
        )
        callbacks.append(("sk_dann_scikit_learn", told))
    return callbacks
