"""Warnings that reach the user once, where the user called."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

from .exceptions import AdaptationWarning

# Of the running context, so of a thread; the innermost comes last.
_collectors = ContextVar("sk_dann_warning_collectors", default=())
# What has been said in this process: why, and where the user called.
_said = set()


@contextmanager
def collected_warnings(*categories):
    """Collect what `warn_user` is asked to say in the block, instead of saying it.

    Other than `warnings.catch_warnings` it changes nothing that threads share: before Python 3.14
    their filters get lost for good when they leave that in another order than they entered it.
    Warnings of other packages are given as ever.

    Parameters
    ----------
    *categories : subclasses of Warning
        Those to collect; all if none is named.

    Yields
    ------
    list of (str, type)
        Messages and categories.
    """
    collected = []
    token = _collectors.set((*_collectors.get(), (categories or Warning, collected)))
    try:
        yield collected
    finally:
        _collectors.reset(token)


def warn_user(message, category=UserWarning):
    """Warn at the line that called into the library, however many decorators lie between.

    Where Python's filters show a warning once for each line, which is the default, it comes once
    for each line and reason in the process. Python itself shows it again after any use of
    `warnings.catch_warnings`, which scikit-learn makes in every check of an array, and whenever the
    numbers in the message differ.
    """
    for categories, collected in reversed(_collectors.get()):
        if issubclass(category, categories):
            collected.append((message, category))
            return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_library(frame.f_back):
        frame, level = frame.f_back, level + 1
    caller = frame.f_back or frame
    place = caller.f_code.co_filename, caller.f_lineno
    # Fits of one line may differ in their numbers; all else has a single wording.
    reason = "" if issubclass(category, AdaptationWarning) else message
    key = (category, reason, *place)
    if _action(message, category, caller) in ("default", "module", "once"):
        if key in _said:
            return
        _said.add(key)
    warnings.warn(message, category, stacklevel=level + 1)


def _action(message, category, caller):
    """Return what Python's filters do with a warning that is given in a frame."""
    module = caller.f_globals.get("__name__") or "<unknown>"
    for action, text, filtered, where, line in warnings.filters:
        if (
            (text is None or text.match(message))
            and issubclass(category, filtered)
            and (where is None or where.match(module))
            and line in (0, caller.f_lineno)
        ):
            return action
    return "default"


def _is_library(frame):
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("sk_dann", "sklearn", "skorch", "joblib", "contextlib")
