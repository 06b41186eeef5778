"""An epoch's losses, added up where they are and read once."""

import torch

# Steps whose losses are kept before they are added up: a handful of small operations for all.
_AT_ONCE = 64


class EpochTotals:
    """Averages over the rows and members of an epoch.

    Reading a number from an accelerator waits for it, and on small networks even an addition
    counts, so the losses of many steps are stacked first.
    """

    def __init__(self):
        self._sums, self._weight = 0.0, 0
        self._steps = []

    def add(self, terms, domain):
        """Take in the `LossTerms` of a step, of some members or all, and its rows' domains."""
        if self._steps and len(terms.label) != len(self._steps[0][0].label):
            self._add_up()
        self._steps.append((terms, domain))
        if len(self._steps) == _AT_ONCE:
            self._add_up()

    def _add_up(self):
        terms, domains = zip(*self._steps, strict=True)
        self._steps = []
        label = torch.stack([step.label for step in terms])
        sizes = [len(domain) for domain in domains]
        self._weight += sum(sizes) * label.shape[1]
        sizes = label.new_tensor(sizes)
        sums = [sizes @ label.sum(dim=1)]
        if terms[0].domain is not None:
            sums.append(sizes @ torch.stack([step.domain for step in terms]).sum(dim=1))
            log_proba = torch.cat([step.domain_log_proba for step in terms], dim=1)
            sums.append((log_proba.argmax(dim=-1) == torch.cat(domains)).sum())
        self._sums = self._sums + torch.stack(sums)

    def read(self, domain_weight):
        """Return the averages, by the name that they have in the history."""
        if self._steps:
            self._add_up()
        values = (self._sums / self._weight).tolist()
        total = values[0] + (domain_weight * values[1] if len(values) > 1 else 0)
        names = ("train_loss", "label_loss", "domain_loss", "domain_accuracy")
        return dict(zip(names, [total, *values], strict=False))
