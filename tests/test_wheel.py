"""The wheel carries everything, and `tocsin` works from it in an environment elsewhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE, eventually

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def tocsin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from the wheel into an environment that knows nothing of this checkout.

    The packages it needs are those of the environment that runs the tests, so that nothing is fetched; its `.pth`
    files, among them the one of the checkout, are not followed from there.
    """
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (library,) = place.glob("lib/python*/site-packages")
    (library / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--ignore-installed", str(wheel)], check=True)
    return place / "bin" / "tocsin"


def clean_environ() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TOCSIN_", "DJANGO_", "PYTHON"))
    }


def test_the_wheel_carries_every_file_of_the_package_and_the_licence(wheel: Path) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "src/tocsin"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    ours = {
        name.removeprefix("src/")
        for name in listing.stdout.decode().split("\0")
        if name and (ROOT / name).is_file()
    }
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert carried == ours
    assert any(name.endswith("/migrations/0001_initial.py") for name in carried)
    assert any("/templates/" in name for name in carried)
    assert any("/static/" in name and name.endswith(".css") for name in carried)
    assert any(name.endswith("LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_is_not_the_checkout(tocsin: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [str(tocsin.parent / "python"), "-c", "import tocsin; print(tocsin.__file__)"],
        cwd=tmp_path, env=clean_environ(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(tocsin.parent.parent) in said


@pytest.fixture
def running(tocsin: Path, tmp_path: Path) -> Iterator[str]:
    """The address of `tocsin run --demo` from the wheel, in an empty folder."""
    command = [str(tocsin), "run", "--demo", "--data", str(tmp_path / "data"), "--port", "0"]
    program = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout is not None
    said = []
    try:
        # It prints its address once it answers; a program that ends before closes the pipe.
        for line in program.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise AssertionError(f"the program ended: {''.join(said)}")
        yield found[0]
        program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0, "".join(said) + rest
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()
        program.stdout.close()


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_the_program_from_the_wheel_serves_its_pages_and_their_styles(running: str) -> None:
    eventually(lambda: fetch(f"{running}/readyz")[0] == 200)  # it answers before the engine has looked at all
    status, page = fetch(f"{running}/")  # the sign-in page, which the first address leads to
    assert status == 200
    sheets = re.findall(r'<link[^>]+rel="stylesheet"[^>]*>', page)
    assert sheets
    for sheet in sheets:
        address = re.search(r'href="([^"]+)"', sheet)
        assert address
        assert fetch(running + address[1])[0] == 200
