"""Checkpoints that are written as a whole, and loaded as a whole or not at all.

skorch's `Checkpoint` and `LoadInitState` call ``save_params`` and ``load_params`` of the net. The
former says nothing of files that could not be written, the latter loads what it finds.
"""

import os
from contextlib import contextmanager
from uuid import uuid4

import torch
from skorch.callbacks import Checkpoint, TrainEndCheckpoint
from skorch.history import History

from .._files import replacing

# Under which files tell of which fit and epoch they are.
_STAMP = "sk_dann_checkpoint"
_EARLY_STOPPING = "sk_dann_early_stopping"


class CheckpointMixin:
    """The part of a `skorch.NeuralNet` that writes and reads the files of checkpoints.

    Attributes
    ----------
    resumed_state_ : dict or None
        State of early stopping in the checkpoint that a callback has loaded.
    """

    _early_stopping = None
    _fit_id = None
    # Files that the running callback could not write, and why; None where none is running.
    _failed_files = None

    def _begin_checkpoints(self, early_stopping):
        self._early_stopping = early_stopping
        self._fit_id = uuid4().hex
        self.resumed_state_ = None

    def _end_checkpoints(self):
        self._early_stopping = None

    def save_params(self, use_safetensors=False, **files):
        """Save as skorch does, but so that a file is there as a whole or not at all.

        The optimizer's file also holds the state of early stopping.
        """
        for name, file in files.items():
            if file is None:
                continue
            if self._failed_files:
                # The history would say that there is a checkpoint.
                raise OSError(f"{file} is not written, since another file could not be.")
            try:
                if isinstance(file, str | os.PathLike):
                    with replacing(file) as unfinished:
                        self._save(name, unfinished, use_safetensors)
                else:
                    self._save(name, file, use_safetensors)
            except Exception as error:
                # torch hides the system's error, which says that the disk is full, in its own.
                hidden = error.__context__
                reason = hidden if isinstance(hidden, OSError) else error
                if self._failed_files is not None:
                    self._failed_files.append((file, reason))
                raise

    def _save(self, name, file, use_safetensors):
        stamp = {"fit": self._fit_id, "epoch": len(self.history)}
        if name in ("f_params", "f_module") and not use_safetensors:
            state = self.module_.state_dict()
            # Beside the weights, where torch keeps the versions of modules.
            state._metadata[""][_STAMP] = stamp
        elif name == "f_optimizer" and not use_safetensors:
            state = {**self.optimizer_.state_dict(), _STAMP: stamp}
            if self._early_stopping is not None:
                state[_EARLY_STOPPING] = self._early_stopping.state_dict()
        else:
            super().save_params(**{name: file}, use_safetensors=use_safetensors)
            return
        if not isinstance(file, os.PathLike):
            torch.save(state, file)
            return
        # By a file of Python's, whose errors say why it could not be written.
        with open(file, "wb") as opened:
            torch.save(state, opened)

    @contextmanager
    def _watched_checkpoints(self, callback):
        """Raise what skorch's `Checkpoint` catches and tells nobody."""
        self._failed_files = []
        try:
            yield
        finally:
            failed, self._failed_files = self._failed_files, None
        if failed and isinstance(callback, Checkpoint | TrainEndCheckpoint):
            file, reason = failed[0]
            raise OSError(
                f"callbacks: the checkpoint {file} could not be written ({reason}). The files of "
                "the last complete checkpoint are as they were."
            ) from reason

    def load_params(self, checkpoint=None, use_safetensors=False, **files):
        """Load as skorch does, but of a checkpoint all files or none.

        Raises
        ------
        FileNotFoundError
            If there is no checkpoint.
        ValueError
            If some of its files are missing, cannot be read, or belong to another epoch or fit
            than the others.
        """
        if checkpoint is None:
            super().load_params(use_safetensors=use_safetensors, **files)
            return
        before = self.history
        try:
            if checkpoint.f_history is not None:
                self.history = _read_history(checkpoint.f_history_)
            named = checkpoint.get_formatted_files(self)
            named = {name: file for name, file in named.items() if file is not None}
            for name in ("f_history", "f_pickle"):
                named.pop(name, None)
            named |= files
            self._check_complete(named, checkpoint)
            if use_safetensors:
                super().load_params(use_safetensors=True, **named)
            else:
                self._load_states(named, checkpoint)
        except BaseException:
            self.history = before
            raise

    def _check_complete(self, named, checkpoint):
        missing = [str(file) for file in named.values() if not _exists(file)]
        if not missing:
            return
        if checkpoint.f_history is None and len(missing) == len(named):
            raise FileNotFoundError(f"There is no checkpoint: {', '.join(missing)}.")
        raise ValueError(
            f"callbacks: the checkpoint is incomplete: {', '.join(missing)} is missing, while "
            f"other files of its {len(self.history)} epochs are there. Remove these to start "
            "anew."
        )

    def _load_states(self, named, checkpoint):
        states = {name: self._read_state(file) for name, file in named.items()}
        stamps = [_stamp_of(state) for state in states.values()]
        stamps = [stamp for stamp in stamps if stamp is not None]
        epochs = {stamp["epoch"] for stamp in stamps}
        if checkpoint.f_history is not None:
            epochs.add(len(self.history))
        fits = {stamp["fit"] for stamp in stamps}
        if len(epochs) > 1 or len(fits) > 1:
            raise ValueError(
                f"callbacks: the files of the checkpoint {', '.join(map(str, named.values()))} "
                "do not belong together: they are of different fits or epochs. Two fits must not "
                "share a folder, and files should have names of their own in each epoch, such as "
                'f_params="params_{last_epoch[epoch]}.pt". Remove them to start anew.'
            )
        optimizer_state = states.get("f_optimizer", {})
        self.resumed_state_ = optimizer_state.pop(_EARLY_STOPPING, None)
        optimizer_state.pop(_STAMP, None)
        for name, state in states.items():
            part = "module" if name == "f_params" else name.removeprefix("f_")
            try:
                getattr(self, f"{part}_").load_state_dict(state)
            except (RuntimeError, ValueError, KeyError) as error:
                raise ValueError(
                    f"callbacks: the checkpoint {named[name]} is not one of this network: {error}"
                ) from error

    def _read_state(self, file):
        try:
            return torch.load(file, map_location=self.device, weights_only=True)
        except Exception as error:
            raise ValueError(
                f"callbacks: the checkpoint {file} cannot be read: {error} Remove it to start anew."
            ) from error


def _exists(file):
    return not isinstance(file, str | os.PathLike) or os.path.exists(file)


def _read_history(file):
    try:
        return History.from_file(file)
    except ValueError as error:
        raise ValueError(
            f"callbacks: the history {file} of the checkpoint cannot be read: {error}. Remove it "
            "to start anew."
        ) from error


def _stamp_of(state):
    metadata = getattr(state, "_metadata", {}).get("", {})
    return state.get(_STAMP, metadata.get(_STAMP))
