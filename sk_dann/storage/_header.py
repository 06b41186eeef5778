"""What stands in the header of a file of weights: what predictions need beside tensors."""

import math
import re

import numpy as np

from .. import __version__
from ..estimators._validation import check_layer_sizes
from ..nn._network import name_of_module

FORMAT = 1
_SHAPING = ("hidden_layer_sizes", "label_hidden_layer_sizes", "domain_hidden_layer_sizes")
# More than that many columns or domains are no numbers of anything that was trained.
_MOST = 2**31


def _is_count(value):
    return type(value) is int and 0 < value < _MOST


def _is_list_of(*kinds):
    # By type itself: a truth value is no number here.
    return lambda value: type(value) is list and all(type(v) in kinds for v in value)


def _are_shares(value):
    return (
        _is_list_of(int, float)(value)
        and all(math.isfinite(share) and share >= 0 for share in value)
        and abs(sum(value) - 1) < 1e-6
    )


# By name: what tells whether a value is fine, and what it must be.
_FIELDS = {
    "dtype": (lambda v: v in ("float32", "float64"), "float32 or float64"),
    "params": (lambda v: type(v) is dict, "an object"),
    "n_features": (_is_count, f"an integer from 1 to {_MOST - 1}"),
    "n_source_domains": (_is_count, f"an integer from 1 to {_MOST - 1}"),
    "has_target": (lambda v: type(v) is bool, "true or false"),
    "feature_names": (lambda v: v is None or _is_list_of(str)(v), "null or a list of strings"),
    "classes": (
        lambda v: _is_list_of(str, bool, int, float)(v) and 1 < len(v) == len(set(v)),
        "a list of two or more strings, numbers or truth values that differ",
    ),
    "classes_dtype": (
        lambda v: type(v) is str and re.fullmatch(r"[<>|](O|b1|[iuf]\d{1,2}|U\d{1,6})", v),
        "numpy's name of a kind of strings, numbers or truth values",
    ),
    "class_shares": (_are_shares, "a list of numbers of at least 0 that sum to 1"),
    "target_class_shares": (_are_shares, "a list of numbers of at least 0 that sum to 1"),
}


def check_header(told, path):
    """Check the types and lengths of all that a header tells.

    Parameters
    ----------
    told : object
        As JSON gave it.
    path : str
        Of the file, for messages.

    Raises
    ------
    ValueError
        If anything is not as :func:`describe` writes it, or a later version of this library wrote
        it.
    """
    if type(told) is not dict or not _is_count(told.get("format")):
        _refuse(path, "its header", "an object with a number at 'format'", told)
    if told["format"] > FORMAT:
        raise ValueError(
            f"{path} was written by sk_dann {told.get('version')}, in a form that version "
            f"{__version__} does not know. Update sk_dann."
        )
    missing = [name for name in _FIELDS if name not in told]
    if missing:
        _refuse(path, "its header", f"an object with {', '.join(missing)} too", told)
    for name, (is_fine, wanted) in _FIELDS.items():
        if not is_fine(told[name]):
            _refuse(path, name, wanted, told[name])
    n_classes = len(told["classes"])
    for name, length in {
        "feature_names": told["n_features"],
        "class_shares": n_classes,
        "target_class_shares": n_classes,
    }.items():
        if told[name] is not None and len(told[name]) != length:
            _refuse(path, name, f"a list of {length}", told[name])
    try:
        classes = read_classes(told)
    except (TypeError, ValueError, OverflowError):
        classes = np.empty(0)
    # By what they look like: 1 is True otherwise.
    if repr(classes.tolist()) != repr(told["classes"]):
        _refuse(path, "classes_dtype", f"what holds {told['classes']}", told["classes_dtype"])


def _refuse(path, name, wanted, value):
    value = repr(value)
    value = value if len(value) < 200 else f"{value[:200]}..."
    raise ValueError(
        f"{path} is damaged, or sk_dann.storage.save_weights did not write it: {name} must be "
        f"{wanted}, got {value}."
    )


def read_classes(told):
    """Return the classes that a header tells of, an ndarray of shape (n_classes,)."""
    return np.array(told["classes"], dtype=told["classes_dtype"])


def describe(estimator, packed):
    """Return what stands in the header.

    Parameters
    ----------
    estimator : DANNClassifier
        Fitted.
    packed : dict
        Its net, by :func:`sk_dann.estimators._storage.pack_net`.

    Returns
    -------
    dict
        In JSON's types.

    Raises
    ------
    TypeError
        If a class is neither a string, a number nor a truth value.
    """
    blueprint = packed["blueprint"]
    names = getattr(estimator, "feature_names_in_", None)
    has_target = blueprint["n_source_domains"] > 0
    return {
        "format": FORMAT,
        "version": __version__,
        "dtype": packed["dtype"],
        "params": shaping_params(blueprint["estimator"], has_target),
        "n_features": blueprint["n_features"],
        "n_source_domains": estimator.n_source_domains_,
        "has_target": has_target,
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


def shaping_params(estimator, has_target):
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
            params[part] = name_of_module(module)
    if not has_target:
        params.pop("domain_classifier", None)
        params.pop("domain_hidden_layer_sizes", None)
    return params
