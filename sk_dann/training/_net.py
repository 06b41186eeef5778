"""The skorch net: its callbacks, history and checkpoints, around a lean training loop."""

import math

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer

from ..nn import MemberDropout, constant
from ._inference import accuracy

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class DANNNet(NeuralNet):
    """Trains a `DANNNetwork` on the batches of a `BatchStream`.

    Everything that is not overridden here behaves as in skorch. What is: batches come from
    tensors already in memory instead of a `DataLoader`, losses stay on the device until the epoch
    ends, batches are recorded in the history only if a callback listens to batches, and Ctrl-C is
    passed on instead of being swallowed.

    Parameters
    ----------
    lambda_adapt : float
        λ of the paper.
    lambda_schedule, lr_schedule : callable of training progress in [0, 1]
        Factors of `lambda_adapt` and of `lr`.
    seed : int
        Of the dropout masks.
    **kwargs
        Those of `skorch.NeuralNet`.

    Attributes
    ----------
    history : skorch.history.History
        An epoch holds ``train_loss`` (the minimised sum), ``label_loss``, ``domain_loss``,
        ``domain_accuracy``, ``lambda_adapt``, ``lr``, ``dur`` (seconds) and, with validation
        rows, ``valid_acc``.
    """

    def __init__(
        self,
        *args,
        lambda_adapt=1.0,
        lambda_schedule=constant,
        lr_schedule=constant,
        seed=0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.lambda_adapt = lambda_adapt
        self.lambda_schedule = lambda_schedule
        self.lr_schedule = lr_schedule
        self.seed = seed

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def train(self, stream, validation=None):
        """Train for `max_epochs` epochs; a KeyboardInterrupt from outside is raised again.

        Parameters
        ----------
        stream : BatchStream
        validation : ValidationRows, default=None

        Returns
        -------
        self
        """
        self._stopped_by_callback = False
        self.notify("on_train_begin", X=stream, y=None)
        try:
            self.fit_loop(stream, validation)
        except KeyboardInterrupt:
            if not self._stopped_by_callback:
                raise
        finally:
            self.notify("on_train_end", X=stream, y=None)
        return self

    def notify(self, method_name, **cb_kwargs):
        """Notify the callbacks; a KeyboardInterrupt of theirs is skorch's way to ask for a stop."""
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            self._stopped_by_callback = True
            raise

    def get_split_datasets(self, X, y=None, **fit_params):
        """Take the stream and the validation rows as they are."""
        return X, y

    def get_iterator(self, dataset, training=False):
        """Take the stream and the validation rows as they are."""
        return dataset

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run the steps of one epoch, or score the validation rows."""
        if iterator is None:
            return
        if not training:
            score = accuracy(self.module_, iterator, self.device)
            self.history.record("valid_acc", score)
            return
        epoch = len(self.history) - 1
        self._set_training(True)
        self._seed_dropout(epoch)
        self._batches_are_heard = any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in _BATCH_HOOKS
        )
        totals, n_rows = 0.0, 0
        for step, batch in enumerate(iterator.epoch(epoch)):
            self._set_progress((epoch + step / len(iterator)) / self.max_epochs)
            totals = totals + step_fn(batch)["terms"] * len(batch)
            n_rows += len(batch)
        self._record_epoch((totals / n_rows).tolist())

    def train_step(self, batch, **fit_params):
        """Take one step; return the losses as a tensor on the device."""
        if self._batches_are_heard:
            self.notify("on_batch_begin", batch=batch, training=True)
        self.optimizer_.zero_grad(set_to_none=True)
        output = self.module_(batch.X, self._lambda, n_source=len(batch.y))
        losses = self.criterion_(
            output, batch.y, batch.domain, batch.label_weight, batch.source_weight
        )
        losses.total.backward()
        if self._batches_are_heard:
            named_parameters = list(self.module_.named_parameters())
            self.notify(
                "on_grad_computed", named_parameters=named_parameters, batch=batch, training=True
            )
        self.optimizer_.step()
        # total is the sum over members, which is what makes them independent; people want means.
        terms = [losses.total.detach() / len(losses.label), losses.label.detach().mean()]
        if losses.domain is not None:
            terms += [losses.domain.detach().mean(), losses.domain_accuracy]
        step = {"loss": terms[0], "y_pred": output, "terms": torch.stack(terms)}
        if self._batches_are_heard:
            self.history.record_batch("train_loss", step["loss"].item())
            self.history.record_batch("train_batch_size", len(batch))
            self.notify("on_batch_end", batch=batch, training=True, **step)
        return step

    def _set_progress(self, progress):
        self._lambda = self.lambda_adapt * self.lambda_schedule(progress)
        if self.lr_schedule is not constant:
            # A callback such as LRScheduler may own the rate otherwise.
            rate = self.lr * self.lr_schedule(progress)
            for group in self.optimizer_.param_groups:
                group["lr"] = rate

    def _seed_dropout(self, epoch):
        # Seeded anew each epoch: a resumed fit needs the epoch's number, not a random state.
        seed = np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0]))
        for module in self.module_.modules():
            if isinstance(module, MemberDropout):
                module.generator = generator

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Leave nothing in the network that cannot be copied or stored."""
        for module in self.module_.modules():
            if isinstance(module, MemberDropout):
                module.generator = None

    def _record_epoch(self, terms):
        names = ("train_loss", "label_loss", "domain_loss", "domain_accuracy")
        for name, value in zip(names, terms, strict=False):
            self.history.record(name, value)
            if not math.isfinite(value):
                raise ValueError(
                    f"Training diverged: {name} became {value} in epoch {len(self.history)}. "
                    "Scale the features (for example with StandardScaler), or lower "
                    f"learning_rate_init={self.lr} or lambda_adapt={self.lambda_adapt}."
                )
        if len(terms) > 2:
            self.history.record("lambda_adapt", self._lambda)
        self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
