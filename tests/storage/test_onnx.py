"""ONNX: onnxruntime predicts what the estimators predict."""

import sys

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.storage import to_onnx

QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 2, "random_state": 0}


def _run(model, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities"]
    return session.run(None, inputs)


def _assert_same(estimator, X, inputs=None, **kwargs):
    label, proba = _run(to_onnx(estimator, X, **kwargs), {"X": X} if inputs is None else inputs)
    expected = estimator.predict_proba(X)
    np.testing.assert_allclose(proba, expected, rtol=0, atol=1e-5)
    assert proba.dtype == expected.dtype
    np.testing.assert_array_equal(label, estimator.predict(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_estimators": 4},
        {"hidden_layer_sizes": (7, 6, 5), "label_hidden_layer_sizes": (4, 3)},
        {"activation": "identity"},
        {"activation": "logistic", "dropout": 0},
        {"activation": "tanh", "n_estimators": 2},
    ],
)
def test_all_networks_predict_the_same(draw, params, n_classes, dtype):
    X, y, X_tgt = draw(n_classes, dtype)
    clf = DANNClassifier(**{**QUICK, **params}).fit(X, y, X_tgt)
    # The fourth column was constant in the source, and is not here.
    assert X_tgt[:, 3].std() > 0
    _assert_same(clf, X_tgt)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-3, 7], [False, True], np.array(["a", "b"], "O")]
)
def test_labels_are_strings_or_integers(draw, labels):
    X, y, X_tgt = draw(2, labels=labels)
    _assert_same(DANNClassifier(**QUICK).fit(X, y, X_tgt), X_tgt)


@pytest.mark.parametrize("shares", [[0.9, 0.1], [0, 1]])
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_shares_of_the_target_are_taken_for_granted(draw, shares, n_estimators):
    X, y, X_tgt = draw(2, np.float32)
    clf = DANNClassifier(**QUICK, label_shift=shares, n_estimators=n_estimators).fit(X, y, X_tgt)
    _assert_same(clf, X_tgt)
    # However sure of the class that is not there the network is.
    _assert_same(clf, 100 * X_tgt)


@pytest.mark.parametrize(
    "estimator",
    [CDANClassifier(**QUICK), DANNClassifierCV(DANNClassifier(**QUICK), lambdas=[0, 1], cv=2)],
)
def test_other_estimators_predict_the_same(data, estimator):
    _assert_same(estimator.fit(*data), data[2])


def test_classes_of_ones_own_are_known_too(data):
    class Mine(DANNClassifier):
        pass

    _assert_same(Mine(**QUICK).fit(*data), data[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pipeline_is_one_model(draw, dtype):
    X, y, domain = _stack(*draw(dtype=dtype))
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK, n_estimators=2))
    pipeline.fit(X, y, dannclassifier__sample_domain=domain)
    _assert_same(pipeline, X)
    # Also fed with what most runtimes are fed with.
    _, proba = _run(to_onnx(pipeline, X.astype(np.float32)), {"X": X.astype(np.float32)})
    np.testing.assert_allclose(proba, pipeline.predict_proba(X), rtol=0, atol=1e-5)


def _stack(X, y, X_tgt):
    domain = np.repeat([1, -1], [len(X), len(X_tgt)])
    return np.vstack([X, X_tgt]), np.resize(y, len(domain)), domain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_and_categories_of_a_frame_are_inputs_by_name(draw, dtype):
    X, y, domain = _stack(*draw())
    frame = pd.DataFrame(X[:, :2], columns=["age", "pay"]).astype(dtype)
    frame["city"] = np.resize(["Rome", "Oslo", "Bern"], len(frame))
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "pay"]), ("city", OneHotEncoder(), ["city"])]
    )
    pipeline = make_pipeline(columns, DANNClassifier(**QUICK))
    pipeline.fit(frame, y, dannclassifier__sample_domain=domain)
    inputs = {name: frame[[name]].to_numpy() for name in frame}
    _assert_same(pipeline, frame, inputs)


def test_a_bare_classifier_takes_a_frame_and_sparse_rows_as_one_input(draw):
    X, y, X_tgt = draw(dtype=np.float32)
    frames = [pd.DataFrame(part, columns=list("abcde")) for part in (X, X_tgt)]
    clf = DANNClassifier(**QUICK).fit(frames[0], y, frames[1])
    _assert_same(clf, frames[1], {"X": X_tgt})
    clf = DANNClassifier(**QUICK).fit(sparse.csr_array(X), y, sparse.csr_array(X_tgt))
    _assert_same(clf, sparse.csr_array(X_tgt), {"X": X_tgt})


