"""Who is given which file, over HTTP."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import httpx
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from PIL import Image

from app import downloads, serving, uploads
from app.main import EXAMPLES
from pipelines.scene import Timeline
from tests.loops import run

OTHER = "B" * 43
PATIENCE = 60  # seconds; slow machines are not a fault


@pytest.fixture
def browser_of(assistant, serve):
    """Return what a new browser is: a client that has loaded the page, and keeps the cookie that it got."""
    address, opened = serve(assistant, {"people": EXAMPLES / "03-people.png"}), []

    def browser_of(**headers: str) -> httpx.Client:
        client = httpx.Client(base_url=address, headers=headers, timeout=PATIENCE)
        opened.append(client)
        client.get("/")
        return client

    yield browser_of
    for client in opened:
        client.close()


def test_a_browser_gets_a_key_that_no_script_reads_and_keeps_it(browser_of):
    first, second = browser_of(), browser_of()
    key = first.cookies[serving.COOKIE]
    assert len(key) == 43
    assert key != second.cookies[serving.COOKIE]
    assert "set-cookie" not in first.get("/").headers
    set_cookie = httpx.get(first.base_url, timeout=PATIENCE).headers["set-cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie
    framed = httpx.get(first.base_url, timeout=PATIENCE, headers={"x-forwarded-proto": "https"}).headers[
        "set-cookie"
    ]
    assert "SameSite=None; Secure; Partitioned" in framed
    invented = httpx.get(first.base_url, timeout=PATIENCE, headers={"cookie": f"{serving.COOKIE}=me"}).headers
    assert "set-cookie" in invented


def test_gradios_own_door_gives_nobody_an_upload(browser_of, picture):
    client = browser_of()
    path = client.post("/gradio_api/upload", files={"files": picture.open("rb")}).json()[0]
    assert Path(path).exists()
    for door in ("/gradio_api/file=", "/gradio_api/file/"):
        assert client.get(door + path).status_code == 403
    for path in ("/etc/passwd", f"{get_upload_folder()}/x", "https://example.org/x.png"):
        assert client.get(f"/gradio_api/file={path}").status_code == 403
    assert client.get("/gradio_api/deep_link?session_hash=x").status_code == 404


def test_what_belongs_to_the_page_is_everybodys_and_nothing_beside_it(browser_of):
    client = browser_of()
    example = EXAMPLES / "03-people.png"
    assert client.get(f"/gradio_api/file={example}").content == example.read_bytes()
    for path in (EXAMPLES / "02-beach.png", f"{example}/../02-beach.png"):
        assert client.get(f"/gradio_api/file={path}").status_code == 403


def test_a_caller_fetches_the_picture_that_its_call_returned(browser_of, picture):
    address = str(browser_of().base_url)
    client = Client(address, verbose=False, download_files=False)
    said = client.predict(picture=handle_file(picture), wish="remove the red ball", api_name="/edit")
    fetched = httpx.get(said["picture"]["url"], timeout=PATIENCE)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "image/png"
    # it can be asked about, and no two calls share an address
    again = client.predict(picture=said["picture"], words="what is there?", api_name="/ask")
    assert again["text"]
    other = client.predict(picture=handle_file(picture), wish="remove the red ball", api_name="/edit")
    assert other["picture"]["url"] != said["picture"]["url"]


def test_an_upload_is_its_senders_and_is_gone_when_it_was_opened(browser_of, picture, tmp_path):
    client = browser_of()
    assert (
        httpx.post(f"{client.base_url}kept/upload", content=b"x", timeout=PATIENCE).status_code == 403
    )  # without a key
    kept = uploads.Uploads()
    folder = Path(kept._folder.name)

    async def sent():
        yield picture.read_bytes()

    token = run(kept.receive(OTHER, sent()))
    assert len(list(folder.iterdir())) == 1
    with kept.opened("C" * 43, token) as path:
        assert path is None
    with kept.opened(OTHER, token) as path:
        assert path
        assert path.read_bytes() == picture.read_bytes()
    assert list(folder.iterdir()) == []
    with kept.opened(OTHER, token) as path:
        assert path is None


def test_what_is_too_large_or_finds_the_disk_full_leaves_nothing(browser_of, monkeypatch):
    client = browser_of()
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    refused = client.post("/kept/upload", content=bytes(1001))
    assert refused.status_code == 413
    assert "at most" in refused.text
    assert client.post("/kept/upload", content=bytes(1000)).status_code == 200

    class Full:
        def __init__(self, path: Path) -> None:
            path.touch()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    folders = set()
    monkeypatch.setattr(Path, "open", lambda path, *_: folders.add(path.parent) or Full(path))
    refused = client.post("/kept/upload", content=b"x")
    monkeypatch.undo()
    assert refused.status_code == 507
    assert "No space left" in refused.text
    (folder,) = folders
    assert len(list(folder.iterdir())) == 1  # the one that was taken


def test_each_browser_has_few_uploads_waiting(browser_of, serve):
    client = browser_of()
    keeping, _ = serving._KEPT[serve.pages[0]]
    for _ in range(20):
        assert client.post("/kept/upload", content=b"x").status_code == 200
    assert len(keeping.uploads._waiting) <= uploads.MOST_WAITING


def test_110_calls_evict_no_open_page(browser_of, serve, assistant):
    key = browser_of().cookies[serving.COOKIE]
    keeping, sessions = serving._KEPT[serve.pages[0]]
    scene = assistant.open(Image.new("RGB", (40, 30), (9, 9, 9)))
    keeping.visits.enter("page", key, "tab").timeline = Timeline().push(scene)
    before = sessions["page"]
    for number in range(110):
        assert sessions[f"call-{number}"] is not before
    assert sessions["page"] is before
    assert len(sessions.session_data) <= 101
    keeping.visits.leave("page")
    for number in range(110):
        assert sessions[f"later-{number}"]
    assert "page" not in sessions
    # and still the visit is there, for when the page comes back
    assert sessions["page"][sessions._held].timeline.scene == scene
    assert keeping.visits.owns(key, scene.picture.digest)


def test_of_a_call_nothing_is_kept(browser_of, serve, assistant, picture):
    key = browser_of().cookies[serving.COOKIE]
    keeping, _ = serving._KEPT[serve.pages[0]]
    mine = assistant.open(Image.new("RGB", (40, 30), (9, 9, 9)))
    keeping.visits.enter("page", key, "tab").timeline = Timeline().push(mine)
    client = Client(str(browser_of().base_url), verbose=False)
    given = client.predict(handle_file(picture), "remove the red ball", api_name="/edit")
    assert given["picture"]
    folder, answers = assistant.pictures.folder, downloads.answers_folder()
    assert len(list(folder.glob("*.png"))) == 3
    for path in (*folder.iterdir(), *answers.iterdir()):
        os.utime(path, (1e9, 1e9))  # years ago
    keeping.sweep()
    assert [path.stem for path in folder.iterdir()] == [mine.picture.digest]
    assert not list(answers.iterdir())
