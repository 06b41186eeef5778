from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sk_dann.domains import DomainData
from sk_dann.training import BatchStream
from sk_dann.training._rows import DenseRows

CPU = torch.device("cpu")


def _data(n_source=7, n_target=5, n_domains=1, n_features=3, sparse_rows=False):
    """Rows that carry their own position, so that a batch tells where they came from."""
    X_source = np.full((n_source, n_features), 1.0) * np.arange(1, n_source + 1)[:, None]
    X_target = np.full((n_target, n_features), -1.0) * np.arange(1, n_target + 1)[:, None]
    if sparse_rows:
        X_source, X_target = sparse.csr_matrix(X_source), sparse.csr_matrix(X_target)
    return DomainData(
        X_source,
        np.arange(n_source),
        np.arange(n_source) % n_domains,
        np.arange(n_source) % 2,
        label_weight=np.arange(n_source) * 1.0,
        X_target=X_target if n_target else None,
        target_rows=np.arange(n_target) if n_target else None,
    )


def _stream(data, batch_size=4, seed=0):
    return BatchStream(data, batch_size, seed, CPU, torch.float64)


def _positions(batch):
    """Positions of the source and of the target rows of a batch."""
    first = batch.X[:, 0].numpy()
    n_source = len(batch.y)
    return (first[:n_source] - 1).astype(int), (-first[n_source:] - 1).astype(int)


sizes = st.integers(1, 40)


@given(n_source=sizes, n_target=sizes, batch_size=sizes, n_domains=st.integers(1, 3))
def test_every_row_is_seen_and_both_sides_are_equal(n_source, n_target, batch_size, n_domains):
    n_source = max(n_source, n_domains)
    stream = _stream(_data(n_source, n_target, n_domains), batch_size)
    batches = list(stream.epoch(0))
    assert len(batches) == len(stream)
    source, target = zip(*map(_positions, batches), strict=True)
    for mine, theirs in zip(source, target, strict=True):
        assert len(mine) == len(theirs)
        assert len(mine) <= max(batch_size, n_domains)
        # Equal parts of each source domain.
        assert len(np.unique(np.bincount(mine % n_domains, minlength=n_domains))) == 1
    assert set(np.concatenate(source)) == set(range(n_source))
    assert set(np.concatenate(target)) == set(range(n_target))


@given(n_source=sizes, n_target=sizes)
def test_the_smaller_domain_is_used_evenly(n_source, n_target):
    stream = _stream(_data(n_source, n_target))
    source, target = zip(*map(_positions, stream.epoch(0)), strict=True)
    for counts in (np.bincount(np.concatenate(source)), np.bincount(np.concatenate(target))):
        assert counts.max() - counts.min() <= 1


def test_shuffles_are_fresh_within_and_between_epochs():
    stream = _stream(_data(n_source=20, n_target=60), batch_size=20)
    first, second = [
        [_positions(batch)[0].tolist() for batch in stream.epoch(number)] for number in (0, 1)
    ]
    assert len({tuple(order) for order in first + second}) == 6


def test_an_epoch_depends_on_its_number_and_the_seed_alone():
    data = _data()

    def orders(seed, numbers):
        stream = _stream(data, seed=seed)
        return [[_positions(b)[0].tolist() for b in stream.epoch(n)] for n in numbers]

    assert orders(3, [0, 1, 2])[2] == orders(3, [2])[0]
    assert orders(3, [0]) != orders(4, [0])


def test_the_source_order_does_not_depend_on_the_target():
    with_target, without = _stream(_data(8, 8)), _stream(_data(8, 0))
    for one, other in zip(with_target.epoch(1), without.epoch(1), strict=True):
        np.testing.assert_array_equal(_positions(one)[0], _positions(other)[0])


def test_labels_weights_and_domains_go_with_their_rows():
    data = _data(9, 4, n_domains=2)
    for batch in _stream(data).epoch(0):
        source, target = _positions(batch)
        np.testing.assert_array_equal(batch.y, data.y[source])
        np.testing.assert_array_equal(batch.label_weight, data.label_weight[source])
        assert batch.source_weight is None
        expected = [*data.source_domain[source], *[2] * len(target)]
        np.testing.assert_array_equal(batch.domain, expected)


def test_sparse_batches_hold_the_rows_of_dense_ones():
    dense, csr = _stream(_data()), _stream(_data(sparse_rows=True))
    for one, other in zip(dense.epoch(0), csr.epoch(0), strict=True):
        torch.testing.assert_close(other.X.rows.to_dense(), one.X)
        torch.testing.assert_close(other.X.transpose.to_dense(), one.X.T)


def test_batches_own_their_memory():
    data = _data()
    before = data.X_source.copy(), data.X_target.copy()
    for batch in _stream(data).epoch(0):
        batch.X.zero_()
    np.testing.assert_array_equal(data.X_source, before[0])
    np.testing.assert_array_equal(data.X_target, before[1])


def test_a_single_domain_shares_no_memory_either():
    data = _data(n_target=0)
    for batch in _stream(data, batch_size=100).epoch(0):
        batch.X.zero_()
    assert data.X_source.min() == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_take_the_networks_dtype(dtype):
    stream = BatchStream(_data(), 4, 0, CPU, dtype)
    assert {batch.X.dtype for batch in stream.epoch(0)} == {dtype}


@pytest.mark.parametrize("stacked", [False, True])
def test_rows_cut_on_the_device_are_the_rows_cut_before(stacked):
    data = _data()
    if stacked:
        both = np.concatenate([data.X_source, data.X_target])
        data = replace(data, X_source=both, X_target=both, target_rows=np.arange(7, 12))
    cuts = []
    for resident in (False, True):
        rows = DenseRows(data, CPU, torch.float64, np.array([1]), resident)
        positions = (np.array([3, 0]), np.array([2, 4]))
        cuts.append(rows.cut(*(rows.locate(each) for each in positions)))
    assert torch.equal(*cuts)
    assert torch.all(cuts[0][:, 1] == 0)
    assert torch.all(cuts[0][:, 0] != 0)
    if resident and stacked:
        assert rows.arrays[0] is rows.arrays[1]


def test_sparse_rows_without_the_columns_that_they_do_not_use():
    rng = np.random.default_rng(0)
    parts = [sparse.random(9, 300, 0.02, format="csr", random_state=rng) for _ in range(2)]
    data = replace(_data(9, 9), X_source=parts[0], X_target=parts[1].astype(float))
    blank = np.array([5, 7, 11])
    plain, compact = (
        BatchStream(data, 4, 0, CPU, torch.float64, blank=blank, compact=each)
        for each in (False, True)
    )
    for one, other in zip(plain.epoch(0), compact.epoch(0), strict=True):
        assert one.columns is None
        assert other.X.shape == (len(one), len(other.columns))
        assert torch.equal(other.columns, other.columns.unique())
        dense = one.X.rows.to_dense()
        assert torch.equal(other.X.rows.to_dense(), dense[:, other.columns])
        assert other.X.rows.to_dense().count_nonzero() == dense.count_nonzero()
        assert torch.equal(other.X.transpose.to_dense(), other.X.rows.to_dense().T)
        assert torch.all(dense[:, blank] == 0)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: np.hstack([X, X])[:, :3]])
def test_rows_of_any_layout(layout):
    plain, other = _data(), _data()
    other = replace(other, X_source=layout(plain.X_source), X_target=layout(plain.X_target))
    for one, two in zip(_stream(plain).epoch(0), _stream(other).epoch(0), strict=True):
        assert torch.equal(one.X, two.X)