def test_words_are_counted_where_nothing_is_to_be_put_into_lower_case():
    # skl2onnx's lower case wants a locale of the machine, and its tokens are not all Python's.
    texts = ["dull plot", "a great story", "dull story", "great great plot"] * 5
    y, domain = np.resize([0, 1], 20), np.resize([1, 1, 1, 1, -1], 20)
    tfidf = TfidfVectorizer(lowercase=False, dtype=np.float32)
    pipeline = make_pipeline(tfidf, DANNClassifier(**QUICK))
    pipeline.fit(texts, y, dannclassifier__sample_domain=domain)
    _assert_same(pipeline, texts, {"X": np.array(texts)[:, None]})


@pytest.mark.parametrize("target_opset", [13, 17, 18, 21])
def test_what_skl2onnx_takes_is_passed_on(draw, target_opset):
    X, y, X_tgt = draw()
    clf = DANNClassifier(**QUICK, n_estimators=2).fit(X, y, X_tgt)
    model = to_onnx(clf, X_tgt, target_opset=target_opset)
    assert model.opset_import[0].version <= target_opset
    _assert_same(clf, X_tgt, target_opset=target_opset)


def test_what_cannot_be_written_is_refused(draw):
    X, y, X_tgt = draw()
    own = DANNClassifier(**QUICK, feature_extractor=nn.Tanh).fit(X, y, X_tgt)
    with pytest.raises(ValueError, match="feature_extractor is a module of your own"):
        to_onnx(own, X)
    for other in (BagOfWordsDANNClassifier(), make_pipeline(StandardScaler()), nn.Tanh()):
        with pytest.raises(TypeError, match="ends in one.*got " + type(other).__name__):
            to_onnx(other, X)
    with pytest.raises(NotFittedError):
        to_onnx(DANNClassifier(), X)
    search = DANNClassifierCV(DANNClassifier(**QUICK), lambdas=[0, 1], cv=2, refit=False)
    with pytest.raises(AttributeError, match="refit=True"):
        to_onnx(search.fit(X, y, X_tgt), X)
    mixed = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    mixed.classes_ = np.array([0, 1, "b"], dtype=object)
    with pytest.raises(TypeError, match="either strings or integers"):
        to_onnx(mixed, X)


def test_labels_that_int64_cannot_hold_are_refused(draw):
    clf = DANNClassifier(**QUICK).fit(*draw(2, labels=np.array([0, 2**63], np.uint64)))
    with pytest.raises(ValueError, match=r"got the class 9223372036854775808\. Fit with"):
        to_onnx(clf, draw()[2])


def test_large_labels_that_int64_can_hold_come_back(draw):
    X, y, X_tgt = draw(2, labels=np.array([0, 2**63 - 1], np.uint64))
    _assert_same(DANNClassifier(**QUICK).fit(X, y, X_tgt), X_tgt)


@pytest.mark.parametrize("zipmap", [True, "columns"])
@pytest.mark.parametrize("whose", ["id", "class", "pipeline", "name", "name of the step"])
def test_zipmap_is_refused_wherever_it_is_asked_for(draw, whose, zipmap):
    X, y, domain = _stack(*draw())
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
    pipeline.fit(X, y, dannclassifier__sample_domain=domain)
    options = {
        "id": {id(pipeline[-1]): {"zipmap": zipmap}},
        "class": {DANNClassifier: {"zipmap": zipmap}},
        "pipeline": {id(pipeline): {"zipmap": zipmap}},
        "name": {"zipmap": zipmap},
        "name of the step": {"dannclassifier__zipmap": zipmap},
    }[whose]
    with pytest.raises(ValueError, match=f"options ask for zipmap={zipmap!r}, but"):
        to_onnx(pipeline, X, options=options)


def test_options_that_ask_for_nothing_else_are_taken(draw):
    X, y, domain = _stack(*draw())
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
    pipeline.fit(X, y, dannclassifier__sample_domain=domain)
    for options in (
        None,
        {"zipmap": False},
        {"dannclassifier__zipmap": False},
        {id(pipeline): {"zipmap": False}},
        {id(pipeline[-1]): {}},
        {StandardScaler: {"div": "div"}},
    ):
        _assert_same(pipeline, X, options=options)


def test_a_domain_classifier_of_ones_own_is_of_no_account(draw):
    X, y, X_tgt = draw()
    clf = DANNClassifier(**QUICK, domain_classifier=nn.Linear(6, 1)).fit(X, y, X_tgt)
    _assert_same(clf, X_tgt)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r'pip install "sk-dann\[onnx\]"'):
        to_onnx(DANNClassifier(), np.zeros((1, 2)))
