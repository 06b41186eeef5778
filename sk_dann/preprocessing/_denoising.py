"""One denoising layer in closed form, of sums over rows.

A layer reconstructs columns z of uncorrupted rows by W x̃ + b, where every column of x̃ was set to
zero with probability p = 1 - q. The expected squared error over all corruptions is a function of
S = Σ x xᵀ, C = Σ x zᵀ, s = Σ x and t = Σ z, sums over n rows. The bias is not corrupted and not
penalised, so that it drops out (b = (t - q W s) / n), and what remains is the ridge problem

    A Wᵀ = q (C - s tᵀ / n),    A = q² (S - s sᵀ / n) + diag(v),    v = q p diag(S) + α.

A is positive definite whatever the rows are: v alone makes it so. Scaled to a diagonal of ones, its
smallest eigenvalue is at least p and its largest at most the number of columns, so single precision
will do.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from sklearn.utils.extmath import safe_sparse_dot


class Sums:
    """What the mapping of a layer is learned from.

    Parameters
    ----------
    n_features : int
        Number of columns, d, that are read.
    dtype : numpy dtype
        Of the rows.
    n_targets : int, default=None
        Number of columns, r, that are reconstructed; None if these are the columns that are read.
    """

    def __init__(self, n_features, dtype, n_targets=None):
        self.n_rows = 0
        self.total = np.zeros(n_features)
        # Only the lower triangle counts. LAPACK works in place on columns that lie in one piece.
        self.products = np.zeros((n_features, n_features), dtype=dtype, order="F")
        self.target_total = self.cross = None
        if n_targets is not None:
            self.target_total = np.zeros(n_targets)
            self.cross = np.zeros((n_features, n_targets), dtype=dtype)

    def add(self, X, targets=None):
        """Add rows.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
        targets : like `X`, of shape (n, r), default=None
            What is reconstructed, if not `X`.
        """
        self.n_rows += X.shape[0]
        self.total += _column_sums(X)
        _add_products(X, self.products)
        if targets is not None:
            self.target_total += _column_sums(targets)
            self.cross += safe_sparse_dot(X.T, targets, dense_output=True)

    def learn(self, noise, alpha):
        """Return the mapping with the least expected error; the sums are used up.

        Parameters
        ----------
        noise : float
            Probability p that a column is set to zero.
        alpha : float
            Ridge term.

        Returns
        -------
        coef : ndarray of shape (d, r)
            In C order, as products with CSR matrices want it.
        intercept : ndarray of shape (r,)

        Raises
        ------
        ValueError
            If sums overflow, or rounding errors exceed the noise and the ridge term.
        """
        kept = 1 - noise
        penalty = self._prepare(kept, alpha)
        mean = (self.total / self.n_rows).astype(self.products.dtype)
        if self.cross is not None:
            target_mean = (self.target_total / self.n_rows).astype(mean.dtype)
            coef = self._solve(kept, target_mean)
        else:
            # With C = S the right-hand side is (A - diag(v)) / q, and the inverse of A gives the
            # solution at half the price: Wᵀ = (I - A⁻¹ diag(v)) / q.
            target_mean = mean
            coef = _inverse_of_factor(self._factor())
            coef *= (-penalty / kept).astype(coef.dtype)
            coef[np.diag_indices_from(coef)] += coef.dtype.type(1 / kept)
        del self.products, self.cross
        return coef, target_mean - coef.dtype.type(kept) * (mean @ coef)

    def _prepare(self, kept, alpha):
        """Turn the products into A, in place, and return v."""
        matrix = self.products
        squares = matrix.diagonal().astype(np.float64)
        cross = squares if self.cross is None else self.cross
        if not (np.isfinite(squares).all() and np.isfinite(cross).all()):
            raise ValueError(
                f"Sums of squares over the rows of X, or of X_tgt, overflow in {matrix.dtype}. "
                "Scale the columns down."
            )
        penalty = kept * (1 - kept) * squares + alpha
        # A column of zeros learns nothing and is reconstructed as zero, exactly, even if alpha=0.
        penalty[squares == 0] = 1
        matrix *= matrix.dtype.type(kept**2)
        (syr,) = get_blas_funcs(("syr",), (matrix,))
        mean = (self.total * (kept / np.sqrt(self.n_rows))).astype(matrix.dtype)
        syr(-1.0, mean, a=matrix, lower=1, overwrite_a=1)
        matrix[np.diag_indices_from(matrix)] += penalty.astype(matrix.dtype)
        return penalty

    def _factor(self):
        (potrf,) = get_lapack_funcs(("potrf",), (self.products,))
        factor, info = potrf(self.products, lower=1, overwrite_a=1, clean=0)
        if info:
            raise ValueError(
                f"noise and alpha are too small for {factor.dtype} and the columns of X: rounding "
                "errors exceed them. Raise one of them, or pass X in float64."
            )
        return factor

    def _solve(self, kept, target_mean):
        self.cross -= np.outer(self.total.astype(target_mean.dtype), target_mean)
        self.cross *= self.cross.dtype.type(kept)
        (potrs,) = get_lapack_funcs(("potrs",), (self.products,))
        return np.ascontiguousarray(potrs(self._factor(), self.cross, lower=1)[0])


def encode(X, coef, intercept):
    """Return the hidden layer of rows, tanh(W x + b).

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
    coef : ndarray of shape (d, r)
    intercept : ndarray of shape (r,)

    Returns
    -------
    ndarray of shape (n, r)
    """
    hidden = safe_sparse_dot(X, coef, dense_output=True)
    hidden += intercept
    return np.tanh(hidden, out=hidden)


def _column_sums(X):
    """Add up rows in double precision, in which cancellation does no harm."""
    if sparse.issparse(X):
        return np.bincount(X.indices, weights=X.data, minlength=X.shape[1])
    return X.sum(axis=0, dtype=np.float64)


def _add_products(X, products):
    """Add Xᵀ X to the lower triangle of `products`, in place."""
    if sparse.issparse(X):
        found = sparse.tril(X.T @ X)
        products[found.row, found.col] += found.data
    else:
        (syrk,) = get_blas_funcs(("syrk",), (products,))
        syrk(1.0, X.T, beta=1.0, c=products, lower=1, overwrite_c=1)


def _inverse_of_factor(factor):
    """Return the inverse of L Lᵀ in place of L, in C order."""
    (potri,) = get_lapack_funcs(("potri",), (factor,))
    inverse, _ = potri(factor, lower=1, overwrite_c=1)
    for column in range(1, len(inverse)):
        inverse[:column, column] = inverse[column, :column]
    return inverse.T
