"""Marginalized stacked denoising autoencoders."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from .._fitting import all_or_nothing
from ._denoising import Sums, encode
from ._layers import learn_layers, most_frequent, read_chunks

_DTYPES = [np.float64, np.float32]


def _reconstructs_all_features(msda):
    if msda.n_features_to_reconstruct is not None:
        raise AttributeError(
            f"With n_features_to_reconstruct={msda.n_features_to_reconstruct} there is no "
            "partial_fit: which features are the most frequent is not known before the end of a "
            "stream. Call fit, or cut the vocabulary beforehand."
        )
    return True


class MarginalizedStackedDenoisingAutoencoder(TransformerMixin, BaseEstimator):
    """Features that are robust to missing columns, learned from both domains without labels (mSDA).

    Each layer learns to reconstruct its input from what is left of it when columns are set to zero
    at random, and so to infer a word from those it occurs with: what is said in one domain is told
    by what is said in the other. The corruption is averaged over by mathematics, not by sampling,
    which leaves one linear system a layer to be solved [1]_. A hidden layer is tanh(W x + b), the
    input of the next one.

    Columns should have similar scales, and small ones: tanh is flat beyond 2 or 3. Counts of words
    are best cut to 0 and 1, or weighted (tf-idf).

    Parameters
    ----------
    n_layers : int, default=5
        Number of hidden layers.

    noise : float, default=0.5
        Probability that a column is set to zero, between 0 and 1. The larger, the more a column is
        inferred from the others.

    alpha : float, default=1e-5
        Ridge term, added to sums of squares over rows, as in :class:`~sklearn.linear_model.Ridge`:
        its effect falls with the number of rows. Needed only where `noise` is next to nothing.

    n_features_to_reconstruct : int, default=None
        For large vocabularies, where systems of `n_features` equations take too long: the first
        layer reconstructs so many of the most frequent columns (those not zero in most rows) alone.
        All columns are shuffled into disjoint subsets of at most so many, each reconstructs on its
        own, and the mean goes through tanh. Further layers are as wide as this one. None, or a
        number not below `n_features`, reconstructs all columns from all columns.

    output : {'all', 'hidden', 'last'}, default='all'
        What :meth:`transform` returns: the input beside all hidden layers as in the paper, the
        hidden layers without the input, or the last one.

    random_state : int, RandomState instance or None, default=None
        Of the shuffle. Without `n_features_to_reconstruct` nothing is random.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_in, n_out)
        Wᵀ of each layer.
    intercepts_ : list of ndarray of shape (n_out,)
    reconstructed_features_ : ndarray of int of shape (n_out,)
        The columns of the input that the layers reconstruct, in the order of their output.
    n_features_in_ : int
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Only if `X` has column names that are strings.

    Notes
    -----
    It computes in the dtype of the `X` of `fit`; float32 takes half the time and memory of float64.
    The output is dense, (1 + `n_layers`) times as wide as the input by default.

    `fit` reads its input in chunks of rows. Beside the input and the weights it holds one hidden
    layer of as many rows as fit into scikit-learn's `working_memory`
    (:func:`sklearn.set_config`); those of the others are computed again for each layer.

    References
    ----------
    .. [1] M. Chen, Z. Xu, K. Weinberger, F. Sha, "Marginalized Denoising Autoencoders for Domain
       Adaptation", ICML 2012.

    Examples
    --------
    Stacked, both domains pass through all steps together:

    >>> import numpy as np
    >>> from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> X_src, X_tgt = rng.integers(0, 2, (30, 4)), rng.integers(0, 2, (20, 4))
    >>> msda = MarginalizedStackedDenoisingAutoencoder(n_layers=2)
    >>> msda.fit_transform(np.concatenate([X_src, X_tgt])).shape
    (50, 12)

    Apart, the target is an argument of its own:

    >>> msda.fit(X_src, X_tgt=X_tgt).transform(X_tgt).shape
    (20, 12)

    A pipeline hands it to this step and, transformed, to the classifier:

    >>> from sklearn import config_context
    >>> from sklearn.pipeline import Pipeline
    >>> from sk_dann import DANNClassifier
    >>> with config_context(enable_metadata_routing=True):
    ...     pipe = Pipeline(
    ...         [("msda", msda), ("dann", DANNClassifier(max_iter=2, random_state=0))],
    ...         transform_input=["X_tgt"],
    ...     )
    ...     pipe.fit(X_src, X_src[:, 0], X_tgt=X_tgt).predict(X_tgt).shape
    (20,)
    """

    # The target is wanted wherever it is passed, so nobody should have to call set_fit_request.
    __metadata_request__fit = {"X_tgt": True}

    _parameter_constraints: dict = {
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, 1, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "n_features_to_reconstruct": [Interval(Integral, 1, None, closed="left"), None],
        "output": [StrOptions({"all", "hidden", "last"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_layers=5,
        *,
        noise=0.5,
        alpha=1e-5,
        n_features_to_reconstruct=None,
        output="all",
        random_state=None,
    ):
        self.n_layers = n_layers
        self.noise = noise
        self.alpha = alpha
        self.n_features_to_reconstruct = n_features_to_reconstruct
        self.output = output
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing()
    def fit(self, X, y=None, X_tgt=None):
        """Learn all layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of both domains, or of the source alone.
        y : object, default=None
            Not looked at.
        X_tgt : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            Rows of the target, if they are not in `X`. In a :class:`~sklearn.pipeline.Pipeline` use
            ``transform_input=["X_tgt"]``.

        Returns
        -------
        self : object
        """
        parts = [self._check_rows(X, reset=True)]
        if X_tgt is not None:
            parts.append(self._check_rows(X_tgt, name="X_tgt", dtype=parts[0].dtype))
        features = most_frequent(parts, self.n_features_to_reconstruct)
        layers = learn_layers(
            parts, features, self.n_layers, self.noise, self.alpha, self.random_state
        )
        self.reconstructed_features_ = features
        self.coefs_, self.intercepts_ = (list(each) for each in zip(*layers, strict=True))
        vars(self).pop("_sums", None)  # of a stream that did not come to its end
        return self

    @available_if(_reconstructs_all_features)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X=None, y=None, *, layer=0):
        """Learn one layer of a stream of rows, exactly as `fit` would of all of them.

        Layers are learned one after another, so the stream is passed once for each. At the end of
        each pass, a call without `X` learns the layer. Rows for layer 0 start anew if all layers
        are learned already. Not available with `n_features_to_reconstruct`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Some rows of any domain. None if there are no more for this layer.
        y : object, default=None
            Not looked at.
        layer : int, default=0
            Which layer the rows are for.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not `layer`'s turn, or it ends without having seen a row.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder
        >>> X = np.random.default_rng(0).integers(0, 2, (30, 4))
        >>> msda = MarginalizedStackedDenoisingAutoencoder(n_layers=2)
        >>> for layer in range(msda.n_layers):
        ...     for chunk in np.split(X, 3):
        ...         msda = msda.partial_fit(chunk, layer=layer)
        ...     msda = msda.partial_fit(layer=layer)
        >>> np.allclose(msda.transform(X), msda.fit(X).transform(X))
        True
        """
        turn = len(self.coefs_) if hasattr(self, "_sums") else 0
        if layer != turn:
            raise ValueError(
                f"layer={layer!r}, but it is the turn of layer={turn}: pass all rows with "
                f"partial_fit(X, layer={turn}), then call partial_fit(layer={turn}) to learn it."
            )
        return self._end_layer(layer) if X is None else self._add_rows(X)

    @all_or_nothing()
    def _add_rows(self, X):
        starts = not hasattr(self, "_sums")
        dtype = _DTYPES if starts else self._sums.products.dtype
        X = self._check_rows(X, reset=starts, dtype=dtype)
        if starts:
            self.reconstructed_features_ = np.arange(self.n_features_in_)
            self.coefs_, self.intercepts_ = [], []
            self._sums = Sums(self.n_features_in_, X.dtype)
        for _, hidden in read_chunks([X], self.n_features_in_):
            for learned in zip(self.coefs_, self.intercepts_, strict=True):
                hidden = encode(hidden, *learned)
            self._sums.add(hidden)
        return self

    def _end_layer(self, layer):
        if not hasattr(self, "_sums") or not self._sums.n_rows:
            raise ValueError(
                f"partial_fit(layer={layer}) without X ends layer {layer}, which has not seen a "
                f"row: pass them first, partial_fit(X, layer={layer})."
            )
        sums, dtype = self._sums, self._sums.products.dtype
        self._sums = Sums(self.n_features_in_, dtype)  # learning uses them up, also if it fails
        coef, intercept = sums.learn(self.noise, self.alpha)
        self.coefs_.append(coef)
        self.intercepts_.append(intercept)
        if len(self.coefs_) >= self.n_layers:
            del self._sums
        return self

    def transform(self, X):
        """Return the layers side by side.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            The input if ``output='all'``, then the hidden layers, in the dtype of the fitted `X`.
        """
        check_is_fitted(self)
        X = self._check_rows(X, dtype=self.coefs_[0].dtype)
        layers = list(zip(self.coefs_, self.intercepts_, strict=True))
        n_hidden = len(self.reconstructed_features_)
        first = self._first_output()
        widths = [self.n_features_in_, *[n_hidden] * len(layers)]
        out = np.empty((X.shape[0], sum(widths[first:])), dtype=X.dtype)
        for rows, hidden in read_chunks([X], n_hidden):
            start = 0
            for depth, width in enumerate(widths):
                if depth:
                    hidden = encode(hidden, *layers[depth - 1])
                if depth >= first:
                    dense = hidden.toarray() if issparse(hidden) else hidden
                    out[rows, start : start + width] = dense
                    start += width
        return out

    def get_feature_names_out(self, input_features=None):
        """Name the columns that :meth:`transform` returns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            As `feature_names_in_`, or, if there are none, x0, x1, ...

        Returns
        -------
        ndarray of str objects
            `layer1_word` is the reconstruction of `word` by the first layer.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        hidden = [
            f"layer{depth}_{name}"
            for depth in range(max(1, self._first_output()), len(self.coefs_) + 1)
            for name in names[self.reconstructed_features_]
        ]
        return np.array([*names, *hidden] if self.output == "all" else hidden, dtype=object)

    def _first_output(self):
        return {"all": 0, "hidden": 1, "last": len(self.coefs_)}[self.output]

    def _check_rows(self, X, *, name="X", reset=False, dtype=_DTYPES):
        try:
            return validate_data(self, X, accept_sparse="csr", dtype=dtype, reset=reset)
        except (ValueError, TypeError) as error:
            if name == "X":
                raise
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f"{name}: {error}") from error

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coefs_") and not hasattr(self, "_sums")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
