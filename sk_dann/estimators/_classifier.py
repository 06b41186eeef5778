"""`DANNClassifier`: scikit-learn in, numpy out."""

import copy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._fitting import all_or_nothing
from .._warnings import warn_user
from ..model_selection._stock_tools import StackedDomainsMixin, is_calibrated_on_source
from ..shift import class_shares, move_posterior
from ..training import (
    EarlyStopping,
    domain_log_proba_of,
    infer,
    label_log_proba,
    member_features,
    network_dtype,
    resolve_device,
)
from ._assembly import (
    LAMBDA_SCHEDULES,
    LR_SCHEDULES,
    SOLVERS,
    count_epochs,
    find_active_columns,
    make_callbacks,
    make_net,
    make_stream,
)
from ._callbacks import CallbackSupportMixin, with_callbacks
from ._guard import FirstLook, warn_of_harm
from ._label_shift import balance_domains, check_shares, estimate_shares
from ._prediction import DecisionMixin
from ._storage import pack, unpack
from ._validation import (
    check_domains,
    check_row_labels,
    check_rows,
    check_source,
    check_terms,
    check_validation_set,
    check_weights,
    encode_classes,
    hold_out,
)


class DANNClassifier(
    CallbackSupportMixin,
    StackedDomainsMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    DecisionMixin,
    BaseEstimator,
):
    r"""Domain-adversarial neural network classifier.

    Learns from labelled *source* rows to predict the labels of *target* rows that come from
    another distribution and have none. Three networks are trained together: a feature extractor,
    a label predictor, and a domain classifier that tries to tell source from target by the
    features. Its gradient reaches the features reversed, so they are made good for the labels
    and useless for telling the domains apart [1]_.

    There are two ways in. ``fit(X_src, y_src, X_tgt)`` takes the domains apart;
    ``fit(X, y, sample_domain=d)`` takes them stacked, so that preprocessing and folds treat both
    alike. Without a target the same network is trained on the source alone, with a
    :class:`~sk_dann.exceptions.NoTargetWarning`.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of the feature extractor's layers; the last layer is the feature space. At least
        one layer.
    label_hidden_layer_sizes : int or array-like of int, default=()
        Units of the label predictor's hidden layers.
    domain_hidden_layer_sizes : int or array-like of int, default=(64,)
        Units of the domain classifier's hidden layers. One hidden layer adapts far better than
        none.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        Activation of all hidden layers.
    dropout : float in [0, 1), default=0.5
        Probability of dropping a unit of the feature extractor and of the label predictor's
        hidden layers in a training step. The mask is drawn once a step and shared by its rows.
    lambda_adapt : float, default=1.0
        λ of the paper: how strongly the domain classifier's reversed gradient acts on the
        features, relative to the label loss. 0 leaves the features alone.
    lambda_schedule : {"dann", "constant"} or callable, default="dann"
        Factor of `lambda_adapt` over training. "dann" is the paper's
        :math:`2 / (1 + \exp(-10 p)) - 1`, which rises from 0 towards 1 as training progress
        :math:`p` goes from 0 to 1. A callable takes :math:`p` and returns the factor.
    terms : list of sk_dann.nn.Term or None, default=None
        Further losses of both domains, which are added to those of the domain game:
        :class:`~sk_dann.nn.InformationMaximization` and
        :class:`~sk_dann.nn.MinimumClassConfusion` of the predictions on the target,
        :class:`~sk_dann.nn.CentralMomentDiscrepancy` of the features, or your own
        (:class:`~sk_dann.nn.Term`). Each has a `weight` and a `schedule`. With ``lambda_adapt=0``
        they are all that adapts. With `label_shift` they go by the target's class shares, else by
        the source's. Without a target they are left out.
    solver : {"adam", "adamw", "sgd"} or torch optimizer class, default="adam"
        A class (or any callable such as a :func:`functools.partial`) is called with parameter
        groups and ``lr``.
    learning_rate_init : float, default=0.001
        Learning rate at the start.
    learning_rate : {"constant", "dann"} or callable, default="constant"
        Factor of `learning_rate_init` over training. "dann" is the paper's
        :math:`(1 + 10 p)^{-0.75}`.
    momentum : float in [0, 1], default=0.9
        Momentum for ``solver="sgd"``, unused otherwise.
    alpha : float, default=0.0001
        Weight decay: strength of the L2 penalty on the weights (biases are left out).
    batch_size : int, default=64
        Rows *of each domain* in a step: a step sees as many target rows again.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch is a pass over the larger domain, the smaller one being
        shuffled anew and used again until then. "auto" stands for 20, and on small data for as
        many as make 640 steps: with fewer the domains have hardly begun to play their game.
    early_stopping : bool, default=False
        Stop when the accuracy on held-out *source* rows has not improved by `tol` for
        `n_iter_no_change` epochs, and go back to the best weights. Epochs count once the schedule
        of λ has come to nine tenths of its end: source accuracy is often best before adapting
        has begun, and says little about adaptation. The rows held out are
        `validation_fraction` of the source, stratified, or the `X_val` and `y_val` of
        :meth:`fit`.
    validation_fraction : float in (0, 1), default=0.1
        Share of the source rows held out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement before training stops early.
    tol : float, default=0.0001
        What counts as an improvement of the validation accuracy.
    n_estimators : int, default=1
        Number of networks that are trained side by side, from different weights on the same
        batches, and whose probabilities are averaged. Four cost far less than four fits.
    feature_extractor, label_predictor, domain_classifier : Module class or instance, default=None
        torch modules of your own instead of the perceptrons; the parameters above that shape those
        do not concern them, and a step takes about twice as long: the gradients of the perceptrons
        are written by hand. The feature extractor takes a tensor of rows (n, n_features) and
        returns (n, n_hidden); the others take that and return one output a class, and a single
        logit (with several source domains one logit a domain). An instance is copied and never
        trained in place, a class is called without arguments. Sparse rows reach them dense, a
        batch at a time. With `n_estimators` above 1, members from one instance start from the
        same weights.
    label_shift : "estimate", None, dict, Series or array-like of shape (n_classes,), default=None
        How often each class occurs in the target. Adapting makes the domains alike, and if
        classes occur more often in one than in the other, it moves classes onto one another. With
        the target's class shares the source rows are weighted in the domain loss, so that both
        sides have the same shares, and predictions take them for granted.

        - None leaves the source's shares, as in the paper.
        - An array gives them in the order of `classes_`, a dict or a pandas Series by the names of
          the classes, such as ``y.value_counts(normalize=True)``. They must sum to 1. A share of 0
          keeps the source rows of that class out of the domain game.
        - "estimate" finds the shares without labels, from networks trained on folds of the source
          alone (:mod:`sk_dann.shift`). Where it cannot, or finds a shift of less than two
          standard errors, the source's are taken, and `share_estimate_` says why. A difference in
          how often a class is *predicted* is taken for one in how often it occurs if random
          halves of the columns agree on it: where the classes themselves look different in the
          target, in all columns alike, the estimate can be far off and do harm, as it does on some
          Amazon reviews without any shift of shares. Look whether `target_class_shares_` is
          plausible. Source rows that no target row resembles are kept
          out of the domain game too, if they are a minority far from the rest of the source
          (:func:`~sk_dann.shift.overlap_cut`); labels are learned from all rows.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the label loss, as in
        :func:`~sklearn.utils.class_weight.compute_class_weight`.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is one, else MPS, else the CPU.
    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout masks; an int makes fits repeatable to the bit at
        the same number of threads. Networks whose step takes fewer than 2**24 multiply-adds use
        one thread whatever is set.
        The global random state of torch is never touched.
    warm_start : bool, default=False
        Go on where the last :meth:`fit` stopped, until `max_iter` epochs are done in all; for
        the same data with a raised `max_iter`. The network keeps its shape; schedules go by the
        new total.
    verbose : int, default=0
        1 shows a progress bar.
    callbacks : list of skorch callbacks or None, default=None
        See :mod:`skorch.callbacks`. History keys are listed at `history_`. A search copies them
        for each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Number of epochs done.
    loss_curve_ : list of float
        Label loss of each epoch.
    domain_loss_curve_ : list of float
        Domain loss of each epoch, source plus target: 2 ln 2 = 1.386 where the domains cannot be
        told apart (one source domain). Empty without a target.
    domain_accuracy_ : float or None
        Share of the rows of the last epoch whose domain the domain classifier recognised; 0.5
        where it had to guess. None without a target.
    validation_scores_ : list of float or None
        Accuracy on the held-out source rows after each epoch; None without early stopping.
    history_ : skorch.history.History
        One record an epoch: ``train_loss`` (label plus domain loss plus weighted `terms`),
        ``label_loss``, ``domain_loss``, ``domain_accuracy``, ``lambda_adapt``, the loss of each of
        the `terms` before it is weighted (``information_maximization``,
        ``minimum_class_confusion``, ``central_moment_discrepancy``; a second one of a kind ends in
        ``_2``), ``lr``, ``dur`` in seconds, and ``valid_acc`` with early stopping.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch network.
    class_shares_ : ndarray of shape (n_classes,)
        Share of each class among the source rows, sample weights counted.
    target_class_shares_ : ndarray of shape (n_classes,)
        Shares that predictions are made for; those of the source if nothing was estimated or
        given.
    share_estimate_ : sk_dann.shift.ShareEstimate or None
        How the shares were estimated and how sure they are. None unless ``"estimate"`` had a
        target to look at.
    n_source_domains_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the source has column names that are strings.

    See Also
    --------
    CDANClassifier : The domain classifier sees features and class predictions together.
    sk_dann.model_selection.SourceKFold : Folds of the source rows, for cross-validation.
    sklearn.neural_network.MLPClassifier : The same kind of network without a target.

    Notes
    -----
    The network computes in the dtype of the source: float32 is faster and enough, so
    ``TfidfVectorizer(dtype=np.float32)``. Sparse matrices stay sparse. With more than 16384 sparse
    columns a step updates only those first-layer weights whose columns its rows use, momentum and
    weight decay included, as :class:`torch.optim.SparseAdam` does (a solver of your own, or a
    feature extractor, updates all).

    Features that are constant in the source are left out: source labels carry no information about
    them, so on the target they would only add noise. A `feature_extractor` of your own sees them as
    they are.

    Adapting makes the predicted class shares of the target resemble the source's. Where the true
    shares differ much and `label_shift` is None, it can do harm. Signs of harm that can be seen
    without labels are warned of, see :class:`sk_dann.exceptions.AdaptationWarning`.

    Without a target, weighted rows are equivalent to repeated rows as long as a step holds all of
    them. Mini-batches as such are not, since they are drawn regardless of the weights.

    References
    ----------
    .. [1] Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky,
       "Domain-Adversarial Training of Neural Networks", JMLR 17(59):1-35, 2016.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=5, random_state=0).fit(X_src, y_src, X_tgt)
    >>> clf.predict(X_tgt).shape
    (300,)
    """

    # X_tgt and what goes with it are features and row marks: they are wanted wherever they are
    # passed, so nobody should have to call set_fit_request for them.
    __metadata_request__fit = {
        "X_tgt": True,
        "sample_domain": True,
        "X_val": True,
        "y_val": True,
    }

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "label_hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "domain_hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "lambda_adapt": [Interval(Real, 0, None, closed="left")],
        "lambda_schedule": [StrOptions(set(LAMBDA_SCHEDULES)), callable],
        "terms": [list, tuple, None],
        "solver": [StrOptions(set(SOLVERS)), callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "learning_rate": [StrOptions(set(LR_SCHEDULES)), callable],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "feature_extractor": [callable, None],
        "label_predictor": [callable, None],
        "domain_classifier": [callable, None],
        "label_shift": [StrOptions({"estimate"}), "array-like", dict, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "callbacks": [list, None],
    }

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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.label_hidden_layer_sizes = label_hidden_layer_sizes
        self.domain_hidden_layer_sizes = domain_hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.lambda_adapt = lambda_adapt
        self.lambda_schedule = lambda_schedule
        self.terms = terms
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.n_estimators = n_estimators
        self.feature_extractor = feature_extractor
        self.label_predictor = label_predictor
        self.domain_classifier = domain_classifier
        self.label_shift = label_shift
        self.class_weight = class_weight
        self.device = device
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.callbacks = callbacks

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing(keeps="net_")
    def fit(
        self,
        X,
        y,
        X_tgt=None,
        *,
        sample_domain=None,
        sample_weight=None,
        X_val=None,
        y_val=None,
    ):
        """Train on labelled source rows and unlabelled target rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The source's rows, or with `sample_domain` those of both domains.
        y : array-like of shape (n_samples,)
            Labels; those of target rows are never read and may be anything.
        X_tgt : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            The target's rows, through the same transformers as the source's. In a
            :class:`~sklearn.pipeline.Pipeline` use ``transform_input=["X_tgt"]``.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows (one number a source domain), negative for target rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the source rows, in the label loss and in the domain loss.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Labelled rows for early stopping, instead of a share of the source.
        y_val : array-like of shape (n_val,), default=None
            Their labels.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If an argument does not fit the others (the message names it), or if training
            diverges.

        Warns
        -----
        NoTargetWarning
            If there is neither `X_tgt` nor `sample_domain`.
        UntransformedTargetWarning
            If `X_tgt` seems not to have passed the source's preprocessing.
        AdaptationWarning
            If adapting seems to have done harm, or it cannot be told: each sign has a class of
            its own in :mod:`sk_dann.exceptions`.
        """
        last = self.net_ if self.warm_start and hasattr(self, "net_") else None
        if last is not None and not hasattr(self, "n_iter_"):
            raise ValueError(
                "warm_start=True goes on with an earlier fit, but of this one only the weights "
                "were loaded. Set warm_start=False, or store the whole estimator, as joblib does."
            )
        data = self._read_data(X, y, X_tgt, sample_domain, sample_weight, last is not None)
        # The same draws go on; without warm_start, each fit of a RandomState gets new ones.
        seed = last.seed if last else check_random_state(self.random_state).randint(2**31 - 1)
        validation = check_validation_set(self, X_val, y_val, data.X_source.dtype)
        if self.early_stopping and validation is None:
            data, validation = hold_out(data, self.validation_fraction, seed)
        self._train(data, validation, seed, last)
        return self

    def _domain_game(self):
        """Return what subclasses play otherwise: arguments of `make_network` and of `DANNLoss`."""
        return {}, {}

    def _read_data(self, X, y, X_tgt, sample_domain, sample_weight, goes_on=False):
        """Validate the data and learn the columns and classes, or check that they are known."""
        check_row_labels(X, y=y, sample_domain=sample_domain, sample_weight=sample_weight)
        X = check_source(self, X, reset=not goes_on)
        data = check_domains(self, X, y, X_tgt, sample_domain)
        classes, codes = encode_classes(data.y)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True goes on with the classes {self.classes_.tolist()}, but y holds "
                f"{classes.tolist()}."
            )
        self.classes_ = classes
        weights = check_weights(sample_weight, self.class_weight, data, self.classes_)
        return data.with_labels(codes, *weights)

    def _train(self, data, validation, seed, last):
        device = resolve_device(self.device)
        dtype = network_dtype(data.X_source.dtype, device)
        active = find_active_columns(self, data)
        callbacks = make_callbacks(self, data)
        adapts = data.X_target is not None and (
            self.lambda_adapt > 0 or any(term.weight > 0 for term in check_terms(self.terms))
        )
        first_look = FirstLook(self, data, seed) if adapts and self.label_shift is None else None
        if first_look is not None:
            callbacks.append(("sk_dann_first_look", first_look))
        members = {"callbacks": callbacks, "n_members": self.n_estimators}
        net = make_net(self, data, active, seed, dtype, device, **members)
        if last is not None:
            net.continue_from(last)
        self.n_source_domains_ = data.n_source_domains
        if last is None:
            self._settle_shares(data, active, seed, dtype, device)
        net.set_class_shares(self.class_shares_, self.target_class_shares_)
        balanced = data
        if self._moves_shares or self._near_rows is not None:
            weight = balance_domains(data, self.target_class_shares_, self._near_rows)
            balanced = data.with_labels(data.y, data.label_weight, weight)
        stream = make_stream(self, balanced, active, seed, dtype, device)
        n_epochs = count_epochs(self.max_iter, len(stream))
        if len(net.history) >= n_epochs:
            warn_user(
                f"warm_start=True and {len(net.history)} epochs are done already: "
                f"max_iter={self.max_iter!r} leaves nothing to train. Raise it."
            )
        early_stopping = None
        if validation is not None:
            early_stopping = EarlyStopping(validation, self.n_iter_no_change, self.tol)
        try:
            net.train(stream, n_epochs, early_stopping)
        finally:
            # After Ctrl-C too: what has been learned by then can be used.
            self._keep(net, with_target=data.X_target is not None)
        if adapts:
            warn_of_harm(self, data, seed, first_look)

    def _settle_shares(self, data, active, seed, dtype, device):
        """Find class shares and the source rows near the target, once for all of training."""
        n_classes = len(self.classes_)
        self.class_shares_ = class_shares(data.y, n_classes, data.domain_weight)
        given = check_shares(self.label_shift, self.classes_)
        self.target_class_shares_ = self.class_shares_ if given is None else given
        self.share_estimate_, self._source_only, self._near_rows = None, None, None
        if isinstance(self.label_shift, str) and data.X_target is not None:
            self.share_estimate_, self._near_rows, self._source_only = estimate_shares(
                self, data, active, seed, dtype, device
            )
            self.target_class_shares_ = self.share_estimate_.target_shares

    def _keep(self, net, with_target):
        """Learn what a net has learned."""
        self.history_ = epochs = net.history
        self.n_iter_ = len(epochs)
        self.loss_curve_ = [record["label_loss"] for record in epochs]
        self.domain_loss_curve_ = [record["domain_loss"] for record in epochs if with_target]
        self.domain_accuracy_ = epochs[-1]["domain_accuracy"] if with_target and epochs else None
        scores = [record["valid_acc"] for record in epochs if "valid_acc" in record]
        self.validation_scores_ = scores or None
        # The last, see all_or_nothing.
        self.net_ = net

    def _infer(self, X, read):
        check_is_fitted(self, "net_")
        X = check_rows(self, X)
        values = infer(self.net_.module_, X, read, self.net_.device)
        if not np.isfinite(values).all():
            raise ValueError(
                "X leads to infinite or undefined network outputs: its values are far outside "
                "what the network was trained on. Scale it as the source was scaled."
            )
        return values

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities, averaged over the `n_estimators` networks.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._for_target(self._infer(X, label_log_proba))

    @property
    def _moves_shares(self):
        """Whether the target is taken to have other class shares than the source."""
        return not np.array_equal(self.target_class_shares_, self.class_shares_)

    def _for_target(self, log_proba):
        """Move probabilities from the source's class shares to the target's."""
        if not self._moves_shares:
            return log_proba
        moved = move_posterior(log_proba, self.class_shares_, self.target_class_shares_)
        return moved.astype(log_proba.dtype, copy=False)

    def source_only_proba(self, X):
        """Class probabilities without adaptation, by networks that never saw the target.

        They are the networks, one a fold of the source rows, that the target's class shares are
        learned from; averaged, and for the source's class shares.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If there are none: without ``label_shift="estimate"``, without a target, or where a
            class has too few rows for folds.
        """
        check_is_fitted(self, "net_")
        if self._source_only is None:
            reason = f"label_shift={self.label_shift!r}"
            if isinstance(self.label_shift, str):
                reason = self.share_estimate_.reason if self.share_estimate_ else "no target"
            if not hasattr(self, "n_iter_"):
                reason = "files of weights do not hold them"
            raise ValueError(
                "source_only_proba needs the source-only networks that fit trains for "
                f'label_shift="estimate" and a target; there are none here: {reason}.'
            )
        return np.exp(self._source_only.log_proba(check_rows(self, X)))

    def predict_domain_proba(self, X):
        """Probabilities of the domains, as the domain classifier sees the adapted features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, `n_source_domains_` + 1)
            The source domains in ascending order of their number in `sample_domain`; the
            target is the last column. 0.5 and 0.5 where the domains cannot be told apart.

        Raises
        ------
        ValueError
            If the estimator was fitted without a target.
        """
        check_is_fitted(self, "net_")
        if self.net_.module_.domain_classifier is None:
            raise ValueError(
                "predict_domain_proba needs a domain classifier, and this estimator was fitted "
                "without a target. Pass X_tgt or sample_domain to fit."
            )
        return np.exp(self._infer(X, domain_log_proba_of))

    @property
    def _n_features_out(self):
        network = self.net_.module_
        with torch.inference_mode():
            rows = torch.zeros(1, self.n_features_in_, dtype=next(network.parameters()).dtype)
            return member_features(network, rows.to(self.net_.device)).shape[1]

    def transform(self, X):
        """Map rows to the domain-invariant features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_estimators * hidden_layer_sizes[-1])
            The features of all networks side by side.
        """
        return self._infer(X, member_features)

    def __sklearn_clone__(self):
        if self.label_shift is not None and is_calibrated_on_source():
            warn_user(
                "CalibratedClassifierCV learns from source samples, so it takes back most of what "
                f"label_shift={self.label_shift!r} corrects for. Calibrate a classifier with "
                "label_shift=None, and correct its probabilities by "
                "sk_dann.shift.move_posterior."
            )
        try:
            return super().__sklearn_clone__()
        except TypeError as error:
            try:
                copy.deepcopy(self.callbacks)
            except TypeError:
                # A TensorBoard with an open writer is the usual one.
                raise TypeError(
                    f"callbacks={self.callbacks!r} cannot be copied, as searches and clone do: "
                    f"{error}. Pass callbacks that open files and runs in on_train_begin, not "
                    "before."
                ) from error
            raise

    def __getstate__(self):
        state = super().__getstate__()
        return pack(state) if "net_" in state else state

    def __setstate__(self, state):
        super().__setstate__(unpack(state) if "net_" in state else state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
