"""Products of sparse batches with dense weights, without densifying either way."""

from typing import NamedTuple

import torch
from torch import Tensor


class SparseBatch(NamedTuple):
    """Rows of a sparse matrix, and the same rows transposed.

    The forward product needs the rows, the gradient of the weights the transpose. Whoever cuts
    the batch can transpose it far more cheaply than torch can (on 128 Amazon reviews 55 µs
    against 530 for ``X.t().to_sparse_csr()``, and 700 for multiplying with ``X.t()`` directly).

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features), layout torch.sparse_csr
    transpose : Tensor of shape (n_features, n_rows), layout torch.sparse_csr

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import SparseBatch
    >>> batch = SparseBatch.from_tensor(torch.eye(3).to_sparse_csr())
    >>> tuple(batch.transpose.shape)
    (3, 3)
    """

    rows: Tensor
    transpose: Tensor

    @classmethod
    def from_tensor(cls, rows: Tensor) -> "SparseBatch":
        """Make a batch of a torch CSR tensor, transposing it here."""
        return cls(rows, rows.t().to_sparse_csr())

    @property
    def shape(self) -> torch.Size:
        """Number of rows and of features."""
        return self.rows.shape


class _SparseMatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, transpose, weight):
        ctx.save_for_backward(transpose)
        return rows @ weight

    @staticmethod
    def backward(ctx, grad_output):
        (transpose,) = ctx.saved_tensors
        return None, None, transpose @ grad_output


def sparse_matmul(batch: SparseBatch, weight: Tensor) -> Tensor:
    """Multiply sparse rows with dense weights; differentiable in the weights.

    Parameters
    ----------
    batch : SparseBatch of shape (n_rows, n_features)
    weight : Tensor of shape (n_features, n_outputs)

    Returns
    -------
    Tensor of shape (n_rows, n_outputs)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import SparseBatch, sparse_matmul
    >>> batch = SparseBatch.from_tensor(torch.tensor([[0.0, 2.0]]).to_sparse_csr())
    >>> sparse_matmul(batch, torch.tensor([[1.0], [3.0]]))
    tensor([[6.]])
    """
    return _SparseMatMul.apply(batch.rows, batch.transpose, weight)
