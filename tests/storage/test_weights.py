"""Weights as safetensors."""

import json
import os
import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from torch import nn

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.exceptions import NoTargetWarning
from sk_dann.storage import load_weights, save_weights

QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 2, "random_state": 0}


class Extractor(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width))

    def forward(self, x):
        return self.layers(x)


ESTIMATORS = {
    "one": DANNClassifier(**QUICK),
    "members": DANNClassifier(**QUICK, n_estimators=3, label_hidden_layer_sizes=4),
    "shares": DANNClassifier(**QUICK, label_shift=[0.2, 0.3, 0.5]),
    "estimate": DANNClassifier(**QUICK, label_shift="estimate"),
    "multilinear": CDANClassifier(**QUICK),
    "randomized": CDANClassifier(**QUICK, conditioning="randomized", n_random_features=16),
    "own class": DANNClassifier(**QUICK, feature_extractor=Extractor, n_estimators=2),
    "own instance": DANNClassifier(**QUICK, feature_extractor=Extractor(3)),
    "all one's own": DANNClassifier(
        **QUICK,
        feature_extractor=nn.Linear(5, 2),
        label_predictor=nn.Linear(2, 3),
        domain_classifier=nn.Linear(2, 1),
    ),
}
METHODS = ("predict", "predict_proba", "decision_function", "transform", "predict_domain_proba")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clf.safetensors"


def _assert_same(loaded, clf, X, methods=METHODS):
    for method in methods:
        one, other = (getattr(each, method)(X) for each in (loaded, clf))
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_loaded_classifier_predicts_the_same_bits(data, path, name):
    X, y, X_tgt = data
    clf = clone(ESTIMATORS[name]).fit(*data)
    save_weights(clf, path)
    loaded = clone(ESTIMATORS[name])
    assert load_weights(loaded, path) is loaded
    _assert_same(loaded, clf, X_tgt)
    assert loaded.score(X, y) == clf.score(X, y)
    assert list(loaded.get_feature_names_out()) == list(clf.get_feature_names_out())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "labels",
    [[0, 1], [-3, 7], [False, True], ["no", "yes"], [0.0, 1.0], np.array(["a", "b"], object)],
)
def test_classes_keep_their_kind_and_networks_their_dtype(draw, path, labels, dtype):
    X, y, X_tgt = draw(2, dtype, labels)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    save_weights(clf, path)
    loaded = load_weights(DANNClassifier(**QUICK), path)
    assert loaded.classes_.dtype == clf.classes_.dtype
    _assert_same(loaded, clf, X_tgt)


def test_weights_that_lie_otherwise_in_memory_are_stored_as_they_are(data, path):
    extractor = nn.Linear(5, 4)
    extractor.weight = nn.Parameter(torch.arange(20.0).view(5, 4).t() / 10)
    clf = DANNClassifier(**QUICK, feature_extractor=extractor).fit(*data)
    assert not clf.net_.module_.feature_extractor.state_dict()["members.0.weight"].is_contiguous()
    save_weights(clf, path)
    loaded = load_weights(DANNClassifier(**QUICK, feature_extractor=extractor), path)
    _assert_same(loaded, clf, data[2])


def test_names_of_features_are_kept_and_those_of_before_forgotten(data, path):
    X, y, X_tgt = data
    frames = [pd.DataFrame(part, columns=list("abcde")) for part in (X, X_tgt)]
    clf = DANNClassifier(**QUICK).fit(frames[0], y, frames[1])
    save_weights(clf, path)
    loaded = load_weights(DANNClassifier(**QUICK), path)
    assert list(loaded.feature_names_in_) == list("abcde")
    with pytest.raises(ValueError, match="must be in the same order"):
        loaded.predict(frames[0][list("edcba")])
    save_weights(DANNClassifier(**QUICK).fit(*data), path)
    assert not hasattr(load_weights(loaded, path), "feature_names_in_")


