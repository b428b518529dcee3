"""What a host runs: the images' files, the environment's settings, and what Git filters."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import main

ROOT = Path(__file__).parents[1]
DOCKERFILES = ("Dockerfile", "Dockerfile.cuda")
PATIENCE = 120  # seconds until the page must have answered


def tracked(*paths: str) -> list[str]:
    """Files that Git keeps."""
    found = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.splitlines()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_linter_of_dockerfiles_finds_nothing(name):
    hadolint = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([hadolint, name], cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def copied(name: str) -> dict[str, str]:
    """Each file that a Dockerfile copies, with its place in the image's folder."""
    files = {}
    for line in re.findall(r"^COPY (.+)$", (ROOT / name).read_text(), re.MULTILINE):
        *sources, target = line.split()
        for path in tracked(*sources):
            source = next(s for s in sources if path == s or path.startswith(f"{s}/"))
            inside = path.removeprefix(f"{source}/") if path != source else Path(path).name
            files[path] = os.path.normpath(f"{target}/{inside}")
    return files


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_starts_from_the_files_that_it_copies_and_answers(name, tmp_path):
    from gradio_client import Client, handle_file

    files = copied(name)
    assert "app.py" in files
    for source, target in files.items():
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, tmp_path / target)
    said = (ROOT / name).read_text()
    installed = {line for line in re.findall(r"-r (\S+)", said) if (ROOT / line).exists()}
    assert installed
    for requirements in installed:  # what is not copied cannot be installed
        check = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "-q", "-r", requirements]
        subprocess.run(check, cwd=tmp_path, check=True)
    assert ' CMD ["python", "app.py"]' in f" {said.splitlines()[-1]}"
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": "", "SPHINX_PORT": str(port), "SPHINX_INPAINTER": "opencv"}
    page = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(page, port)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        answer = client.predict(
            picture=handle_file(str(tmp_path / "assets/examples/05-table.png")),
            words="find the fish",
            seed=0,
            api_name="/ask",
        )
        assert answer["regions"]
    finally:
        page.terminate()
        page.wait(30)
        assert page.stderr
        page.stderr.close()


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def wait_for(page: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if page.poll() is not None:
            assert page.stderr
            pytest.fail(page.stderr.read())
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("the page did not open")


def test_whatever_docker_copies_is_in_its_context():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in DOCKERFILES:
        for path in copied(name):
            assert any(Path(path.split("/")[0]).match(pattern) for pattern in kept), path


def test_every_option_of_the_page_can_be_set_by_the_environment(monkeypatch):
    values = {
        "MODEL": "sphinx-tiny",
        "SEGMENTER": "sam-vit-b",
        "INPAINTER": "opencv",
        "DEVICE": "cpu",
        "DTYPE": "bfloat16",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"SPHINX_{name}", value)
    monkeypatch.setenv("SPHINX_PORT", "7999")
    monkeypatch.setenv("SPHINX_PLACES", "3")
    chosen, _, port, limits = main.settings([])
    assert [getattr(chosen, name.lower()) for name in values] == list(values.values())
    assert (port, limits.places) == (7999, 3)
    assert main.settings(["--model", "sphinx-nano"])[0].model == "sphinx-nano"


def test_git_filters_nothing_here_and_a_space_filters_every_binary_file():
    binary = [path for path in tracked() if b"\0" in (ROOT / path).read_bytes()]
    assert binary

    def filters(*attributes: str) -> set[str]:
        asked = ["git", *attributes, "check-attr", "--stdin", "filter"]
        said = subprocess.run(
            asked, cwd=ROOT, input="\n".join(binary), capture_output=True, text=True, check=True
        ).stdout
        return {line.rpartition(": ")[2] for line in said.splitlines()}

    assert filters() == {"unspecified"}
    assert filters("-c", "core.attributesFile=docs/space.gitattributes") == {"lfs"}
