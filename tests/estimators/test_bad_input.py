"""Bad input ends in an error that names the argument and says what would work."""

import contextlib
import functools
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochScoring, LRScheduler

from sk_dann import DANNClassifier
from sk_dann.exceptions import UntransformedTargetWarning
from sk_dann.training import TrainingDivergedError


def repr_without_address(value):
    return getattr(value, "__name__", repr(value)[:20])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(12, 3)),
        "y": np.arange(12) % 2,
        "X_tgt": rng.normal(size=(8, 3)),
    }


def _fit(data, **params):
    return DANNClassifier(**{"max_iter": 1, "hidden_layer_sizes": (4,), **params}).fit(**data)


def _with(array, value):
    array = np.array(array, dtype=float)
    array[1, 0] = value
    return array


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["X", "X_tgt", "X_val"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_values_that_are_not_finite(data, name, value, container):
    data |= {"X_val": data["X"].copy(), "y_val": data["y"]}
    data[name] = container(_with(data[name], value))
    with pytest.raises(ValueError, match=rf"Input {name} contains (NaN|infinity)"):
        _fit(data, early_stopping=True)


@pytest.mark.parametrize("name", ["X_tgt", "X_val"])
def test_another_number_of_columns(data, name):
    data |= {"X_val": data["X"], "y_val": data["y"]}
    data[name] = data[name][:, :2]
    with pytest.raises(ValueError, match=rf"{name} has 2 features, but the source has 3"):
        _fit(data, early_stopping=True)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_another_name_or_order(data, frame):
    names = ["a", "b", "c"]
    data["X"] = frame(dict(zip(names, data["X"].T, strict=True)))
    target = data["X_tgt"].T
    for other in (["a", "b", "d"], ["b", "a", "c"]):
        data["X_tgt"] = frame(dict(zip(other, target, strict=True)))
        with pytest.raises(ValueError, match="columns of X_tgt are not the source's"):
            _fit(data)


@pytest.mark.parametrize("named", ["X", "X_tgt"])
def test_column_names_on_one_side_alone_are_warned_of(data, named):
    data[named] = pd.DataFrame(data[named], columns=["a", "b", "c"])
    with pytest.warns(UserWarning, match="has column names and"):
        _fit(data)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X_tgt", np.empty((0, 3)), r"X_tgt: .*0 sample\(s\)"),
        ("X_tgt", [], "X_tgt: Expected 2D array"),
        ("X_tgt", 3, "X_tgt: Expected 2D array"),
        ("X_tgt", "abc", "X_tgt"),
        ("X_tgt", np.zeros(3), "X_tgt: Expected 2D array"),
        ("X_tgt", np.zeros((2, 3, 1)), "X_tgt: .*dim 3"),
        ("X_tgt", np.zeros((2, 3), dtype=complex), "X_tgt: Complex data not supported"),
        ("X_tgt", [["a", "b", "c"]], "X_tgt: .*(string to float|dtype='numeric')"),
        ("X_tgt", np.array([[object()] * 3]), "X_tgt: .*float"),
        ("X", np.zeros((12, 3), dtype=complex), "X: Complex data not supported"),
        ("X", [["a", "b", "c"]] * 12, "X: .*(string to float|dtype='numeric')"),
        ("X", np.empty((12, 0)), r"X: .*0 feature\(s\)"),
        ("y", np.array([1, "a"] * 6, dtype=object), "Unknown label type|mix"),
        ("y", np.zeros(12), "y holds one class, .*0.*at least 2 classes"),
        ("y", np.arange(11) % 2, "y has 11 labels for 12 rows"),
        ("y", None, "requires y to be passed"),
        ("y", np.full(12, np.nan), "y lacks labels in 12 of 12 source samples"),
        ("y", np.linspace(0, 1, 12), "Unknown label type"),
        ("y", np.eye(12)[:, :2], "y should be a 1d array"),
        ("sample_weight", np.ones(11), "sample_weight.shape"),
        ("sample_weight", -np.ones(12), "Negative values"),
        ("sample_weight", 2.0, "sample_weight.shape"),
        ("sample_weight", ["heavy"] * 12, "sample_weight"),
        ("sample_weight", np.zeros(12), "sample_weight is zero on every source row"),
        ("sample_weight", np.full(12, np.nan), "sample_weight contains NaN"),
        ("sample_domain", np.r_[np.ones(8), -np.ones(4)], "either X_tgt .* or sample_domain"),
    ],
)
def test_arguments_of_fit(data, name, value, message):
    data[name] = value
    with pytest.raises((ValueError, TypeError), match=message):
        _fit(data)


