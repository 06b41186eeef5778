"""Who trains the same network: each function makes one fit and says what it did."""

import importlib.util
import json
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import _loop
import numpy as np
import torch
from _workloads import ALPHA, BATCH_SIZE, LEARNING_RATE
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from sk_dann import DANNClassifier

# The network of the comparison, and the estimator's own with dropout and a hidden domain layer.
PLAIN = {"domain_hidden_layer_sizes": (), "dropout": 0.0}
DEFAULT = {"domain_hidden_layer_sizes": (64,), "dropout": 0.5}


@dataclass
class Fit:
    """What a fit did. `seconds` is for those that cannot be timed from here: wall and CPU."""

    n_epochs: int
    n_steps: int
    losses: list  # the label loss, of each step or of each epoch
    layers: list  # (inputs, outputs) of the linear layers
    optimizer: str
    n_members: int = 1
    seconds: tuple | None = None

    def check(self, workload, n_epochs, *, default_network=False):
        """Raise unless this was a real fit of the network that was asked for."""
        layers = workload.layers
        if default_network:
            layers = [*layers[:2], (workload.n_hidden, 64), (64, 1)]
        assert self.n_epochs == n_epochs, self.n_epochs
        assert abs(self.n_steps / n_epochs - workload.n_steps) <= 1, self.n_steps
        assert self.layers == layers, self.layers
        assert self.optimizer == "Adam", self.optimizer
        assert np.isfinite(self.losses).all()
        per_epoch = max(1, len(self.losses) // n_epochs)
        first, last = np.mean(self.losses[:per_epoch]), np.mean(self.losses[-per_epoch:])
        assert n_epochs == 1 or last < first, (first, last)


class Loop:
    """The hand-written loop."""

    def __init__(self, workload, device="cpu", **network):
        self.tensors = _loop.to_tensors(workload, device)
        self.workload = workload
        self.network = network

    def __call__(self, n_epochs):
        network, optimizer, losses = _loop.train(
            self.tensors, self.workload.n_hidden, n_epochs, **self.network
        )
        layers = _shapes(network)
        return Fit(n_epochs, len(losses), losses, layers, type(optimizer).__name__)


class Estimator:
    """`DANNClassifier` as users call it, but plain DANN, as the others are."""

    def __init__(self, workload, device="cpu", **params):
        self.workload = workload
        self.params = {**PLAIN, "label_shift": None, "device": device, **params}

    def make(self, n_epochs):
        return DANNClassifier(
            (self.workload.n_hidden,),
            solver="adam",
            learning_rate_init=LEARNING_RATE,
            alpha=ALPHA,
            batch_size=BATCH_SIZE,
            max_iter=n_epochs,
            random_state=0,
            **self.params,
        )

    def __call__(self, n_epochs):
        workload = self.workload
        clf = self.make(n_epochs).fit(workload.X_src, workload.y_src, workload.X_tgt)
        named = clf.net_.module_.named_parameters()
        weights = [weight for name, weight in named if name.endswith("weight")]
        # (inputs, members, outputs)
        layers = [tuple(weight.shape[1:]) for weight in weights]
        assert all(weight.shape[0] == clf.n_estimators for weight in weights)
        is_adam = isinstance(clf.net_.optimizer_, torch.optim.Adam)
        optimizer = "Adam" if is_adam else type(clf.net_.optimizer_).__name__
        n_steps = n_epochs * workload.n_steps
        return Fit(clf.n_iter_, n_steps, clf.loss_curve_, layers, optimizer, clf.n_estimators)


class Skada:
    """`skada.deep.DANN`, with its own default callbacks; λ is constant there."""

    def __init__(self, workload, device="cpu"):
        dense = workload.dense()
        n_src, n_tgt = len(dense.X_src), len(dense.X_tgt)
        self.workload = workload
        self.X = np.concatenate([dense.X_src, dense.X_tgt])
        self.y = np.concatenate([dense.y_src, np.full(n_tgt, -1)])
        self.sample_domain = np.repeat([1, -2], [n_src, n_tgt])

    def __call__(self, n_epochs):
        from skada.deep import DANN

        torch.manual_seed(0)
        (n_features, n_hidden), _, _ = self.workload.layers
        criterion = _LabelLoss()
        net = DANN(
            _Classifier(n_features, n_hidden),
            layer_name="features",
            domain_classifier=_DomainClassifier(n_hidden),
            base_criterion=criterion,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=ALPHA,
            optimizer__fused=True,
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            max_epochs=n_epochs,
            train_split=None,
            device="cpu",
            verbose=0,
        )
        net.fit(self.X, self.y, sample_domain=self.sample_domain)
        losses = torch.stack(criterion.seen).tolist()
        optimizer = type(net.optimizer_).__name__
        return Fit(len(net.history), len(losses), losses, _shapes(net.module_), optimizer)


class _Classifier(nn.Module):
    def __init__(self, n_features, n_hidden):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU())
        self.labels = nn.Linear(n_hidden, 2)

    def forward(self, X, sample_weight=None):
        return self.labels(self.features(X))


