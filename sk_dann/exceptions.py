"""Warnings of sk_dann, each with a class of its own so that it can be filtered or made an error."""

import sys
import warnings

__all__ = ["NoTargetWarning", "StoredElsewhereWarning", "UntransformedTargetWarning"]


class NoTargetWarning(UserWarning):
    """A domain-adaptation estimator was fitted without a target domain.

    The same network is then trained on the source alone, so nothing is adapted. Pass ``X_tgt``
    (or ``sample_domain``) to `fit`.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import NoTargetWarning
    >>> warnings.simplefilter("ignore", NoTargetWarning)  # "I know, and that is what I want"
    """


class StoredElsewhereWarning(UserWarning):
    """A stored estimator is loaded with other versions, or without the device it asks for.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import StoredElsewhereWarning
    >>> warnings.simplefilter("error", StoredElsewhereWarning)  # refuse to load such an estimator
    """


class UntransformedTargetWarning(UserWarning):
    """The target's columns look as if the source's preprocessing had not been applied to them.

    The usual cause is a :class:`~sklearn.pipeline.Pipeline` without
    ``transform_input=["X_tgt"]``: the source passes the scaler or vectoriser, the target does not,
    and the network learns to tell raw from scaled columns.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import UntransformedTargetWarning
    >>> warnings.simplefilter("error", UntransformedTargetWarning)  # stop rather than warn
    """


def warn_user(message, category=UserWarning):
    """Warn at the line that called into the library, however many decorators lie between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_library(frame.f_back):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)


def _is_library(frame):
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("sk_dann", "sklearn", "skorch", "joblib", "contextlib")