@pytest.mark.parametrize(
    ("sample_domain", "message"),
    [
        (np.ones(12), "no negative entries"),
        (-np.ones(12), "no positive entries"),
        (np.r_[0, np.ones(6), -np.ones(5)], "has zeros"),
        (np.ones(11), r"sample_domain has shape \(11,\), but must have .*\(12,\)"),
        (np.r_[np.full(6, np.nan), -np.ones(6)], "must hold integers"),
        (np.r_[1, -np.ones(11)], "y holds one class"),
        (3, r"sample_domain has shape \(\)"),
    ],
)
def test_sample_domain(data, sample_domain, message):
    del data["X_tgt"]
    with pytest.raises(ValueError, match=message):
        _fit(data | {"sample_domain": sample_domain})


@pytest.mark.parametrize("name", ["X", "X_tgt"])
def test_sparse_and_dense_domains(data, name):
    data[name] = sparse.csr_array(data[name])
    with pytest.raises(ValueError, match=r"X_tgt is (dense|sparse) and X is"):
        _fit(data)


def test_one_source_row():
    with pytest.raises(ValueError, match=r"1 sample.*minimum of 2"):
        DANNClassifier().fit([[1.0]], [0], [[2.0]])


def test_a_class_with_one_row_is_enough(data):
    data["y"] = np.r_[np.zeros(11), 1]
    assert _fit(data).classes_.tolist() == [0, 1]


def test_a_class_with_one_sample_is_learned_from_and_not_held_out(data):
    data["y"] = np.r_[np.zeros(11), 1]
    clf = _fit(data, early_stopping=True, validation_fraction=0.2)
    assert clf.validation_scores_ is not None
    data = {name: data[name][-2:] for name in ("X", "y", "X_tgt")}
    with pytest.warns(UserWarning, match=r"no class has two source samples among 2.*X_val"):
        clf = _fit(data, early_stopping=True)
    assert clf.validation_scores_ is None


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"X_val": np.zeros((2, 3))}, "X_val is provided, but y_val"),
        ({"y_val": [0, 1]}, "y_val is provided, but X_val"),
        ({"X_val": np.zeros((2, 3)), "y_val": [0, 5]}, r"y_val holds classes.*\[5\]"),
        ({"X_val": np.zeros((2, 3)), "y_val": [0]}, "y_val has 1 labels for 2 rows"),
    ],
)
def test_validation_set(data, extra, message):
    with pytest.raises(ValueError, match=message):
        _fit(data | extra, early_stopping=True)


def test_a_validation_set_without_early_stopping_would_be_ignored(data):
    with pytest.raises(ValueError, match="early_stopping is False"):
        _fit(data | {"X_val": data["X"], "y_val": data["y"]})


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("hidden_layer_sizes", ()),
        ("hidden_layer_sizes", (10, 0)),
        ("hidden_layer_sizes", (2.5,)),
        ("hidden_layer_sizes", "many"),
        ("label_hidden_layer_sizes", (-1,)),
        ("domain_hidden_layer_sizes", 0),
        ("activation", "gelu"),
        ("dropout", 1.0),
        ("lambda_adapt", -1),
        ("lambda_adapt", np.nan),
        ("lambda_adapt", np.inf),
        ("lambda_schedule", "linear"),
        ("lambda_schedule", lambda p: -p),
        ("lambda_schedule", lambda p: None),
        ("lambda_schedule", lambda p: np.nan),
        ("solver", "lbfgs"),
        ("learning_rate_init", 0),
        ("learning_rate", "adaptive"),
        ("momentum", 2),
        ("alpha", -1),
        ("batch_size", 0),
        ("batch_size", "auto"),
        ("max_iter", 0),
        ("early_stopping", "yes"),
        ("validation_fraction", 0.0),
        ("validation_fraction", 1.0),
        ("n_iter_no_change", 0),
        ("tol", -1),
        ("n_estimators", 0),
        ("class_weight", "rare"),
        ("device", "tpu"),
        ("device", "meta"),
        ("device", 3),
        ("hidden_layer_sizes", np.array(2.5)),
        ("lambda_schedule", lambda p: 1 if p in (0, 1) else np.nan),
        ("learning_rate", lambda p: 1 if p in (0, 1) else -1),
        ("class_weight", {0: -1}),
        ("class_weight", {0: np.nan}),
        ("class_weight", {0: 0, 1: 0}),
        ("class_weight", {5: 1}),
        ("solver", functools.partial(torch.optim.SGD, weight_decay=0.5)),
        ("solver", torch.optim.LBFGS),
        ("random_state", "seed"),
        ("verbose", -1),
        ("callbacks", "all"),
    ],
    ids=repr_without_address,
)
def test_parameters_are_named(data, param, value):
    with pytest.raises(ValueError, match=param):
        _fit(data, **{"max_iter": 2, param: value})


