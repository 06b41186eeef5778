"""`predict_proba` against the bare forward pass of the same weights."""

import numpy as np
import torch
from _contenders import PLAIN, Estimator
from _reviews import load
from _timing import alternate, ratios, spread, versus
from _workloads import amazon, table
from scipy import sparse
from sklearn.utils.validation import validate_data
from torch.nn import functional as F

GOAL = 1.2
_CHUNKS = (None, 2**12, 2**16)  # rows; None is all in one go


def _large_table():
    rng = np.random.default_rng(1)
    return rng.normal(size=(1_000_000, 20)).astype(np.float32)


def _amazon_tests():
    """The test sets of the target and of the two other domains that dvd can go to."""
    return sparse.vstack(
        [load("dvd", target)[3] for target in ("books", "electronics", "kitchen")], format="csr"
    )


TASKS = {
    "1 000 000 × 20": (table, _large_table),
    "Amazon test sets, CSR": (amazon, _amazon_tests),
}


def bare_forward(clf, X, chunk, constant):
    """Probabilities by plain products in torch, of all rows at once or a chunk at a time."""
    named = clf.net_.module_.named_parameters()
    # Of the hidden layer and of the label layer; weights are (inputs, outputs).
    parts = [p.detach().clone().squeeze(0) for name, p in named if "domain" not in name]
    first, first_bias, last, last_bias = parts
    # Columns that are constant in the source are left out by the estimator.
    first[torch.from_numpy(constant)] = 0
    step, parts = chunk or X.shape[0], []
    with torch.inference_mode():
        for start in range(0, X.shape[0], step):
            rows = X[start : start + step] if chunk else X
            hidden = _product(rows, first).add_(first_bias).relu_()
            parts.append(torch.softmax(hidden @ last + last_bias, dim=1).numpy())
    return np.concatenate(parts) if chunk else parts[0]


def _product(rows, weight):
    """Multiply with the weights; of sparse rows the fastest way known here."""
    if not sparse.issparse(rows):
        return torch.from_numpy(rows) @ weight
    indptr, indices, values = map(torch.from_numpy, (rows.indptr, rows.indices, rows.data))
    return F.embedding_bag(
        indices, weight, indptr, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def measure_prediction(args):
    """Return one row a task."""
    rows = []
    for name, (make_workload, make_rows) in TASKS.items():
        workload, X = make_workload(), make_rows()
        clf = Estimator(workload, **PLAIN).make(3)
        clf.fit(workload.X_src, workload.y_src, workload.X_tgt)
        high, low = (_dense(getattr(workload.X_src, way)(axis=0)) for way in ("max", "min"))
        constant = high == low

        def check(clf=clf, X=X):
            validate_data(clf, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])

        functions = {"predict_proba": lambda clf=clf, X=X: clf.predict_proba(X), "check": check}
        for chunk in _CHUNKS:
            functions[chunk] = lambda clf=clf, X=X, chunk=chunk, constant=constant: bare_forward(
                clf, X, chunk, constant
            )
        expected = functions[None]()
        assert expected.dtype == functions["predict_proba"]().dtype == X.dtype
        np.testing.assert_allclose(functions["predict_proba"](), expected, rtol=1e-3, atol=1e-6)
        runs = alternate(functions, args.rounds)
        seconds = {key: [run.seconds for run in runs[key]] for key in runs}
        bare_key = min(_CHUNKS, key=lambda chunk: np.median(seconds[chunk]))
        whole, checks, bare = seconds["predict_proba"], seconds["check"], seconds[bare_key]
        apart = ratios(np.subtract(whole, checks), bare)
        rows.append(
            {
                "rows": name,
                "predict_proba, ms": spread(np.multiply(whole, 1e3), 1),
                "check_array, ms": spread(np.multiply(checks, 1e3), 1),
                "bare forward, ms": spread(np.multiply(bare, 1e3), 1),
                "bare in chunks of": bare_key or "all",
                "(predict_proba − check) / bare": spread(apart, 2),
                "goal": versus(apart, GOAL),
                "rounds": {str(key): value for key, value in seconds.items()},
            }
        )
    return rows


def _dense(row):
    return np.asarray(row.todense() if sparse.issparse(row) else row).ravel()
