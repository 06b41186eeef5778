"""Checkpoints of skorch's: whole files, whole sets of files, resumption to the same bits."""

import json
import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, LoadInitState, TrainEndCheckpoint

from sk_dann import DANNClassifier

QUICK = {"hidden_layer_sizes": (6,), "batch_size": 16, "random_state": 0}
EARLY = {"early_stopping": True, "n_iter_no_change": 6, "max_iter": 30}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X, X_tgt = rng.normal(size=(200, 5)), rng.normal(size=(200, 5)) + 0.4
    return X, (X[:, 0] + X[:, 1] + rng.normal(size=200) > 0).astype(int), X_tgt


class Kill(Callback):
    """Ends a fit as a killed process would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise MemoryError


def _checkpoint(folder, **files):
    names = {
        "f_params": "params_{last_epoch[epoch]}.pt",
        "f_optimizer": "optimizer_{last_epoch[epoch]}.pt",
        "f_criterion": None,
    }
    return Checkpoint(monitor=None, dirname=folder, **names | files)


def _fit(folder, data, *others, files=None, **params):
    checkpoint = _checkpoint(folder, **files or {})
    callbacks = [LoadInitState(checkpoint), checkpoint, *others]
    return DANNClassifier(**{**QUICK, "max_iter": 12, **params}, callbacks=callbacks).fit(*data)


def _assert_same(clf, other, X):
    assert clf.n_iter_ == other.n_iter_
    assert clf.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(clf.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("params", [{}, EARLY, {**EARLY, "n_estimators": 3}])
@pytest.mark.parametrize("epoch", [1, 7, 11])
def test_a_killed_fit_resumes_to_the_same_bits(data, tmp_path, params, epoch):
    whole = _fit(tmp_path / "whole", data, **params)
    with pytest.raises(MemoryError):
        _fit(tmp_path / "killed", data, Kill(epoch), **params)
    resumed = _fit(tmp_path / "killed", data, **params)
    _assert_same(resumed, whole, data[2])


@pytest.mark.parametrize("params", [{}, EARLY])
def test_a_finished_fit_is_finished_when_it_resumes(data, tmp_path, params):
    whole = _fit(tmp_path, data, **params)
    assert whole.n_iter_ < 30
    _assert_same(_fit(tmp_path, data, **params), whole, data[2])


def test_train_end_checkpoint_keeps_the_state_of_early_stopping(data, tmp_path):
    def fit():
        checkpoint = TrainEndCheckpoint(dirname=tmp_path, f_criterion=None)
        callbacks = [LoadInitState(checkpoint), checkpoint]
        return DANNClassifier(**QUICK, **EARLY, callbacks=callbacks).fit(*data)

    _assert_same(fit(), fit(), data[2])


def test_checkpoint_files_are_loaded_by_torch_as_ever(data, tmp_path):
    clf = _fit(tmp_path, data, max_iter=2)
    weights = torch.load(tmp_path / "params_2.pt", weights_only=True)
    clf.net_.module_.load_state_dict(weights)
    state = torch.load(tmp_path / "optimizer_2.pt", weights_only=True)
    clf.net_.optimizer_.load_state_dict(state)
    assert len(json.loads((tmp_path / "history.json").read_text())) == 2


def test_checkpoints_of_several_fits_are_whole_for_every_reader(data, tmp_path):
    files = {"f_params": "params.pt", "f_optimizer": "optimizer.pt"}
    done, broken = [], []

    def fit(seed):
        checkpoint = _checkpoint(tmp_path, **files)
        params = QUICK | {"random_state": seed, "hidden_layer_sizes": (500,)}
        done.append(DANNClassifier(**params, max_iter=20, callbacks=[checkpoint]).fit(*data))

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    n_read = 0
    while any(thread.is_alive() for thread in threads):
        try:
            torch.load(tmp_path / "params.pt", weights_only=True)
            n_read += 1
        except FileNotFoundError:
            pass
        except Exception as error:
            broken.append(error)
    assert len(done) == 2
    assert n_read
    assert not broken
    assert {path.name for path in tmp_path.iterdir()} == {*files.values(), "history.json"}


def test_files_of_different_fits_are_refused(data, tmp_path):
    files = {"f_params": "params.pt", "f_optimizer": "optimizer.pt"}
    for folder in ("one", "other"):
        _fit(tmp_path / folder, data, files=files, max_iter=3)
    (tmp_path / "one" / "params.pt").replace(tmp_path / "other" / "params.pt")
    with pytest.raises(ValueError, match=r"do not belong together.*params_\{last_epoch"):
        _fit(tmp_path / "other", data, files=files)


def test_files_of_different_epochs_are_refused(data, tmp_path):
    _fit(tmp_path, data, max_iter=3)
    (tmp_path / "params_2.pt").replace(tmp_path / "params_3.pt")
    with pytest.raises(ValueError, match=r"params_3\.pt.*do not belong together"):
        _fit(tmp_path, data)


def test_an_incomplete_set_of_files_is_refused(data, tmp_path):
    fitted = _fit(tmp_path, data, max_iter=3)
    expected = fitted.predict_proba(data[2])
    (tmp_path / "params_3.pt").unlink()
    checkpoint = _checkpoint(tmp_path)
    fitted.set_params(callbacks=[LoadInitState(checkpoint), checkpoint], max_iter=5)
    with pytest.raises(ValueError, match=r"incomplete: .*params_3\.pt is missing"):
        fitted.fit(*data)
    np.testing.assert_array_equal(fitted.predict_proba(data[2]), expected)


@pytest.mark.parametrize("name", ["params_3.pt", "optimizer_3.pt", "history.json"])
def test_a_damaged_file_is_refused_by_its_name(data, tmp_path, name):
    _fit(tmp_path, data, max_iter=3)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{name}.*cannot be read"):
        _fit(tmp_path, data)


def test_a_checkpoint_of_another_network_is_refused(data, tmp_path):
    _fit(tmp_path, data, max_iter=3)
    with pytest.raises(ValueError, match=r"params_3\.pt is not one of this network"):
        _fit(tmp_path, data, hidden_layer_sizes=(7,))


def test_without_a_history_a_fit_starts_from_scratch(data, tmp_path):
    expected = _fit(tmp_path / "one", data, max_iter=3)
    _fit(tmp_path / "other", data, max_iter=2)
    (tmp_path / "other" / "history.json").unlink()
    _assert_same(_fit(tmp_path / "other", data, max_iter=3), expected, data[2])


@pytest.mark.parametrize("name", ["params_3.pt", "optimizer_3.pt"])
def test_a_file_that_cannot_be_written_ends_the_fit(data, tmp_path, name):
    _fit(tmp_path / "whole", data, max_iter=2)
    expected = _fit(tmp_path / "whole", data, max_iter=4)
    folder = tmp_path / "blocked"
    _fit(folder, data, max_iter=2)
    (folder / name).mkdir()  # stands for a disk that is full
    with pytest.raises(OSError, match=rf"{name} could not be written"):
        _fit(folder, data, max_iter=4)
    (folder / name).rmdir()
    # The history is that of the last complete checkpoint, from which it goes on.
    _assert_same(_fit(folder, data, max_iter=4), expected, data[2])


def test_save_params_raises_what_goes_wrong(data, tmp_path):
    net = DANNClassifier(**QUICK, max_iter=1).fit(*data).net_
    for name in ("f_params", "f_optimizer", "f_history"):
        with pytest.raises(OSError, match="missing"):
            net.save_params(**{name: tmp_path / "missing" / "file"})
    assert not list(tmp_path.iterdir())
