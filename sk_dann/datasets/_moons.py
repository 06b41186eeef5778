"""The toy problem of the DANN paper: inter-twinning moons and their rotated copy."""

from numbers import Integral, Real

import numpy as np
from sklearn.datasets import make_moons
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left"), tuple],
        "n_samples_target": [Interval(Integral, 1, None, closed="left"), tuple, None],
        "rotation": [Interval(Real, None, None, closed="neither")],
        "noise": [Interval(Real, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_inter_twinning_moons(
    n_samples=300, *, n_samples_target=None, rotation=35.0, noise=0.05, random_state=None
):
    """Make two interleaving moons and, as target domain, the same distribution rotated.

    This is the toy problem of section 5.1.1 of [1]_, made as its authors make it: the moons
    of :func:`sklearn.datasets.make_moons` are moved so that the source has mean zero, doubled
    in size, and the target, a fresh draw moved alike, is turned about the origin.

    Parameters
    ----------
    n_samples : int or tuple of shape (2,), dtype=int, default=300
        Number of source points, half of them in each moon; or the number of points in the
        upper moon (class 0) and in the lower moon (class 1).

    n_samples_target : int or tuple of shape (2,), dtype=int, default=None
        The same for the target; a tuple makes the class shares differ from the source's.
        With `None`, as many as in the source.

    rotation : float, default=35.0
        Angle in degrees by which the target is turned counter-clockwise.

    noise : float, default=0.05
        Standard deviation of the Gaussian noise added to the moons before they are doubled
        in size. With `None`, the points lie on the curves.

    random_state : int, RandomState instance or None, default=None
        Determines the order of the points and the noise. Pass an int for the same points in
        every call. The source points do not depend on `n_samples_target` or `rotation`.

    Returns
    -------
    X_src : ndarray of shape (n_samples, 2)
        Source points.

    y_src : ndarray of shape (n_samples,)
        Moon of each source point: 0 for the upper one, 1 for the lower one.

    X_tgt : ndarray of shape (n_samples_target, 2)
        Target points.

    y_tgt : ndarray of shape (n_samples_target,)
        Moon of each target point, to measure with; adaptation does without.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Y. Ganin, E. Ustinova, H. Ajakan, P. Germain, H. Larochelle, F. Laviolette,
       M. Marchand and V. Lempitsky, "Domain-Adversarial Training of Neural Networks",
       Journal of Machine Learning Research 17(59), 2016.
       https://jmlr.org/papers/v17/15-239.html

    Examples
    --------
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    >>> X_src.shape, X_tgt.shape
    ((300, 2), (300, 2))
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> knn = KNeighborsClassifier().fit(X_src, y_src)
    >>> bool(knn.score(X_src, y_src) > 0.99), bool(knn.score(X_tgt, y_tgt) < 0.95)
    (True, True)
    """
    if n_samples_target is None:
        n_samples_target = n_samples
    generator = check_random_state(random_state)
    X_src, y_src = make_moons(n_samples, noise=noise, random_state=generator)
    X_tgt, y_tgt = make_moons(n_samples_target, noise=noise, random_state=generator)
    # The target's own mean would hide a difference in class shares as a shift of position.
    center = X_src.mean(axis=0)
    return 2 * (X_src - center), y_src, _rotate(2 * (X_tgt - center), rotation), y_tgt


def _rotate(X, degrees):
    """Turn the rows of X (n, 2) counter-clockwise about the origin."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return X @ np.array([[cos, sin], [-sin, cos]])
