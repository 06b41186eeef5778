"""Is the training working? What the curves and the predictions of paired fits say about it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import entropy

from ._signs import SEPARABLE

# The domain classifier guesses: its accuracy, and its loss as a part of 2 ln 2.
_AT_CHANCE = 0.55
# Proxy A-distance from which on a linear classifier does tell the domains apart.
_DISTINCT = 0.5
# Label loss at the end, as a part of what class shares alone would give.
_NOT_LEARNED = 0.9
# How much the label loss still fell in the last fifth of the epochs, while it was above a part of
# what class shares alone would give: small ones fall forever.
_STILL_FALLING = 0.05
_SMALL_LOSS = 0.3
# Of the differences from epoch to epoch, as a part of the loss, in the second half.
_UNSTEADY = 0.3
_LOST_ACCURACY = 0.02
_SEEDS_DISAGREE = 0.15
# Share of a class as a part of an equal one.
_RARE = 0.3
_FEW_TARGET_ROWS = 100
_MIN_EPOCHS = 5


@dataclass(frozen=True)
class Finding:
    """Something about the training that a user would want to know.

    Parameters
    ----------
    seen : str
        What was seen, with numbers.
    why : str
        Why it matters.
    advice : str
        Which parameter to turn, or what to do.

    Examples
    --------
    >>> from sk_dann.inspection import Finding
    >>> print(Finding("Seeds disagree on 20 % of the rows.", "One is a draw.", "n_estimators=8"))
    Seeds disagree on 20 % of the rows. One is a draw. Try: n_estimators=8
    """

    seen: str
    why: str
    advice: str

    def __str__(self):
        return f"{self.seen} {self.why} Try: {self.advice}"


def find(signs, pairs):
    """Look for signs that training does not work, or not as well as it could.

    Parameters
    ----------
    signs : Signs
    pairs : PairedFits

    Returns
    -------
    list of Finding
        The gravest first.
    """
    found = []
    curves = _curves(pairs.adapted.histories)
    if len(curves.get("label_loss", ())) >= _MIN_EPOCHS:
        # A weighted loss cannot be compared with what class shares alone would give.
        looks = (_domain_game,) if pairs.has_class_weight else (_domain_game, _label_loss)
        found += [finding for look in (*looks, _convergence) for finding in look(curves, signs)]
    looks = (_source_accuracy, _collapse, _seeds)
    if not pairs.has_class_weight:
        looks += (_rare_classes,)
    found += [finding for look in looks for finding in look(signs, pairs.classes)]
    if len(pairs.rows) < _FEW_TARGET_ROWS:
        found.append(
            Finding(
                f"The target has {len(pairs.rows)} rows.",
                "Distances, shares and scores are rough estimates then, and so is the verdict.",
                "more target rows: they need no labels",
            )
        )
    return found


def _curves(histories):
    """Return the mean over the pairs of every number, by epochs that all have."""
    n_epochs = min(map(len, histories))
    if not n_epochs:
        return {}
    return {
        key: np.mean(
            [[epoch.get(key, np.nan) for epoch in h[:n_epochs]] for h in histories], axis=0
        )
        for key in histories[0][0]
    }


def _domain_game(curves, signs):
    accuracy, loss = curves.get("domain_accuracy"), curves.get("domain_loss")
    if signs.domain_accuracy is None or np.isnan(accuracy).any():
        return
    if accuracy[-1] > SEPARABLE:
        yield Finding(
            f"The domain classifier is right about {accuracy[-1]:.0%} of the rows to the last.",
            "The features were not made alike, so little was adapted, or at random.",
            "leaving out columns that give the domain away (a date, another unit), scaling both "
            "domains alike, a larger lambda_adapt or max_iter",
        )
    elif accuracy.max() < _AT_CHANCE and signs.input_distance > _DISTINCT:
        yield Finding(
            "The domain classifier is at chance from the first epoch (at most "
            f"{accuracy.max():.0%} right, domain loss {loss.min():.2f} to {loss.max():.2f} around "
            "2 ln 2 = 1.39), though a linear one tells the rows of the domains apart (proxy "
            f"A-distance {signs.input_distance:.2f}).",
            "It never learned what it is there to give back reversed, so nothing was adapted.",
            'a larger domain_hidden_layer_sizes, lambda_schedule="dann" rather than a λ that is '
            "large from the start, a larger learning_rate_init",
        )
    elif accuracy.max() < _AT_CHANCE:
        yield Finding(
            f"The domain classifier is at chance all along (at most {accuracy.max():.0%} right), "
            f"and so is a linear one on the rows (proxy A-distance {signs.input_distance:.2f}).",
            "The domains hardly differ, so there is nothing to adapt.",
            "lambda_adapt=0",
        )


def _label_loss(curves, signs):
    guess, last = entropy(signs.class_shares), curves["label_loss"][-1]
    if last > _NOT_LEARNED * guess:
        yield Finding(
            f"The label loss ends at {last:.2f}; class shares alone would give {guess:.2f}.",
            "The network has hardly learned the source's labels.",
            "scaled columns, a larger learning_rate_init or max_iter, a smaller dropout or "
            "lambda_adapt",
        )


def _convergence(curves, signs):
    loss = curves["label_loss"]
    n_fifth = max(1, len(loss) // 5)
    before, last = loss[-2 * n_fifth : -n_fifth].mean(), loss[-n_fifth:].mean()
    second_half = loss[len(loss) // 2 :]
    steps = np.abs(np.diff(second_half))
    if steps.size and steps.mean() > _UNSTEADY * second_half.mean():
        yield Finding(
            f"The label loss jumps by {steps.mean() / second_half.mean():.0%} of itself from epoch "
            "to epoch, to the last.",
            "Where training ends is a matter of chance.",
            'a smaller learning_rate_init, a larger batch_size, learning_rate="dann"',
        )
    elif last < (1 - _STILL_FALLING) * before and last > _SMALL_LOSS * entropy(signs.class_shares):
        yield Finding(
            f"The label loss still fell in the last fifth of the epochs ({before:.2f} → "
            f"{last:.2f}).",
            "Training was stopped before it was done.",
            "a larger max_iter",
        )


def _source_accuracy(signs, classes):
    before, after = signs.source_accuracy
    if after < before - _LOST_ACCURACY - 2 * signs.source_accuracy_error:
        yield Finding(
            f"Accuracy on held-out source rows falls from {before:.2f} to {after:.2f}.",
            "Features that tell the classes apart were given up for features that are alike.",
            "a smaller lambda_adapt, a larger max_iter",
        )


def _collapse(signs, classes):
    predicted, gone = signs.predicted_shares.adapted, signs.collapsed
    if gone.any():
        names = ", ".join(str(name) for name in classes[gone])
        k = int(np.argmax(predicted))
        yield Finding(
            f"Next to no target row is predicted as {names}; {predicted[k]:.0%} are as "
            f"{classes[k]}.",
            "Unless the target lacks these classes, their rows were moved into others.",
            "a smaller lambda_adapt, label_shift with the target's class shares",
        )


def _seeds(signs, classes):
    if signs.disagreement.adapted > _SEEDS_DISAGREE:
        yield Finding(
            f"Two seeds disagree on {signs.disagreement.adapted:.0%} of the target rows (without "
            f"adaptation: {signs.disagreement.source_only:.0%}).",
            "What one network says there is a draw of the seed, and at most one of two is right.",
            "n_estimators=8, which averages, or a smaller lambda_adapt",
        )


def _rare_classes(signs, classes):
    k = int(np.argmin(signs.class_shares))
    share = signs.class_shares[k]
    if share < _RARE / len(classes):
        yield Finding(
            f"Class {classes[k]} has {share:.1%} of the source rows.",
            "Accuracy says little about it, and adapting can lose it unnoticed.",
            'class_weight="balanced", and AUC or balanced accuracy wherever labels are',
        )