@pytest.mark.parametrize("solver", [dict, len, lambda groups, lr: None])
def test_what_is_no_optimizer_is_refused(data, solver):
    with pytest.raises(TypeError, match="solver"):
        _fit(data, solver=solver)


def test_a_schedule_must_take_the_progress(data):
    with pytest.raises(TypeError, match="lambda_schedule"):
        _fit(data, lambda_schedule=lambda: 1)


@pytest.mark.parametrize("callback", [3, "log", ("log", 3), dict])
def test_what_is_no_callback_is_refused(data, callback):
    with pytest.raises(TypeError, match="callbacks must hold skorch callbacks"):
        _fit(data, callbacks=[callback])


def test_callbacks_that_cannot_work_are_refused(data):
    with pytest.raises(ValueError, match="EpochScoring, which wants a skorch Dataset"):
        _fit(data, callbacks=[EpochScoring("accuracy")])
    with pytest.raises(ValueError, match="LRScheduler while learning_rate='dann'"):
        _fit(data, callbacks=[LRScheduler("StepLR", step_size=1)], learning_rate="dann")


def test_weights_of_any_scale_are_fine(data):
    weight = np.linspace(0.5, 1, 12)
    fits = [
        _fit(data | {"sample_weight": weight * scale}, random_state=0).predict_proba(data["X"])
        for scale in (1, 1e-300, 1e300)
    ]
    np.testing.assert_allclose(fits[1], fits[0], rtol=1e-9)
    np.testing.assert_allclose(fits[2], fits[0], rtol=1e-9)


def test_a_failed_fit_leaves_no_fitted_estimator(data):
    clf = DANNClassifier(hidden_layer_sizes=())
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        clf.fit(**data)
    with pytest.raises(NotFittedError):
        clf.predict(data["X"])


@pytest.mark.parametrize("max_iter", [1, 3])
def test_divergence_in_the_last_step_is_noticed_too(data, max_iter):
    data = {name: values.astype(np.float32) for name, values in data.items()}
    with pytest.raises(ValueError, match="diverged"):
        _fit(data, solver="sgd", learning_rate_init=1e300, alpha=0, max_iter=max_iter)


def test_warnings_point_at_the_users_line(data):
    data["X_tgt"] = data["X_tgt"] * 1000
    with pytest.warns(UntransformedTargetWarning) as caught:
        _fit(data)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("sample_domain", "message"),
    [([1] * 3, r"shape \(3,\)"), (["s"] * 12, "integers"), ([0] * 12, "has zeros")],
)
def test_sample_domain_of_score(data, sample_domain, message):
    with pytest.raises(ValueError, match=message):
        _fit(data).score(data["X"], data["y"], sample_domain=sample_domain)


def test_a_source_domain_must_not_get_lost_in_validation(data):
    del data["X_tgt"]
    domain = np.array([1, 1, 1, 1, 1, 2, 3, 3, 3, 3, -1, -1])
    for n_domains in (3, 2):
        clf = _fit(data | {"sample_domain": domain}, early_stopping=True, validation_fraction=0.5)
        assert clf.n_source_domains_ == n_domains
        domain[5] = 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_of_absurd_scale_never_give_nan(data, dtype):
    for name in ("X", "X_tgt"):
        data[name] = (data[name] * 1e30).astype(dtype)
    # The first step's loss is finite, and Adam's steps are small whatever the gradient.
    assert np.isfinite(_fit(data).predict_proba(data["X_tgt"])).all()


