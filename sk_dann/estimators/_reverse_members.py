"""Reverse validation of members: predicting the source back from what they predict."""

from dataclasses import replace

import numpy as np

from ..domains import DomainData
from ..shift import class_shares, move_posterior
from ..shift._shares import share_ratio
from ..training import infer, member_log_proba
from ._member_training import DIVERGED, as_column, by_member, without
from ._validation import weights_of_classes


def reverse_scores(trained, reasons):
    """Reverse validation of all members side by side, as in section 5.1.2 of the paper.

    The target rows with the labels that a member predicts are the source of its reverse network,
    which starts from the member's weights; the source rows it was trained on are the target.

    Parameters
    ----------
    trained : TrainedMembers
    reasons : dict of int to str
        Gets those of reverse networks that diverge.

    Returns
    -------
    scores, reasons
        As those of `TrainedMembers.score`.
    """
    training, fold = trained.training, trained.fold
    data, estimator = training.data, training.estimator
    codes = trained.log_proba_target.argmax(axis=2)
    n_classes = len(estimator.classes_)
    seen = trained.target_mask
    if seen is None:
        seen = np.ones(codes.shape, data.X_source.dtype)
    held_out = by_member(training.held_out_target, fold)
    learned = label_weight = without(seen, held_out)
    if estimator.class_weight is not None:
        label_weight = np.stack(
            [
                own * weights_of_classes(estimator.class_weight, estimator.classes_, y, own)[y]
                for y, own in zip(codes.T, learned.T, strict=True)
            ],
            axis=1,
        ).astype(seen.dtype)
    target_weight = source_weight = trained.source_mask * as_column(data.domain_weight)
    if estimator._near_rows is not None:
        target_weight = source_weight * estimator._near_rows[:, None]
    back = DomainData(
        data.X_target,
        data.target_rows,
        np.zeros(len(codes), dtype=np.int64),
        codes,
        label_weight,
        learned,
        data.X_source,
        data.source_rows,
        target_weight,
    )
    present = wanted = np.stack(
        [class_shares(y, n_classes, own) for y, own in zip(codes.T, learned.T, strict=True)]
    )
    if estimator.label_shift is not None:
        # On the way back the source is the target, and its class shares are known.
        wanted = np.stack([class_shares(data.y, n_classes, own) for own in source_weight.T])
        back = replace(back, domain_weight=_rebalance(codes, learned, present, wanted))
    net = training.run(
        back, trained.members, held_out, codes, shares=(present, wanted), start=trained.net
    )
    log_proba = infer(net.module_, data.X_source, member_log_proba, net.device, data.source_rows)
    scores = np.full(len(fold), np.nan)
    for k, f in enumerate(fold):
        if k in reasons:
            continue
        test = training.folds[f].test
        found = log_proba[test, k]
        predicted = np.unique(codes[seen[:, k] > 0, k])
        if len(predicted) == 1:  # nothing to learn from
            scores[k] = np.mean(data.y[test] == predicted[0])
        elif net.lost_[k]:
            reasons[k] = f"a reverse network {DIVERGED}"
        else:
            if estimator.label_shift is not None:
                found = move_posterior(found, present[k], wanted[k])
            scores[k] = np.mean(found.argmax(axis=1) == data.y[test])
    return scores, reasons


def _rebalance(codes, weight, present, wanted):
    """Weight rows so that each member's predicted classes have the shares that are wanted."""
    balanced = weight * np.take_along_axis(share_ratio(wanted, present).T, codes, axis=0)
    balanced = balanced.astype(weight.dtype)
    return balanced / np.maximum(balanced.max(axis=0), np.finfo(balanced.dtype).tiny)
