"""scikit-learn's callbacks (since 1.9), carried by a callback of skorch's."""

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn below 1.9

    class CallbackSupportMixin:
        """Stands in for the mixin that is not there: no callbacks can be set."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


class ScikitLearnCallbacks(Callback):
    """Tells an estimator's scikit-learn callbacks of each epoch, and stops when they say so.

    Parameters
    ----------
    estimator : estimator
        Its `_skl_callbacks` are told.
    X, y : callable without arguments
        The rows that were learned from, asked for only by callbacks that want them.
    """

    def __init__(self, estimator, X, y):
        self.estimator = estimator
        self.told = {"estimator": estimator, "X": X, "y": y}

    def on_train_begin(self, net, **kwargs):
        self.root_ = self.estimator._init_callback_context(max_subtasks=net.n_epochs_left)
        self.root_.call_on_fit_task_begin(**self.told)

    def on_epoch_begin(self, net, **kwargs):
        self.epoch_ = self.root_.subcontext("epoch").call_on_fit_task_begin(**self.told)

    def on_epoch_end(self, net, **kwargs):
        if self._tell_the_end(self.epoch_, net):
            raise KeyboardInterrupt  # skorch's way to stop

    def on_train_end(self, net, **kwargs):
        self._tell_the_end(self.root_, net)

    def _tell_the_end(self, context, net):
        return context.call_on_fit_task_end(
            **self.told, reconstruction_attributes=lambda: {"net_": net.snapshot()}
        )

    def __reduce__(self):
        # What is copied or stored is no longer part of the fit.
        return Callback, ()