def test_features_at_the_end_of_the_range_end_the_fit_with_advice(data):
    for name in ("X", "X_tgt"):
        scale = np.finfo(np.float32).max / np.abs(data[name]).max()
        data[name] = (np.abs(data[name]) * scale).astype(np.float32)
    with pytest.raises(ValueError, match=r"diverged.*StandardScaler"):
        _fit(data, hidden_layer_sizes=(200,))


def test_rows_that_overflow_the_network_are_refused(data):
    data = {name: np.asarray(a, dtype=np.float32) for name, a in data.items()}
    clf = _fit(data, hidden_layer_sizes=(200,))
    with pytest.raises(ValueError, match="X leads to infinite or undefined network outputs"):
        clf.predict_proba(np.full((1, 3), np.finfo(np.float32).max, dtype=np.float32))


def test_a_target_that_missed_the_scaler_is_warned_of(data):
    data["X_tgt"] = data["X_tgt"] * [10, 1000, 50] + [100, 0, 0]
    with pytest.warns(UntransformedTargetWarning, match=r'transform_input=\["X_tgt"\]'):
        _fit(data)


FIRST = np.arange(12) == 0
WORDS = np.array(["no", "yes"] * 6, dtype=object)
UNLABELLED = {
    "nan among strings": np.where(FIRST, np.nan, WORDS),
    "None": np.where(FIRST, None, WORDS),
    "pandas.NA in strings": pd.Series(WORDS, dtype="string").mask(FIRST),
    "pandas.NA in integers": pd.Series(np.arange(12) % 2, dtype="Int64").mask(FIRST),
    "a category": pd.Series(WORDS, dtype="category").mask(FIRST),
    "nan among numbers": np.where(FIRST, np.nan, np.arange(12) % 2),
    "polars": pl.Series([None, *WORDS[1:]]),
}


@pytest.mark.parametrize("y", UNLABELLED.values(), ids=UNLABELLED)
def test_missing_labels_are_counted(data, y):
    with pytest.raises(ValueError, match="y lacks labels in 1 of 12 source samples"):
        _fit(data | {"y": y})


@pytest.mark.parametrize("name", ["y", "sample_domain", "sample_weight"])
def test_an_index_in_another_order_is_refused(data, name):
    del data["X_tgt"]
    data |= {
        "X": pd.DataFrame(data["X"]),
        "sample_domain": np.repeat([1, -1], 6),
        "sample_weight": np.ones(12),
    }
    data[name] = pd.Series(data[name]).iloc[::-1]
    with pytest.raises(ValueError, match=f"{name}.*index"):
        _fit(data)


def test_an_optimizer_that_takes_no_step_is_named(data):
    with pytest.raises(ValueError, match="solver: SparseAdam cannot take a step"):
        _fit(data, solver=torch.optim.SparseAdam, alpha=0)


@pytest.mark.parametrize("solver", [torch.optim.RAdam, torch.optim.NAdam])
def test_a_weight_decay_without_bounds_ends_in_an_error_or_in_numbers(data, solver):
    clf = DANNClassifier((4,), max_iter=2, solver=solver, alpha=1e300, random_state=0)
    with contextlib.suppress(TrainingDivergedError):
        clf.fit(**data)
        assert np.isfinite(clf.predict_proba(data["X_tgt"])).all()


@pytest.mark.parametrize("early_stopping", [True, False])
def test_few_rows_can_be_held_out(data, early_stopping):
    clf = _fit(data, early_stopping=early_stopping, max_iter=3)
    assert np.isfinite(clf.predict_proba(data["X_tgt"])).all()
    first_two = {"X": data["X"][:2], "y": data["y"][:2], "X_tgt": data["X_tgt"]}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _fit(first_two, early_stopping=early_stopping)
    assert any("early_stopping=True needs" in str(w.message) for w in said) == early_stopping


def test_early_stopping_must_leave_weight_to_train_on(data):
    weight = np.zeros(12)
    weight[0] = 1
    errors = []
    for seed in range(30):
        clf = DANNClassifier((4,), max_iter=1, early_stopping=True, random_state=seed)
        try:
            clf.fit(**data, sample_weight=weight)
        except ValueError as error:
            errors.append(str(error))
    assert 0 < len(errors) < 30
    assert all("sample_weight" in each and "early_stopping=False" in each for each in errors)
