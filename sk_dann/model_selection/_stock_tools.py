"""Refuses scikit-learn's tools where they would take placeholders of target samples for labels.

In stacked data the labels of target samples are placeholders. An estimator that is given
`sample_domain` never reads them, but the tool around it may: a scorer, a calibrator, an encoder.
The tool asks the estimator for its metadata requests, and clones it, before it does so. There the
estimator can look at what it is in: at local variables of scikit-learn's functions, which no
interface shows. What is not found there is let pass.
"""

import sys

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples

from .._warnings import warn_user
from ..domains import select_labels

# Between a tool and the estimator that it clones.
_PASSED_THROUGH = ("sk_dann", "joblib", "sklearn.base", "sklearn.utils", "sklearn.pipeline")
_FOLDS = (("train", "test"), ("train_idx", "val_idx"))
# Tools that score the samples that were trained on, too.
_CURVES = {"learning_curve", "validation_curve"}
# Functions that train on a part of the samples, and so of metadata of that length.
_CUTTERS = {"_fit_ovo_binary", "_parallel_build_estimators", "_rfe_single_fit"}
# Modules of scikit-learn whose classifiers find their classes among all labels.
_ENCODERS = ("sklearn.ensemble", "sklearn.calibration", "sklearn.multiclass")


class StackedDomainsMixin:
    """Of estimators that take `sample_domain`: looks at the tools that they are used in."""

    def __sklearn_clone__(self):
        for tool, domain in _tools_with_target():
            _refuse_classes(tool, domain)
            _refuse_permutations(tool)
            _refuse_scores(tool, domain)
        for tool in _calling_tools():
            _warn_of_cut_target(tool)
        return super().__sklearn_clone__()

    def get_metadata_routing(self):
        """Return the metadata that the methods of this estimator request.

        Returns
        -------
        MetadataRequest
        """
        # Some tools clone it in another process alone.
        for tool, domain in _tools_with_target():
            _refuse_classes(tool, domain)
        return super().get_metadata_routing()


def is_calibrated_on_source():
    """Tell, where an estimator is cloned, whether a `CalibratedClassifierCV` does so."""
    return any(tool.module == "sklearn.calibration" for tool in _calling_tools())


class _Tool:
    """Functions of one module of scikit-learn that call each other, and their local variables.

    Parameters
    ----------
    module : str
    """

    def __init__(self, module):
        self.module = module
        self.functions = []
        # Of each function, the innermost first.
        self._locals = []

    def add(self, frame):
        """Add the function that called those which are known."""
        self.functions.append(frame.f_code.co_name)
        self._locals.append(frame.f_locals)

    def get(self, name):
        """Return a local variable of the innermost function that has it, else None."""
        found = (values[name] for values in self._locals if values.get(name) is not None)
        return next(found, None)

    def has(self, name):
        """Return an attribute of the object whose method is running, or of its ensemble."""
        return any(getattr(self.get(owner), name, False) for owner in ("self", "ensemble"))

    def metadata(self, name):
        """Return what was passed by that name, if it is as long as the tool's samples."""
        for values in reversed(self._locals):
            X = values.get("X")
            for passed, value in _passed_by(values).items():
                is_wanted = passed.rpartition("__")[2] == name and value is not None
                if is_wanted and X is not None and _num_samples(value) == _num_samples(X):
                    return value
        return None

    def labels(self, n_samples):
        """Return the labels of so many samples as the user wrote them, else None."""
        for values in reversed(self._locals):
            y = values.get("y")
            if y is not None and _num_samples(y) == n_samples:
                return y
        return None

    def folds(self):
        """Return the positions of training and of test samples, or None and None."""
        for train, test in _FOLDS:
            if self.get(train) is not None and self.get(test) is not None:
                return self.get(train), self.get(test)
        return None, None

    def scorer(self):
        """Return what scores, None if nothing does."""
        for name in ("scorers", "scorer", "curve_scorer"):
            if self.get(name) is not None:
                return self.get(name)
        options = self.get("fit_and_score_kwargs")
        if options is not None:
            return options["scorer"]
        return getattr(self.get("self"), "_curve_scorer", None)

    def __str__(self):
        owner = self.get("self")
        owner = self.get("ensemble") if owner is None else owner
        if owner is not None:
            return type(owner).__name__
        public = [name for name in self.functions if not name.startswith(("_", "<"))]
        return public[-1] if public else self.module


def _calling_tools():
    """Yield the tools that led here, the innermost first."""
    frame, tool = sys._getframe(1), None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in ("sk_dann", "sklearn", "joblib"):
            break
        if not module.startswith(_PASSED_THROUGH):
            if tool is None or tool.module != module:
                if tool is not None:
                    yield tool
                tool = _Tool(module)
            tool.add(frame)
        frame = frame.f_back
    if tool is not None:
        yield tool


