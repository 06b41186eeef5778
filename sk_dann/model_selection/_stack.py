"""Stacking both domains such that stock tools can take them apart again."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples


def stack_domains(X_src, y_src, X_tgt, *, source_domain=None):
    """Stack source and target for ``fit(X, y, sample_domain=sample_domain)``.

    The stacked format suits the tools of scikit-learn that split, encode or resample: they treat
    both domains alike. Two things are easily done wrong when stacking by hand, and are done right
    here:

    - *Placeholders.* Something has to stand in `y` where target samples have no label, and whatever
      encodes `y` before ``fit`` takes it for a class. Here it is the label of a source sample
      nearby, so that there is no further class, and every class is as frequent as before.
    - *Order.* Both domains are interleaved evenly, each in its own order. So every slice of the
      stack holds both in proportion, also the folds of splitters that do not shuffle.

    Parameters
    ----------
    X_src : {array-like, sparse matrix, data frame} of shape (n_source, ...)
    y_src : array-like of shape (n_source,)
    X_tgt : like `X_src`, of shape (n_target, ...)
    source_domain : array-like of int of shape (n_source,), default=None
        Positive numbers of the source domains, if there are several.

    Returns
    -------
    X : like `X_src`, of shape (n_source + n_target, ...)
    y : ndarray of shape (n_source + n_target,)
        Labels of source samples. What stands on target samples means nothing.
    sample_domain : ndarray of int of shape (n_source + n_target,)
        Positive for source samples, -1 for target samples. ``X[sample_domain > 0]`` is `X_src`
        again.

    Raises
    ------
    ValueError
        If an argument does not fit the others.

    See Also
    --------
    SourceKFold, DomainKFold : Splitters that know `sample_domain`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.model_selection import stack_domains
    >>> X, y, sample_domain = stack_domains([[1], [2], [3], [4]], ["a", "b", "b", "a"], [[8], [9]])
    >>> X.ravel(), sample_domain
    (array([1, 8, 2, 3, 9, 4]), array([ 1, -1,  1,  1, -1,  1]))
    >>> y
    array(['a', 'b', 'b', 'b', 'a', 'a'], dtype='<U1')
    """
    X_src, X_tgt = (X if hasattr(X, "shape") else np.asarray(X) for X in (X_src, X_tgt))
    n_source, n_target = _num_samples(X_src), _num_samples(X_tgt)
    for name, n_samples in (("X_src", n_source), ("X_tgt", n_target)):
        if not n_samples:
            raise ValueError(f"{name} has no samples.")
    labels = _check_length("y_src", y_src, n_source)
    if source_domain is None:
        source_domain = np.ones(n_source, dtype=int)
    source_domain = _check_length("source_domain", source_domain, n_source)
    if source_domain.dtype.kind not in "iu" or np.any(source_domain < 1):
        raise ValueError(
            "source_domain must hold positive integers, one number for each source domain; got "
            f"{np.unique(source_domain).tolist()}."
        )
    # Where each sample stands within its domain, from 0 to 1.
    place_in_source = (np.arange(n_source) + 0.5) / n_source
    place_in_target = (np.arange(n_target) + 0.5) / n_target
    order = np.argsort(np.concatenate([place_in_source, place_in_target]), kind="stable")
    nearby = np.minimum((place_in_target * n_source).astype(int), n_source - 1)
    y = np.concatenate([labels, labels[nearby]])
    sample_domain = np.concatenate([source_domain, np.full(n_target, -1)])
    return _safe_indexing(_concatenate(X_src, X_tgt), order), y[order], sample_domain[order]


def _check_length(name, values, n_source):
    values = np.asarray(values)
    if values.shape != (n_source,):
        raise ValueError(
            f"{name} has shape {values.shape}, but X_src has {n_source} samples: it must have "
            f"shape ({n_source},)."
        )
    return values


def _concatenate(X_src, X_tgt):
    kinds = _kind_of(X_src), _kind_of(X_tgt)
    if kinds[0] != kinds[1]:
        raise ValueError(f"X_src is {kinds[0]} and X_tgt is {kinds[1]}; both must be alike.")
    if kinds[0] == "an array":
        if X_src.shape[1:] != X_tgt.shape[1:]:
            raise ValueError(
                f"X_tgt has samples of shape {X_tgt.shape[1:]}, but X_src has {X_src.shape[1:]}."
            )
        return np.concatenate([X_src, X_tgt])
    if X_src.shape[1] != X_tgt.shape[1]:
        raise ValueError(f"X_tgt has {X_tgt.shape[1]} features, but X_src has {X_src.shape[1]}.")
    if kinds[0] == "sparse":
        return sparse.vstack([X_src, X_tgt], format="csr")
    columns = list(X_src.columns)
    if columns != list(X_tgt.columns):
        raise ValueError(
            f"The columns of X_tgt, {list(X_tgt.columns)}, are not those of X_src, {columns}."
        )
    if kinds[0] == "a pandas data frame":
        import pandas as pd

        return pd.concat([X_src, X_tgt])
    return X_src.vstack(X_tgt)


def _kind_of(X):
    if sparse.issparse(X):
        return "sparse"
    if hasattr(X, "columns"):
        return "a pandas data frame" if hasattr(X, "iloc") else "a polars data frame"
    return "an array"
