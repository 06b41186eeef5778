"""Weights of columns by how much the classes differ in them."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_array, column_or_1d, gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.sparsefuncs import inplace_csr_column_scale
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from .._fitting import all_or_nothing
from ..domains import select_labels, split_sample_domain

_DTYPES = [np.float64, np.float32]
# What is held of dense rows in double precision: 32 MiB.
_CHUNK_NUMBERS = 2**22


class CorrelationRatioScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Scale columns up that tell the classes of the source apart.

    The correlation ratio of a column is the share of its variance that lies between the classes,

    .. math:: \eta_j^2 = \frac{\sum_c n_c (\bar x_{cj} - \bar x_j)^2}{\sum_i (x_{ij} - \bar x_j)^2},

    and a column is multiplied by :math:`\eta_j / \bar \eta + floor`. For bags of words it is a
    *supervised term weighting* [1]_: where a network sees thousands of columns and has few labels,
    most of what it learns is noise, and the noise is what changes between domains.

    Parameters
    ----------
    floor : float, default=1.0
        Weight of a column that says nothing, in units of the mean weight of the others. Columns
        that matter in the target alone are not to be lost.

    Attributes
    ----------
    scale_ : ndarray of shape (n_features,)
        What columns are multiplied by.
    n_features_in_ : int
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Only if `X` has column names that are strings.

    Notes
    -----
    Zeros stay zeros, so sparse rows stay sparse. Rows have other lengths afterwards; for bags of
    words let a :class:`~sklearn.preprocessing.Normalizer` follow.

    References
    ----------
    .. [1] F. Debole, F. Sebastiani, "Supervised Term Weighting for Automated Text Categorization",
       SAC 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.preprocessing import CorrelationRatioScaler
    >>> X, y = np.array([[0, 1], [0, 0], [1, 1], [1, 0]]), ["a", "a", "b", "b"]
    >>> CorrelationRatioScaler().fit(X, y).scale_
    array([2., 1.])
    """

    # Marks of rows go with X wherever they are passed, as for the classifiers.
    __metadata_request__fit = {"sample_domain": True}

    _parameter_constraints: dict = {"floor": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, floor=1.0):
        self.floor = floor

    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing()
    def fit(self, X, y, *, sample_domain=None):
        """Learn the scales from the source.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The source's rows, or with `sample_domain` those of both domains.
        y : array-like of shape (n_samples,)
            Classes; those of target rows are never read and may be anything.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows, negative for target rows.

        Returns
        -------
        self : object
        """
        X = validate_data(self, X, accept_sparse="csr", dtype=_DTYPES)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        check_consistent_length(X, y)
        rows = np.arange(X.shape[0])
        if sample_domain is not None:
            rows, _ = split_sample_domain(sample_domain, X.shape[0], need_target=False)
        labels = check_array(
            select_labels(y, rows), ensure_2d=False, dtype=None, input_name="y", estimator=self
        )
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()  # their squares do not add up
        ratio = _correlation_ratio(X, rows, labels)
        mean = ratio[ratio > 0].mean() if ratio.any() else 1.0
        self.scale_ = (ratio / mean + self.floor).astype(X.dtype)
        return self

    def transform(self, X):
        """Multiply the columns by their scales.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=_DTYPES, reset=False)
        scale = self.scale_.astype(X.dtype)
        if not sparse.issparse(X):
            return X * scale
        X = X.copy()
        inplace_csr_column_scale(X, scale)
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _correlation_ratio(X, rows, y):
    """Return η of each column among some rows; 0 of constant ones."""
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    n, d = len(rows), X.shape[1]
    n_rows = 4096 if sparse.issparse(X) else max(1, _CHUNK_NUMBERS // d)
    sums, squares = np.zeros((len(counts), d)), np.zeros(d)
    for place in gen_batches(n, n_rows):
        # In double precision, where sums of squares may cancel; one product sums all classes.
        chunk, own = X[rows[place]].astype(np.float64), codes[place]
        entries = np.ones(len(own)), (own, np.arange(len(own)))
        found = sparse.csr_array(entries, shape=(len(counts), len(own))) @ chunk
        sums += found.toarray() if sparse.issparse(found) else found
        if sparse.issparse(chunk):
            squares += np.bincount(chunk.indices, chunk.data**2, minlength=d)
    mean = sums.sum(axis=0) / n
    if sparse.issparse(X):
        total = squares - n * mean**2
        floor = squares
    else:
        total = sum(np.square(X[rows[b]] - mean).sum(axis=0) for b in gen_batches(n, n_rows))
        floor = n * mean**2
    between = (counts[:, None] * (sums / counts[:, None] - mean) ** 2).sum(axis=0)
    # What is left of a constant column are rounding errors.
    varies = total > 1e-12 * np.maximum(floor, total)
    squared = np.divide(between, total, out=np.zeros(len(total)), where=varies).clip(0, 1)
    # So is what is left of classes that do not differ: it must not count as a weight in the mean.
    squared[squared < 1e-14] = 0
    return np.sqrt(squared)
