"""What every benchmark writes beside its numbers, and how it averages them."""

import contextlib
import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

_PACKAGES = ("sk-dann", "torch", "skorch", "scikit-learn", "scipy", "numpy")


def provenance(*optional):
    """Return with what, when and how the numbers were made; `optional` packages may be missing."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in _PACKAGES} | _versions_of(optional),
    }


def _versions_of(optional):
    found = {}
    for name in optional:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def mean_and_error(values):
    """Return the mean of a number for each seed and its standard error, NaN for one seed."""
    values = np.asarray(values)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return values.mean(), error


def write_json(path, content):
    """Write `content` to `path`, whose folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
