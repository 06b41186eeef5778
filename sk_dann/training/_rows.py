"""Rows of the users' arrays as tensors."""

import numpy as np
import torch
from scipy import sparse

from ..nn import SparseBatch, csr_tensor


def to_batch(X, device, dtype, *, transpose=True):
    """Turn some rows into what a network takes.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        A piece cut out of the users' arrays, so owned by nobody else.
    device : torch.device
    dtype : torch.dtype
    transpose : bool, default=True
        Whether gradients will be asked for, which take the transpose of sparse rows.

    Returns
    -------
    Tensor or SparseBatch of shape (n_rows, n_features)
    """
    if not sparse.issparse(X):
        return torch.from_numpy(X).to(device, dtype)
    rows = _csr_tensor(X, device, dtype)
    return SparseBatch(rows, _csr_tensor(X.T.tocsr(), device, dtype) if transpose else None)


def _csr_tensor(X, device, dtype):
    return csr_tensor(
        torch.from_numpy(X.indptr.astype(np.int32, copy=False)),
        torch.from_numpy(X.indices.astype(np.int32, copy=False)),
        torch.from_numpy(X.data).to(dtype),
        X.shape,
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
