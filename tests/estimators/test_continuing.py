"""Going on where a fit has stopped: warm_start, checkpoints, stored estimators."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from skorch.callbacks import Checkpoint, LoadInitState

from sk_dann import DANNClassifier
from sk_dann.estimators import _storage
from sk_dann.exceptions import NoTargetWarning, StoredElsewhereWarning
from sk_dann.nn import InformationMaximization
from sk_dann.training import weight_decay_groups

QUICK = {"hidden_layer_sizes": (6,), "batch_size": 16, "random_state": 0}


# warm_start


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("random_state", [lambda: 0, lambda: np.random.RandomState(0)])
def test_warm_start_in_parts_is_one_fit_to_the_bit(moons, solver, random_state):
    params = {**QUICK, "solver": solver, "lambda_schedule": "constant"}
    parts = DANNClassifier(**{**params, "random_state": random_state()}, warm_start=True)
    for max_iter in (2, 3, 6):
        parts.set_params(max_iter=max_iter).fit(*moons)
    whole = DANNClassifier(**{**params, "random_state": random_state()}, max_iter=6).fit(*moons)
    assert parts.n_iter_ == 6
    assert parts.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(parts.predict_proba(moons[2]), whole.predict_proba(moons[2]))


def test_warm_start_takes_changed_parameters(moons):
    clf = DANNClassifier(**QUICK, warm_start=True, max_iter=2).fit(*moons)
    clf.set_params(max_iter=4, learning_rate_init=1e-12, lambda_adapt=0.5).fit(*moons)
    assert [record["lr"] for record in clf.history_] == [1e-3, 1e-3, 1e-12, 1e-12]
    assert clf.history_[-1]["lambda_adapt"] <= 0.5


def test_warm_start_with_nothing_left_to_do_says_so(moons):
    clf = DANNClassifier(**QUICK, warm_start=True, max_iter=2).fit(*moons)
    before = clf.predict_proba(moons[2])
    with pytest.warns(UserWarning, match="max_iter=2 leaves nothing to train"):
        clf.fit(*moons)
    np.testing.assert_array_equal(clf.predict_proba(moons[2]), before)


def test_warm_start_refuses_what_does_not_fit(moons):
    X, y, X_tgt = moons
    clf = DANNClassifier(**QUICK, warm_start=True, max_iter=2).fit(*moons)
    clf.set_params(max_iter=4)
    with pytest.raises(ValueError, match=r"goes on with the classes \[0, 1\], but y holds"):
        clf.fit(X, y + 1, X_tgt)
    with pytest.raises(ValueError, match="3 features"):
        clf.fit(np.c_[X, X[:, :1]], y, np.c_[X_tgt, X_tgt[:, :1]])
    with pytest.raises(ValueError, match="The networks differ"):
        clf.set_params(hidden_layer_sizes=(7,)).fit(X, y, X_tgt)
    with pytest.raises(ValueError, match="The networks differ"), pytest.warns(NoTargetWarning):
        clf.set_params(hidden_layer_sizes=(6,)).fit(X, y)
    # None of these has harmed what was learned.
    assert clf.n_iter_ == 2
    assert clf.predict(X_tgt).shape == (50,)


def test_without_warm_start_a_fit_is_a_fresh_one(moons):
    clf = DANNClassifier(**QUICK, max_iter=2).fit(*moons).fit(*moons)
    assert clf.n_iter_ == 2


# Checkpoints

RESUMABLE = """
import sys
import numpy as np
from skorch.callbacks import Callback, Checkpoint, LoadInitState
from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons

checkpoint = Checkpoint(
    monitor=None,
    dirname=sys.argv[1],
    f_params="params_{last_epoch[epoch]}.pt",
    f_optimizer="optimizer_{last_epoch[epoch]}.pt",
    f_criterion=None,
)

class Ready(Callback):
    def on_epoch_end(self, net, **kwargs):
        print(len(net.history), flush=True)

