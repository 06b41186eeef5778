"""Rows of the users' arrays as tensors."""

import warnings
from functools import cache

import numpy as np
import torch
from scipy import sparse

from ..nn import SparseBatch


def to_batch(X, device, dtype):
    """Turn some rows into what a network takes.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        A piece cut out of the users' arrays, so owned by nobody else.
    device : torch.device
    dtype : torch.dtype

    Returns
    -------
    Tensor or SparseBatch of shape (n_rows, n_features)
    """
    if not sparse.issparse(X):
        return torch.from_numpy(X).to(device, dtype)
    # torch's CSR product is far faster with 32-bit indices, and a batch never needs more.
    return SparseBatch(*(_csr_tensor(part, device, dtype) for part in (X, X.T.tocsr())))


@cache
def _hear_torch_out():
    """Let torch say once that its CSR tensors are in beta, where no user has to read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.eye(1).to_sparse_csr()


def _csr_tensor(X, device, dtype):
    _hear_torch_out()
    return torch.sparse_csr_tensor(
        torch.from_numpy(X.indptr.astype(np.int32, copy=False)),
        torch.from_numpy(X.indices.astype(np.int32, copy=False)),
        torch.from_numpy(X.data).to(dtype),
        size=X.shape,
        check_invariants=False,
    ).to(device)


def take_rows(X, rows):
    """Cut rows out of an array or a CSR matrix, in C order and writeable."""
    return X[rows] if sparse.issparse(X) else np.take(X, rows, axis=0)


def stack_rows(parts):
    """Stack pieces of equal kind on top of each other."""
    if len(parts) == 1:
        return parts[0]
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    return np.concatenate(parts)
