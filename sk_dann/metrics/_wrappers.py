"""What pipelines and searches wrap: the classifier, and how metadata get to it."""

from functools import reduce
from typing import NamedTuple

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter


class Unwrapped(NamedTuple):
    """What `unwrap` finds: pipelines of transformers, the classifier, and the prefix of its name.

    Rows pass `transformers` one after another before the classifier sees them; `prefix` is that
    of its arguments in ``fit`` without metadata routing, such as ``"dannclassifier__"``.
    """

    transformers: list
    classifier: object
    prefix: str

    def inputs(self, X):
        """Return rows as the classifier sees them."""
        return reduce(lambda rows, step: step.transform(rows), self.transformers, X)


def unwrap(estimator):
    """Find the classifier behind pipelines and searches.

    Parameters
    ----------
    estimator : classifier
        Fitted. Other meta-estimators are classifiers themselves.

    Returns
    -------
    Unwrapped
    """
    transformers, prefix = [], ""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                transformers.append(estimator[:-1])
            prefix += f"{estimator.steps[-1][0]}__"
            estimator = estimator[-1]
        else:
            return Unwrapped(transformers, estimator, prefix)


def name_for_fit(estimator, name):
    """Tell how metadata is called when handed to `fit`.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    name : {"X_tgt", "sample_domain"}

    Returns
    -------
    str or None
        None if it is not taken. `sample_domain` must be taken by the classifier itself, for whom
        it tells which labels are not to be read: that some other step of a pipeline takes it, the
        splitter of a search or a part of an ensemble, is not enough.
    """
    _, classifier, prefix = unwrap(estimator)
    is_parameter = has_fit_parameter(classifier, name)
    if not get_config()["enable_metadata_routing"]:
        return prefix + name if is_parameter else None
    is_routed = get_routing_for_object(estimator).consumes("fit", [name])
    return name if is_routed and (is_parameter or name != "sample_domain") else None


def framed_like(frame, values):
    """Give values the column names of a data frame, which a classifier fitted to frames wants.

    Parameters
    ----------
    frame : data frame, array or sparse matrix of shape (m, d)
    values : ndarray or sparse matrix of shape (n, d)

    Returns
    -------
    data frame, ndarray or sparse matrix of shape (n, d)
        A frame if the first is one of pandas or polars.
    """
    if not hasattr(frame, "columns"):
        return values
    make_frame, columns = type(frame), list(frame.columns)
    if hasattr(frame, "iloc"):
        return make_frame(values, columns=columns)
    return make_frame(values, schema=columns)
