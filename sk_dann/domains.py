"""One view of the data, whichever way it came in.

The two ways into an estimator, `fit(X_src, y_src, X_tgt)` and `fit(X, y, sample_domain=d)`, meet
here and nowhere else: whatever comes after sees a `DomainData`.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples


def split_sample_domain(sample_domain, n_samples, *, need_target=True):
    """Find the source and target rows that `sample_domain` marks.

    Parameters
    ----------
    sample_domain : array-like of int of shape (n_samples,)
        Positive for source rows, one number a source domain; negative for target rows.
    n_samples : int
        Number of rows that it must mark.
    need_target : bool, default=True
        Whether a lack of target rows is an error.

    Returns
    -------
    source_rows, target_rows : ndarray of int
        Positions in ascending order.

    Raises
    ------
    ValueError
        If it has another shape, holds zeros or fractions, or lacks one of the two sides.
    """
    values = np.asarray(sample_domain)
    if values.shape != (n_samples,):
        raise ValueError(
            f"sample_domain has shape {values.shape}, but must have shape (n_samples,) = "
            f"({n_samples},)."
        )
    if values.dtype.kind not in "iuf" or np.any(values != np.round(values)):
        raise ValueError(
            f"sample_domain must hold integers (positive for source rows, negative for target "
            f"rows), got an array of dtype {values.dtype}."
        )
    for sign, what, found in (
        ("zeros", "a row is source (positive) or target (negative)", np.any(values == 0)),
        ("no positive entries", "there are no source rows to learn from", np.all(values < 0)),
        (
            "no negative entries",
            "there are no target rows to adapt to; leave sample_domain out to train without a "
            "target",
            need_target and np.all(values > 0),
        ),
    ):
        if found:
            raise ValueError(f"sample_domain has {sign}: {what}.")
    return np.flatnonzero(values > 0), np.flatnonzero(values < 0)


def select_labels(y, rows):
    """Pick the labels of some rows, untouched by whatever stands on the others.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        In a list, or an array of objects, placeholders of another kind do not matter.
    rows : ndarray of int

    Returns
    -------
    ndarray of shape (len(rows),)
        Numbers that were boxed because of the placeholders are numbers again.
    """
    if isinstance(y, list | tuple):
        labels = np.empty(len(y), dtype=object)
        labels[:] = y
    else:
        labels = np.asarray(y)
    labels = labels[rows]
    if labels.dtype == object:
        plain = np.asarray(labels.tolist())
        strings = all(isinstance(label, str) for label in labels)
        if plain.dtype.kind in "iufb" or (strings and isinstance(y, list | tuple)):
            return plain
    return labels


def held_out_domains(X, y, X_tgt=None, sample_domain=None):
    """Take apart rows to score, whichever way the target comes with them.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
    y : array-like of shape (n_samples,), or None
    X_tgt : like `X`, default=None
        The target's rows; `X` is the source alone then.
    sample_domain : array-like of int of shape (n_samples,), default=None
        Positive for source rows, negative for target rows.

    Returns
    -------
    X_source : like `X`
    y : ndarray of shape (n_source,), or None
    X_target : like `X`

    Raises
    ------
    ValueError
        If there are no target rows, or two sorts of them.
    """
    if (X_tgt is None) == (sample_domain is None):
        raise ValueError(
            "A score for two domains needs either X_tgt (X is the source alone then) or "
            "sample_domain (X holds both domains). In cross-validation and searches enable "
            "metadata routing, sklearn.set_config(enable_metadata_routing=True), and pass it on: "
            'cross_validate(..., params={"X_tgt": X_tgt}) or search.fit(X, y, X_tgt=X_tgt). For '
            "accuracy on labelled samples after a search call search.best_estimator_.score(X, y)."
        )
    if X_tgt is not None:
        return X, None if y is None else np.asarray(y), X_tgt
    source, target = split_sample_domain(sample_domain, _num_samples(X), need_target=False)
    if not len(target):
        raise ValueError(
            "sample_domain marks no target row among those to score. Cross-validate with "
            "sk_dann.model_selection.DomainKFold, whose test folds hold rows of both domains."
        )
    y_source = None if y is None else select_labels(y, source)
    return _safe_indexing(X, source), y_source, _safe_indexing(X, target)


@dataclass(frozen=True)
class DomainData:
    """Labelled source rows and unlabelled target rows.

    Rows are referred to by position, so the arrays that came in are neither copied nor split;
    `X_source` and `X_target` are the same object if the domains came stacked.

    Parameters
    ----------
    X_source : ndarray or CSR matrix of shape (n, d)
    source_rows : ndarray of int of shape (n_source,)
        The rows of `X_source` that are in use.
    source_domain : ndarray of int of shape (n_source,)
        0 to S - 1: the domain of each source row.
    y : ndarray of shape (n_source,)
        Labels of the source rows; for training the positions of their classes, as int64, of
        shape (n_source, n_members) where each member learns labels of its own.
    label_weight, domain_weight : ndarray of shape (n_source,) or (n_source, n_members), or None
        Weights of the source rows in the label loss and in the domain loss.
    X_target : ndarray or CSR matrix of shape (m, d), or None
    target_rows : ndarray of int of shape (n_target,)
    target_weight : ndarray of shape (n_target,) or (n_target, n_members), or None
        Weights of the target rows in the domain loss.
    """

    X_source: np.ndarray | sparse.spmatrix
    source_rows: np.ndarray
    source_domain: np.ndarray
    y: np.ndarray
    label_weight: np.ndarray | None = None
    domain_weight: np.ndarray | None = None
    X_target: np.ndarray | sparse.spmatrix | None = None
    target_rows: np.ndarray | None = None
    target_weight: np.ndarray | None = None

    @property
    def n_source_domains(self):
        """Number of source domains, S."""
        return int(self.source_domain.max()) + 1

    def with_labels(self, y, label_weight, domain_weight, target_weight=None):
        """Return the same data with the classes' positions and the weights of the losses."""
        return replace(
            self,
            y=y,
            label_weight=label_weight,
            domain_weight=domain_weight,
            target_weight=target_weight,
        )

    def without_target(self, label_weight):
        """Return the source alone, with other weights in the label loss."""
        return replace(
            self,
            label_weight=label_weight,
            domain_weight=None,
            X_target=None,
            target_rows=None,
            target_weight=None,
        )

    def keep_source(self, kept):
        """Return the same data with only the source rows at the positions `kept`."""

        def cut(values):
            return None if values is None else values[kept]

        return replace(
            self,
            source_rows=self.source_rows[kept],
            source_domain=self.source_domain[kept],
            y=self.y[kept],
            label_weight=cut(self.label_weight),
            domain_weight=cut(self.domain_weight),
        )

    def constant_source_columns(self):
        """Tell which columns hold one value in all source rows that have weight.

        Nothing can be learned from labels about such a column, while on the target it may vary:
        with random weights it is noise there.

        Returns
        -------
        ndarray of bool of shape (d,)
        """
        rows = self.source_rows
        if self.label_weight is not None:
            # For some member: all share the batches.
            rows = rows[(self.label_weight.reshape(len(rows), -1) > 0).any(axis=1)]
        return is_constant(self.X_source, rows)


