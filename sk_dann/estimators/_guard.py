"""What can be seen without target labels that says that adapting did harm, or may have done."""

import numpy as np
from skorch.callbacks import Callback

from .._warnings import warn_user
from ..exceptions import (
    CollapsedClassWarning,
    LabelShiftWarning,
    SeparableDomainsWarning,
    SourceAccuracyWarning,
    UncertainSharesWarning,
)
from ..shift._shares import collapsed_classes, share_distance
from ..training import infer, label_log_proba
from ._label_shift import SourceOnly, has_few_rows, read_shares

# Found on the development tasks of benchmarks/no_harm.py.
# All but the accuracies are total variations of class shares.
_SHIFT = 0.1
_DOUBTFUL_SHIFT = 0.25
_SEPARABLE = 0.9
_LOST_ACCURACY = 0.05

# Samples of each domain without which the first look says nothing. Its network is judged on samples
# that it has begun to learn from, and no bootstrap shows what that does: on 12 pairs of reviews
# with 195 to 684 samples and equal class shares it was off by .2 to .6 (`make demo`).
_MIN_DOMAIN_ROWS = 1000

_MAX_ROWS = 10_000
_MIN_TARGET_ROWS = 50
# After fewer epochs nothing has been learned that could be lost.
_MIN_EPOCHS = 5
# When the network is looked at: it has learned from labels by then, and hardly from the target.
_FIRST_LOOK = 0.05
_FIRST_LAMBDA = 0.3
_N_SPLITS = 3


class FirstLook(Callback):
    """Estimates the target's class shares early in training, when λ is still small.

    Less sure than networks that never see the target, and next to free.

    Parameters
    ----------
    estimator : DANNClassifier
    data : DomainData
        What it is fitted to, with target rows.
    seed : int

    Attributes
    ----------
    estimate : ShareEstimate or None
        None if there was nothing to look at: too few rows, or a λ or a term's
        weight that is large from the start.
    """

    def __init__(self, estimator, data, seed):
        self.estimator, self.data, self.seed = estimator, data, seed
        self.estimate = None

    def on_epoch_end(self, net, **kwargs):
        # Halves of its columns are no data to a module of the user's own.
        if self.estimator.feature_extractor is not None:
            return
        if len(net.history) != max(1, round(_FIRST_LOOK * net.max_epochs)):
            return
        if net.history[-1]["lambda_adapt"] > _FIRST_LAMBDA * net.lambda_adapt:
            return
        progress = len(net.history) / net.max_epochs
        if any(term.factor(progress) > _FIRST_LAMBDA for term in net.criterion_.terms):
            return
        shares = self.estimator.class_shares_
        n_fewest = min(len(self.data.y), len(self.data.target_rows))
        if n_fewest < _MIN_DOMAIN_ROWS or has_few_rows(self.data, len(shares)):
            return
        early = SourceOnly(net, fold=np.zeros(len(self.data.y), dtype=np.intp))
        self.estimate = read_shares(early, self.data, shares, self.seed, n_splits=_N_SPLITS)

    def on_train_end(self, net, **kwargs):
        # The net keeps its callbacks, and is not to keep the data.
        self.estimator, self.data = None, None

    def __reduce__(self):
        # What is copied or stored is no longer part of the fit.
        return Callback, ()


def warn_of_harm(estimator, data, seed, first_look=None):
    """Warn of every sign of harm that a fitted estimator shows, of each once.

    Parameters
    ----------
    estimator : DANNClassifier
    data : DomainData
        What it was fitted to, with target rows.
    seed : int
        Which rows are looked at, if there are many.
    first_look : FirstLook or None
        Where no class shares were given or estimated.
    """
    if estimator.n_iter_ < _MIN_EPOCHS:
        return
    if first_look is not None and first_look.estimate is not None:
        _judge_shift(estimator, first_look.estimate)
    if estimator.share_estimate_ is not None:
        _judge_shares(estimator)
    # Without λ the features were not asked to be alike in the domain classifier's eyes.
    if estimator.lambda_adapt > 0 and estimator.domain_accuracy_ > _SEPARABLE:
        warn_user(
            f"The domain classifier still tells {estimator.domain_accuracy_:.0%} of the rows' "
            "domains: the features were not made alike, so next to nothing was adapted, or what "
            "was is arbitrary. Are there columns that give the domain away, such as a date or "
            "another unit? Without them, or with a larger lambda_adapt or max_iter, it may work.",
            SeparableDomainsWarning,
        )
    rng = np.random.default_rng([seed, 3])
    source, target = (rng.permutation(n)[:_MAX_ROWS] for n in (len(data.y), len(data.target_rows)))
    network, device = estimator.net_.module_, estimator.net_.device
    on_source = infer(network, data.X_source, label_log_proba, device, data.source_rows[source])
    on_target = infer(network, data.X_target, label_log_proba, device, data.target_rows[target])
    _judge_accuracy(estimator, data, on_source, source)
    if len(target) >= _MIN_TARGET_ROWS:
        _judge_predictions(estimator, on_source, estimator._for_target(on_target))


