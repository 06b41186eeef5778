"""Files with a known SHA-256: found on disk, else downloaded, in either case checked."""

import hashlib
import logging
import time
from pathlib import Path

from ._base import import_data_package

logger = logging.getLogger(__name__)

_TIMEOUT = 30.0
_CHUNK_SIZE = 2**16
_TRANSIENT_STATUSES = {408, 429}


def read_verified(path, url, sha256, *, download_if_missing, n_retries, delay):
    """Return the bytes of the file at `path`, downloaded from `url` if it is missing.

    Nothing is written when the file is there.

    Raises
    ------
    OSError
        If the file is missing and must not or cannot be downloaded, or if its bytes are not
        those that `sha256` promises.
    """
    if not path.exists():
        if not download_if_missing:
            raise OSError(f"Data not found: there is no {path} and download_if_missing is False.")
        _download_once(path, url, sha256, n_retries, delay)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise OSError(
            f"{path} is damaged or was changed: its SHA-256 is {found}, expected {sha256}. "
            "Delete the file, it will be downloaded again."
        )
    return content


def _download_once(path, url, sha256, n_retries, delay):
    """Download in one process while others that want the same file wait for it."""
    filelock = import_data_package("filelock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        _download_with_retries(path, url, sha256, n_retries, delay)


def _download_with_retries(path, url, sha256, n_retries, delay):
    pooch = import_data_package("pooch")
    requests = import_data_package("requests")
    for n_failures in range(1, n_retries + 2):
        try:
            # pooch moves the file to its final name only after it has checked the hash, and does
            # nothing if another process has done so meanwhile.
            pooch.retrieve(
                url, f"sha256:{sha256}", path.name, path.parent, downloader=_download_resumably
            )
            return
        # pooch reports a wrong hash by ValueError.
        except (requests.RequestException, ValueError) as error:
            if n_failures > n_retries or _is_permanent(error):
                raise OSError(
                    f"Could not download {path.name} from {url} in {n_failures} attempt(s): "
                    f"{error}\nTry again later, or put the file at {path} by other means."
                ) from error
            wait = delay * 2 ** (n_failures - 1)
            logger.warning("%s: %s\nTrying again in %g s.", path.name, error, wait)
            time.sleep(wait)


def _is_permanent(error):
    """Whether the server refused the request itself, so that repeating it is useless."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status is not None and 400 <= status < 500 and status not in _TRANSIENT_STATUSES


def _download_resumably(url, output_file, pooch):
    """Download `url` as pooch's downloaders do, continuing where an earlier try was cut off.

    pooch's own downloader starts over, because it writes to a file with a random name.
    """
    part = Path(output_file).parent / (url.rsplit("/", 1)[-1] + ".part")
    _fetch_rest(url, part)
    part.replace(output_file)


def _fetch_rest(url, part):
    """Complete the file `part` with the bytes it lacks, or rewrite it if none can be had alone.

    Whether the result is right is left to the hash, so a wrong or surplus beginning is no
    danger: it is thrown away with the failed download, and the next one starts from nothing.
    """
    requests = import_data_package("requests")
    n_have = part.stat().st_size if part.exists() else 0
    # A range of a compressed answer would count compressed bytes.
    headers = {"Accept-Encoding": "identity"}
    if n_have:
        headers["Range"] = f"bytes={n_have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if n_have and response.status_code == requests.codes.range_not_satisfiable:
            return
        response.raise_for_status()
        resumes = response.status_code == requests.codes.partial_content
        # Below 2.0, urllib3 takes a cut answer for a whole one unless told otherwise.
        response.raw.enforce_content_length = True
        with part.open("ab" if resumes else "wb") as file:
            for chunk in response.iter_content(_CHUNK_SIZE):
                file.write(chunk)
