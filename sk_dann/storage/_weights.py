"""Weights as safetensors: tensors by name, and in the header what predictions need beside them."""

import json
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from .._optional import import_optional
from ..estimators import BagOfWordsDANNClassifier, DANNClassifier, DANNClassifierCV
from ..estimators._assembly import draw_up, outline_network, remake_net
from ..estimators._storage import pack_net
from ..estimators._validation import check_layer_sizes
from ..training import network_dtype, resolve_device

_FORMAT = 1
# In the header of the file, which holds nothing but strings.
_KEY = "sk_dann"
_SHAPING = ("hidden_layer_sizes", "label_hidden_layer_sizes", "domain_hidden_layer_sizes")


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
    header = {_KEY: json.dumps(_describe(estimator, packed))}
    tensors = {name: np.asarray(v, order="C") for name, v in packed["weights"].items()}
    path = os.fsdecode(path)
    try:
        with _put_in_place(path) as unfinished:
            numpy_io.save_file(tensors, unfinished, metadata=header)
    except OSError as error:
        message = f"could not be written: {error.strerror}"
        raise OSError(error.errno, message, path) from error
    except safetensors.SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error


@contextmanager
def _put_in_place(path):
    """Give another name to write to, and put what is there at `path` once it is complete."""
    path = Path(path).resolve()  # what a link leads to is replaced, not the link
    unfinished = path.with_name(f"{uuid4().hex}.unfinished")
    try:
        with unfinished.open("xb") as file:
            mode = os.fstat(file.fileno()).st_mode
        # safetensors would keep the file to its owner, whoever could read the last one.
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode
        yield unfinished
        unfinished.chmod(stat.S_IMODE(mode))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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


def _describe(estimator, packed):
    """Return what stands in the header."""
    blueprint = packed["blueprint"]
    names = getattr(estimator, "feature_names_in_", None)
    has_target = blueprint["n_source_domains"] > 0
    return {
        "format": _FORMAT,
        "version": __version__,
        "dtype": packed["dtype"],
        "params": _shaping_params(blueprint["estimator"], has_target),
        "n_features": blueprint["n_features"],
        "n_source_domains": estimator.n_source_domains_,
        "has_target": has_target,
        "is_masked": blueprint["is_masked"],
        "feature_names": None if names is None else names.tolist(),
        "classes": _plain_classes(estimator.classes_),
        "classes_dtype": estimator.classes_.dtype.str,
        # Python writes floats so that the same bits are read.
        "class_shares": estimator.class_shares_.tolist(),
        "target_class_shares": estimator.target_class_shares_.tolist(),
    }


def _plain_classes(classes):
    plain = classes.tolist()
    if not all(isinstance(name, str | bool | int | float) for name in plain):
        raise TypeError(
            "The header of a safetensors file can hold classes that are strings, numbers or truth "
            f"values; got {plain!r}. Store the estimator by skops or joblib."
        )
    return plain


def _shaping_params(estimator, has_target):
    """Return the parameters that a network's shape is told by, in JSON's types.

    Those of a part that is the user's own, or not there, are of no account.
    """
    params = {"activation": estimator.activation, "n_estimators": int(estimator.n_estimators)}
    parts = ("feature_extractor", "label_predictor", "domain_classifier")
    for part, sizes in zip(parts, _SHAPING, strict=True):
        module = getattr(estimator, part)
        if module is None:
            layers = check_layer_sizes(getattr(estimator, sizes), sizes, 0)
            params[sizes] = [int(n_units) for n_units in layers]
        else:
            params[part] = getattr(module, "__name__", type(module).__name__)
    if not has_target:
        params.pop("domain_classifier", None)
        params.pop("domain_hidden_layer_sizes", None)
    return params


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
        told["is_masked"],
    )
    device = resolve_device(estimator.device)
    what = blueprint, 0, network_dtype(np.dtype(told["dtype"]), device)
    network = outline_network(*what)
    _compare_shapes(network.state_dict(), weights, path)
    net = remake_net(network, weights, *what)
    learned = {
        "classes_": np.array(told["classes"], dtype=told["classes_dtype"]),
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
            told = json.loads((file.metadata() or {}).get(_KEY, "null"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is no complete safetensors file: {error}") from error
    if told is None:
        raise ValueError(
            f"{path} holds no classifier of sk_dann: its header has no entry {_KEY!r}. "
            "Pass a file that sk_dann.storage.save_weights wrote."
        )
    if told["format"] > _FORMAT:
        raise ValueError(
            f"{path} was written by sk_dann {told['version']}, in a form that version "
            f"{__version__} does not know. Update sk_dann."
        )
    return told, weights


def _compare_params(estimator, told, path):
    own = _shaping_params(estimator, told["has_target"])
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