def _judge_shift(estimator, estimate):
    shift = share_distance(estimate.target_shares, estimate.source_shares)
    width = np.max(estimate.interval[1] - estimate.interval[0])
    if shift > max(_SHIFT, width):
        warn_user(
            "The target seems to hold other class shares than the source: "
            f"{_compare(estimator, estimate.target_shares)}. If it does, adapting puts rows into "
            "the wrong class, since it makes the predicted shares alike. Pass the target's shares "
            'as label_shift if you know them; label_shift="estimate" looks more closely and '
            "corrects for them, and lambda_adapt=0 leaves adapting.",
            LabelShiftWarning,
        )


def _judge_shares(estimator):
    estimate = estimator.share_estimate_
    doubtful = share_distance(estimate.em_shares, estimate.source_shares)
    # A reason that lies in too few rows or in scores that say nothing has an infinite error.
    is_finite = np.isfinite(estimate.standard_error).all()
    if is_finite and doubtful > _DOUBTFUL_SHIFT and (estimate.reason or estimate.at_edge):
        done = "They were taken for the source's"
        if not estimate.reason:
            done = f"A cautious estimate was taken ({_compare(estimator, estimate.target_shares)})"
        warn_user(
            "The class shares of the target cannot be told: the classes themselves look different "
            f"there. {done}; if the truth is far from that, adapting does harm. Pass them as "
            "label_shift if you know them, or compare with source_only_proba on rows that you can "
            "label.",
            UncertainSharesWarning,
        )


def _judge_accuracy(estimator, data, log_proba, rows):
    if estimator._source_only is None:
        return
    before = estimator._source_only.accuracy
    weight = None if data.domain_weight is None else data.domain_weight[rows]
    now = np.average(log_proba.argmax(axis=1) == data.y[rows], weights=weight)
    noise = 2 * np.sqrt(before * (1 - before) / len(rows))
    if now < before - _LOST_ACCURACY - noise:
        warn_user(
            f"Adapting cost accuracy on the source itself: {now:.0%} of its training rows are "
            f"right, where networks without adaptation have {before:.0%} of rows right that they "
            "did not learn from. Lower lambda_adapt, or train longer.",
            SourceAccuracyWarning,
        )


def _judge_predictions(estimator, on_source, on_target):
    n_classes = len(estimator.classes_)
    expected, found = (
        np.bincount(log_proba.argmax(axis=1), minlength=n_classes) / len(log_proba)
        for log_proba in (on_source, on_target)
    )
    expected = expected * estimator.target_class_shares_ / estimator.class_shares_
    gone = collapsed_classes(found, expected)
    if gone.any():
        names = ", ".join(str(name) for name in estimator.classes_[gone])
        warn_user(
            f"Next to no target row is predicted as {names}, though "
            f"{expected[gone].sum():.0%} would be expected: unless the target lacks it, adapting "
            "has moved its rows into other classes. Look at the predictions, and compare with "
            "source_only_proba.",
            CollapsedClassWarning,
        )


def _compare(estimator, shares):
    """Name the class whose share differs most."""
    k = np.argmax(np.abs(shares - estimator.class_shares_))
    return (
        f"{shares[k]:.0%} rather than {estimator.class_shares_[k]:.0%} of class "
        f"{estimator.classes_[k]}"
    )
