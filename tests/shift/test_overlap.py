import numpy as np
import pytest

from sk_dann.shift import overlap_cut


def _lumps(n_near, n_far, far=-9.0, seed=0):
    rng = np.random.default_rng(seed)
    near, far = rng.normal(-0.5, 1, n_near), rng.normal(far, 1, n_far)
    return np.concatenate([near, far]), rng.normal(0.5, 1, 300)


def test_by_hand():
    # Means -8 and 0: the cut explains all of the variance, and is half way.
    source, target = np.repeat([-8.0, 0.0], [10, 30]), np.ones(20)
    assert overlap_cut(source, target) == -4
    assert overlap_cut(source[::-1], target) == -4
    # 8 is not more than 3 times the 3 from the near rows to the target.
    assert overlap_cut(source, target + 2) == -np.inf
    assert overlap_cut(source, target + 2, distance=2.5) == -4
    # Of the far rows' share of .25, .05 is .0125: one target row of 20 is more, of 100 less.
    assert overlap_cut(source, np.append(target[1:], -8)) == -np.inf
    assert overlap_cut(source, np.append(np.ones(99), -8)) == -4


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_far_rows_are_found(share):
    n_far = round(600 * share)
    source, target = _lumps(600 - n_far, n_far)
    is_far = source < overlap_cut(source, target)
    assert np.array_equal(is_far, np.arange(600) >= 600 - n_far)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (_lumps(600, 0)[0], "one lump"),
        (np.linspace(-3, 2, 600), "slow decline"),
        (_lumps(600, 0, seed=1)[0] - 9, "all is far"),
        (_lumps(600, 3)[0], "outliers"),
        (_lumps(250, 350)[0], "most is far"),
        (_lumps(400, 200)[0] - 9, "and what is near is not"),
        (np.zeros(600), "the same everywhere"),
        (_lumps(12, 7)[0], "few rows"),
    ],
)
def test_where_nothing_is_to_choose_nothing_is_far(source, why):
    assert overlap_cut(source, _lumps(1, 1)[1]) == -np.inf, why


def test_few_target_rows_say_nothing():
    source, target = _lumps(400, 200)
    assert overlap_cut(source, target[:20]) > -np.inf
    assert overlap_cut(source, target[:19]) == -np.inf


def test_shifting_and_stretching_log_odds_changes_nothing():
    source, target = _lumps(400, 200)
    cut = overlap_cut(source, target)
    assert overlap_cut(2 * source - 3, 2 * target - 3) == pytest.approx(2 * cut - 3)