class _DomainClassifier(nn.Linear):
    def __init__(self, n_hidden):
        super().__init__(n_hidden, 1)

    def forward(self, hidden, sample_weight=None):
        return torch.sigmoid(super().forward(_loop.Reversal.apply(hidden, 1.0))).squeeze(1)


class _LabelLoss(nn.CrossEntropyLoss):
    """Remembers the label loss, of which skada only tells in sum with the domain loss."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, logits, y):
        loss = super().forward(logits, y)
        self.seen.append(loss.detach())
        return loss


class SourceMLP:
    """scikit-learn's network on the source alone: half the rows, no domain classifier."""

    def __init__(self, workload, device="cpu"):
        self.workload = workload

    def __call__(self, n_epochs):
        workload = self.workload
        mlp = MLPClassifier(
            (workload.n_hidden,),
            alpha=ALPHA,
            batch_size=BATCH_SIZE,
            learning_rate_init=LEARNING_RATE,
            max_iter=n_epochs,
            tol=0.0,
            n_iter_no_change=n_epochs + 1,
            random_state=0,
        )
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            mlp.fit(workload.X_src, workload.y_src)
        assert [weights.shape for weights in mlp.coefs_] == [
            workload.layers[0],
            (workload.n_hidden, 1),
        ]
        n_steps = n_epochs * workload.n_steps
        solver = type(mlp._optimizer).__name__.removesuffix("Optimizer")
        return Fit(mlp.n_iter_, n_steps, mlp.loss_curve_, workload.layers, solver)


class Adapt:
    """ADAPT's DANN, in an interpreter of its own that waits for orders."""

    def __init__(self, workload, python):
        self._folder = tempfile.TemporaryDirectory()
        data = Path(self._folder.name) / "data.npz"
        dense = workload.dense()
        np.savez(data, X_src=dense.X_src, y_src=dense.y_src, X_tgt=dense.X_tgt)
        settings = {
            "n_hidden": workload.n_hidden,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
        }
        command = [python, Path(__file__).with_name("_adapt_worker.py"), data, json.dumps(settings)]
        self._worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        hello = self._answer()
        self.versions, self.over_input_mb = hello["versions"], None

    def __call__(self, n_epochs):
        print(n_epochs, file=self._worker.stdin, flush=True)
        answer = self._answer()
        self.peak_mb, self.over_input_mb = answer.pop("peak_mb"), answer.pop("over_input_mb")
        answer["layers"] = [tuple(shape) for shape in answer["layers"]]
        return Fit(**answer)

    def _answer(self):
        line = self._worker.stdout.readline()
        if not line:
            raise RuntimeError(
                "The interpreter of --adapt-python ended; run _adapt_worker.py by it."
            )
        return json.loads(line)

    def close(self):
        self._worker.stdin.close()
        self._worker.wait()
        self._folder.cleanup()


CONTENDERS = {
    "hand-written loop": Loop,
    "DANNClassifier": Estimator,
    "DANNClassifier, 16 members": lambda *args: Estimator(*args, n_estimators=16),
    "skada.deep.DANN": Skada,
    "MLPClassifier, source alone": SourceMLP,
    "loop, default network": lambda *args: Loop(*args, domain_hidden=64, dropout=0.5),
    "DANNClassifier, default network": lambda *args: Estimator(*args, **DEFAULT),
    "DANNClassifier, default with label_shift": lambda *args: Estimator(
        *args, **DEFAULT, label_shift="estimate"
    ),
}


def installed(names):
    """Leave out those that need a package that is not here."""
    has_skada = importlib.util.find_spec("skada") is not None
    return [name for name in names if has_skada or not name.startswith("skada")]


def _shapes(network):
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in linear]
