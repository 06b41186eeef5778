"""Warnings of sk_dann, each with a class of its own so that it can be filtered or made an error."""

__all__ = [
    "AdaptationWarning",
    "CollapsedClassWarning",
    "LabelShiftWarning",
    "NoTargetWarning",
    "OracleWarning",
    "SeparableDomainsWarning",
    "SourceAccuracyWarning",
    "StoredElsewhereWarning",
    "UncertainSharesWarning",
    "UntransformedTargetWarning",
]


class AdaptationWarning(UserWarning):
    """Adapting seems to have done harm, or it cannot be told; nothing is changed by it.

    The common base of the warnings that `fit` gives when it has adapted. They see no target label,
    so they can be wrong either way.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import AdaptationWarning
    >>> warnings.simplefilter("error", AdaptationWarning)  # rather no model than a doubtful one
    """


class LabelShiftWarning(AdaptationWarning):
    """With ``label_shift=None``: the target seems to hold other class shares than the source.

    Early in training, when λ is still small, the network finds shares that differ by more than .1
    (half the sum of the differences), beyond two standard errors. Making the domains
    indistinguishable then forces rows into the wrong class (Zhao et al., ICML 2019).
    """


class UncertainSharesWarning(AdaptationWarning):
    """With ``label_shift="estimate"``: the target's class shares cannot be told.

    The likelihood alone (EM) would have the shares differ by more than .25, but halves of the
    columns contradict each other, or nothing but one class would be left.
    """


class CollapsedClassWarning(AdaptationWarning):
    """Of a class that 5 % or more of the target's rows should have, less than a tenth is predicted.

    What should be is what is predicted on the source, times the ratio of the class's shares.
    """


class SeparableDomainsWarning(AdaptationWarning):
    """In the last epoch the domain classifier was right on more than 90 % of the rows.

    The features still tell the domains apart, so the source's and the target's rows never met: the
    supports are disjoint, or λ is too small.
    """


class SourceAccuracyWarning(AdaptationWarning):
    """The adapted network knows the source worse than networks that did not adapt.

    It has 5 % fewer of its own training rows right than they have of rows that they never saw.
    """


class NoTargetWarning(UserWarning):
    """A domain-adaptation estimator was fitted without a target domain.

    The same network is then trained on the source alone, so nothing is adapted. Pass ``X_tgt``
    (or ``sample_domain``) to `fit`.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import NoTargetWarning
    >>> warnings.simplefilter("ignore", NoTargetWarning)  # "I know, and that is what I want"
    """


class OracleWarning(UserWarning):
    """A score reads labels of target rows, which are what domain adaptation has not got.

    What is chosen by such a score is out of reach in use, and the score itself too good.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import OracleWarning
    >>> warnings.simplefilter("ignore", OracleWarning)  # "I do research, and want to see the gap"
    """


class StoredElsewhereWarning(UserWarning):
    """A stored estimator is loaded with other versions, or without the device it asks for.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import StoredElsewhereWarning
    >>> warnings.simplefilter("error", StoredElsewhereWarning)  # refuse to load such an estimator
    """


class UntransformedTargetWarning(UserWarning):
    """The target's columns look as if the source's preprocessing had not been applied to them.

    The usual cause is a :class:`~sklearn.pipeline.Pipeline` without
    ``transform_input=["X_tgt"]``: the source passes the scaler or vectoriser, the target does not,
    and the network learns to tell raw from scaled columns.

    Examples
    --------
    >>> import warnings
    >>> from sk_dann.exceptions import UntransformedTargetWarning
    >>> warnings.simplefilter("error", UntransformedTargetWarning)  # stop rather than warn
    """
