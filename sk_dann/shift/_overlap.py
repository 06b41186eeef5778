"""Source rows that no target row resembles.

Shapes: n source rows, m target rows.
"""

import numpy as np


def overlap_cut(
    source, target, *, min_rows=20, lumpiness=0.7, most=0.5, resemblance=0.05, distance=3.0
):
    """Find the log-odds of the target below which source rows lie far from any target row.

    A row is far or near only if the source falls into two lumps: its log-odds are cut in two
    where the squared distance between the halves' means explains most of their variance [1]_.
    The lower half is far from the target if

    - the cut explains more than `lumpiness` of the variance; it explains 0.64 of it where log-odds
      are normal and 0.75 where they are evenly spread,
    - the half holds less than `most` of the source,
    - next to no target row lies there: a share of at most `resemblance` times the half's own,
    - it lies more than `distance` times as far from the other half as that from the target.
      Where domains are easy to tell apart, all of the source is far, and nothing is to choose.

    Leaving such rows out of the domain game is partial domain adaptation [2]_, [3]_. Theirs are
    weights that change with the adapted features; a cut that is found once, before adapting,
    cannot feed back.

    Parameters
    ----------
    source : array of shape (n,)
        Log-odds of the target, of source rows, by a classifier of the domains that has been
        told to take both for equally frequent.
    target : array of shape (m,)
        The same of target rows.
    min_rows : int, default=20
        With fewer of a domain nothing is far.
    lumpiness, most, resemblance, distance : float

    Returns
    -------
    float
        Minus infinity if there are no such rows.

    References
    ----------
    .. [1] Otsu: A threshold selection method from gray-level histograms. IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 1979.
    .. [2] Zhang, Ding, Li, Ogunbona: Importance weighted adversarial nets for partial domain
       adaptation. CVPR 2018.
    .. [3] Cao, Ma, Long, Wang: Partial adversarial domain adaptation. ECCV 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import overlap_cut
    >>> target = np.linspace(-1, 2, 50)
    >>> near, far = np.linspace(-2, 1, 60), np.linspace(-9, -8, 30)
    >>> overlap_cut(np.concatenate([near, far]), target)
    -5.0
    >>> overlap_cut(near, target)
    -inf
    """
    source, target = np.asarray(source, dtype=float), np.asarray(target, dtype=float)
    if min(len(source), len(target)) < min_rows:
        return -np.inf
    # A row that is like no other would be a lump of its own.
    values = np.sort(np.clip(source, *np.quantile(source, [0.01, 0.99])))
    if values[0] == values[-1]:
        return -np.inf
    n_low = np.arange(1, len(values))
    n_high = len(values) - n_low
    sums = np.cumsum(values)
    low, high = sums[:-1] / n_low, (sums[-1] - sums[:-1]) / n_high
    between = n_low * n_high / len(values) ** 2 * (high - low) ** 2
    best = int(between.argmax())
    cut = (values[best] + values[best + 1]) / 2
    share = n_low[best] / len(values)
    is_far = (
        between[best] > lumpiness * values.var()
        and share < most
        and np.mean(target < cut) <= resemblance * share
        and high[best] - low[best] > distance * (target.mean() - high[best])
    )
    return float(cut) if is_far else -np.inf