def is_constant(X, rows, chunk_size=4096):
    """Tell which columns hold one value in all of some rows, looking at a chunk at a time.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
    rows : ndarray of int
    chunk_size : int, default=4096
        Rows looked at together; bounds the memory.

    Returns
    -------
    ndarray of bool of shape (d,)
    """
    find = _find_varying_entries if sparse.issparse(X) else _find_varying_columns
    chunks = (X[rows[start : start + chunk_size]] for start in range(0, len(rows), chunk_size))
    return ~find(chunks, X.shape[1])


def _find_varying_columns(chunks, n_columns):
    varies, value = np.zeros(n_columns, dtype=bool), None
    for chunk in chunks:
        value = chunk[0].copy() if value is None else value
        varies |= (chunk != value).any(axis=0)
    return varies


def _find_varying_entries(chunks, n_columns):
    varies, is_seen = np.zeros((2, n_columns), dtype=bool)
    value = np.zeros(n_columns)
    counts, n_rows = np.zeros(n_columns, dtype=np.int64), 0
    for chunk in chunks:
        chunk.sum_duplicates()
        columns, entries = chunk.indices, chunk.data
        is_new = ~is_seen[columns]
        value[columns[is_new]] = entries[is_new]
        is_seen[columns] = True
        varies[columns[entries != value[columns]]] = True
        counts += np.bincount(columns, minlength=n_columns)
        n_rows += chunk.shape[0]
    # What is not stored is zero.
    return varies | ((value != 0) & (counts < n_rows))


def looks_untransformed(data, *, dense_factor=10.0, sparse_factor=4.0):
    """Tell whether the target's columns are on another scale altogether than the source's.

    Preprocessing that the source went through and the target did not leaves its columns orders of
    magnitude apart, which no domain shift does to many columns at once. Dense: at least a quarter
    of the columns that vary in both domains lie further from the source's mean than
    `dense_factor` times its spread, or spread that much less. Sparse: the stored values differ in
    size by `sparse_factor`.

    Parameters
    ----------
    data : DomainData
    dense_factor, sparse_factor : float

    Returns
    -------
    str or None
        What was seen, for people; None if nothing was, or if the domains came stacked and so went
        through the same steps.
    """
    if data.X_target is None or data.X_target is data.X_source:
        return None
    source = _some_rows(data.X_source, data.source_rows)
    target = _some_rows(data.X_target, data.target_rows)
    if sparse.issparse(source):
        if not (source.count_nonzero() and target.count_nonzero()):
            return None
        sizes = [_root_mean_square(part.data[part.data != 0]) for part in (source, target)]
        ratio = sizes[1] / sizes[0]
        if 1 / sparse_factor < ratio < sparse_factor:
            return None
        return f"its stored values are {ratio:.3g} times the size of the source's"
    # Values whose squares overflow end as infinite or undefined, and count as no evidence.
    with np.errstate(all="ignore"):
        spread, width = source.std(axis=0, dtype=float), target.std(axis=0, dtype=float)
        varies = (spread > 0) & (width > 0)
        if not varies.any():
            return None
        centre = source.mean(axis=0, dtype=float)
        distance = np.sqrt(np.mean(np.square(target - centre), axis=0))
        off = (distance > dense_factor * spread) | (width < spread / dense_factor)
    off = off[varies]
    if off.mean() < 0.25:
        return None
    return (
        f"{off.sum()} of {off.size} columns lie or spread more than {dense_factor:g} times "
        "differently from the source's"
    )


def _some_rows(X, rows, n=2048):
    """At most `n` of the rows, evenly spread: enough to see a scale, cheap on any table."""
    return X[rows[:: -(-len(rows) // n)]]


def _root_mean_square(values):
    # Scaled first: the squares of what is allowed may not be.
    largest = np.abs(values).max().astype(float)
    return largest * np.sqrt(np.mean(np.square(values / largest, dtype=float)))
