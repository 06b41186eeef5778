"""Weights as safetensors: tensors by name, and in the header what predictions need beside them."""

import json
import os

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._files import replacing
from .._optional import import_optional
from ..estimators import BagOfWordsDANNClassifier, DANNClassifier, DANNClassifierCV
from ..estimators._assembly import draw_up, outline_network, remake_net
from ..estimators._storage import pack_net
from ..training import network_dtype, resolve_device
from ._header import check_header, describe, read_classes, shaping_params

# In the header of the file, which holds nothing but strings.
_KEY = "sk_dann"


def save_weights(estimator, path):
    """Write the weights of all networks of a fitted classifier, and what predictions need.

    The file is a `safetensors <https://huggingface.co/docs/safetensors>`_ file: tensors by the
    names that they have in ``net_.module_.state_dict()``, and in the header a JSON object with the
    classes, the class shares, the names of the features and so on. It holds no code, and nothing
    of the training: history, optimizer and callbacks need a pickle.

    Parameters
    ----------
    estimator : DANNClassifier or CDANClassifier
        Fitted. Of a :class:`~sk_dann.DANNClassifierCV` pass `best_estimator_`, of a pipeline its
        last step.
    path : str, bytes or path-like
        An existing file is replaced once the new one is complete, and its permissions stay.

    Raises
    ------
    TypeError
        If `estimator` is another, or if a class is neither a string, a number nor a truth value.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_weights : Reads the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.storage import save_weights
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=2, random_state=0).fit(X_src, y_src, X_tgt)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(clf, f"{folder}/moons.safetensors")
    ...     os.listdir(folder)
    ['moons.safetensors']
    """
    safetensors = import_optional("safetensors", "storage", "save_weights")
    numpy_io = import_optional("safetensors.numpy", "storage", "save_weights")
    _check_kind(estimator)
    check_is_fitted(estimator, ["net_", "target_class_shares_"])
    packed = pack_net(estimator.net_)
    header = {_KEY: json.dumps(describe(estimator, packed))}
    tensors = {name: np.asarray(v, order="C") for name, v in packed["weights"].items()}
    path = os.fsdecode(path)
    try:
        with replacing(path) as unfinished:
            numpy_io.save_file(tensors, unfinished, metadata=header)
    except OSError as error:
        message = f"could not be written: {error.strerror}"
        raise OSError(error.errno, message, path) from error
    except safetensors.SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error


def _check_kind(estimator):
    """Refuse what is not the one estimator that has the networks, and say where that is.

    Raises
    ------
    TypeError
    """
    if isinstance(estimator, DANNClassifier):
        return
    kind = type(estimator).__name__
    where = {
        DANNClassifierCV: "it is at best_estimator_",
        Pipeline: "it may be the last step, pipeline[-1]",
        BagOfWordsDANNClassifier: "its pipelines_ end in several; store it by skops or joblib",
    }
    hints = [hint for known, hint in where.items() if isinstance(estimator, known)]
    raise TypeError(
        f"estimator must be a DANNClassifier or CDANClassifier, got {kind}: {hints[0]}."
        if hints
        else f"estimator must be a DANNClassifier or CDANClassifier, got {kind}."
    )


def load_weights(estimator, path):
    """Read weights into a classifier, which predicts the same bits as the one that was saved.

    Parameters
    ----------
    estimator : DANNClassifier or CDANClassifier
        With the parameters that shape the networks: `hidden_layer_sizes`, `activation`,
        `n_estimators`, modules of your own and so on. What it has learned before is forgotten;
        if anything is wrong with the file, it stays as it was.
    path : str, bytes or path-like
        Of a file that :func:`save_weights` wrote, on whatever device it was trained.

    Returns
    -------
    estimator : object
        The same one, ready to predict, transform and score. What tells of the training
        (`history_`, `loss_curve_`, `n_iter_`, `share_estimate_`) and the networks of
        `source_only_proba` are not there, and ``warm_start`` cannot go on from it.

    Raises
    ------
    ValueError
        If the file is no such file, or its networks have another shape than the estimator's
        parameters say: the message names the parameters.

    See Also
    --------
    save_weights : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.storage import load_weights, save_weights
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(hidden_layer_sizes=(20,), max_iter=2, random_state=0)
    >>> clf = clf.fit(X_src, y_src, X_tgt)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(clf, f"{folder}/moons.safetensors")
    ...     loaded = load_weights(
    ...         DANNClassifier(hidden_layer_sizes=(20,)), f"{folder}/moons.safetensors"
    ...     )
    >>> bool((loaded.predict_proba(X_tgt) == clf.predict_proba(X_tgt)).all())
    True
    """
    safetensors = import_optional("safetensors", "storage", "load_weights")
    _check_kind(estimator)
    estimator._validate_params()
    path = os.fsdecode(path)
    told, weights = _read(safetensors, path)
    _compare_params(estimator, told, path)
    blueprint = draw_up(
        estimator,
        told["n_features"],
        len(told["classes"]),
        told["n_source_domains"] if told["has_target"] else 0,
    )
    device = resolve_device(estimator.device)
    what = blueprint, 0, network_dtype(np.dtype(told["dtype"]), device)
    try:
        network = outline_network(*what)
    except (RuntimeError, MemoryError, ValueError) as error:
        raise ValueError(
            f"No network for the {told['n_features']} features that {path} tells of can be made: "
            f"{error}"
        ) from error
    _compare_shapes(network.state_dict(), weights, path)
    net = remake_net(network, weights, *what)
    learned = {
        "classes_": read_classes(told),
        "n_features_in_": told["n_features"],
        "n_source_domains_": told["n_source_domains"],
        "class_shares_": np.array(told["class_shares"]),
        "target_class_shares_": np.array(told["target_class_shares"]),
        "net_": net.to(device),
        "share_estimate_": None,
        "_source_only": None,
        "_near_rows": None,
    }
    if told["feature_names"] is not None:
        learned["feature_names_in_"] = np.array(told["feature_names"], dtype=object)
    for name in [n for n in vars(estimator) if n.endswith("_") and not n.startswith("_")]:
        delattr(estimator, name)
    vars(estimator).update(learned)
    return estimator


def _read(safetensors, path):
    """Return what stands in the header, and the tensors by name."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is no complete safetensors file: {error}") from error
    if header is None:
        raise ValueError(
            f"{path} holds no classifier of sk_dann: its header has no entry {_KEY!r}. Pass a file "
            "that sk_dann.storage.save_weights wrote."
        )
    try:
        told = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its entry {_KEY!r} is no JSON: {error}") from error
    check_header(told, path)
    return told, weights


def _compare_params(estimator, told, path):
    own = shaping_params(estimator, told["has_target"])
    theirs = told["params"]
    differ = [name for name in {**theirs, **own} if theirs.get(name) != own.get(name)]
    if differ:
        listed = "; ".join(f"{n}={theirs.get(n)!r} rather than {own.get(n)!r}" for n in differ)
        raise ValueError(
            f"The networks in {path} are not the estimator's: they have {listed}. Pass "
            "an estimator with the parameters of the one that was saved."
        )


def _compare_shapes(own, theirs, path):
    own, theirs = ({name: tuple(v.shape) for name, v in part.items()} for part in (own, theirs))
    differ = [
        f"{name} has shape {theirs.get(name, 'none')} rather than {own.get(name, 'none')}"
        for name in {**own, **theirs}
        if own.get(name) != theirs.get(name)
    ]
    if differ:
        raise ValueError(
            f"The networks in {path} are not the estimator's: {'; '.join(differ)}. Pass "
            "an estimator of the same class, with the same parameters and modules, as the one that "
            "was saved."
        )
