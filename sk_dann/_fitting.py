"""Calls that change an estimator as a whole or not at all."""

from functools import wraps


def all_or_nothing(keeps=None):
    """Decorate a method that fits, so that an estimator stays as it was where it raises.

    The method must not change in place what an attribute holds, only replace it.

    Parameters
    ----------
    keeps : str, default=None
        Name of an attribute that the method sets last. If it is interrupted after that, by a
        KeyboardInterrupt, what it has learned by then is kept.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> from sk_dann._fitting import all_or_nothing
    >>> class Mean:
    ...     @all_or_nothing()
    ...     def fit(self, X):
    ...         self.n_ = len(X)
    ...         self.mean_ = sum(X) / len(X)
    >>> mean = Mean()
    >>> mean.fit([1, 2])
    >>> try:
    ...     mean.fit(["a", "b", "c"])
    ... except TypeError:
    ...     print(mean.n_, mean.mean_)
    2 1.5
    """

    def decorate(method):
        @wraps(method)
        def wrapped(self, *args, **kwargs):
            before = vars(self).copy()
            try:
                return method(self, *args, **kwargs)
            except BaseException as error:
                learned = None if keeps is None else vars(self).get(keeps)
                is_new = learned is not None and learned is not before.get(keeps)
                if not (isinstance(error, KeyboardInterrupt) and is_new):
                    vars(self).clear()
                    vars(self).update(before)
                raise

        return wrapped

    return decorate