def _tools_with_target():
    """Yield the tools that have stacked domains, and the domain of each sample."""
    for tool in _calling_tools():
        domain = tool.metadata("sample_domain")
        if domain is not None and np.any(np.asarray(domain) < 0):
            yield tool, np.asarray(domain)


def _passed_by(values):
    """Return the metadata for `fit` among a function's local variables."""
    passed = dict(values.get("fit_params") or values.get("params") or {})
    routed = values.get("routed_params")
    # With nothing to route it is an object without values.
    consumers = routed.values() if isinstance(routed, dict) else ()
    for consumer in consumers:
        passed |= consumer.get("fit", {}) if isinstance(consumer, dict) else {}
    return passed


def _warn_of_cut_target(tool):
    train, _ = tool.folds()
    is_cut = train is not None or _CUTTERS.intersection(tool.functions)
    if is_cut and tool.metadata("X_tgt") is not None:
        warn_user(
            f"X_tgt has as many samples as X, so {tool} cuts it to the same positions, as if they "
            "belonged together: not all of the target is adapted to. Leave out one sample of "
            "either, or stack with sk_dann.model_selection.stack_domains."
        )


def _refuse_classes(tool, domain):
    """Refuse placeholders that are none of the source's classes, where they would become one."""
    y = tool.labels(len(domain))
    if y is None or not tool.module.startswith(_ENCODERS):
        return
    placeholders = set(select_labels(y, np.flatnonzero(domain < 0)).tolist())
    classes = set(select_labels(y, np.flatnonzero(domain > 0)).tolist())
    strange = sorted(placeholders - classes, key=repr)
    if strange:
        raise ValueError(
            f"y holds {strange[0]!r} on target samples, which no source sample has: {tool} takes "
            "this placeholder for a class. Stack with sk_dann.model_selection.stack_domains, whose "
            "placeholders are classes of the source."
        )


def _refuse_permutations(tool):
    if "permutation_test_score" in tool.functions and tool.get("groups") is None:
        raise ValueError(
            "permutation_test_score would exchange labels of source samples and placeholders of "
            "target samples. Pass the domains apart (X_tgt), or, with metadata routing disabled, "
            "groups=sample_domain and cv=SourceKFold()."
        )


def _refuse_scores(tool, domain):
    """Refuse to be judged on target samples by what does not know that they are."""
    train, test = tool.folds()
    judged = [] if test is None else [test]
    if tool.module.startswith(_ENCODERS):
        is_calibrated_at_once = getattr(tool.get("self"), "ensemble", None) is False
        if is_calibrated_at_once or tool.has("oob_score"):
            judged = [np.arange(len(domain))]
        judge = f"{tool} itself"
    else:
        blind = _blind_scorers(tool.scorer())
        if not blind:
            return
        if "permutation_test_score" in tool.functions:
            # It clones before it splits.
            splits = tool.get("cv").split(tool.get("X"), tool.get("y"), tool.get("groups"))
            judged = [test for _, test in splits]
        scores_train = tool.get("return_train_score") or tool.has("return_train_score")
        if train is not None and (scores_train or _CURVES.intersection(tool.functions)):
            judged.append(train)
        judge = ", ".join(blind)
    if any(np.any(domain[np.asarray(rows)] < 0) for rows in judged):
        raise ValueError(
            f"{tool} would judge predictions for target samples by their placeholders in y: "
            f"{judge} is not given sample_domain. Let the test folds hold source samples alone "
            "(cv=SourceKFold() of sk_dann.model_selection, return_train_score=False), or score by "
            'scoring=None or sk_dann.model_selection.get_scorer("source_accuracy") with metadata '
            "routing enabled, which leave target samples out."
        )


def _blind_scorers(scorer):
    """Return the names of the scorers that are not given the domains."""
    if scorer is None:
        return []
    several = getattr(scorer, "_scorers", scorer)
    several = several if isinstance(several, dict) else {"": scorer}
    return [_name_of(each) for each in several.values() if not _reads_domain(each)]


def _reads_domain(scorer):
    if not get_config()["enable_metadata_routing"]:
        return False
    return bool(get_routing_for_object(scorer).consumes("score", ["sample_domain"]))


def _name_of(scorer):
    function = getattr(scorer, "_score_func", None)
    if function is not None:
        return function.__name__
    if "Passthrough" in type(scorer).__name__:
        return "the estimator's own score"
    return getattr(scorer, "__name__", type(scorer).__name__)