X_src, y_src, X_tgt, _ = make_inter_twinning_moons(n_samples=60, random_state=0)
clf = DANNClassifier(
    (6,), max_iter=40, batch_size=16, random_state=0,
    callbacks=[LoadInitState(checkpoint), checkpoint, Ready()],
)
clf.fit(X_src, y_src, X_tgt)
np.save(sys.argv[2], clf.predict_proba(X_tgt))
"""


def _run(folder, name):
    code = textwrap.dedent(RESUMABLE)
    command = [sys.executable, "-c", code, str(folder), str(folder.parent / f"{name}.npy")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_fit_that_was_killed_resumes_to_the_same_bits(tmp_path):
    """With kill -9 at a random moment; `benchmarks/resume.py` does it 20 times."""
    whole = _run(tmp_path / "whole", "whole")
    _, errors = whole.communicate(timeout=120)
    assert whole.returncode == 0, errors
    killed = _run(tmp_path / "killed", "killed")
    for line in killed.stdout:
        if int(line) == 11:
            break
    time.sleep(np.random.default_rng(os.getpid()).uniform(0, 0.02))
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    resumed = _run(tmp_path / "killed", "killed")
    epochs, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, errors
    assert 11 < int(epochs.split()[0]) < 40
    np.testing.assert_array_equal(np.load(tmp_path / "killed.npy"), np.load(tmp_path / "whole.npy"))


def test_a_checkpoint_file_is_whole_or_not_there(moons, tmp_path):
    clf = DANNClassifier(**QUICK, max_iter=2).fit(*moons)
    clf.net_.save_params(f_params=tmp_path / "params.pt", f_history=str(tmp_path / "history.json"))
    with pytest.raises((RuntimeError, OSError), match="missing"):
        clf.net_.save_params(f_params=tmp_path / "missing" / "params.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.json", "params.pt"]


def test_the_best_checkpoint_can_be_loaded(moons, tmp_path):
    X, y, X_tgt = moons
    checkpoint = Checkpoint(monitor=_best_accuracy, dirname=tmp_path, load_best=True)
    clf = DANNClassifier(**QUICK, max_iter=10, early_stopping=True, callbacks=[checkpoint])
    clf.fit(X, y, X_tgt, X_val=X, y_val=y)
    assert clf.score(X, y) == max(clf.validation_scores_)
    again = DANNClassifier(**QUICK, max_iter=1, callbacks=[LoadInitState(checkpoint)])
    assert again.fit(X, y, X_tgt).score(X, y) == max(clf.validation_scores_)


def _best_accuracy(net):
    scores = net.history[:, "valid_acc"]
    return scores[-1] == max(scores)


# Storage


def test_a_fresh_process_predicts_the_same_bits(moons, tmp_path):
    clf = DANNClassifier(**QUICK, max_iter=2, n_estimators=2).fit(*moons)
    np.save(tmp_path / "X.npy", moons[2])
    code = (
        "import sys, joblib, numpy as np; folder = sys.argv[1]\n"
        "clf = joblib.load(f'{folder}/clf.joblib')\n"
        "np.save(f'{folder}/proba.npy', clf.predict_proba(np.load(f'{folder}/X.npy')))"
    )
    for dump in (_pickle_dump, _joblib_dump):
        dump(clf, tmp_path / "clf.joblib")
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), clf.predict_proba(moons[2]))


def _pickle_dump(clf, path):
    path.write_bytes(pickle.dumps(clf))


def _joblib_dump(clf, path):
    import joblib

    joblib.dump(clf, path)


def test_a_loaded_estimator_can_go_on(moons):
    params = {**QUICK, "lambda_schedule": "constant", "warm_start": True}
    stored = pickle.dumps(DANNClassifier(**params, max_iter=2).fit(*moons))
    clf = pickle.loads(stored).set_params(max_iter=4).fit(*moons)
    whole = DANNClassifier(**params, max_iter=4).fit(*moons)
    np.testing.assert_array_equal(clf.predict_proba(moons[2]), whole.predict_proba(moons[2]))


def test_other_versions_are_warned_of(moons, monkeypatch):
    clf = DANNClassifier(**QUICK, max_iter=1).fit(*moons)
    versions = {**_storage.current_versions(), "torch": "1.0.0"}
    state = {**clf.__getstate__(), "_versions": versions}
    other = DANNClassifier()
    with pytest.warns(StoredElsewhereWarning, match=r"stored with torch 1\.0\.0 \(here "):
        other.__setstate__(state)
    np.testing.assert_array_equal(other.predict(moons[2]), clf.predict(moons[2]))


def test_a_device_that_is_missing_here_is_stood_in_for_by_the_cpu(moons):
    clf = DANNClassifier(**QUICK, max_iter=1).fit(*moons)
    expected = clf.predict(moons[2])
    # What a machine with 100 GPUs would have stored.
    stored = pickle.dumps(clf.set_params(device="cuda:99"))
    with pytest.warns(StoredElsewhereWarning, match="The loaded estimator uses the CPU"):
        loaded = pickle.loads(stored)
    np.testing.assert_array_equal(loaded.predict(moons[2]), expected)
    assert loaded.net_.device == torch.device("cpu")


def test_moving_a_net_moves_the_optimizer_too(moons):
    net = DANNClassifier(**QUICK, max_iter=1).fit(*moons).net_
    net.to(torch.device("meta"))
    tensors = [*net.module_.parameters(), *net.module_.buffers()]
    tensors += [v for state in net.optimizer_.state.values() for v in state.values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def _tensors(value, seen):
    """List the tensors that are found in an object, at any depth."""
    if id(value) in seen:
        return []
    seen[id(value)] = value
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = [] if isinstance(value, type) else [getattr(value, "__dict__", {})]
    return [tensor for part in parts for tensor in _tensors(part, seen)]


def test_a_stored_net_holds_its_weights_once_and_where_skorch_can_map_them(moons):
    # On a machine with CUDA the weights in this part would be there, and unreadable elsewhere.
    clf = DANNClassifier(**QUICK, max_iter=1, terms=[InformationMaximization()]).fit(*moons)
    assert _tensors(clf.net_, {})
    assert not _tensors(clf.net_.__getstate__(), {})
    assert not _tensors(clf.__getstate__(), {})
    copied = copy.deepcopy(clf.net_)
    assert copied.module is copied.module_
    assert not {id(p) for p in copied.module_.parameters()} ^ {
        id(p) for group in copied.optimizer_.param_groups for p in group["params"]
    }


def test_moving_a_net_of_members_moves_their_weight_decay(moons):
    decay = weight_decay_groups(np.array([0.1, 0.2]), torch.float64, torch.device("cpu"))
    net = DANNClassifier(**QUICK, max_iter=1).fit(*moons).net_
    net.optimizer_.param_groups[0].update(decay[-2][1])
    net.to(torch.device("meta"))
    assert net.optimizer_.param_groups[0]["member_decay"].device.type == "meta"


def test_unfitted_estimators_are_stored_as_parameters(moons):
    clf = pickle.loads(pickle.dumps(DANNClassifier(lambda_adapt=0.3)))
    assert clf.lambda_adapt == 0.3
    assert "_versions" not in clf.__getstate__()
