"""The skorch net: its callbacks, history and checkpoints, around a lean training loop."""

import copy
import math

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer

from ..nn import ClosedFormStep, MemberLinear, constant, count_members, finite_members
from ._adam import adam_step, is_plain_adam
from ._checkpoints import CheckpointMixin
from ._groups import MemberGroups, running_slices, split_members
from ._history import EpochHistory
from ._interrupts import StopTraining, is_from_signal, traceable_interrupts
from ._random import seeded
from ._threads import count_step_products, enough_threads
from ._totals import EpochTotals
from ._touched import TouchedRows

_NOT_TRAINING = {"_closed_form": None, "_touched_rows": None}
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def _check_factor(factor, name, progress):
    if not 0 <= factor < math.inf:
        raise ValueError(
            f"{name} returned {factor!r} for training progress {progress:.3g}; it must be a "
            "finite number of at least 0."
        )
    return factor


class TrainingDivergedError(ValueError):
    """Losses or weights that are no longer finite."""


class DANNNet(CheckpointMixin, NeuralNet):
    """Trains a `DANNNetwork` on the batches of a `BatchStream`.

    skorch's callbacks, history and checkpoints work; its own `fit`, `predict` and scoring callbacks
    do not, since they want a `Dataset`. Batches come from tensors already in memory instead of a
    `DataLoader`, losses stay on the device until the epoch ends, batches are recorded in the
    history only if a callback listens to batches. Ctrl-C is passed on instead of being swallowed,
    and errors in writing checkpoints are, too.

    Parameters
    ----------
    lambda_adapt : float or array-like of shape (K,)
        λ of the paper, of all members or of each.
    lambda_schedule, lr_schedule : callable of training progress in [0, 1]
        Factors of `lambda_adapt` and of `lr`.
    seed : int or sequence of K ints
        Of the dropout masks: one from which all members draw, or one each. With one each, a
        member draws what a network of that seed alone would, and so do all members of that seed.
    members_may_diverge : bool, default=False
        Go on without the members whose weights are no longer finite, instead of raising. The
        losses in the history are then those of the others.
    **kwargs
        Those of `skorch.NeuralNet`.

    Attributes
    ----------
    history : skorch.history.History
        An epoch holds ``train_loss`` (the minimised sum), ``label_loss``, ``domain_loss``,
        ``domain_accuracy``, ``lambda_adapt`` (a list if members have their own), the loss of each
        further term by its name, ``lr``, ``dur`` (seconds) and, with validation rows,
        ``valid_acc``.
    lost_ : ndarray of bool of shape (K,)
        With `members_may_diverge`, the members that did; they predict NaN.
    running_ : ndarray of bool of shape (K,)
        The members that have neither diverged nor been stopped. Groups of members of which none
        is running are left out of training.
    """

    def __init__(
        self,
        *args,
        lambda_adapt=1.0,
        lambda_schedule=constant,
        lr_schedule=constant,
        seed=0,
        members_may_diverge=False,
        blueprint=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.lambda_adapt = lambda_adapt
        self.lambda_schedule = lambda_schedule
        self.lr_schedule = lr_schedule
        self.seed = seed
        self.members_may_diverge = members_may_diverge
        self.blueprint = blueprint
        vars(self).update(_NOT_TRAINING)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    @property
    def history(self):
        """One record per epoch."""
        return self.history_

    @history.setter
    def history(self, value):
        self.history_ = value if isinstance(value, EpochHistory) else EpochHistory(value)

    def initialize_history(self):
        """Start a history without epochs."""
        self.history_ = EpochHistory()
        return self

    def train(self, stream, n_epochs, early_stopping=None):
        """Train until the history holds `n_epochs` epochs.

        A net that has been trained before, or that a callback has loaded a checkpoint into, goes
        on from there, to the same bits as without the break. A KeyboardInterrupt from outside
        is raised again.

        Parameters
        ----------
        stream : BatchStream
        n_epochs : int
        early_stopping : EarlyStopping, default=None

        Returns
        -------
        self
        """
        self.max_epochs = n_epochs
        self.running_ = np.ones(count_members(self.module_), dtype=bool)
        self.lost_ = ~self.running_
        self._final_lambda = self._member_lambda()
        self._begin_checkpoints(early_stopping)
        n_products = count_step_products(
            self.module_, stream.n_step_rows, stream.n_row_entries, stream.is_compact
        )
        with traceable_interrupts(), enough_threads(n_products):
            try:
                self.notify("on_train_begin", X=stream, y=None)
                if early_stopping is not None:
                    early_stopping.begin(self, self.resumed_state_)
                self._rest_blank_columns(stream.blank)
                if stream.is_compact:
                    self._touched_rows = TouchedRows(self._first_layer(), self.optimizer_)
                self._run_epochs(stream, early_stopping)
            except StopTraining:
                pass
            finally:
                self._end_training(stream, early_stopping)
        if not (self.members_may_diverge or finite_members(self.module_).all()):
            raise TrainingDivergedError(f"Training diverged in its last step: {self._advice()}")
        return self

    def _run_epochs(self, stream, early_stopping):
        validation = None if early_stopping is None else early_stopping.validation
        datasets = {"dataset_train": stream, "dataset_valid": validation}
        for _ in range(self.n_epochs_left):
            if not self.running_.any():
                return
            self.notify("on_epoch_begin", **datasets)
            self._run_epoch(stream, validation)
            # Before callbacks are told, one of which may store what it has seen.
            if early_stopping is not None:
                early_stopping.judge(self)
            self.notify("on_epoch_end", **datasets)

    def _end_training(self, stream, early_stopping):
        """Leave a network to predict with, wherever training has ended."""
        if self._touched_rows is not None:
            self._touched_rows.restore()
        self._closed_form, self._touched_rows = None, None
        # An epoch that was broken off.
        if self.history and "train_loss" not in self.history[-1]:
            self.history.pop()
        try:
            if early_stopping is not None:
                early_stopping.finish(self)
            self.notify("on_train_end", X=stream, y=None)
        except StopTraining:
            pass
        finally:
            self._end_checkpoints()
            # Ready for prediction, by several threads at once; gradients have had their day.
            self._set_training(False)
            self.optimizer_.zero_grad(set_to_none=True)

    def notify(self, method_name, **cb_kwargs):
        """Tell all callbacks of a moment, as skorch does.

        Raises
        ------
        StopTraining
            If a callback raises KeyboardInterrupt, which is skorch's way to stop.
        KeyboardInterrupt
            If it comes from outside.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                with self._watched_checkpoints(callback):
                    getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                if is_from_signal(interrupt):
                    raise
                raise StopTraining from interrupt

    def _member_lambda(self):
        """Return λ in the shape in which it meets the features' gradient."""
        if np.ndim(self.lambda_adapt) == 0:
            return self.lambda_adapt
        like = next(self.module_.parameters())
        return torch.as_tensor(self.lambda_adapt, dtype=like.dtype, device=like.device).view(
            -1, 1, 1
        )

    def set_class_shares(self, source, target):
        """Tell the terms of the loss how often each class occurs in both domains.

        Parameters
        ----------
        source, target : ndarray of shape (C,), or (K, C) where members differ
        """
        like = next(self.module_.parameters())
        self.criterion_.set_class_shares(
            *(
                torch.as_tensor(shares, dtype=like.dtype, device=like.device)
                for shares in (source, target)
            )
        )

    def _first_layer(self):
        """Return the layer that sees the table's columns; None if it is the user's."""
        first = next(self.module_.feature_extractor.children(), None)
        return first if isinstance(first, MemberLinear) else None

    @torch.no_grad()
    def _rest_blank_columns(self, blank):
        """Let the weights of columns that batches hold as zeros be zero, and stay so.

        They are from the start, but not after training on other data, or if a callback draws them.
        """
        layer = self._first_layer()
        if layer is None or not len(blank):
            return
        state = self.optimizer_.state.get(layer.weight, {}).values()
        for values in (layer.weight, *state):
            if isinstance(values, torch.Tensor) and values.shape == layer.weight.shape:
                values[:, torch.as_tensor(blank, device=values.device)] = 0

    def continue_from(self, other):
        """Take over what another net of the same shape has learned so far.

        Raises
        ------
        ValueError
            If the networks differ in shape.
        """
        try:
            self.module_.load_state_dict(other.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(f"The networks differ: {error}") from error
        if type(self.optimizer_) is type(other.optimizer_):
            groups = self.optimizer_.state_dict()["param_groups"]
            # Optimizers keep the very tensors that they are given.
            state = copy.deepcopy(other.optimizer_.state_dict()["state"])
            self.optimizer_.load_state_dict({"state": state, "param_groups": groups})
        self.history = copy.deepcopy(list(other.history))

    def start_from(self, other):
        """Start from the features and the label predictor of another net with as many members.

        The domain classifier starts anew, since in reverse validation the domains change sides.
        """
        mine, theirs = self.module_, other.module_
        mine.feature_extractor.load_state_dict(theirs.feature_extractor.state_dict())
        mine.label_predictor.load_state_dict(theirs.label_predictor.state_dict())

    def __getstate__(self):
        # What training holds for its duration goes with no copy.
        state = {**super().__getstate__(), **_NOT_TRAINING}
        if self.initialized_:
            # The instance that skorch was given is the one it trains. By this name it would be
            # stored a second time, and on the device where it is: a machine without it could not
            # read that.
            del state["module"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "module" not in state:
            self.module = self.module_

    def snapshot(self):
        """Return a net that predicts like this one does now, whatever becomes of this one."""
        other = object.__new__(type(self))
        now = {"module_": copy.deepcopy(self.module_), **_NOT_TRAINING}
        vars(other).update(vars(self), **now)
        return other

    def to(self, device):
        """Move the network and the optimizer's state; return the net."""
        if torch.device(self.device) != device:
            self.device = device
            self.module_.to(device)
            self.criterion_.to(device)
            for held in (*self.optimizer_.state.values(), *self.optimizer_.param_groups):
                held.update({k: v.to(device) for k, v in held.items() if torch.is_tensor(v)})
        return self

    @property
    def n_epochs_left(self):
        """Number of epochs that are still to be trained."""
        return max(0, self.max_epochs - len(self.history))

    def _run_epoch(self, stream, validation):
        """Take the steps of an epoch, score the validation rows, and record both."""
        epoch = len(self.history) - 1
        self._set_training(True)
        self._batches_are_heard = any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in _BATCH_HOOKS
        )
        # Looked up anew in each epoch: callbacks may freeze parameters or watch them.
        known = ClosedFormStep.supports(self.module_, self.criterion_)
        self._closed_form = ClosedFormStep(self.module_, self.criterion_) if known else None
        names = self.criterion_.term_names
        totals = EpochTotals(names, finite_only=self.members_may_diverge)
        groups = self._groups(stream)
        with seeded(self.module_, self.seed, epoch, self.device):
            steps = self._steps(stream, epoch)
            if groups is not None:
                for terms, domain in groups.train(steps):
                    totals.add(terms, domain)
            else:
                for batch, *_ in steps:
                    totals.add(self.train_step(batch)["terms"], batch.domain)
        record = self._finished_record(totals, stream.n_rows)
        if self.members_may_diverge:
            # What becomes of members that have stopped is no matter.
            self.lost_ |= self.running_ & ~finite_members(self.module_).cpu().numpy()
            self.running_ &= ~self.lost_
        if validation is not None:
            record |= validation.score(self.module_, self.device)
        # At once, so that after Ctrl-C an epoch is recorded or is not.
        self.history[-1].update(record)

    def _steps(self, stream, epoch):
        """Yield each batch with λ, the terms' weights and the learning rates, which are set."""
        for step, batch in enumerate(stream.epoch(epoch)):
            self._set_progress((epoch + step / len(stream)) / self.max_epochs)
            learning_rates = [group["lr"] for group in self.optimizer_.param_groups]
            yield batch, self._lambda, self._term_weights, learning_rates

    def _groups(self, stream):
        """Return the members in groups, None if a step is more than gradients and a plain Adam."""
        plain = self._closed_form is not None and is_plain_adam(self.optimizer_)
        if not plain or self._batches_are_heard or self._touched_rows is not None:
            return None
        slices, alike = split_members(
            self.module_, stream.n_step_rows, self.seed, is_sparse=stream.is_sparse
        )
        slices = running_slices(slices, self.running_)
        return MemberGroups(self.module_, self.criterion_, self.optimizer_, slices, alike)

    def train_step(self, batch, **fit_params):
        """Take one step; return its losses, which stay on the device, as ``["terms"]``."""
        if self._batches_are_heard:
            self.notify("on_batch_begin", batch=batch, training=True)
        if self._touched_rows is None:
            step = self._step(batch)
        else:
            with self._touched_rows(batch.columns):
                step = self._step(batch)
        if self._batches_are_heard:
            terms = step["terms"]
            # The total is the sum over members, which keeps them apart; people want the mean.
            step["loss"] = terms.total / terms.n_members
            self.history.record_batch("train_loss", step["loss"].item())
            self.history.record_batch("train_batch_size", len(batch))
            self.notify("on_batch_end", batch=batch, training=True, **step)
        return step

    def _step(self, batch):
        if self._closed_form is not None:
            terms = self._closed_form(batch.X, self._lambda, *batch.rows, self._term_weights)
            output = self._closed_form.output
        else:
            self.optimizer_.zero_grad(set_to_none=True)
            output = self._forward(batch)
            terms = self.criterion_(output, *batch.rows, self._term_weights)
            terms.total.backward()
            terms = terms.detach()
        if self._batches_are_heard:
            named_parameters = list(self.module_.named_parameters())
            self.notify(
                "on_grad_computed", named_parameters=named_parameters, batch=batch, training=True
            )
        self._update_weights()
        return {"terms": terms, "y_pred": output}

    def _forward(self, batch):
        n_rows = None if self.criterion_.needs_target_logits else batch.y.shape[-1]
        try:
            return self.module_(batch.X, self._lambda, n_source=n_rows)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                "A module of your own (feature_extractor, label_predictor or domain_classifier) "
                "normalises over the samples of a step, as batch normalisation does, and this "
                "step has a single source sample. Raise batch_size, or pass more source samples; "
                "torch.nn.LayerNorm and GroupNorm take single samples."
            ) from error

    def _update_weights(self):
        try:
            adam_step(self.optimizer_)
        except RuntimeError as error:
            if "memory" in str(error):
                raise
            kind = type(self.optimizer_).__name__
            raise ValueError(
                f"solver: {kind} cannot take a step ({error}). It got "
                f"learning_rate_init={self.lr} and the weight decay alpha; lower these, or take "
                "another solver."
            ) from error

    def _set_progress(self, progress):
        self._lambda = self._final_lambda * self._factor("lambda_schedule", progress)
        self._term_weights = [
            term.weight * _check_factor(term.factor(progress), f"schedule of {term}", progress)
            for term in self.criterion_.terms
        ]
        if self.lr_schedule is not constant:
            # A callback such as LRScheduler may own the rate otherwise.
            rate = self.lr * self._factor("lr_schedule", progress)
            for group in self.optimizer_.param_groups:
                group["lr"] = rate

    def _factor(self, schedule, progress):
        name = {"lr_schedule": "learning_rate"}.get(schedule, schedule)
        return _check_factor(getattr(self, schedule)(progress), name, progress)

    def _advice(self):
        terms = " or the weights of the terms" if len(self.criterion_.terms) else ""
        return (
            "Scale the features (for example with StandardScaler), or lower "
            f"learning_rate_init={self.lr} or lambda_adapt={self.lambda_adapt}{terms}."
        )

    def _finished_record(self, totals, n_rows):
        """Return what is recorded of an epoch's training, or raise if it has diverged."""
        record = totals.read(self.criterion_.domain_weight)
        for name, value in record.items():
            if not (self.members_may_diverge or math.isfinite(value)):
                raise TrainingDivergedError(
                    f"Training diverged: {name} became {value} in epoch {len(self.history)}. "
                    f"{self._advice()}"
                )
        if not self._batches_are_heard:
            # Checkpoint and PassthroughScoring look at batches: the epoch stands for them.
            batch = {"train_loss": record["train_loss"], "train_batch_size": n_rows}
            record["batches"] = [batch]
        if "domain_loss" in record:
            by_member = isinstance(self._lambda, torch.Tensor)
            record["lambda_adapt"] = self._lambda.flatten().tolist() if by_member else self._lambda
        record["lr"] = self.optimizer_.param_groups[0]["lr"]
        return record
