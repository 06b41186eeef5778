import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_dann.nn import constant, dann_lambda, dann_learning_rate

progress = st.floats(0, 1)


@given(progress, progress)
def test_lambda_rises_and_the_learning_rate_falls(p, q):
    low, high = sorted((p, q))
    assert 0 <= dann_lambda(low) <= dann_lambda(high) < 1
    assert 1 >= dann_learning_rate(low) >= dann_learning_rate(high) > 0


@given(progress)
def test_lambda_is_a_hyperbolic_tangent(p):
    # 2 / (1 + exp(-x)) - 1 = tanh(x / 2)
    assert dann_lambda(p) == pytest.approx(math.tanh(5 * p), abs=1e-12)


def test_the_ends_are_the_papers():
    assert dann_lambda(0) == 0
    assert dann_lambda(1) == pytest.approx(0.99991, abs=1e-5)
    assert 0.01 * dann_learning_rate(0) == 0.01
    assert 0.01 * dann_learning_rate(1) == pytest.approx(0.01 / 11**0.75)
    assert constant(0.2) == constant(0.9) == 1
