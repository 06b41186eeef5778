"""Schedules of the paper, as functions of training progress p from 0 to 1."""

import math


def constant(progress: float) -> float:
    """Return 1 whatever the progress.

    Examples
    --------
    >>> from sk_dann.nn import constant
    >>> constant(0.3)
    1.0
    """
    return 1.0


def dann_lambda(progress: float, gamma: float = 10.0) -> float:
    r"""Factor of λ: :math:`2 / (1 + \exp(-\gamma p)) - 1`, from 0 to almost 1.

    Equation 18 of Ganin et al., JMLR 2016. It keeps the features free of the domain classifier's
    noise while that one has not learned anything yet.

    Parameters
    ----------
    progress : float
        p, the share of the training steps done.
    gamma : float, default=10.0

    Returns
    -------
    float

    Examples
    --------
    >>> from sk_dann.nn import dann_lambda
    >>> dann_lambda(0.0), round(dann_lambda(0.25), 3), round(dann_lambda(1.0), 3)
    (0.0, 0.848, 1.0)
    """
    return 2 / (1 + math.exp(-gamma * progress)) - 1


def dann_learning_rate(progress: float, alpha: float = 10.0, beta: float = 0.75) -> float:
    r"""Factor of the learning rate: :math:`(1 + \alpha p)^{-\beta}`, from 1 to 0.166.

    Section 5.2.2 of Ganin et al., JMLR 2016, where :math:`\mu_0` is 0.01.

    Parameters
    ----------
    progress : float
        p, the share of the training steps done.
    alpha, beta : float, default=10.0 and 0.75

    Returns
    -------
    float

    Examples
    --------
    >>> from sk_dann.nn import dann_learning_rate
    >>> dann_learning_rate(0.0), round(dann_learning_rate(1.0), 3)
    (1.0, 0.166)
    """
    return (1 + alpha * progress) ** -beta


# By the names that users may call them.
SCHEDULES = {"dann": dann_lambda, "constant": constant}
