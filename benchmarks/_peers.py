"""Other libraries' ways of adapting, each as its documentation has it, on the same tf-idf.

They take dense rows. What their documentation leaves open is chosen as the defaults of this library
are, by accuracy on the four development tasks: `python benchmarks/_peers.py` prints what was tried.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
import torch
from _reviews import Reviews, judge
from _tasks import AMAZON_DEVELOPMENT_TASKS
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import nn


def stack(data):
    """Return rows, labels and domains in skada's form."""
    X_src, X_tgt, _ = data.dense
    y = np.concatenate([data.y_src, np.full(len(X_tgt), -1)])
    return np.concatenate([X_src, X_tgt]), y, np.repeat([1, -2], [len(X_src), len(X_tgt)])


def skada_pipeline(make, data, seed, **params):
    """Fit an adapter of skada and a classifier."""
    X, y, domain = stack(data)
    start = time.perf_counter()
    model = make(**params).fit(X, y, sample_domain=domain)
    seconds = time.perf_counter() - start
    scores = model.decision_function(data.dense[2], allow_source=True)
    return *judge(scores, data.y_test), seconds


def coral(data, seed, classifier=LogisticRegression):
    """Give the source the covariance of the target."""
    from skada import CORAL

    return skada_pipeline(CORAL, data, seed, base_estimator=classifier())


def subspace_alignment(data, seed, n_components=300, classifier=LogisticRegression):
    """Rotate the principal components of the source into those of the target."""
    from skada import SubspaceAlignment

    params = {"n_components": n_components, "random_state": seed}
    return skada_pipeline(SubspaceAlignment, data, seed, base_estimator=classifier(), **params)


def optimal_transport(data, seed, reg_e=0.02, reg_cl=0.1, classifier=LogisticRegression):
    """Carry source rows to the target by POT's class-regularised transport; train on them there."""
    from ot.da import SinkhornLpl1Transport

    # In float32 the plan underflows.
    X_src, X_tgt, X_test = (X.astype(np.float64) for X in data.dense)
    start = time.perf_counter()
    transport = SinkhornLpl1Transport(reg_e=reg_e, reg_cl=reg_cl)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        # That inner loops end after their 200 iterations.
        moved = transport.fit(Xs=X_src, ys=data.y_src, Xt=X_tgt).transform(Xs=X_src)
    model = classifier().fit(moved, data.y_src)
    seconds = time.perf_counter() - start
    return *judge(model.decision_function(X_test), data.y_test), seconds


class _Classifier(nn.Module):
    """The network of DANNClassifier's defaults."""

    def __init__(self, n_features, n_hidden):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU(), nn.Dropout(0.5))
        self.labels = nn.Linear(n_hidden, 2)

    def forward(self, X, sample_weight=None):
        return self.labels(self.features(X))


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


class _DomainClassifier(nn.Sequential):
    """skada's own, whose last layer is a softmax over one output, with a sigmoid in its place."""

    def __init__(self, n_hidden):
        super().__init__(
            nn.Linear(n_hidden, 100),
            nn.BatchNorm1d(100),
            nn.ReLU(),
            nn.Linear(100, 1),
            nn.Sigmoid(),
        )

    def forward(self, x, sample_weight=None):
        return super().forward(_Reversal.apply(x)).squeeze(1)


def skada_dann(data, seed, reg=0.1, own_domain_classifier=False, n_hidden=100):
    """Train skada's DANN with the network, solver and epochs that DANNClassifier has."""
    from skada.deep import DANN

    X, y, domain = stack(data)
    torch.manual_seed(seed)
    start = time.perf_counter()
    net = DANN(
        _Classifier(X.shape[1], n_hidden),
        layer_name="features",
        reg=reg,
        num_features=n_hidden,
        domain_classifier=None if own_domain_classifier else _DomainClassifier(n_hidden),
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=1e-4,
        lr=1e-3,
        batch_size=64,
        max_epochs=20,
        train_split=None,
        device="cpu",
        verbose=0,
    )
    with warnings.catch_warnings(action="ignore"):
        net.fit(X, y, sample_domain=domain)
        seconds = time.perf_counter() - start
        X_test = data.dense[2]
        logits = net.predict_proba(X_test, sample_domain=np.full(len(X_test), -2))
    log_proba = log_softmax(logits, axis=1)
    return *judge(log_proba[:, 1] - log_proba[:, 0], data.y_test), seconds


_ON_DEVELOPMENT = "by accuracy on the four development tasks"
# Name → the arguments of a Model.
PEERS = {
    "skada DANN": (
        skada_dann,
        "skada.deep.DANN: network, solver and epochs of DANNClassifier, λ constant, reg chosen "
        f"{_ON_DEVELOPMENT}; its own domain classifier with a sigmoid for the softmax over one "
        "output, which is constant",
        True,
        "skada",
    ),
    "CORAL": (
        coral,
        "skada.CORAL with its defaults (shrinkage by Ledoit and Wolf), but logistic regression for "
        "its SVC, as was better for subspace alignment",
        False,
        "skada",
    ),
    "subspace alignment": (
        subspace_alignment,
        "skada.SubspaceAlignment, number of components, and logistic regression before its default "
        f"SVC, chosen {_ON_DEVELOPMENT}",
        True,
        "skada",
    ),
    "optimal transport": (
        optimal_transport,
        "POT's SinkhornLpl1Transport, which its documentation recommends where the source has "
        f"labels, and logistic regression; both strengths chosen {_ON_DEVELOPMENT}",
        False,
        "ot",
    ),
}
# What was tried for each on the development tasks.
TRIED = {
    "CORAL": [{}, {"classifier": SVC}],
    "subspace alignment": [
        *({"n_components": n} for n in (30, 100, 300)),
        {"classifier": SVC},
    ],
    "optimal transport": [
        {"reg_e": 0.1, "reg_cl": 1.0},
        {"reg_e": 0.1, "reg_cl": 0.1},
        {"reg_e": 0.02, "reg_cl": 0.1},
        {"reg_e": 0.01, "reg_cl": 0.1},
    ],
    "skada DANN": [
        {"own_domain_classifier": True},
        {"reg": 1.0},
        {"reg": 0.3},
        {"reg": 0.1},
        {"reg": 0.03},
    ],
}


def main():
    """Print the accuracy of all that was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=list(TRIED), default=list(TRIED))
    args = parser.parse_args()
    torch.set_num_threads(1)
    tasks = [Reviews(*task) for task in AMAZON_DEVELOPMENT_TASKS]
    for name in args.models:
        run = PEERS[name][0]
        for params in TRIED[name]:
            found = np.array([partial(run, **params)(data, 0) for data in tasks])
            mean, auc, seconds = found.mean(axis=0)
            numbers = " ".join(f"{accuracy:.3f}" for accuracy in found[:, 0])
            print(
                f"{name} {params}: {mean:.3f} ({numbers}), AUC {auc:.3f}, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