def test_several_source_domains_and_none(draw, path):
    X, y, X_tgt = draw()
    domain = np.r_[np.resize([3, 7], 60), np.full(40, -1)]
    clf = DANNClassifier(**QUICK).fit(
        np.vstack([X, X_tgt]), np.resize(y, 100), sample_domain=domain
    )
    save_weights(clf, path)
    loaded = load_weights(DANNClassifier(**QUICK), path)
    assert loaded.n_source_domains_ == 2
    _assert_same(loaded, clf, X_tgt)
    with pytest.warns(NoTargetWarning):
        clf = DANNClassifier(**QUICK).fit(X, y)
    save_weights(clf, path)
    # What there is no domain classifier for is of no account.
    loaded = load_weights(DANNClassifier(**QUICK, domain_hidden_layer_sizes=3), path)
    _assert_same(loaded, clf, X_tgt, ["predict_proba"])
    with pytest.raises(ValueError, match="fitted without a target"):
        loaded.predict_domain_proba(X_tgt)


def test_a_fresh_process_reads_the_file(data, path):
    clf = DANNClassifier(**QUICK, label_shift=[0.2, 0.3, 0.5]).fit(*data)
    save_weights(clf, path)
    np.save(path.with_name("X.npy"), data[2])
    code = (
        "import numpy as np\n"
        "from sk_dann import DANNClassifier\n"
        "from sk_dann.storage import load_weights\n"
        "clf = load_weights(DANNClassifier(hidden_layer_sizes=(8, 6)), 'clf.safetensors')\n"
        "np.save('proba.npy', clf.predict_proba(np.load('X.npy')))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=path.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    proba = np.load(path.with_name("proba.npy"))
    np.testing.assert_array_equal(proba, clf.predict_proba(data[2]))


def test_others_read_the_tensors_by_torchs_names(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    save_weights(clf, path)
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(clf.net_.module_.state_dict())
        told = json.loads(file.metadata()["sk_dann"])
        bias = file.get_tensor("label_predictor.0.bias")
    assert told["classes"] == ["bad", "fair", "good"]
    assert torch.equal(bias, clf.net_.module_.label_predictor[0].bias)


def test_a_search_and_a_pipeline_have_theirs_inside(data, path):
    search = DANNClassifierCV(DANNClassifier(**QUICK), lambdas=[0, 1], cv=2).fit(*data)
    for estimator, hint in (
        (search, "it is at best_estimator_"),
        (make_pipeline(search.best_estimator_), r"pipeline\[-1\]"),
        (BagOfWordsDANNClassifier(), "store it by skops or joblib"),
        (nn.Linear(1, 1), r"got Linear\.$"),
    ):
        with pytest.raises(TypeError, match=hint):
            save_weights(estimator, path)
    save_weights(search.best_estimator_, path)
    loaded = load_weights(DANNClassifier(hidden_layer_sizes=(8, 6)), path)
    _assert_same(loaded, search, data[2], ["predict_proba"])
    with pytest.raises(NotFittedError):
        save_weights(DANNClassifier(), path)


def test_what_training_left_is_not_there_and_said_so(data, path):
    params = {**QUICK, "label_shift": "estimate", "warm_start": True}
    save_weights(DANNClassifier(**params).fit(*data), path)
    loaded = load_weights(DANNClassifier(**params).fit(*data), path)
    for name in ("history_", "loss_curve_", "n_iter_"):
        assert not hasattr(loaded, name)
    with pytest.raises(ValueError, match="files of weights do not hold them"):
        loaded.source_only_proba(data[2])
    with pytest.raises(ValueError, match="only the weights were loaded"):
        loaded.fit(*data)
    # It is an estimator like any other: stored again, fitted again.
    again = pickle.loads(pickle.dumps(loaded))
    _assert_same(again, loaded, data[2])
    assert loaded.set_params(warm_start=False).fit(*data).n_iter_ == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": (8, 7)}, r"hidden_layer_sizes=\[8, 6\] rather than \[8, 7\]"),
        ({"label_hidden_layer_sizes": 3}, r"label_hidden_layer_sizes=\[\] rather than \[3\]"),
        ({"domain_hidden_layer_sizes": 3}, r"domain_hidden_layer_sizes=\[64\] rather than \[3\]"),
        ({"activation": "tanh"}, "activation='relu' rather than 'tanh'"),
        ({"n_estimators": 2}, "n_estimators=1 rather than 2"),
        ({"feature_extractor": Extractor}, "feature_extractor=None rather than 'Extractor'"),
        ({"n_estimators": 0}, "n_estimators"),
    ],
)
def test_other_networks_are_refused_by_the_name_of_the_parameter(data, path, params, message):
    save_weights(DANNClassifier(**QUICK).fit(*data), path)
    with pytest.raises(ValueError, match=message):
        load_weights(DANNClassifier(**{**QUICK, **params}), path)


