import numpy as np
import pytest
from scipy.special import log_softmax


@pytest.fixture(scope="session")
def draw_scores():
    """Exact log-posteriors, under equal shares, of Gaussians at the corners of a simplex."""

    def draw(counts, seed, distance=2.0):
        y = np.repeat(np.arange(len(counts)), counts)
        x = np.random.default_rng(seed).normal(distance * np.eye(len(counts))[y])
        return log_softmax(distance * x, axis=1), y

    return draw


@pytest.fixture(scope="session")
def three_classes():
    """Source scores, their labels and scores of a shifted target, for frozen numbers."""

    def scores(seed):
        y = np.arange(300) % 3
        x = np.random.default_rng(seed).normal(size=(300, 3)) + 1.5 * np.eye(3)[y]
        return log_softmax(2 * x + [0, 0.3, -0.3], axis=1), y

    (source, y), (target, hidden) = scores(0), scores(1)
    return source, y, target[(hidden == 0) | (np.arange(300) % 5 == 0)]
