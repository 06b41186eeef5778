"""joblib with scikit-learn's configuration in its workers."""

from joblib import Parallel, delayed
from sklearn import config_context, get_config


def run_all(function, arguments, n_jobs=None):
    """Call a function once for each tuple of arguments, in processes or threads of joblib's.

    scikit-learn's own `Parallel` also passes warnings filters on. It sets them by
    `warnings.catch_warnings` around each call, which is not safe in threads before Python 3.14.

    Parameters
    ----------
    function : callable
    arguments : iterable of tuple
    n_jobs : int, default=None

    Returns
    -------
    list
        What the calls return, in the order of the arguments.

    Examples
    --------
    >>> from sk_dann._parallel import run_all
    >>> run_all(pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    config = get_config()
    calls = (delayed(_call)(config, function, each) for each in arguments)
    return Parallel(n_jobs=n_jobs)(calls)


def _call(config, function, arguments):
    with config_context(**config):
        return function(*arguments)
