"""ONNX: the whole predictor as a graph, which other languages run without torch."""

from contextlib import suppress

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._optional import import_optional
from ..estimators import DANNClassifier, DANNClassifierCV
from ..nn import MemberDropout, MemberLinear
from ..shift._shares import safe_log, share_ratio

_ACTIVATIONS = {nn.Identity: "Identity", nn.Sigmoid: "Sigmoid", nn.Tanh: "Tanh", nn.ReLU: "Relu"}


def to_onnx(estimator, X, **kwargs):
    """Write a fitted classifier, or a pipeline that ends in one, as an ONNX model.

    The model does all that ``predict`` and ``predict_proba`` do: the networks are averaged, columns
    that were constant in the source count for nothing, and with `label_shift` the probabilities are
    those under the target's class shares. Earlier steps of a pipeline are written by
    `skl2onnx <https://onnx.ai/sklearn-onnx/>`_, which knows most of scikit-learn's transformers.

    Parameters
    ----------
    estimator : DANNClassifier, CDANClassifier, DANNClassifierCV or Pipeline
        Fitted, with the networks that come with it: modules of your own have no counterpart here.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Some rows, of which the dtype and the columns are read: the model's input is of that dtype.
        It takes any number of rows. A data frame becomes one input a column.
    **kwargs
        Passed to ``skl2onnx.to_onnx``, for example `target_opset`, `initial_types` or the
        `options` of other steps.

    Returns
    -------
    onnx.ModelProto
        With the outputs ``"label"`` of shape (n,), strings or int64 as `classes_` are, and
        ``"probabilities"`` of shape (n, n_classes), in the dtype in which the network computes.

    Raises
    ------
    ValueError
        If a network is the user's own, a class is a number above int64's, or `options` ask for
        ``zipmap``.
    TypeError
        If it is another estimator that ends in no network of this package, or classes are of
        several kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.model_selection import stack_domains
    >>> from sk_dann.storage import to_onnx
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> X, y, domain = stack_domains(X_src, y_src, X_tgt)
    >>> pipeline = make_pipeline(StandardScaler(), DANNClassifier(max_iter=2, random_state=0))
    >>> pipeline = pipeline.fit(X, y, dannclassifier__sample_domain=domain)
    >>> model = to_onnx(pipeline, X[:1].astype(np.float32))
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    skl2onnx = import_optional("skl2onnx", "onnx", "to_onnx")
    last = _last_step(estimator)
    _register(skl2onnx, type(last))
    row = X[:1].toarray() if sparse.issparse(X) else X[:1]
    if last is estimator or isinstance(row, list):
        row = np.asarray(row)  # of a data frame too: the network has a single input
    if row.ndim == 1:
        row = row.reshape(-1, 1)  # texts
    options = _without_zipmap(last, kwargs.pop("options", None) or {})
    return skl2onnx.to_onnx(estimator, row, options=options, **kwargs)


def _last_step(estimator):
    with suppress(AttributeError, TypeError):
        return _last_step(estimator.steps[-1][1])
    if not isinstance(estimator, DANNClassifier | DANNClassifierCV):
        raise TypeError(
            "estimator must be a DANNClassifier, CDANClassifier or DANNClassifierCV, or a pipeline "
            f"that ends in one (of a search, its best_estimator_); got {type(estimator).__name__}."
        )
    return estimator


def _without_zipmap(last, options):
    """Add to the options for skl2onnx that probabilities stay an array.

    They come by the ids of estimators or their classes, or all by name: it does not take both.
    """
    by_name = {key: value for key, value in options.items() if isinstance(key, str)}
    flat = {key.rpartition("__")[2]: value for key, value in by_name.items()}
    for asked in (flat, *options.values()):
        zipmap = asked.get("zipmap", False) if isinstance(asked, dict) else False
        if zipmap is not False:
            raise ValueError(
                f"options ask for zipmap={zipmap!r}, but probabilities are written as one array "
                "of shape (n, n_classes). Leave zipmap out; columns are in the order of classes_."
            )
    return {**options, **({"zipmap": False} if by_name else {id(last): {"zipmap": False}})}


def _register(skl2onnx, kind):
    """Tell skl2onnx of a class of estimators; again and again does no harm."""
    skl2onnx.update_registered_converter(
        kind,
        f"SkDann{kind.__name__}",
        _declare_outputs,
        _convert,
        options={"zipmap": [False]},
    )


def _networks(estimator):
    """Return the classifier that has the networks, or say what is in the way."""
    if isinstance(estimator, DANNClassifierCV):
        estimator = estimator._best()
    check_is_fitted(estimator, ["net_", "target_class_shares_"])
    for name in ("feature_extractor", "label_predictor"):
        if getattr(estimator.net_.blueprint.estimator, name) is not None:
            raise ValueError(
                f"{name} is a module of your own, which cannot be written as ONNX here. Write the "
                "torch network net_.module_ with torch.onnx.export, or leave it to the default."
            )
    return estimator


def _declare_outputs(operator):
    """Tell skl2onnx the kinds and shapes of both outputs."""
    from skl2onnx.common import data_types as types

    estimator = _networks(operator.raw_operator)
    n_rows = operator.inputs[0].get_first_dimension()
    is_double = _dtype(estimator) == np.float64
    proba = types.DoubleTensorType if is_double else types.FloatTensorType
    label = types.StringTensorType if _are_strings(estimator.classes_) else types.Int64TensorType
    operator.outputs[0].set_type(label([n_rows]))
    operator.outputs[1].set_type(proba([n_rows, len(estimator.classes_)]))


def _are_strings(classes):
    if all(isinstance(name, str) for name in classes):
        return True
    if classes.dtype.kind in "iufb":
        if int(classes[-1]) > np.iinfo(np.int64).max:
            raise ValueError(
                "ONNX labels are strings or integers of 64 bits with a sign; got the class "
                f"{classes[-1]}. Fit with other labels, such as strings."
            )
        return False
    raise TypeError(f"ONNX labels are either strings or integers; got {classes.tolist()!r}.")


def _dtype(estimator):
    parameter = next(estimator.net_.module_.parameters())
    return np.dtype(str(parameter.dtype).removeprefix("torch."))


def _convert(scope, operator, container):
    """Write the nodes of a classifier."""
    from skl2onnx.algebra import onnx_ops as ops

    version = container.target_opset

    def node(kind, *inputs, **attributes):
        return getattr(ops, f"Onnx{kind}")(*inputs, op_version=version, **attributes)

    estimator = _networks(operator.raw_operator)
    log_proba = _log_proba(node, version, estimator, operator.inputs[0])
    label, proba = (output.full_name for output in operator.outputs)
    best = node("ArgMax", log_proba, axis=1, keepdims=0)
    classes = estimator.classes_.astype(str if _are_strings(estimator.classes_) else np.int64)
    node("Gather", classes, best, output_names=[label]).add_to(scope, container)
    node("Softmax", log_proba, axis=-1, output_names=[proba]).add_to(scope, container)


def _log_proba(node, version, estimator, X):
    """Log-probabilities of the classes, up to a constant in each row: (N, C).

    Shapes: N rows, K members, d inputs, h outputs, C classes, as in :mod:`sk_dann.nn`.
    """
    from onnx.helper import np_dtype_to_tensor_dtype

    network, dtype = estimator.net_.module_, _dtype(estimator)
    values = node("Cast", X, to=np_dtype_to_tensor_dtype(dtype))
    for layer in [*network.feature_extractor, *network.label_predictor]:
        if isinstance(layer, MemberLinear):
            weight, bias = (p.detach().cpu().numpy() for p in (layer.weight, layer.bias))
            # The rows (N, d) meet the weights (K, d, h) of all members.
            values = node("Add", node("MatMul", values, weight), bias)
        elif not isinstance(layer, MemberDropout):
            values = node(_ACTIVATIONS[type(layer)], values)
    values = node("LogSoftmax", values, axis=-1)
    if version < 18:
        averaged = node("ReduceLogSumExp", values, axes=[0], keepdims=0)
    else:
        averaged = node("ReduceLogSumExp", values, np.array([0]), keepdims=0)
    if not estimator._moves_shares:
        return averaged
    ratio = share_ratio(estimator.target_class_shares_, estimator.class_shares_)
    return node("Add", averaged, safe_log(ratio).astype(dtype))
