import numpy as np
import pytest
import torch
from scipy import sparse

from sk_dann.nn import make_network
from sk_dann.training import (
    ValidationRows,
    _inference,
    domain_log_proba_of,
    infer,
    label_log_proba,
    member_features,
)


@pytest.fixture
def network():
    return make_network(4, 3, 2, n_members=2, hidden_layer_sizes=(5,), dtype=torch.float64)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(11, 4))


@pytest.mark.parametrize("read", [label_log_proba, domain_log_proba_of, member_features])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_chunks_make_no_difference(network, X, read, container, monkeypatch):
    whole = infer(network, X, read, "cpu")
    monkeypatch.setattr(_inference, "_CHUNK_ELEMENTS", 12)
    np.testing.assert_allclose(infer(network, container(X), read, "cpu"), whole, rtol=1e-9)


def test_probabilities_are_the_mean_over_members(network, X):
    output = network(torch.from_numpy(X))
    expected = output.label_logits.softmax(-1).mean(0).detach()
    np.testing.assert_allclose(np.exp(infer(network, X, label_log_proba, "cpu")), expected)
    expected = output.domain_logits.softmax(-1).mean(0).detach()
    np.testing.assert_allclose(np.exp(infer(network, X, domain_log_proba_of, "cpu")), expected)


def test_features_of_members_stand_side_by_side(network, X):
    features = network(torch.from_numpy(X)).features.detach()
    np.testing.assert_array_equal(infer(network, X, member_features, "cpu"), np.hstack(features))


def test_rows_can_be_chosen_and_the_mode_is_put_back(network, X):
    network.train()
    rows = np.array([7, 0, 3])
    chosen = infer(network, X, label_log_proba, "cpu", rows)
    assert network.training
    np.testing.assert_allclose(chosen, infer(network, X, label_log_proba, "cpu")[rows])


def test_validation_accuracy_is_weighted(network, X):
    predicted = infer(network, X, label_log_proba, "cpu").argmax(axis=1)
    y = predicted.copy()
    y[:2] = (y[:2] + 1) % 3
    rows = np.arange(11)
    validation = ValidationRows(X, rows, y)
    assert validation.score(network, "cpu") == {"valid_acc": pytest.approx(9 / 11)}
    weight = np.array([0.0, 1, *[1] * 9])
    validation = ValidationRows(X, rows, y, weight)
    assert validation.score(network, "cpu") == {"valid_acc": pytest.approx(9 / 10)}
