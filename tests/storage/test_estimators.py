"""Whole estimators: pickle, joblib and skops, in a process that knows nothing but the files."""

import copy
import io
import json
import pickle
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.exceptions import NoTargetWarning
from sk_dann.nn import (
    CentralMomentDiscrepancy,
    InformationMaximization,
    MemberLinear,
    MinimumClassConfusion,
)

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
NETWORKS = DANNClassifier(**QUICK)
# What each has in its skops file that skops does not know, by the name of the class.
ESTIMATORS = {
    "one": (NETWORKS, {"DANNClassifier"}),
    "early stopping": (clone(NETWORKS).set_params(early_stopping=True), {"DANNClassifier"}),
    "members": (DANNClassifier(**QUICK, n_estimators=3, solver="sgd"), {"DANNClassifier"}),
    "shares": (DANNClassifier(**QUICK, label_shift=[0.2, 0.3, 0.5]), {"DANNClassifier"}),
    "estimate": (DANNClassifier(**QUICK, label_shift="estimate"), {"DANNClassifier"}),
    "device": (DANNClassifier(**QUICK, device=torch.device("cpu")), {"DANNClassifier", "device"}),
    "own module": (DANNClassifier(**QUICK, feature_extractor=nn.Tanh), {"DANNClassifier", "Tanh"}),
    "terms": (
        DANNClassifier(
            **QUICK,
            terms=[InformationMaximization(), MinimumClassConfusion(), CentralMomentDiscrepancy()],
        ),
        {
            "DANNClassifier",
            "InformationMaximization",
            "MinimumClassConfusion",
            "CentralMomentDiscrepancy",
        },
    ),
    "conditional": (
        CDANClassifier(**QUICK, conditioning="randomized", n_random_features=16),
        {"CDANClassifier"},
    ),
    "search": (
        DANNClassifierCV(NETWORKS, lambdas=[0, 1], cv=2, random_state=0),
        {"DANNClassifier", "DANNClassifierCV", "DomainScorer"},
    ),
    "words": (
        BagOfWordsDANNClassifier(NETWORKS, n_denoised=3, random_state=0),
        {
            "BagOfWordsDANNClassifier",
            "CorrelationRatioScaler",
            "DANNClassifier",
            "MarginalizedStackedDenoisingAutoencoder",
        },
    ),
    "pipeline": (make_pipeline(StandardScaler(), NETWORKS), {"DANNClassifier"}),
}
# The user's own choices, which the documentation speaks of without naming them.
OWN = {"Tanh", "device"}

LOAD = """
import json, pickle, sys
import joblib, numpy as np, skops.io
X = np.load("X.npy")
for name, trusted in json.loads(sys.argv[1]).items():
    with open(f"{name}.pickle", "rb") as file:
        loaded = [pickle.load(file)]
    loaded += [joblib.load(f"{name}.joblib"), joblib.load(f"{name}.joblib", mmap_mode="r")]
    loaded += [skops.io.load(f"{name}.skops", trusted=trusted)]
    expected = np.load(f"{name}.npy")
    for clf in loaded:
        assert np.array_equal(clf.predict_proba(X), expected), name
"""


@pytest.fixture(scope="module")
def fitted(data):
    models = {}
    for name, (estimator, _) in ESTIMATORS.items():
        X, y, X_tgt = data
        if name == "pipeline":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoTargetWarning)
                models[name] = clone(estimator).fit(X, y)
        else:
            models[name] = clone(estimator).fit(X, y, X_tgt)
    return models


def _class_name(path):
    return path.rpartition(".")[2]


def test_files_load_in_a_fresh_process_and_predict_the_same_bits(fitted, data, tmp_path):
    X = data[2]
    np.save(tmp_path / "X.npy", X)
    trusted = {}
    for name, clf in fitted.items():
        np.save(tmp_path / f"{name}.npy", clf.predict_proba(X))
        (tmp_path / f"{name}.pickle").write_bytes(pickle.dumps(clf))
        joblib.dump(clf, tmp_path / f"{name}.joblib")
        skops.io.dump(clf, tmp_path / f"{name}.skops")
        trusted[name] = skops.io.get_untrusted_types(file=tmp_path / f"{name}.skops")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD, json.dumps(trusted)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ESTIMATORS)
def test_skops_is_to_trust_no_more_than_what_is_listed(fitted, name):
    stored = skops.io.dumps(fitted[name])
    types = skops.io.get_untrusted_types(data=stored)
    assert {_class_name(path) for path in types} == ESTIMATORS[name][1]
    # And nothing inside is a pickle, which skops could not see into.
    inside = zipfile.ZipFile(io.BytesIO(stored)).namelist()
    assert {Path(part).suffix for part in inside} == {".json", ".npy"}
    assert b"BytesNode" not in stored


def test_the_documentation_lists_the_types_that_skops_is_to_trust():
    page = Path(__file__).parents[2] / "docs" / "user_guide" / "storage.md"
    table = re.findall(r"^\| `sk_dann\.([\w.]+)` \|", page.read_text(), flags=re.MULTILINE)
    listed = {_class_name(path) for path in table}
    assert listed == set.union(*(types for _, types in ESTIMATORS.values())) - OWN


