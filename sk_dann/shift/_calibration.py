"""Scores that mean what they say: temperature scaling with a bias for each class.

Shapes: n rows, C classes, B bootstrap replicates.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from ._shares import class_shares

# Weight of (log T)² / 2 beside the mean loss of a row: next to nothing, but enough to hold T where
# the rows say nothing about it or can be separated without error.
_PENALTY = 1e-4
# What float32 can hold; a lone -inf on the true class would otherwise decide everything.
_FLOOR = np.log(np.finfo(np.float32).tiny)


class Calibration(NamedTuple):
    """What `fit_calibration` returns and `calibrate` applies: `log_softmax(log_proba / T + bias)`.

    `temperature` is positive, `bias` has shape (C,) and mean zero; it is -inf for a class without
    a row. For B replicates the shapes are (B,) and (B, C).
    """

    temperature: float
    bias: np.ndarray


def fit_calibration(log_proba, y, sample_weight=None):
    """Fit a temperature and class biases, by the likelihood of labels that were held out.

    Afterwards the mean posterior of each class over these rows is the class's share among them.

    Parameters
    ----------
    log_proba : array of shape (n, C)
        Log-probabilities of rows that the classifier was not trained on.
    y : array of int of shape (n,)
        Positions of the classes.
    sample_weight : array of shape (n,), default=None

    Returns
    -------
    Calibration

    References
    ----------
    Alexandari, Kundaje, Shrikumar: Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation. ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import fit_calibration
    >>> log_proba = np.log([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4)  # right three times of four
    >>> temperature, bias = fit_calibration(log_proba, [0, 0, 0, 1, 1, 1, 1, 0])
    >>> print(f"{temperature:.2f}")
    2.00
    """
    log_proba, y = np.asarray(log_proba, dtype=float), np.asarray(y)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    # The likelihood of a class that never occurs grows without end as its bias falls.
    occurs = class_shares(y, log_proba.shape[1], weight) > 0
    problem, rows = _problem_of(log_proba, y, occurs)
    weight = weight[rows] / weight[rows].sum()
    found = minimize(
        problem.loss,
        np.zeros(1 + occurs.sum()),
        args=(weight,),
        jac=problem.gradient,
        hess=problem.hessian,
        # Not "trust-exact": with scipy 1.14 and older it never ends on some separable scores.
        method="trust-ncg",
        options={"gtol": 1e-9, "maxiter": 100},
    )
    return problem.to_calibration(found.x, occurs)


def calibrate(log_proba, calibration):
    """Apply a calibration.

    Parameters
    ----------
    log_proba : array of shape (n, C)
    calibration : Calibration

    Returns
    -------
    ndarray of shape (n, C), or (B, n, C) for a calibration of B replicates
        Log-probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.shift import Calibration, calibrate
    >>> np.exp(calibrate(np.log([[0.9, 0.1]]), Calibration(2.0, np.zeros(2))))
    array([[0.75, 0.25]])
    """
    temperature = np.asarray(calibration.temperature)[..., None, None]
    scores = np.maximum(np.asarray(log_proba, dtype=float), _FLOOR) / temperature
    return log_softmax(scores + np.asarray(calibration.bias)[..., None, :], axis=-1)


def resample_calibration(log_proba, y, calibration, weight):
    """Calibrations for other weights of the same rows, by one Newton step from the fitted one.

    Parameters
    ----------
    log_proba : array of shape (n, C)
    y : array of int of shape (n,)
    calibration : Calibration
        Fitted to these rows.
    weight : array of shape (B, n)
        Of positive sums, not far from the weights of the fit.

    Returns
    -------
    Calibration
        Of B replicates.
    """
    occurs = np.isfinite(calibration.bias)
    problem, rows = _problem_of(log_proba, y, occurs)
    weight = weight[:, rows] / weight[:, rows].sum(axis=1, keepdims=True)
    start = problem.to_parameters(calibration.temperature, calibration.bias[occurs])
    found = problem.newton(start, weight, weight.mean(axis=0))
    return problem.to_calibration(found, occurs)


def follow_calibration(log_proba, y, weight, like, calibration, n_steps=3):
    """Calibration of scores that resemble others whose calibration is known, by Newton steps.

    Parameters
    ----------
    log_proba : array of shape (n, C)
    y : array of int of shape (n,)
    weight : array of shape (n,)
    like : array of shape (n, C)
        Other scores of the same rows.
    calibration : Calibration
        Fitted to them.
    n_steps : int, default=3

    Returns
    -------
    Calibration
    """
    occurs = np.isfinite(calibration.bias)
    known, _ = _problem_of(like, y, occurs)
    # Standardised scores have like parameters.
    parameters = known.to_parameters(calibration.temperature, calibration.bias[occurs])
    problem, rows = _problem_of(log_proba, y, occurs)
    weight = weight[rows] / weight[rows].sum()
    for _ in range(n_steps):
        parameters = problem.newton(parameters, weight, weight)
    return problem.to_calibration(parameters, occurs)


def _problem_of(log_proba, y, occurs):
    """Return the problem of the classes that occur, and the rows that belong to one."""
    rows = occurs[y]
    position = np.cumsum(occurs) - 1
    return _Problem(log_proba[np.ix_(rows, occurs)], position[y[rows]]), rows


class _Problem:
    """The weighted loss of the rows in (log T, bias), with its derivatives.

    Beside the plain mean there are two penalties: a weak one on log T, and one on the sum of the
    biases, which changes no probability and so centres them for free. The scores are standardised,
    class by class in their means and together in their spread: else the temperature and the biases
    depend on each other, and no search gets along the valley where the scores hardly vary.
    """

    def __init__(self, log_proba, y):
        scores = np.maximum(log_proba, _FLOOR)
        scores -= scores.mean(axis=1, keepdims=True)
        self.centre = scores.mean(axis=0)
        self.scale = scores.std(axis=0).max() or 1.0
        self.scores, self.y = (scores - self.centre) / self.scale, y

    def to_parameters(self, temperature, bias):
        return np.append(np.log(temperature / self.scale), bias + self.centre / temperature)

    def to_calibration(self, parameters, occurs):
        """Return the calibration of parameters of shape (1 + C,) or (B, 1 + C)."""
        temperature = np.exp(parameters[..., 0]) * self.scale
        bias = np.full((*temperature.shape, len(occurs)), -np.inf)
        bias[..., occurs] = parameters[..., 1:] - self.centre / temperature[..., None]
        return Calibration(temperature, bias)

    def _logits(self, parameters):
        return self.scores * np.exp(-parameters[0]) + parameters[1:]

    def _log_temperature(self, parameters):
        return parameters[0] + np.log(self.scale)

    def loss(self, parameters, weight):
        log_proba = log_softmax(self._logits(parameters), axis=1)
        bias = parameters[1:]
        penalty = _PENALTY * self._log_temperature(parameters) ** 2 + bias.sum() ** 2 / bias.size
        return -weight @ log_proba[np.arange(len(self.y)), self.y] + penalty / 2

    def gradient(self, parameters, weight):
        """Of shape (1 + C,), or (B, 1 + C) for weights of shape (B, n)."""
        residual = np.exp(log_softmax(self._logits(parameters), axis=1))
        residual[np.arange(len(self.y)), self.y] -= 1
        by_temperature = -(residual * self.scores).sum(axis=1) * np.exp(-parameters[0])
        penalty = np.full(parameters.size, parameters[1:].mean())
        penalty[0] = _PENALTY * self._log_temperature(parameters)
        return weight @ np.column_stack([by_temperature, residual]) + penalty

    def newton(self, parameters, weight, mean_weight):
        """Step down; for weights of shape (B, n) from the same point, by the mean's curvature."""
        curvature = self.hessian(parameters, mean_weight)
        slope = self.gradient(parameters, weight)
        step = np.linalg.lstsq(curvature, slope.T, rcond=1e-12)[0].T
        return parameters - np.clip(step, -2, 2)

    def hessian(self, parameters, weight):
        """Fisher's information: never indefinite, and the Hessian itself at the minimum."""
        proba = np.exp(log_softmax(self._logits(parameters), axis=1))
        slope = -self.scores * np.exp(-parameters[0])
        slope -= (proba * slope).sum(axis=1, keepdims=True)
        weighted = weight[:, None] * proba
        n_classes = proba.shape[1]
        hessian = np.empty((1 + n_classes, 1 + n_classes))
        hessian[0, 0] = (weighted * slope**2).sum() + _PENALTY
        hessian[0, 1:] = hessian[1:, 0] = (weighted * slope).sum(axis=0)
        hessian[1:, 1:] = np.diag(weighted.sum(axis=0)) - proba.T @ weighted + 1 / n_classes
        return hessian
