import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context

from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder as MSDA  # noqa: N817
from sk_dann.preprocessing import _layers


@pytest.fixture
def rows():
    return (np.random.default_rng(0).random((300, 12)) < 0.3).astype(np.float64)


@pytest.mark.parametrize("n_wanted", [None, 5])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("chunk_bytes", [1, 1000, 10_000])
def test_chunks_are_as_the_whole(rows, container, n_wanted, chunk_bytes, monkeypatch):
    msda = MSDA(3, n_features_to_reconstruct=n_wanted, random_state=0)
    rows = container(rows)
    expected = msda.fit(rows[:200], X_tgt=rows[200:]).transform(rows)
    monkeypatch.setattr(_layers, "_CHUNK_BYTES", chunk_bytes)
    Z = msda.fit(rows[:200], X_tgt=rows[200:]).transform(rows)
    np.testing.assert_allclose(Z, expected, atol=1e-12)


def test_layers_made_again_are_those_that_were_kept(rows, monkeypatch):
    monkeypatch.setattr(_layers, "_CHUNK_BYTES", 2**14)
    calls = []

    def encode(X, *layer):
        calls.append(len(X))
        return denoise(X, *layer)

    denoise = _layers.encode
    monkeypatch.setattr(_layers, "encode", encode)
    fits = {}
    for megabytes in (0, 1):
        with config_context(working_memory=megabytes):
            fits[megabytes] = MSDA(4).fit(rows), sum(calls)
        calls.clear()
    (again, n_again), (kept, n_kept) = fits.values()
    assert n_kept == 300 * 3
    assert n_again == 300 * (1 + 2 + 3)
    for one, other in zip(again.coefs_, kept.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_wanted", [None, 20])
def test_fit_needs_no_memory_for_all_rows(container, n_wanted, monkeypatch):
    rows = container((np.random.default_rng(0).random((20_000, 50)) < 0.3).astype(np.float64))
    monkeypatch.setattr(_layers, "_CHUNK_BYTES", 2**16)
    one_layer = 20_000 * (n_wanted or 50) * 8
    msda = MSDA(3, n_features_to_reconstruct=n_wanted, random_state=0)
    with config_context(working_memory=0):
        tracemalloc.start()
        msda.fit(rows)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # What validation takes, a byte an entry, is all that grows with the rows.
    assert peak < one_layer / 4
