import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder


def make_data(n_rows=60, n_features=7, seed=0):
    """Correlated columns, a constant one, one of zeros and one that is a copy."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_features))
    X += 0.3 * rng.normal(size=X.shape)
    X[:, 1], X[:, 2], X[:, 3] = 1, 0, X[:, 0]
    return np.where(rng.random(X.shape) < 0.4, 0, X)


def learn_as_published(X, noise, alpha):
    """Return W of shape (d, d + 1), written as in the authors' code."""
    n_features = X.shape[1]
    with_bias = np.c_[X, np.ones(len(X))]
    S = with_bias.T @ with_bias
    q = np.r_[np.full(n_features, 1 - noise), 1.0]
    Q = S * np.outer(q, q)
    np.fill_diagonal(Q, q * np.diag(S))
    P = S[:n_features] * q
    ridge = np.diag(np.r_[np.full(n_features, alpha), 0.0])
    return np.linalg.solve(Q + ridge, P.T).T


def transform_as_published(X, n_layers, noise, alpha):
    layers = [X]
    for _ in range(n_layers):
        W = learn_as_published(layers[-1], noise, alpha)
        layers.append(np.tanh(np.c_[layers[-1], np.ones(len(X))] @ W.T))
    return np.hstack(layers)


@parametrize_with_checks(
    [
        MarginalizedStackedDenoisingAutoencoder(),
        MarginalizedStackedDenoisingAutoencoder(
            n_layers=2, n_features_to_reconstruct=2, output="last", random_state=0
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("noise", "alpha"), [(0.5, 1e-5), (0.1, 3.0), (0.9, 1e-5)])
def test_layers_are_those_of_the_authors(container, noise, alpha):
    X = make_data()
    msda = MarginalizedStackedDenoisingAutoencoder(n_layers=3, noise=noise, alpha=alpha)
    Z = msda.fit_transform(container(X))
    np.testing.assert_allclose(Z, transform_as_published(X, 3, noise, alpha), atol=1e-9)
