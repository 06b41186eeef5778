import numpy as np
import pytest

from sk_dann.datasets import make_inter_twinning_moons


@pytest.fixture(scope="session")
def moons():
    """Source, labels and target of 60 + 50 points."""
    return make_inter_twinning_moons(n_samples=60, n_samples_target=50, random_state=0)[:3]


@pytest.fixture(scope="session")
def three_classes():
    """Blobs of three classes and their shifted copy, with 12 columns."""
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=3, size=(3, 12))
    y = np.arange(90) % 3
    X = centres[y] + rng.normal(size=(90, 12))
    X_tgt = centres[np.arange(60) % 3] + rng.normal(size=(60, 12)) + 0.5
    return X, y, X_tgt
