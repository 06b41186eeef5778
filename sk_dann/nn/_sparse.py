"""Products of sparse batches with dense weights, without densifying either way."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class CSRMatrix(NamedTuple):
    """A sparse matrix by rows.

    Not a CSR tensor of torch's: `torch.nn.functional.embedding_bag`, a weighted sum of rows, is
    two to three times as fast as torch's sparse product in float32 and alike in float64, and
    warns nobody of a beta state.

    Parameters
    ----------
    starts : Tensor of int32 of shape (n_rows + 1,)
        Where the entries of each row begin, and where the last ones end.
    columns : Tensor of int32 of shape (n_nonzero,)
    values : Tensor of shape (n_nonzero,)
    n_columns : int

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import CSRMatrix
    >>> matrix = CSRMatrix.from_dense(torch.tensor([[0.0, 2.0], [0.0, 0.0]]))
    >>> matrix.columns, matrix @ torch.tensor([[1.0], [3.0]])
    (tensor([1], dtype=torch.int32), tensor([[6.],
            [0.]]))
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    n_columns: int

    @classmethod
    def from_dense(cls, dense: Tensor) -> "CSRMatrix":
        """Make a sparse matrix of a dense one; for trying things out."""
        rows, columns = dense.nonzero(as_tuple=True)
        starts = torch.zeros(len(dense) + 1, dtype=torch.int32, device=dense.device)
        starts[1:] = rows.bincount(minlength=len(dense)).cumsum(0)
        return cls(starts, columns.int(), dense[rows, columns], dense.shape[1])

    def __matmul__(self, dense: Tensor) -> Tensor:
        """Multiply with a matrix of shape (n_columns, n_outputs), without recording gradients."""
        with torch.no_grad():
            return F.embedding_bag(
                self.columns,
                dense,
                self.starts,
                mode="sum",
                per_sample_weights=self.values,
                include_last_offset=True,
            )

    def to_dense(self) -> Tensor:
        """Return the matrix with all its zeros."""
        n_rows, n_columns = self.shape
        lengths = self.starts.diff()
        first = torch.arange(n_rows, device=self.values.device) * n_columns
        places = first.repeat_interleave(lengths, output_size=len(self.values)) + self.columns
        dense = self.values.new_zeros(n_rows * n_columns)
        return dense.index_add_(0, places, self.values).view(n_rows, n_columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.starts) - 1, self.n_columns


class SparseBatch(NamedTuple):
    """Rows of a sparse matrix, and the same rows transposed.

    The forward product needs the rows, the gradient of the weights the transpose, and whoever
    cuts the batch has it almost for free.

    Parameters
    ----------
    rows : CSRMatrix of shape (n_rows, n_features)
    transpose : CSRMatrix of shape (n_features, n_rows), or None
        None if no gradient will be asked for.

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import SparseBatch
    >>> SparseBatch.from_dense(torch.ones(2, 3)).transpose.shape
    (3, 2)
    """

    rows: CSRMatrix
    transpose: CSRMatrix | None

    @classmethod
    def from_dense(cls, rows: Tensor) -> "SparseBatch":
        """Make a batch of a dense tensor; for trying things out."""
        return cls(CSRMatrix.from_dense(rows), CSRMatrix.from_dense(rows.t()))

    def mask_columns(self, active: Tensor) -> "SparseBatch":
        """Return the batch with zeros in the columns where `active`, of shape (d,), is False."""
        rows, transpose = self
        masked = rows._replace(values=rows.values * active[rows.columns])
        if transpose is None:
            return SparseBatch(masked, None)
        factor = active.repeat_interleave(
            transpose.starts.diff(), output_size=len(transpose.values)
        )
        return SparseBatch(masked, transpose._replace(values=transpose.values * factor))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of features."""
        return self.rows.shape


class _SparseMatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, batch, weight):
        ctx.transpose = batch.transpose
        return batch.rows @ weight

    @staticmethod
    def backward(ctx, grad_output):
        return None, ctx.transpose @ grad_output.contiguous()


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
    return batch.rows @ weight if batch.transpose is None else _SparseMatMul.apply(batch, weight)
