"""One thread where more do not pay.

The threads of a parallel region wait for each other. On small networks that takes longer than what
they compute, and where another process needs a core, many times as long.
"""

import ctypes
import os
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from ..nn import MemberLinear, Members

# Multiply-adds of a step, or of a call that predicts, from which on two threads take less than
# about three quarters of the time of one, on two idle cores (benchmarks/threads.py).
_WORTH_THREADS = 2**24
# Multiply-adds that an update of a weight takes as long as: it is bound by memory.
_UPDATE = 8

_is_freshly_forked = False


def _remember_fork():
    global _is_freshly_forked
    _is_freshly_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


def survive_fork():
    """Let torch compute with one thread in a process that was made by fork.

    The threads of the parent are not there, and torch would wait for them for ever. Nothing is
    changed in other processes, nor before this package computes something.
    """
    global _is_freshly_forked
    if _is_freshly_forked:
        torch.set_num_threads(1)
        _is_freshly_forked = False


@contextmanager
def enough_threads(n_products):
    """Compute the block with one thread if that is enough, else with as many as are set.

    It concerns torch in the calling thread alone, and what was set comes back afterwards.

    Parameters
    ----------
    n_products : float
        Multiply-adds that are computed at a time.
    """
    survive_fork()
    if n_products >= _WORTH_THREADS:
        yield
        return
    with _openmp().limit(limits=1), _one_mkl_thread():
        yield


@cache
def _openmp():
    return ThreadpoolController().select(user_api="openmp")


@contextmanager
def _one_mkl_thread():
    """Do what OpenMP's limit does for the products that torch leaves to MKL.

    MKL goes by OpenMP's number until `torch.set_num_threads` is called, from then on by its own.
    """
    set_threads = _mkl_setter()
    if set_threads is None:
        yield
        return
    before = set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


@cache
def _mkl_setter():
    """Return MKL's function that sets the calling thread's number and returns the one before.

    It is part of MKL's public API, but not of torch's: None where torch has no MKL, or hides it.
    """
    try:
        return ctypes.CDLL(torch._C.__file__).MKL_Set_Num_Threads_Local
    except (AttributeError, OSError):
        return None


def count_products(network, n_entries):
    """Count the multiply-adds of a row's way through a network, infinite if they are not known.

    Parameters
    ----------
    network : DANNNetwork
    n_entries : float
        Numbers in a row: its columns, or those that a sparse row stores.

    Returns
    -------
    float
    """
    modules = list(network.modules())
    if any(isinstance(module, Members) for module in modules):
        return float("inf")
    weights = [module.weight for module in modules if isinstance(module, MemberLinear)]
    n_products = 0
    if network.conditioning is not None:
        n_products += sum(matrix.numel() for matrix in network.conditioning.buffers())
    # The first one meets the rows.
    n_products += weights[0].numel() * min(1, n_entries / weights[0].shape[1])
    return n_products + sum(weight.numel() for weight in weights[1:])


def count_step_products(network, n_rows, n_entries, touches_few):
    """Count the multiply-adds of a training step, its update of the weights among them.

    Parameters
    ----------
    network : DANNNetwork
    n_rows : int
        Of a step.
    n_entries : float
        Numbers in a row.
    touches_few : bool
        Whether a step updates only those weights of the first layer that its rows touch.

    Returns
    -------
    float
    """
    n_products = n_rows * count_products(network, n_entries)
    n_weights = sum(parameter.numel() for parameter in network.parameters())
    if touches_few:
        first = next(network.parameters())
        n_touched = min(n_rows * n_entries, first.shape[1]) * first.shape[0] * first.shape[2]
        n_weights += n_touched - first.numel()
    return n_products + _UPDATE * n_weights
