"""Products of sparse batches with dense weights, without densifying either way."""

import warnings
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


@cache
def _hear_torch_out() -> None:
    """Let torch say once that its CSR tensors are in beta, where no user has to read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.eye(1).to_sparse_csr()


def csr_tensor(
    crow_indices: Tensor, col_indices: Tensor, values: Tensor, size: tuple[int, int]
) -> Tensor:
    """Make a CSR tensor of parts that are known to fit together.

    Parameters
    ----------
    crow_indices : Tensor of int32 of shape (n_rows + 1,)
    col_indices : Tensor of int32 of shape (n_nonzero,)
        torch's product is far faster with 32-bit indices, and a batch never needs more.
    values : Tensor of shape (n_nonzero,)
    size : tuple of int
        (n_rows, n_features)

    Returns
    -------
    Tensor of layout torch.sparse_csr

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import csr_tensor
    >>> starts = torch.tensor([0, 1, 1], dtype=torch.int32)
    >>> columns = torch.tensor([2], dtype=torch.int32)
    >>> csr_tensor(starts, columns, torch.tensor([5.0]), (2, 3)).to_dense()
    tensor([[0., 0., 5.],
            [0., 0., 0.]])
    """
    _hear_torch_out()
    return torch.sparse_csr_tensor(
        crow_indices, col_indices, values, size=size, check_invariants=False
    )


class SparseBatch(NamedTuple):
    """Rows of a sparse matrix, and the same rows transposed.

    The forward product needs the rows, the gradient of the weights the transpose. Whoever cuts
    the batch can transpose it far more cheaply than torch can (on 128 Amazon reviews 55 µs
    against 530 for ``X.t().to_sparse_csr()``, and 700 for multiplying with ``X.t()`` directly).

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features), layout torch.sparse_csr
    transpose : Tensor of shape (n_features, n_rows), layout torch.sparse_csr, or None
        None if no gradient will be asked for.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import SparseBatch
    >>> SparseBatch.from_dense(torch.ones(2, 3)).transpose.shape
    torch.Size([3, 2])
    """

    rows: Tensor
    transpose: Tensor | None

    @classmethod
    def from_dense(cls, rows: Tensor) -> "SparseBatch":
        """Make a batch of a dense tensor; for trying things out."""
        _hear_torch_out()
        return cls(rows.to_sparse_csr(), rows.t().to_sparse_csr())

    def mask_columns(self, active: Tensor) -> "SparseBatch":
        """Return the batch with zeros in the columns where `active`, of shape (d,), is False."""
        rows, transpose = self
        by_row = active[rows.col_indices()]
        if transpose is None:
            return SparseBatch(_scale_values(rows, by_row), None)
        by_column = active.repeat_interleave(
            transpose.crow_indices().diff(), output_size=len(by_row)
        )
        return SparseBatch(_scale_values(rows, by_row), _scale_values(transpose, by_column))

    @property
    def shape(self) -> torch.Size:
        """Number of rows and of features."""
        return self.rows.shape


def _scale_values(matrix: Tensor, factor: Tensor) -> Tensor:
    values = matrix.values() * factor
    return csr_tensor(matrix.crow_indices(), matrix.col_indices(), values, matrix.shape)


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
    >>> batch = SparseBatch.from_dense(torch.tensor([[0.0, 2.0]]))
    >>> sparse_matmul(batch, torch.tensor([[1.0], [3.0]]))
    tensor([[6.]])
    """
    if batch.transpose is None:
        return batch.rows @ weight
    return _SparseMatMul.apply(batch.rows, batch.transpose, weight)
