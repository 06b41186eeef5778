"""From how much work on do two threads pay?

Fits and predictions of many sizes with one thread and with two, in alternating rounds of one
process. `sk_dann.training._threads` uses one thread below the number of multiply-adds from which on
two take less than about three quarters of the time of one, on two idle cores. Here its limit is
taken off.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path

import numpy as np
from _results import provenance, write_json
from _timing import alternate, ratios, spread
from scipy import sparse
from threadpoolctl import threadpool_limits

from sk_dann import DANNClassifier
from sk_dann.training import _threads

RESULTS = Path(__file__).parent / "results" / "threads.json"
N_EPOCHS = 3
# Features, hidden units, samples of a domain in a step, members, samples that store 80 numbers.
FITS = [
    (20, 100, 64, 1, False),
    (100, 100, 64, 1, False),
    (100, 100, 256, 1, False),
    (20, 1000, 64, 1, False),
    (1000, 100, 64, 1, False),
    (20, 100, 64, 16, False),
    (2000, 100, 64, 1, False),
    (100, 100, 1024, 1, False),
    (5000, 100, 64, 1, False),
    (200, 500, 256, 1, False),
    (1000, 100, 512, 1, False),
    (5000, 50, 64, 1, True),
    (5000, 100, 64, 1, True),
    (5000, 500, 64, 1, True),
    (2**18, 100, 64, 1, True),
]
PREDICTIONS = (100, 1000, 10_000, 100_000, 1_000_000)


def make_data(n, n_features, is_sparse, rng):
    if is_sparse:
        options = {"format": "csr", "dtype": np.float32, "random_state": 0}
        X = sparse.random(n, n_features, 80 / n_features, **options)
    else:
        X = rng.normal(size=(n, n_features)).astype(np.float32)
    return X, np.arange(n) % 2, X


def compare(function, rounds):
    """Return milliseconds with one thread and with two, a number for each round."""

    def with_threads(n_threads):
        def call():
            with threadpool_limits(n_threads):
                return function()

        return call

    runs = alternate({n: with_threads(n) for n in (1, 2)}, rounds)
    return [[1000 * run.seconds for run in runs[n]] for n in (1, 2)]


def report(name, n_products, one, two):
    found = ratios(two, one)
    print(f"{name:44s} {n_products / 1e6:9.1f} {spread(one, 2):>22s} {spread(found, 2):>18s}")
    return {
        "what": name,
        "multiply_adds": int(n_products),
        "ms_one_thread": statistics.median(one),
        "ratio": statistics.median(found),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=RESULTS)
    args = parser.parse_args()
    limit, _threads._WORTH_THREADS = _threads._WORTH_THREADS, 0
    rng = np.random.default_rng(0)
    print(f"{'':44s} {'million':>9s} {'one thread, ms':>22s} {'two / one':>18s}")
    rows = []
    for n_features, n_hidden, batch_size, n_members, is_sparse in FITS:
        n = max(640, 4 * batch_size)
        data = make_data(n, n_features, is_sparse, rng)
        params = {"batch_size": batch_size, "n_estimators": n_members, "max_iter": N_EPOCHS}
        clf = DANNClassifier((n_hidden,), random_state=0, **params).fit(*data)
        touches_few = is_sparse and n_features > 2**14
        n_products = _threads.count_step_products(
            clf.net_.module_, 2 * batch_size, 80 if is_sparse else n_features, touches_few
        )
        kind = "CSR" if is_sparse else "dense"
        name = f"fit {kind} {n_features} × {n_hidden}, {batch_size} a step, {n_members} members"
        rows.append(report(name, n_products, *compare(partial(clf.fit, *data), args.rounds)))
    clf = DANNClassifier(random_state=0, max_iter=1).fit(*make_data(640, 20, False, rng))
    for n in PREDICTIONS:
        X, _, _ = make_data(n, 20, False, rng)
        n_products = n * _threads.count_products(clf.net_.module_, 20)
        times = compare(partial(clf.predict_proba, X), args.rounds)
        rows.append(report(f"predict {n} × 20", n_products, *times))
    print(f"one thread is used below {limit / 1e6:.1f} million")
    write_json(args.json, {**provenance(), "limit": limit, "results": rows})


if __name__ == "__main__":
    main()
