"""Rows of the users' arrays as tensors."""

import numpy as np
import torch
from scipy import sparse

from ..nn import CSRMatrix, SparseBatch
from ._devices import has_room_for


def take_rows(X, rows):
    """Cut rows out of an array or a CSR matrix, in C order and writeable."""
    return X[rows] if sparse.issparse(X) else np.ascontiguousarray(X[rows])


def count_entries(X):
    """Count the numbers in a row of an array, or on average in one of a CSR matrix."""
    return X.nnz / max(X.shape[0], 1) if sparse.issparse(X) else X.shape[1]


def to_batch(X, device, dtype, *, transpose=True):
    """Turn some rows into what a network takes.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        The tensor shares its memory where it can.
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
    n_rows, n_columns = X.shape
    rows = _csr_matrix(X, n_columns, device, dtype)
    # The columns of a matrix are the rows of its transpose.
    return SparseBatch(rows, _csr_matrix(X.tocsc(), n_rows, device, dtype) if transpose else None)


def _csr_matrix(X, n_columns, device, dtype):
    starts = torch.from_numpy(X.indptr.astype(np.int32, copy=False))
    columns = torch.from_numpy(X.indices.astype(np.int32, copy=False))
    # The dtype first: not every device has float64.
    values = torch.from_numpy(X.data).to(dtype)
    return CSRMatrix(*(part.to(device) for part in (starts, columns, values)), n_columns)


class DenseRows:
    """Cuts the rows of a step out of dense arrays.

    Parameters
    ----------
    data : DomainData
    device : torch.device
    dtype : torch.dtype
    blank : ndarray of int
        Columns that are to be zero.
    resident : bool or None, default=None
        Whether the arrays are moved to the device once and cut there; if None, on an accelerator
        with twice the memory for them.
    """

    def __init__(self, data, device, dtype, blank, resident=None):
        arrays = [data.X_source] if data.X_target is None else [data.X_source, data.X_target]
        distinct = {id(X): X for X in arrays}
        self.device = device
        self.dtype = dtype
        self.blank = blank
        if resident is None:
            n_bytes = sum(X.size for X in distinct.values()) * dtype.itemsize
            resident = device.type != "cpu" and has_room_for(n_bytes, device)
        self.is_resident = resident
        if resident:
            distinct = {key: self._moved(X) for key, X in distinct.items()}
        self.arrays = [distinct[id(X)] for X in arrays]

    def _moved(self, X):
        X = torch.tensor(X, dtype=self.dtype, device=self.device)
        X[:, torch.from_numpy(self.blank).to(self.device)] = 0
        return X

    def locate(self, rows):
        """Bring an epoch's positions to where the rows lie."""
        return torch.from_numpy(rows).to(self.device) if self.is_resident else rows

    def cut(self, *rows):
        """Return the located rows of the source, and of the target if any, as one tensor."""
        if self.is_resident:
            parts = [X.index_select(0, r) for X, r in zip(self.arrays, rows, strict=True)]
            return torch.cat(parts)
        first = self.arrays[0]
        out = np.empty((sum(map(len, rows)), first.shape[1]), dtype=first.dtype)
        start = 0
        for X, wanted in zip(self.arrays, rows, strict=True):
            stop = start + len(wanted)
            if X.flags.c_contiguous:
                # "clip" writes into `out` directly; all positions are there.
                np.take(X, wanted, axis=0, out=out[start:stop], mode="clip")
            else:  # take would copy the whole of it first
                out[start:stop] = X[wanted]
            start = stop
        if len(self.blank):
            out[:, self.blank] = 0
        return torch.from_numpy(out).to(self.device, self.dtype)


class SparseRows:
    """Cuts the rows of a step out of CSR matrices, and transposes them on the way.

    Parameters
    ----------
    data : DomainData
    device : torch.device
    dtype : torch.dtype
    blank : ndarray of int
        Columns that are to be zero.
    compact : bool
        Leave out the columns in which the rows of a step store nothing.
    """

    def __init__(self, data, device, dtype, blank, compact):
        self.arrays = [data.X_source] if data.X_target is None else [data.X_source, data.X_target]
        self.device = device
        self.dtype = dtype
        n_features = data.X_source.shape[1]
        self.active = None
        if len(blank):
            self.active = np.ones(n_features, dtype=bool)
            self.active[blank] = False
        self._place = np.empty(n_features, dtype=np.int32) if compact else None

    def locate(self, rows):
        """Bring an epoch's positions to where the rows lie."""
        return rows

    def cut(self, *rows):
        """Return the rows of the source, and of the target if any, as one `SparseBatch`.

        If it is compact, then with the columns that it holds: (batch, columns).
        """
        data, indices, indptr = _cut_csr(self.arrays, rows)
        n_rows, n_columns = len(indptr) - 1, self.arrays[0].shape[1]
        if self.active is not None:
            data = data * self.active[indices]
        columns = None
        if self._place is not None:
            columns, indices = self._compacted(indices)
            n_columns = len(columns)
            columns = torch.from_numpy(columns).to(self.device, non_blocking=True)
        X = sparse.csr_matrix((data, indices, indptr), shape=(n_rows, n_columns), copy=False)
        return to_batch(X, self.device, self.dtype), columns

    def _compacted(self, indices):
        """Find the distinct columns, ascending, and each entry's place among them.

        The work goes with the number of entries, however many columns there are: the last entry
        of each column is the one whose number its place still holds.
        """
        place = self._place
        numbers = np.arange(len(indices), dtype=np.int32)
        place[indices] = numbers
        columns = np.sort(indices[place[indices] == numbers])
        place[columns] = numbers[: len(columns)]
        return columns.astype(np.int64), place[indices]


def _cut_csr(arrays, rows):
    """Cut rows out of CSR matrices and stack them; returns data, indices and indptr.

    As scipy's indexing and `vstack`, which take three times as long for a batch.
    """
    starts = [X.indptr[wanted] for X, wanted in zip(arrays, rows, strict=True)]
    lengths = [X.indptr[r + 1] - s for X, r, s in zip(arrays, rows, starts, strict=True)]
    indptr = np.zeros(sum(map(len, rows)) + 1, dtype=np.int32)
    np.cumsum(np.concatenate(lengths), out=indptr[1:])
    data, indices = [], []
    for X, start, length in zip(arrays, starts, lengths, strict=True):
        ends = np.cumsum(length)
        entries = np.repeat(start - ends + length, length)
        entries += np.arange(len(entries), dtype=entries.dtype)
        data.append(X.data.take(entries))
        indices.append(X.indices.take(entries))
    return np.concatenate(data), np.concatenate(indices), indptr