def test_classes_themselves_can_be_passed_as_trusted(fitted, data):
    clf = fitted["pipeline"]
    loaded = skops.io.loads(skops.io.dumps(clf), trusted=[DANNClassifier])
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))


@pytest.mark.parametrize("how", ["pickle", "skops"])
def test_all_that_was_learned_is_there_again(fitted, data, how):
    X, y, X_tgt = data
    clf = fitted["estimate"]
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(clf))
    else:
        loaded = skops.io.loads(skops.io.dumps(clf), trusted=[DANNClassifier])
    assert loaded.history_ == clf.history_ == loaded.net_.history
    assert type(loaded.history_) is type(clf.history_)
    assert loaded.loss_curve_ == clf.loss_curve_
    for name, value in vars(clf.share_estimate_).items():
        np.testing.assert_equal(getattr(loaded.share_estimate_, name), value)
    for method in ("transform", "predict_domain_proba", "source_only_proba", "predict"):
        np.testing.assert_array_equal(getattr(loaded, method)(X_tgt), getattr(clf, method)(X_tgt))
    assert loaded.score(X, y) == clf.score(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd", torch.optim.RMSprop])
def test_training_goes_on_from_a_skops_file_to_the_same_bits(data, solver):
    params = {**QUICK, "lambda_schedule": "constant", "warm_start": True, "solver": solver}
    clf = DANNClassifier(**params).fit(*data)
    stored = skops.io.dumps(clf)
    loaded = skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))
    loaded.set_params(max_iter=4).fit(*data)
    whole = DANNClassifier(**{**params, "max_iter": 4}).fit(*data)
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), whole.predict_proba(data[2]))


def test_parameters_that_were_changed_after_the_fit_do_not_matter(data):
    clf = DANNClassifier(**QUICK).fit(*data)
    clf.set_params(hidden_layer_sizes=(3, 3), activation="tanh", solver="sgd", n_estimators=2)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))
    assert loaded.hidden_layer_sizes == (3, 3)


class Narrow(DANNClassifier):
    """Takes few parameters and sets the others itself, one of them no sooner than in fit."""

    def __init__(self, lambda_adapt=1.0, max_iter=3):
        super().__init__(lambda_adapt=lambda_adapt, max_iter=max_iter, random_state=0)

    def fit(self, X, y, X_tgt=None, **kwargs):
        self.hidden_layer_sizes = (6,)
        return super().fit(X, y, X_tgt, **kwargs)


def test_subclasses_need_not_take_all_parameters(data):
    clf = clone(Narrow(0.5)).fit(*data)
    expected = DANNClassifier(6, lambda_adapt=0.5, max_iter=3, random_state=0).fit(*data)
    np.testing.assert_array_equal(clf.predict_proba(data[2]), expected.predict_proba(data[2]))
    stored = skops.io.dumps(clf)
    for loaded in (
        pickle.loads(pickle.dumps(clf)),
        skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored)),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))


def test_what_one_learned_stays_out_of_what_was_stored(data):
    clf = DANNClassifier(**QUICK, warm_start=True).fit(*data)
    loaded = pickle.loads(pickle.dumps(clf))
    before = loaded.predict_proba(data[2])
    clf.set_params(max_iter=4).fit(*data)
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), before)


def test_buffers_of_ones_own_modules_are_stored(data):
    extractor = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))
    clf = DANNClassifier(**QUICK, feature_extractor=extractor, n_estimators=2).fit(*data)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))


class Tied(nn.Module):
    """Both layers are one; the width of its input is not told beforehand."""

    def __init__(self):
        super().__init__()
        self.lazy = nn.LazyLinear(4)
        self.first = nn.Linear(4, 4)
        self.second = self.first

    def forward(self, x):
        return self.second(torch.relu(self.first(self.lazy(x))))


def test_training_goes_on_with_lazy_and_tied_modules(data):
    params = {**QUICK, "feature_extractor": Tied, "lambda_schedule": "constant"}
    clf = DANNClassifier(**params, warm_start=True).fit(*data)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))
    extractor = loaded.net_.module_.feature_extractor.members[0]
    assert extractor.first.weight is extractor.second.weight
    loaded.set_params(max_iter=4).fit(*data)
    whole = DANNClassifier(**{**params, "max_iter": 4}).fit(*data)
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), whole.predict_proba(data[2]))


def test_no_weights_are_drawn_to_be_overwritten(data, monkeypatch):
    clf = DANNClassifier(**QUICK).fit(*data)
    stored = pickle.dumps(clf)

    def draw(layer, generator):
        raise AssertionError("Weights were drawn.")

    monkeypatch.setattr(MemberLinear, "reset_parameters", draw)
    loaded = pickle.loads(stored)
    np.testing.assert_array_equal(loaded.predict_proba(data[2]), clf.predict_proba(data[2]))


class Rounded(torch.optim.SGD):
    def step(self):
        super().step()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["rounded"] = parameter.detach().bfloat16()


def test_states_that_numpy_has_no_dtype_for_are_stored_too(data):
    net = copy.deepcopy(DANNClassifier(**QUICK, solver=Rounded).fit(*data)).net_
    rounded = [state["rounded"].dtype for state in net.optimizer_.state.values() if state]
    assert rounded
    assert set(rounded) <= {torch.bfloat16, torch.float64}  # torch casts what it loads