def test_other_shapes_are_refused_by_the_name_of_the_tensor(data, path):
    save_weights(DANNClassifier(**QUICK).fit(*data), path)
    message = r"domain_classifier\.0\.weight has shape \(1, 6, 64\) rather than \(1, 18, 64\)"
    with pytest.raises(ValueError, match=message):
        load_weights(CDANClassifier(**QUICK), path)
    save_weights(DANNClassifier(**QUICK, feature_extractor=Extractor).fit(*data), path)
    with pytest.raises(ValueError, match=r"has shape \(4, 5\) rather than \(3, 5\)"):
        load_weights(DANNClassifier(**QUICK, feature_extractor=Extractor(3)), path)


def test_a_failed_load_leaves_the_estimator_as_it_was(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    before = {name: id(value) for name, value in vars(clf).items()}
    whole = DANNClassifier(**{**QUICK, "hidden_layer_sizes": 3}).fit(*data)
    save_weights(whole, path)
    content = path.read_bytes()
    newer = path.with_name("newer")
    save_file({"x": np.zeros(1)}, newer, metadata={"sk_dann": '{"format": 99, "version": "9"}'})
    foreign = path.with_name("foreign")
    save_file({"x": np.zeros(1)}, foreign)
    cut = path.with_name("cut")
    cut.write_bytes(content[:-5])
    for file, message in (
        (path, "hidden_layer_sizes"),
        (newer, r"written by sk_dann 9.*Update sk_dann"),
        (foreign, "has no entry 'sk_dann'"),
        (cut, "is no complete safetensors file"),
    ):
        with pytest.raises(ValueError, match=message):
            load_weights(clf, file)
    with pytest.raises(FileNotFoundError):
        load_weights(clf, path.with_name("missing"))
    assert {name: id(value) for name, value in vars(clf).items()} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "its header must be an object with a number at 'format'"),
        ({"format": "1"}, "its header must be"),
        ({"classes": ...}, "its header must be an object with classes too"),
        ({"dtype": "nonsense"}, "dtype must be float32 or float64, got 'nonsense'"),
        ({"params": 3}, "params must be an object, got 3"),
        ({"n_features": "5"}, "n_features must be an integer from 1"),
        ({"n_features": True}, "n_features must be"),
        ({"n_features": 10**30}, "n_features must be"),
        ({"n_features": 10**8}, r"has shape \(1, 5, 8\) rather than \(1, 100000000, 8\)"),
        ({"n_source_domains": -3}, "n_source_domains must be"),
        ({"n_source_domains": 10**9}, r"rather than \(1, 64, 1000000001\)"),
        ({"has_target": 1}, "has_target must be true or false"),
        ({"feature_names": ["a"]}, r"feature_names must be a list of 5, got \['a'\]"),
        ({"feature_names": [1, 2, 3, 4, 5]}, "feature_names must be null or a list of strings"),
        ({"classes": ["bad", "bad", "good"]}, "classes must be .* that differ"),
        ({"classes": ["bad"]}, "classes must be a list of two or more"),
        ({"classes": ["bad", "fair", None]}, "classes must be"),
        ({"classes": "abc"}, "classes must be"),
        ({"classes": ["bad", "fair", "very good"]}, "classes_dtype must be what holds"),
        ({"classes": [0, 1, 2], "classes_dtype": "|b1"}, "classes_dtype must be what holds"),
        ({"classes_dtype": "<i8"}, "classes_dtype must be what holds"),
        ({"classes_dtype": "<M8[s]"}, "classes_dtype must be numpy's name"),
        ({"classes_dtype": "<U2000000000"}, "classes_dtype must be numpy's name"),
        ({"class_shares": [1]}, r"class_shares must be a list of 3, got \[1\]"),
        ({"target_class_shares": [0.5, 0.5]}, "target_class_shares must be a list of 3"),
        ({"target_class_shares": ["a", "b", "c"]}, "target_class_shares must be a list of numbers"),
        ({"target_class_shares": [2, -1, 0]}, "target_class_shares must be"),
        ({"target_class_shares": [0.1, 0.1, 0.1]}, "target_class_shares must be"),
        ({"class_shares": [float("nan"), 0.5, 0.5]}, "class_shares must be"),
        ("[1]", "its header must be an object"),
        ("null", "its header must be an object"),
        ("{", "its entry 'sk_dann' is no JSON"),
        ("[" * 10**5, "its entry 'sk_dann' is no JSON"),
    ],
)
def test_a_header_that_is_not_as_it_was_written_is_refused(data, path, changes, message):
    clf = DANNClassifier(**QUICK).fit(*data)
    before = {name: id(value) for name, value in vars(clf).items()}
    save_weights(clf, path)
    _rewrite(path, changes)
    with pytest.raises(ValueError, match=message) as caught:
        load_weights(clf, path)
    assert str(path) in str(caught.value)
    assert {name: id(value) for name, value in vars(clf).items()} == before


