import torch
from hypothesis import given
from hypothesis import strategies as st

from sk_dann.nn import CSRMatrix, SparseBatch, sparse_matmul


@given(
    n_rows=st.integers(1, 6),
    n_features=st.integers(1, 6),
    density=st.floats(0, 1),
    seed=st.integers(0, 2**16),
)
def test_product_and_gradient_are_the_dense_ones(n_rows, n_features, density, seed):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn(n_rows, n_features, generator=generator, dtype=torch.float64)
    dense *= torch.rand(n_rows, n_features, generator=generator) < density
    weight = torch.randn(n_features, 3, generator=generator, dtype=torch.float64)
    direction = torch.randn(n_rows, 3, generator=generator, dtype=torch.float64)
    found, expected = weight.clone().requires_grad_(), weight.clone().requires_grad_()
    product = sparse_matmul(SparseBatch.from_dense(dense), found)
    product.backward(direction)
    (dense @ expected).backward(direction)
    torch.testing.assert_close(product, dense @ weight)
    torch.testing.assert_close(found.grad, expected.grad)


def test_columns_that_no_row_touches_get_no_gradient():
    weight = torch.ones(3, 2, requires_grad=True)
    sparse_matmul(SparseBatch.from_dense(torch.tensor([[0.0, 2.0, 0.0]])), weight).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [2, 2], [0, 0]]


def test_shape_is_that_of_the_rows():
    assert SparseBatch.from_dense(torch.ones(2, 5)).shape == (2, 5)


@given(
    n_rows=st.integers(1, 6),
    n_columns=st.integers(1, 6),
    density=st.floats(0, 1),
    seed=st.integers(0, 2**16),
)
def test_dense_and_back(n_rows, n_columns, density, seed):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn(n_rows, n_columns, generator=generator)
    dense *= torch.rand(n_rows, n_columns, generator=generator) < density
    assert torch.equal(CSRMatrix.from_dense(dense).to_dense(), dense)


def test_entries_of_the_same_place_add_up():
    starts, columns = torch.tensor([0, 2], dtype=torch.int32), torch.tensor([1, 1]).int()
    matrix = CSRMatrix(starts, columns, torch.tensor([4.0, 3.0]), 2)
    assert matrix.to_dense().tolist() == [[0, 7]]
    assert (matrix @ torch.tensor([[0.0], [2.0]])).tolist() == [[14]]
