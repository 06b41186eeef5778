"""Made-up tasks, each with one trouble besides the class shares of its target.

`moons` are the paper's, the target turned by 35 degrees. All others are four overlapping Gaussian
classes in ten columns, the last of which tells nothing of them. Where supports are disjoint, no row
of one domain tells anything of the other's but by a guess; elsewhere the target is a step away in a
random direction. Each has 600 source rows with equal shares, 600 target rows to adapt to and 600
for testing.
"""

from functools import partial

import numpy as np
from _shifted import CLASS_SHARES, split_and_scale

from sk_dann.datasets import make_inter_twinning_moons

N_ROWS = 600
N_CLASSES, N_COLUMNS = 4, 10
FAR, STEP = 20, 1  # standard deviations of a class
LAST = np.eye(N_COLUMNS)[-1]


def _draw(y, rng):
    X = rng.normal(size=(len(y), N_COLUMNS))
    X[np.arange(len(y)), y] += 2.5
    return X


def _random_direction(rng):
    direction = rng.normal(size=N_COLUMNS)
    return direction / np.linalg.norm(direction)


def disjoint(X_src, y_src, X_tgt, rng):
    """The target lies far away, its classes as in the source."""
    return X_src, X_tgt + FAR * LAST


def disjoint_anywhere(X_src, y_src, X_tgt, rng):
    """The target lies far away, across what tells the classes apart."""
    return X_src, X_tgt + FAR * _random_direction(rng)


def noise(X_src, y_src, X_tgt, rng, part):
    """In a part of the target's rows no column has anything to do with the class."""
    X_tgt = X_tgt + STEP * _random_direction(rng)
    noisy = rng.permutation(len(X_tgt))[: round(part * len(X_tgt))]
    drawn = rng.normal(size=(len(noisy), N_COLUMNS))
    center, spread = X_tgt.mean(axis=0), X_tgt.std(axis=0)
    X_tgt[noisy] = center + spread * drawn
    return X_src, X_tgt


def far_source(X_src, y_src, X_tgt, rng):
    """A third of the source's rows lie far from the target, and there every class is the next."""
    far = rng.permutation(len(X_src))[: len(X_src) // 3]
    X_src[far] = _draw((y_src[far] + 1) % N_CLASSES, rng) + FAR * LAST
    return X_src, X_tgt + STEP * _random_direction(rng)


TROUBLES = {
    "disjoint": disjoint,
    "disjoint anywhere": disjoint_anywhere,
    "25 % noise": partial(noise, part=0.25),
    "50 % noise": partial(noise, part=0.5),
    "far source rows": far_source,
}
SHAPE_SHIFTS = ("no shift", "graded")


def load_moons(share, seed, rotation=35):
    """Return moons whose target has this share of the second class, turned by so many degrees."""
    n_target = round(2 * N_ROWS * (1 - share)), round(2 * N_ROWS * share)
    moons = make_inter_twinning_moons(
        N_ROWS, n_samples_target=n_target, rotation=rotation, random_state=seed
    )
    return split_and_scale(*moons, seed)


def load_shape(trouble, shift, seed):
    """Return Gaussian classes with a trouble and these class shares in the target."""
    rng = np.random.default_rng(seed)
    # Class 0 is not always the rarest.
    shares = rng.permutation(CLASS_SHARES[shift](N_CLASSES))
    counts = np.rint(2 * N_ROWS * shares / shares.sum()).astype(int)
    y_src = rng.permutation(np.arange(N_ROWS) % N_CLASSES)
    y_tgt = rng.permutation(np.repeat(np.arange(N_CLASSES), counts))
    X_src, X_tgt = TROUBLES[trouble](_draw(y_src, rng), y_src, _draw(y_tgt, rng), rng)
    return split_and_scale(X_src, y_src, X_tgt, y_tgt, seed)