def _rewrite(path, changes):
    """Change the header, or put another text there; ... takes an entry out."""
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = file.metadata()["sk_dann"]
    if isinstance(changes, dict):
        told = json.loads(header) | changes
        header = json.dumps({name: value for name, value in told.items() if value is not ...})
    else:
        header = changes
    save_file(tensors, path, metadata={"sk_dann": header})


def test_features_that_ones_own_module_does_not_take_are_refused(data, path):
    params = {**QUICK, "feature_extractor": nn.Linear(5, 4)}
    clf = DANNClassifier(**params).fit(*data)
    save_weights(clf, path)
    _rewrite(path, {"n_features": 7})
    with pytest.raises(ValueError, match=rf"7 features that {path} tells.*Linear failed"):
        load_weights(clf, path)
    save_weights(DANNClassifier(**{**QUICK, "feature_extractor": nn.Identity}).fit(*data), path)
    _rewrite(path, {"n_features": 6})
    message = r"label_predictor.0.weight has shape \(1, 5, 3\) rather than \(1, 6, 3\)"
    with pytest.raises(ValueError, match=message):
        load_weights(DANNClassifier(**{**QUICK, "feature_extractor": nn.Identity}), path)


def test_a_file_is_whole_or_not_there(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    save_weights(clf, str(path))
    content = path.read_bytes()
    clf.classes_ = np.array([1j, 2j, 3j])
    with pytest.raises(TypeError, match="strings, numbers or truth values"):
        save_weights(clf, path)
    with pytest.raises(FileNotFoundError, match=r"could not be written: No such.*missing/file'"):
        save_weights(DANNClassifier(**QUICK).fit(*data), path.with_name("missing") / "file")
    assert [part.name for part in path.parent.iterdir()] == ["clf.safetensors"]
    assert path.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions.")
def test_permissions_are_those_of_any_new_file_and_of_the_file_that_was_there(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    before = os.umask(0o027)
    try:
        save_weights(clf, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o664)
    save_weights(clf, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_threads_that_save_to_one_path_leave_one_whole_file(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: save_weights(clf, path), range(40)))
    assert [part.name for part in path.parent.iterdir()] == [path.name]
    _assert_same(load_weights(DANNClassifier(**QUICK), path), clf, data[2])


def test_paths_of_bytes_and_links_lead_to_the_file(data, path):
    clf = DANNClassifier(**QUICK).fit(*data)
    save_weights(clf, os.fsencode(path))
    link = path.with_name("link")
    link.symlink_to(path.name)
    clf = DANNClassifier(**QUICK, label_shift=[0.2, 0.3, 0.5]).fit(*data)
    save_weights(clf, link)
    assert link.is_symlink()
    assert len(list(path.parent.iterdir())) == 2
    _assert_same(load_weights(DANNClassifier(**QUICK), os.fsencode(path)), clf, data[2])
    with pytest.raises(ValueError, match=rf"in {path} are not"):
        load_weights(DANNClassifier(), os.fsencode(path))


def test_without_the_package_the_error_says_how_to_get_it(data, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    message = r'needs the package \'safetensors\'.*pip install "sk-dann\[storage\]"'
    with pytest.raises(ImportError, match=message):
        save_weights(DANNClassifier(**QUICK).fit(*data), path)
    with pytest.raises(ImportError, match=message):
        load_weights(DANNClassifier(**QUICK), path)
