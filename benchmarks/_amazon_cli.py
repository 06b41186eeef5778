"""What scripts on the Amazon tasks read from the command line."""

import argparse
import ast

from _tasks import AMAZON_TASKS


def parse_task(text):
    """Read a task such as dvd-books."""
    task = tuple(text.split("-"))
    if task not in AMAZON_TASKS:
        raise argparse.ArgumentTypeError(f"no such task: {text!r}; one is dvd-books")
    return task


def parse_param(text):
    """Read key=value, the value as a Python literal or else as a string."""
    key, _, value = text.partition("=")
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value
