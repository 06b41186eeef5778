"""An epoch's losses, added up where they are and read once."""

import torch

# Steps whose losses are kept before they are added up, in a handful of operations for all; fewer
# where these hold many numbers.
_AT_ONCE = 64
_MAX_KEPT = 2**20
# What an epoch of the history holds whatever the terms of the loss.
HISTORY_KEYS = (
    *("batches", "dur", "epoch", "event_lr", "lambda_adapt", "lr", "train_batch_size"),
    *("train_loss", "label_loss", "domain_loss", "domain_accuracy"),
    *("valid_acc", "member_valid_acc"),
)
# Of the further terms' weighted sum, which is recorded as a part of the total alone.
_WEIGHTED = ""


class EpochTotals:
    """Averages over the rows and members of an epoch.

    Reading a number from an accelerator waits for it, and on small networks even an addition
    counts, so the losses of many steps are stacked first.

    Parameters
    ----------
    names : list of str, default=()
        Of the terms that are added to those of the domain game.
    finite_only : bool, default=False
        Leave out members in steps where a loss of theirs is not finite.
    """

    def __init__(self, names=(), *, finite_only=False):
        self._names = names
        self._finite_only = finite_only
        self._sums, self._weight = 0.0, 0
        self._steps = []
        self._shape, self._at_once = None, _AT_ONCE

    def add(self, terms, domain):
        """Take in the losses of a step, of some members or all, and its rows' domains."""
        shape = terms.n_members, len(domain)
        if shape != self._shape:
            if self._steps:
                self._add_up()
            self._shape = shape
            self._at_once = min(_AT_ONCE, max(1, _MAX_KEPT // max(terms.size, 1)))
        self._steps.append((terms, domain))
        if len(self._steps) == self._at_once:
            self._add_up()

    def _add_up(self):
        terms, domains = zip(*self._steps, strict=True)
        self._steps = []
        n_members, n_rows = self._shape
        stacked = terms[0].stack(terms)
        losses, count = {"label_loss": stacked.label}, len(terms) * n_members
        hits = {}
        if stacked.domain is not None:
            losses["domain_loss"] = stacked.domain
            recognised = _argmax(stacked.domain_log_proba) == torch.stack(domains).unsqueeze(1)
            hits["domain_accuracy"] = recognised
        if stacked.extra is not None:
            losses |= dict(zip(self._names, stacked.extra.unbind(dim=1), strict=True))
            losses[_WEIGHTED] = stacked.extra_total
        if self._finite_only:
            finite = torch.isfinite(torch.stack(list(losses.values()))).all(dim=0)
            losses = {name: torch.where(finite, loss, 0) for name, loss in losses.items()}
            hits = {name: hit & finite.unsqueeze(-1) for name, hit in hits.items()}
            count = finite.sum()
        sums = [n_rows * loss.sum() for loss in losses.values()]
        sums += [hit.sum() for hit in hits.values()]
        self._sums = self._sums + torch.stack(sums)
        self._weight += count * n_rows
        self._keys = [*losses, *hits]

    def read(self, domain_weight):
        """Return the averages, by the name that they have in the history."""
        if self._steps:
            self._add_up()
        record = dict(zip(self._keys, (self._sums / self._weight).tolist(), strict=True))
        total = record["label_loss"] + record.pop(_WEIGHTED, 0)
        if "domain_loss" in record:
            total += domain_weight * record["domain_loss"]
        return {"train_loss": total, **record}


def _argmax(values):
    """Along the last, short axis, for which torch's own takes as long as a training step."""
    place = torch.zeros(values.shape[:-1], dtype=torch.int64, device=values.device)
    best = values[..., 0]
    for i in range(1, values.shape[-1]):
        place = torch.where(values[..., i] > best, i, place)
        best = torch.maximum(values[..., i], best)
    return place
