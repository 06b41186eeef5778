"""Ctrl-C and a callback's wish to stop, which both come as a `KeyboardInterrupt`."""

import functools
import signal
import threading
from contextlib import contextmanager


class StopTraining(Exception):  # noqa: N818 - nothing has gone wrong, as in StopIteration
    """A callback has asked for the end of training, by skorch's ``raise KeyboardInterrupt``."""


def _raise_interrupt(signal_number, frame):
    raise KeyboardInterrupt


@contextmanager
def traceable_interrupts():
    """Let Ctrl-C leave a frame in the traceback of its `KeyboardInterrupt`.

    Python's default handler of SIGINT is written in C and leaves none. For the block, one written
    in Python does the same in its place; any other handler stays.
    """
    # Only the main thread may set handlers, and only it is interrupted by them.
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _raise_interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _raise_interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def is_from_signal(interrupt):
    """Tell an interrupt from outside from one that a callback raised.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        Raised within `traceable_interrupts`.

    Returns
    -------
    bool
        Whether a signal's handler is among the functions in its traceback, or in that of an
        exception that led to it.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    handlers.discard(None)
    error = interrupt
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code in handlers:
                return True
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return False


def _code_of(handler):
    """Return the code that runs when a signal comes in; None if it is not Python's."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not callable(handler):
        return None
    function = getattr(handler, "__func__", handler)
    if not hasattr(function, "__code__"):
        function = type(handler).__call__
    return getattr(function, "__code__", None)
