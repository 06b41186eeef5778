"""What does mSDA cost, beside the authors' formulas in plain numpy, and single beside double?

Five layers are learned of the 2000 training reviews of both domains (binary, 5000 columns), and
the test reviews of both are transformed. What float32 costs in accuracy is told by a logistic
regression on the source's reviews and the target's test reviews, on the development tasks.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from _results import provenance, write_json
from _tasks import AMAZON_DEVELOPMENT_TASKS
from _timing import timed
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sk_dann.datasets import fetch_amazon_reviews
from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder

RESULTS = Path(__file__).parent / "results" / "msda.json"
N_LAYERS, NOISE, ALPHA = 5, 0.5, 1e-5
C = 0.01  # of the logistic regression; not searched for


class PlainMSDA:
    """The authors' code, line by line."""

    def fit(self, X, X_tgt):
        """Learn all layers of dense rows."""
        hidden = np.concatenate([X.toarray(), X_tgt.toarray()])
        self.weights = []
        for _ in range(N_LAYERS):
            self.weights.append(self._learn(hidden))
            hidden = self._encode(hidden, self.weights[-1])
        return self

    def _learn(self, X):
        xb = np.concatenate([X, np.ones((len(X), 1), X.dtype)], axis=1)
        S = xb.T @ xb
        q = np.full(len(S), 1 - NOISE, X.dtype)
        q[-1] = 1
        Q = S * np.outer(q, q)
        np.fill_diagonal(Q, q * np.diag(S))
        P = S[:-1] * q
        Q[np.arange(len(Q) - 1), np.arange(len(Q) - 1)] += ALPHA
        return np.linalg.solve(Q, P.T).T

    def _encode(self, X, W):
        xb = np.concatenate([X, np.ones((len(X), 1), X.dtype)], axis=1)
        return np.tanh(xb @ W.T)

    def transform(self, X):
        """Return the rows and their layers side by side."""
        layers = [X.toarray()]
        for W in self.weights:
            layers.append(self._encode(layers[-1], W))
        return np.concatenate(layers, axis=1)


CONTENDERS = {
    "sk_dann": lambda: MarginalizedStackedDenoisingAutoencoder(N_LAYERS, noise=NOISE, alpha=ALPHA),
    "plain numpy": PlainMSDA,
}


def measure(task, contender, dtype, n_threads):
    """Return one row: times of learning and of transforming, accuracy on the target."""
    data = fetch_amazon_reviews(*task)
    names = ("X_src", "X_tgt", "X_src_test", "X_test")
    X_src, X_tgt, *tests = ((data[name] > 0).astype(dtype) for name in names)
    with threadpool_limits(n_threads):
        fit = timed(lambda: CONTENDERS[contender]().fit(X_src, X_tgt=X_tgt))
        transform = timed(lambda: [fit.result.transform(X) for X in tests])
        clf = LogisticRegression(C=C, max_iter=1000)
        clf.fit(fit.result.transform(X_src), data.y_src)
        accuracy = clf.score(transform.result[1], data.y_test)
    return {
        "task": "-".join(task),
        "contender": contender,
        "dtype": dtype,
        "fit_seconds": fit.seconds,
        "transform_seconds": transform.seconds,
        "cpu_seconds": fit.cpu_seconds + transform.cpu_seconds,
        "n_transformed": sum(X.shape[0] for X in tests),
        "accuracy": accuracy,
    }


def summarize(rows):
    """Return a frame with each run's total time, and how often it fits into plain numpy's."""
    frame = pd.DataFrame(rows)
    frame["seconds"] = frame["fit_seconds"] + frame["transform_seconds"]
    plain = frame[frame["contender"] == "plain numpy"]
    for of, total in (("", "seconds"), (", CPU", "cpu_seconds")):
        by_run = plain.set_index(["task", "dtype"])[total]
        keys = pd.MultiIndex.from_frame(frame[["task", "dtype"]])
        frame[f"times faster{of}"] = by_run.reindex(keys).to_numpy() / frame[total]
    return frame


def main():
    """Run, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ["-".join(task) for task in AMAZON_DEVELOPMENT_TASKS]
    parser.add_argument("--tasks", nargs="+", choices=default, default=default)
    parser.add_argument("--plain-tasks", nargs="*", choices=default, default=default[:1])
    parser.add_argument("--n-threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    args = parser.parse_args()
    rows = []
    for task in args.tasks:
        contenders = CONTENDERS if task in args.plain_tasks else ["sk_dann"]
        for dtype in ("float32", "float64"):
            for contender in contenders:
                rows.append(measure(task.split("-"), contender, dtype, args.n_threads))
                print(rows[-1], flush=True)
    print(summarize(rows).to_string(index=False, float_format="{:.4g}".format, na_rep=""))
    settings = {"n_threads": args.n_threads, "n_layers": N_LAYERS, "noise": NOISE, "C": C}
    write_json(args.json, {**provenance(), **settings, "runs": rows})


if __name__ == "__main__":
    main()
