"""What the loaders share: optional packages and the choice of two domains."""

from .._optional import import_optional


def import_data_package(name):
    """Import a package of the `data` extra, or say how to get it."""
    return import_optional(name, "data", "This data set")


def check_domains_differ(source, target, domains):
    """Refuse a pair that leaves nothing to adapt to."""
    if source == target:
        others = ", ".join(repr(domain) for domain in domains if domain != source)
        raise ValueError(
            f"The 'target' parameter must differ from 'source', got {target!r} for both. "
            f"With source={source!r}, target can be one of {others}."
        )
