"""A progress bar over epochs."""

from skorch.callbacks import Callback


class EpochProgressBar(Callback):
    """Shows the epochs done and the latest losses; gone without a trace in the saved net."""

    def on_train_begin(self, net, **kwargs):
        # In a notebook without ipywidgets the import warns, which only a bar should cause.
        from tqdm.auto import tqdm

        self.bar_ = tqdm(total=net.max_epochs, initial=len(net.history), unit="epoch", desc="DANN")

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        shown = ("label_loss", "domain_loss", "domain_accuracy", "valid_acc")
        self.bar_.set_postfix({k: f"{last[k]:.3f}" for k in shown if k in last}, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()
        del self.bar_
