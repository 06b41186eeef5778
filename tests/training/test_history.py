"""The history, whose latest epoch is found in constant time."""

import pickle

import pytest
from skorch.history import History

from sk_dann.training._history import EpochHistory

INDICES = [
    0,
    -1,
    slice(None),
    (-1, "loss"),
    (0, ("epoch", "loss")),
    (slice(None), "loss"),
    (-1, "batches"),
    (-1, "batches", -1),
    (-1, "batches", -1, "size"),
    (-1, "batches", slice(None), "size"),
    (slice(1, None), ["loss"]),
]


def _fill(history, n_epochs=3):
    for epoch in range(n_epochs):
        history.new_epoch()
        history.record("epoch", epoch + 1)
        history.record("loss", 1 / (epoch + 1))
        history.new_batch()
        history.record_batch("size", 10 * epoch)
    return history


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_epoch_history_is_indexed_as_that_of_skorch(index):
    assert _fill(EpochHistory())[index] == _fill(History())[index]


@pytest.mark.parametrize("index", [5, (-1, "missing"), (-1, "loss", 0), (-4, "loss")], ids=str)
def test_epoch_history_fails_as_that_of_skorch(index):
    with pytest.raises((KeyError, IndexError)) as error:
        _fill(History())[index]
    with pytest.raises(error.type):
        _fill(EpochHistory())[index]


def test_epoch_history_is_never_copied_to_record_a_number():
    class NoCopy(EpochHistory):
        def to_list(self):
            raise AssertionError("copied")

    history = _fill(NoCopy())
    assert history[-1, "loss"] == pytest.approx(1 / 3)


def test_epoch_history_survives_pickle():
    history = _fill(EpochHistory())
    assert pickle.loads(pickle.dumps(history)) == history
