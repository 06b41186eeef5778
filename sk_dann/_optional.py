"""Packages of the extras, which are imported where they are first needed."""

from importlib import import_module


def import_optional(name, extra, user):
    """Import a package of an extra, or a module of one, or say how to get it.

    Parameters
    ----------
    name : str
    extra : str
        Of ``pyproject.toml``, where the package stands; several separated by commas.
    user : str
        What needs the package, as the subject of a sentence.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{user} needs the package {name.partition('.')[0]!r}, which could not be imported. "
            f'Install it with: pip install "sk-dann[{extra}]"'
        ) from error
