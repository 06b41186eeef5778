"""`TrainingCurveDisplay`: the domain game, epoch by epoch."""

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..metrics._wrappers import unwrap
from ._plotting import add_legend, add_reference_line, check_matplotlib, make_axes, styled

_N_PANELS = 3


class TrainingCurveDisplay:
    r"""Losses, accuracies and λ over the epochs of training.

    Three axes, one below the other: the losses of label predictor and domain classifier; the
    domain classifier's accuracy, and that on held-out source rows where there were some; λ. Solid
    lines are about the labels, dashed ones about the domains, and dotted ones show where a domain
    classifier would be that knows nothing: there the domains cannot be told apart any more.

    It is recommended to use :meth:`from_estimator` to create a `TrainingCurveDisplay`. All
    parameters are stored as attributes.

    Parameters
    ----------
    label_loss : array-like of shape (n_epochs,)
        Cross-entropy of the source's labels.
    domain_loss : array-like of shape (n_epochs,)
        Cross-entropy of the domains, source plus target.
    domain_accuracy : array-like of shape (n_epochs,)
        Share of the rows whose domain was recognised.
    lambda_adapt : array-like of shape (n_epochs,)
        λ in each epoch, its schedule counted.
    validation_accuracy : array-like of shape (n_epochs,), default=None
        Accuracy on held-out source rows.
    n_source_domains : int, default=1
        S, which the domain loss at chance depends on: 2 ln 2 + ln S, as each side gives half of
        the rows of a step, and the sources equal parts of theirs.
    name : str, default=None
        Of the estimator, for the legend.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (3,)
        Those of the losses, the accuracies and λ.
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        By the names of the parameters that they show.

    See Also
    --------
    LambdaPathDisplay : What comes of each λ.

    Notes
    -----
    Features from which the domains cannot be told apart are one reason for a domain loss near
    chance; a domain classifier that has not learned its part is another. Ask a fresh one, as
    :class:`ProxyADistanceDisplay` does.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import TrainingCurveDisplay
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=5, random_state=0).fit(X_src, y_src, X_tgt)
    >>> display = TrainingCurveDisplay.from_estimator(clf, name="λ = 1")

    Another estimator beside it:

    >>> alone = DANNClassifier(lambda_adapt=0, max_iter=5, random_state=0)
    >>> alone = alone.fit(X_src, y_src, X_tgt)
    >>> display = TrainingCurveDisplay.from_estimator(alone, name="λ = 0", ax=display.axes_)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'accuracy', 'λ']
    """

    def __init__(
        self,
        label_loss,
        *,
        domain_loss,
        domain_accuracy,
        lambda_adapt,
        validation_accuracy=None,
        n_source_domains=1,
        name=None,
    ):
        self.label_loss = label_loss
        self.domain_loss = domain_loss
        self.domain_accuracy = domain_accuracy
        self.lambda_adapt = lambda_adapt
        self.validation_accuracy = validation_accuracy
        self.n_source_domains = n_source_domains
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, line_kwargs=None):
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : classifier
            Fitted, with a ``history_``: a :class:`~sk_dann.DANNClassifier`, one in a search, or a
            :class:`~sklearn.pipeline.Pipeline` that ends in one.
        name : str, default=None
            For the legend, where several estimators are drawn into the same axes.
        ax : matplotlib Axes or array-like of three Axes, default=None
            Where to draw; a single one is divided. None makes a figure.
        line_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no ``history_``.
        ValueError
            If it was fitted without a target.
        """
        check_matplotlib(cls)
        check_is_fitted(estimator)
        last = unwrap(estimator).classifier
        if not hasattr(last, "history_"):
            hint = "; pass one of its pipelines_" if hasattr(last, "pipelines_") else ""
            raise TypeError(
                f"{type(last).__name__} has no history_, so there is no training to show{hint}."
            )
        if last.domain_accuracy_ is None:
            raise ValueError(
                f"The {type(last).__name__} was fitted without a target, so there is no domain "
                "game to show: pass X_tgt or sample_domain to fit, also with lambda_adapt=0. "
                "loss_curve_ has the label loss."
            )

        def column(key):
            values = [record[key] for record in last.history_ if key in record]
            return np.array(values, dtype=float) if values else None

        return cls(
            column("label_loss"),
            domain_loss=column("domain_loss"),
            domain_accuracy=column("domain_accuracy"),
            lambda_adapt=column("lambda_adapt"),
            validation_accuracy=column("valid_acc"),
            n_source_domains=last.n_source_domains_,
            name=name,
        ).plot(ax, line_kwargs=line_kwargs)

    def plot(self, ax=None, *, name=None, line_kwargs=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of three Axes, default=None
            Where to draw; a single one is divided. None makes a figure. In the ``axes_`` of
            another display, each estimator has a colour.
        name : str, default=None
            For the legend; None takes the attribute.
        line_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        TrainingCurveDisplay
        """
        check_matplotlib(type(self))
        from matplotlib.lines import Line2D

        name = self.name if name is None else name
        axes = make_axes(ax, _N_PANELS, 1, size=(6.5, 1.9), share_x=True)
        losses, accuracies, factor = axes
        prefix = "" if name is None else f"{name}: "
        style, self.lines_ = {}, {}
        for panel, parameter, label, linestyle in (
            (losses, "label_loss", "label loss", "-"),
            (losses, "domain_loss", "domain loss", "--"),
            (accuracies, "validation_accuracy", "held-out source rows", "-"),
            (accuracies, "domain_accuracy", "domain classifier", "--"),
            (factor, "lambda_adapt", None, "-"),
        ):
            values = getattr(self, parameter)
            if values is None:
                continue
            own = {"linestyle": linestyle, "label": name if label is None else prefix + label}
            own = styled(Line2D, line_kwargs, **own, **style)
            (line,) = panel.plot(np.arange(1, len(values) + 1), values, **own)
            # The first line takes the next colour of the cycle, the others follow it.
            style = {"color": line.get_color()}
            self.lines_[parameter] = line
        self._mark_chance(losses, accuracies)
        for panel, label in zip(axes, ("loss", "accuracy", "λ"), strict=True):
            panel.set_ylabel(label)
            add_legend(panel)
        factor.set_xlabel("epoch")
        factor.xaxis.get_major_locator().set_params(integer=True)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def _mark_chance(self, losses, accuracies):
        S = self.n_source_domains
        formula = "2 ln 2" if S == 1 else f"2 ln 2 + ln {S}"
        add_reference_line(losses, 2 * math.log(2) + math.log(S), f"domains at chance: {formula}")
        add_reference_line(accuracies, 0.5, "domains at chance")
