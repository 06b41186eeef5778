"""Whatever is passed, a call ends in a usable model or in an error that names the argument.

CI draws few examples; `pytest tests/test_fuzz.py --hypothesis-profile=fuzz` draws 10 000.
"""

import re
import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sk_dann import CDANClassifier, DANNClassifier
from sk_dann.nn import CentralMomentDiscrepancy, InformationMaximization, MinimumClassConfusion

ARGUMENTS = ("X", "y", "X_tgt", "X_val", "y_val", "sample_domain", "sample_weight")

seeds = st.integers(0, 2**16)


def _numbers(seed, n, d, scale):
    return np.random.default_rng(seed).normal(size=(n, d)) * scale


@st.composite
def matrices(draw, n, d):
    """A matrix of n rows and d columns, as likely as not spoilt in some way."""
    X = _numbers(draw(seeds), n, d, draw(st.sampled_from([0, 1e-30, 1, 1, 1e6, 1e30])))
    kind = draw(
        st.sampled_from(["float", "float", "float", "f4", "int", "bool", "object", *SPOILT])
    )
    if kind in SPOILT:
        X = SPOILT[kind](X)
    else:
        X = X.clip(-1e9, 1e9).astype(int) if kind in ("int", "bool") else X
        X = X.astype({"f4": "f4", "bool": bool, "object": object}.get(kind, X.dtype))
    wrap = draw(st.sampled_from([None, None, "csr", "coo", "list"]))
    if wrap == "list":
        return X.tolist() if isinstance(X, np.ndarray) else X
    numeric = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "iufb"
    if wrap and numeric and X.dtype != np.float16:
        return sparse.csr_matrix(X) if wrap == "csr" else sparse.coo_array(X)
    return X


def _put(value):
    def spoil(X):
        if X.size:
            X = X.copy()
            X.flat[0] = value
        return X

    return spoil


SPOILT = {
    "nan": _put(np.nan),
    "inf": _put(np.inf),
    "flat": lambda X: X.ravel(),
    "deep": lambda X: X[None],
    "wider": lambda X: np.hstack([X, X[:, :1]]),
    "columnless": lambda X: X[:, :0],
    "rowless": lambda X: X[:0],
    "longer": lambda X: np.vstack([X, X[:1]]),
    "complex": lambda X: X + 1j,
    "strings": lambda X: X.astype(str).astype(object) + "x",
    "ragged": lambda X: [[1.0], [1.0, 2.0]],
    "none": lambda X: None,
    "scalar": lambda X: 3.0,
    "dates": lambda X: np.full(X.shape, "2026-01-01", dtype="datetime64[D]"),
}


@st.composite
def labels(draw, n):
    codes = np.random.default_rng(draw(seeds)).integers(0, draw(st.integers(1, 4)), n)
    kind = draw(
        st.sampled_from(
            ["int", "int", "str", "object", "bool", "float", "nan", "real", "mixed", "short", "two",
             "none", "column", "boxed"]
        )
    )  # fmt: skip
    names = np.array(["a", "b", "c", "d"])
    return {
        "int": codes,
        "str": names[codes],
        "object": names[codes].astype(object),
        "bool": codes > 0,
        "float": codes * 1.0,
        "nan": np.where(codes == 0, np.nan, codes),
        "real": codes + 0.5 + np.linspace(0, 0.1, n),
        "mixed": np.array([["a", 1, None, 2.5][c] for c in codes] + [None], dtype=object)[:n],
        "short": codes[1:],
        "two": np.c_[codes, codes],
        "none": None,
        "column": codes[:, None],
        "boxed": codes.astype(object),
    }[kind]


@st.composite
def marks(draw, n):
    rng = np.random.default_rng(draw(seeds))
    kind = draw(
        st.sampled_from(["both", "both", "many", "zero", "source", "target", "short", "text", "nan",
                         "half", "column"])
    )  # fmt: skip
    both = np.where(rng.random(n) < 0.6, 1, -1)
    both[:2] = [1, -1][:n]
    return {
        "both": both,
        "many": both * rng.integers(1, 4, n),
        "zero": both * rng.integers(0, 2, n),
        "source": np.ones(n),
        "target": -np.ones(n),
        "short": both[1:],
        "text": np.array(["s", "t"])[(both > 0).astype(int)],
        "nan": np.where(both > 0, 1, np.nan),
        "half": both * 0.5,
        "column": both[:, None],
    }[kind]


