import hashlib
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sk_dann.datasets
from sk_dann.datasets import _remote

pytest.importorskip("pooch")
pytest.importorskip("filelock")

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def flip_a_byte(content):
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


@pytest.fixture
def path(tmp_path):
    """Return where the file shall be: in a folder that does not exist yet."""
    return tmp_path / "home" / "data.bin"


@pytest.fixture
def read(server, path):
    server.files["data.bin"] = CONTENT

    def read(**options):
        defaults = {"download_if_missing": True, "n_retries": 0, "delay": 0.0}
        return _remote.read_verified(path, server.url + "data.bin", SHA256, **defaults | options)

    return read


@pytest.fixture
def run_program(server, path):
    """Start a process that says it is ready, waits for a line, then reads files."""
    server.files["data.bin"] = CONTENT
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sk_dann.datasets._remote import read_verified\n"
        "folder, url, sha256, *names = sys.argv[1:]\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "options = dict(download_if_missing=True, n_retries=0, delay=0.0)\n"
        "for name in names:\n"
        "    read_verified(Path(folder) / name, url + name, sha256, **options)\n"
    )
    started = []

    def run_program(*names):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, path.parent, server.url, SHA256, *names],
            cwd=Path(sk_dann.datasets.__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run_program
    for process in started:
        process.kill()
        process.communicate()


def say_go(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def leftovers(path):
    """Names beside the file, but for the lock, which may stay."""
    return {each.name for each in path.parent.iterdir()} - {path.name, f"{path.name}.lock"}


def test_file_is_downloaded_once(read, server, path):
    assert read() == CONTENT
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == set()
    server.files.clear()
    assert read() == CONTENT
    assert len(server.log) == 1


def test_next_call_continues_after_a_cut(read, server, path):
    server.cut_after = 600_000
    with pytest.raises(OSError, match=r"data\.bin.*1 attempt"):
        read()
    assert not path.exists()
    n_have = (path.parent / "data.bin.part").stat().st_size
    assert 0 < n_have <= 600_000

    assert read() == CONTENT
    assert server.log[1]["range"] == f"bytes={n_have}-"
    assert server.log[1]["n_sent"] == len(CONTENT) - n_have
    assert leftovers(path) == set()


def test_retry_continues_after_a_cut(read, server):
    server.cut_after = 600_000
    assert read(n_retries=1) == CONTENT
    first, second = server.log
    assert first["range"] is None
    assert 0 < second["n_sent"] < 500_000


def test_killed_process_leaves_something_to_continue(read, server, path, run_program):
    server.pause_after = 600_000
    process = run_program("data.bin")
    say_go(process)
    part = path.parent / "data.bin.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    n_have = part.stat().st_size
    assert not path.exists()

    assert read() == CONTENT
    assert server.log[-1]["range"] == f"bytes={n_have}-"


def test_server_without_ranges_sends_all_again(read, server):
    server.supports_range = False
    server.cut_after = 600_000
    assert read(n_retries=1) == CONTENT
    assert server.log[1]["range"] is not None
    assert server.log[1]["n_sent"] == len(CONTENT)


@pytest.mark.parametrize(
    ("part", "n_requests"),
    [(CONTENT, 1), (b"of an older version", 2), (CONTENT + b"surplus", 2)],
    ids=["complete", "other", "too long"],
)
def test_whatever_a_part_holds_the_file_is_right(read, server, path, part, n_requests):
    path.parent.mkdir()
    path.with_name("data.bin.part").write_bytes(part)
    assert read(n_retries=1) == CONTENT
    assert len(server.log) == n_requests
    assert leftovers(path) == set()


def test_tampered_download_is_refused(read, server, path):
    server.files["data.bin"] = flip_a_byte(CONTENT)
    found = hashlib.sha256(server.files["data.bin"]).hexdigest()
    with pytest.raises(OSError, match=r"data\.bin") as info:
        read(n_retries=1)
    assert SHA256 in str(info.value)
    assert found in str(info.value)
    assert not path.exists()
    assert leftovers(path) == set()
    # The right file can be had afterwards, nothing of the wrong one is continued.
    server.files["data.bin"] = CONTENT
    assert read() == CONTENT


def test_damaged_file_is_refused_not_replaced(read, server, path):
    read()
    damaged = flip_a_byte(CONTENT)
    path.write_bytes(damaged)
    with pytest.raises(OSError, match=r"data\.bin is damaged.*Delete the file") as info:
        read()
    assert SHA256 in str(info.value)
    assert hashlib.sha256(damaged).hexdigest() in str(info.value)
    assert path.read_bytes() == damaged
    assert len(server.log) == 1
    path.unlink()
    assert read() == CONTENT


def test_two_processes_download_each_file_once(server, path, run_program):
    names = ["a.bin", "b.bin", "c.bin"]
    server.files.update(dict.fromkeys(names, CONTENT))
    # The first download takes long enough for the other process to want the same file.
    server.pause_after = 600_000
    processes = [run_program(*names), run_program(*names)]
    say_go(*processes)
    time.sleep(0.5)
    server.release.set()
    assert [process.wait(timeout=20) for process in processes] == [0, 0]
    assert sorted(entry["name"] for entry in server.log) == names
    for name in names:
        assert path.with_name(name).read_bytes() == CONTENT


def test_retries_wait_twice_as_long_each_time(read, server, monkeypatch, caplog):
    waits = []
    # Not time.sleep itself, which other threads of the process may be calling.
    monkeypatch.setattr(_remote, "time", SimpleNamespace(sleep=waits.append))
    server.statuses = [503, 429, 500]
    assert read(n_retries=3, delay=0.5) == CONTENT
    assert waits == [0.5, 1.0, 2.0]
    warned = [record.message for record in caplog.records if record.name == _remote.logger.name]
    assert len(warned) == 3
    assert all("data.bin" in message and "Trying again" in message for message in warned)


def test_retries_come_to_an_end(read, server):
    server.statuses = [503] * 10
    with pytest.raises(OSError, match=r"data\.bin .* in 3 attempt.*503"):
        read(n_retries=2)
    assert len(server.log) == 3


def test_not_found_is_not_repeated(read, server, path):
    server.files.clear()
    with pytest.raises(OSError, match=r"data\.bin from http://.* in 1 attempt.*404") as info:
        read(n_retries=3)
    assert str(path) in str(info.value)
    assert len(server.log) == 1
    assert not path.exists()


def test_no_server(path):
    with pytest.raises(OSError, match="Could not download"):
        _remote.read_verified(
            path,
            # The port of discard, where nothing listens.
            "http://127.0.0.1:9/data.bin",
            SHA256,
            download_if_missing=True,
            n_retries=1,
            delay=0.0,
        )


def test_missing_file_that_must_not_be_downloaded(read, server, path):
    with pytest.raises(OSError, match=r"data\.bin.*download_if_missing is False"):
        read(download_if_missing=False)
    assert server.log == []
    assert not path.parent.exists()
