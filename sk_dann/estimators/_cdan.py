"""`CDANClassifier`: the domain classifier sees features and class predictions together."""

from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from ._classifier import DANNClassifier


class CDANClassifier(DANNClassifier):
    r"""Conditional domain-adversarial network classifier (CDAN+E).

    The domain classifier of a :class:`~sk_dann.DANNClassifier` sees features alone: it may be
    content if they are alike as a whole while one domain's classes lie on the other's. Here it sees
    the features :math:`f` together with the class predictions :math:`g` [1]_: all products
    :math:`f \otimes g`, or random features of them where these are many. Rows that are predicted
    surely count more in the domain game.

    Everything else is that of :class:`~sk_dann.DANNClassifier`: parameters, attributes and methods
    that are not listed here are described there.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of the feature extractor's layers, at least one.
    conditioning : {"auto", "multilinear", "randomized"}, default="auto"
        What the domain classifier sees. "multilinear" are all products of a feature and a class
        probability, ``hidden_layer_sizes[-1] * n_classes`` numbers. "randomized" are
        `n_random_features` products of random projections of both, :math:`(R_f f) \odot (R_g g) /
        \sqrt{m}`, whose inner products approximate those of the former; the matrices are drawn
        once, for each network its own. "auto" takes the latter above 4096 products, as in the
        paper. No gradient passes through the predictions.
    n_random_features : int, default=1024
        Number m of the random products; unused by "multilinear".
    entropy_weighting : bool, default=True
        Weight rows in the domain loss by :math:`1 + \exp(-H(g))`, where H is the entropy of the
        row's prediction, on top of their other weights: the E of CDAN+E. The weights are taken
        as given, no gradient passes through them, and each side's sum to the number of its rows.
    domain_classifier : torch Module class or instance, default=None
        Takes what `conditioning` makes of a row, (n, hidden_layer_sizes[-1] * n_classes) or
        (n, n_random_features), instead of the features.
    lambda_adapt, terms, label_shift, n_estimators, random_state, ...
        All others as those of :class:`~sk_dann.DANNClassifier`.

    See Also
    --------
    DANNClassifier : The same with a domain classifier that sees the features alone.
    DANNClassifierCV : Chooses the parameters of either, ``DANNClassifierCV(CDANClassifier())``.

    References
    ----------
    .. [1] Long, Cao, Wang, Jordan, "Conditional Adversarial Domain Adaptation", NeurIPS 2018.

    Examples
    --------
    >>> from sk_dann import CDANClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    >>> clf = CDANClassifier(max_iter=5, random_state=0).fit(X_src, y_src, X_tgt)
    >>> clf.predict(X_tgt).shape
    (300,)
    """

    _parameter_constraints: dict = {
        **DANNClassifier._parameter_constraints,
        "conditioning": [StrOptions({"auto", "multilinear", "randomized"})],
        "n_random_features": [Interval(Integral, 1, None, closed="left")],
        "entropy_weighting": ["boolean"],
    }

    # Spelled out: scikit-learn reads the parameters off the signature.
    def __init__(
        self,
        hidden_layer_sizes=(100,),
        *,
        label_hidden_layer_sizes=(),
        domain_hidden_layer_sizes=(64,),
        activation="relu",
        dropout=0.5,
        lambda_adapt=1.0,
        lambda_schedule="dann",
        conditioning="auto",
        n_random_features=1024,
        entropy_weighting=True,
        terms=None,
        solver="adam",
        learning_rate_init=0.001,
        learning_rate="constant",
        momentum=0.9,
        alpha=0.0001,
        batch_size=64,
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=0.0001,
        n_estimators=1,
        feature_extractor=None,
        label_predictor=None,
        domain_classifier=None,
        label_shift=None,
        class_weight=None,
        device="auto",
        random_state=None,
        warm_start=False,
        verbose=0,
        callbacks=None,
    ):
        super().__init__(
            hidden_layer_sizes,
            label_hidden_layer_sizes=label_hidden_layer_sizes,
            domain_hidden_layer_sizes=domain_hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            lambda_adapt=lambda_adapt,
            lambda_schedule=lambda_schedule,
            terms=terms,
            solver=solver,
            learning_rate_init=learning_rate_init,
            learning_rate=learning_rate,
            momentum=momentum,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            n_estimators=n_estimators,
            feature_extractor=feature_extractor,
            label_predictor=label_predictor,
            domain_classifier=domain_classifier,
            label_shift=label_shift,
            class_weight=class_weight,
            device=device,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            callbacks=callbacks,
        )
        self.conditioning = conditioning
        self.n_random_features = n_random_features
        self.entropy_weighting = entropy_weighting

    def _domain_game(self):
        network = {
            "conditioning": self.conditioning,
            "n_random_features": self.n_random_features,
        }
        return network, {"entropy_weighting": self.entropy_weighting}