@st.composite
def weights(draw, n):
    rng = np.random.default_rng(draw(seeds))
    weight = rng.random(n)
    spoilt = [weight, weight, weight * 0, -weight, weight[1:], np.where(weight < 0.3, np.nan, 1)]
    spoilt += [np.c_[weight, weight], weight > 0.5, ["heavy"] * n, 2.0, None]
    return spoilt[draw(st.integers(0, len(spoilt) - 1))]


TERMS = [
    [InformationMaximization(), MinimumClassConfusion()],
    [CentralMomentDiscrepancy(schedule="constant")],
    [InformationMaximization(1e30), CentralMomentDiscrepancy(n_moments=30)],
    [InformationMaximization],
]
parameters = st.fixed_dictionaries(
    {},
    optional={
        "hidden_layer_sizes": st.sampled_from([4, (3, 2), [], (0,), "x", (2.0,), None]),
        "domain_hidden_layer_sizes": st.sampled_from([(), (3,), (-1,)]),
        "activation": st.sampled_from(["tanh", "identity", "logistic", "swish"]),
        "dropout": st.sampled_from([0, 0.9, 1, -0.1, np.nan]),
        "lambda_adapt": st.sampled_from([0, 1, 1e3, 1e30, -1, np.inf, "1"]),
        "lambda_schedule": st.sampled_from(["constant", "dann", "x", float, lambda p: p * np.nan]),
        "solver": st.sampled_from(["sgd", "adamw", "lbfgs", dict, 3]),
        "learning_rate_init": st.sampled_from([1e-3, 10.0, 1e20, 0, "fast"]),
        "alpha": st.sampled_from([0, 1, 1e30, -1]),
        "batch_size": st.sampled_from([1, 7, 10**6, 0, 1.5]),
        "n_estimators": st.sampled_from([1, 3, 0]),
        "early_stopping": st.sampled_from([True, False, None]),
        "class_weight": st.sampled_from(["balanced", {0: 2}, {"a": 1, "b": 3}, {}, "x"]),
        "device": st.sampled_from(["cpu", "auto", "abacus", "cuda:77"]),
        "feature_extractor": st.sampled_from([None, int, "x"]),
        "callbacks": st.sampled_from([None, [], [1], "x"]),
        "terms": st.sampled_from([None, [], [1], "x", *TERMS]),
    },
)
conditioning = st.fixed_dictionaries(
    {},
    optional={
        "conditioning": st.sampled_from(["auto", "multilinear", "randomized", None]),
        "n_random_features": st.sampled_from([1, 5, 0, 2.5]),
        "entropy_weighting": st.sampled_from([False, None]),
    },
)


@st.composite
def calls(draw):
    n, m, d = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(1, 4))
    fit = {"X": draw(matrices(n, d)), "y": draw(labels(n))}
    if draw(st.booleans()):
        fit["X_tgt"] = draw(matrices(m, d))
    elif draw(st.booleans()):
        fit["sample_domain"] = draw(marks(n))
    if draw(st.integers(0, 3)) == 0:
        fit["sample_weight"] = draw(weights(n))
    if draw(st.integers(0, 5)) == 0:
        fit["X_val"], fit["y_val"] = draw(matrices(m, d)), draw(labels(m))
    if draw(st.integers(0, 20)) == 0:
        fit["sample_domain"] = draw(marks(n))
    kind, params = DANNClassifier, draw(parameters)
    if draw(st.integers(0, 3)) == 0:
        kind, params = CDANClassifier, {**params, **draw(conditioning)}
    return kind, params, fit, draw(matrices(m, d))


@given(calls())
def test_a_call_ends_in_a_usable_model_or_in_an_error_that_names_the_argument(call):
    kind, params, fit, X_new = call
    clf = kind(**{"hidden_layer_sizes": (3,), "max_iter": 2, **params})
    with warnings.catch_warnings():
        # What data like these deserve; the tests of bad input look at each.
        warnings.simplefilter("ignore")
        try:
            clf.fit(**fit)
        except (ValueError, TypeError) as error:
            _assert_names_an_argument(error, [*ARGUMENTS, *clf.get_params()])
            return
        try:
            proba, features = clf.predict_proba(X_new), clf.transform(X_new)
        except (ValueError, TypeError) as error:
            _assert_names_an_argument(error, ["X"])
            return
    assert np.isfinite(proba).all()
    assert np.isfinite(features).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-4)


def _assert_names_an_argument(error, names):
    assert re.search(rf"\b({'|'.join(names)})\b", str(error)), repr(error)
