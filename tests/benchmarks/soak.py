"""Scripted visitors on a running page and its endpoints, half of them leaving in mid-work: what they cost.

    python -m tests.benchmarks.soak --minutes 8 --visitors 8 --pictures FOLDER

Starts `app.py` by itself. A line each 15 seconds, and a table at the end: memory, threads, open files,
temporary files, and what was answered. What is neither an answer nor a refusal in words is printed; the exit
status is then 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as BrowserError

ROOT = Path(__file__).parent.parent.parent
WORDS = (
    "describe the picture with boxes", "name every object", "segment everything", "pose of everyone",
    "how many people are there?", "find the ball", "segment the clock", "what is the person doing?", "###",
    "find <p>", "remove #1", "make #1 red", "blur the background", "undo", "hello",
)  # fmt: skip
CALLS = (
    ("ask", ["what is this?", 0]), ("ask", ["name every object", 0]), ("ask", ["###", 0]),
    ("ask", ["x" * 3000, 0]),
    ("outline", ["", [[40, 40], [90, 60]], None]), ("outline", ["the red ball", None, None]),
    ("outline", ["", [[1, 1]] * 99, None]), ("outline", ["", None, [10, 10, 90, 90]]),
    ("describe", [None, False]),
    ("pose", []), ("edit", ["blur the background", 0, 20, 0, ""]), ("edit", ["remove the ball", 0, 8, 0, ""]),
)  # fmt: skip
PATIENCE = 120  # seconds a visitor waits at most, unless told otherwise
SETTLE = 45  # seconds after the last visitor until what is left is counted


@dataclass(frozen=True, slots=True)
class Held:
    """What the server holds: bytes of memory, threads, open files, temporary files."""

    memory: int
    threads: int
    files: int
    temporary: int

    def __str__(self) -> str:
        return (
            f"{self.memory / 1e6:.0f} MB, {self.threads} threads, {self.files} open files, "
            f"{self.temporary} temporary files"
        )


def held(server: psutil.Process, folder: str) -> Held:
    """Count."""
    temporary = sum(len(names) for _, _, names in os.walk(folder))
    return Held(server.memory_info().rss, server.num_threads(), server.num_fds(), temporary)


class Visitors:
    """What the visitors do until a point in time, and how it ended."""

    def __init__(self, address: str, pictures: list[Path], ends: float, given: argparse.Namespace) -> None:
        self._address = address
        self._pictures = pictures
        self._ends = ends
        self._random = random.Random(given.seed)
        self._patience: float = given.patience
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    async def caller(self) -> None:
        """Call endpoints, one after the other; leave every second one in mid-work."""
        async with httpx.AsyncClient(base_url=self._address, timeout=self._patience) as client:
            while time.monotonic() < self._ends:
                try:
                    await self._call(client)
                except (httpx.HTTPError, KeyError, ValueError) as error:
                    self._fault(f"API {type(error).__name__}: {error}")

    async def _call(self, client: httpx.AsyncClient) -> None:
        path, (name, values) = self._random.choice(self._pictures), self._random.choice(CALLS)
        with path.open("rb") as file:
            uploaded = (await client.post("/gradio_api/upload", files={"files": file})).json()
        picture = {"path": uploaded[0], "meta": {"_type": "gradio.FileData"}}
        joined = await client.post(f"/gradio_api/call/{name}", json={"data": [picture, *values]})
        if joined.status_code != 200:
            said = joined.json()
            self.outcomes[f"API refused before: {said.get('type')}"] += 1
            return
        leaves = self._random.random() < 0.5
        patience = self._random.uniform(0.2, 6) if leaves else self._patience
        address = f"/gradio_api/call/{name}/{joined.json()['event_id']}"
        try:
            async with asyncio.timeout(patience):
                text = (await client.get(address)).text
        except TimeoutError:
            if not leaves:
                self._fault(f"API {name}: no answer within {self._patience:.0f} s")
            self.outcomes["API left"] += 1
            return
        kind, _, brought = text.strip().rpartition("\n\n")[2].partition("\n")
        if kind == "event: complete":
            self.outcomes["API answered"] += 1
            return
        said = json.loads(brought.removeprefix("data: ")) or {}
        self.outcomes[f"API refused: {said.get('title')}"] += 1
        if not said.get("error") or said.get("title") == "Fault":
            self._fault(f"API {name} {values} {path.name}: {said}")

    async def looker(self, browser: Browser) -> None:
        """Open the page, a picture, talk and click; close it every second time in mid-work."""
        while time.monotonic() < self._ends:
            context = await browser.new_context()
            try:
                page = await context.new_page()
                page.set_default_timeout(self._patience * 1000)
                await page.goto(self._address)
                await page.wait_for_selector(".top .state:not(.waiting)")
                await page.set_input_files(".canvas input.file", self._random.choice(self._pictures))
                await page.wait_for_selector(".canvas.has-picture:not(.choosing)")
                for _ in range(self._random.randint(1, 3)):
                    await page.fill("#words textarea", self._random.choice(WORDS))
                    await page.press("#words textarea", "Enter")
                    if self._random.random() < 0.5:
                        await asyncio.sleep(self._random.uniform(0.2, 4))
                        self.outcomes["page left"] += 1
                        break
                    await asyncio.sleep(0.5)  # until the answer has begun
                    await page.wait_for_selector("#words .stop-button", state="hidden")
                    self.outcomes["page answered"] += 1
            except BrowserError as error:
                self._fault(f"page {str(error).splitlines()[0]}")
            finally:
                with contextlib.suppress(BrowserError):
                    await context.close()

    def _fault(self, said: str) -> None:
        self.outcomes["unexplained"] += 1
        self.faults.append(said)


async def soak(address: str, server: psutil.Process, folder: str, given: argparse.Namespace) -> int:
    """Let the visitors come, and print what they cost. Return the exit status."""
    pictures = sorted((ROOT / "assets" / "examples").glob("*.png"))
    if given.pictures:
        pictures += sorted(path for path in given.pictures.iterdir() if path.suffix in (".jpg", ".png"))
    began = time.monotonic()
    visitors = Visitors(address, pictures, began + 60 * given.minutes, given)
    start, after_five = held(server, folder), None
    print(f"start: {start}", flush=True)
    async with async_playwright() as playwright:
        path = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        lookers = given.visitors // 2 if given.lookers is None else given.lookers
        tasks = [asyncio.create_task(visitors.looker(browser)) for _ in range(lookers)]
        tasks += [asyncio.create_task(visitors.caller()) for _ in range(given.visitors - lookers)]
        while pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending, timeout=15)
            now, minutes = held(server, folder), (time.monotonic() - began) / 60
            if after_five is None and minutes >= 5:
                after_five = now
            print(f"{minutes:4.1f} min: {now}; {dict(visitors.outcomes)}", flush=True)
        await browser.close()
        for task in tasks:
            task.result()
    last = now
    await asyncio.sleep(SETTLE)
    # idle threads are let go when there is work again
    async with httpx.AsyncClient(base_url=address) as client:
        with pictures[0].open("rb") as file:
            await client.post("/gradio_api/upload", files={"files": file})
        await client.get("/")
    await asyncio.sleep(1)
    print(f"\nat the end: {last}\n{SETTLE} s later: {held(server, folder)}")
    if after_five:
        print(f"memory since minute 5: {100 * (last.memory / after_five.memory - 1):+.1f} %")
    print("\n".join([f"{count} {what}" for what, count in visitors.outcomes.most_common()] + visitors.faults))
    return bool(visitors.faults)


def main() -> int:
    """Start a server with a temporary folder of its own, and soak it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--lookers", type=int, help="how many of them come to the page; half unless given")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help="seconds that a visitor waits at most"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="a folder of photographs to bring as well")
    given = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = [sys.executable, "app.py", "--port", str(port), "--calls", "100000", "--places", "64"]
        environment = {**os.environ, "TMPDIR": folder}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process:
            try:
                address = f"http://127.0.0.1:{port}/"
                while "ready after" not in (Path(folder) / "log").read_text():
                    if process.poll() is not None:
                        print((Path(folder) / "log").read_text())
                        return 1
                    time.sleep(0.5)
                status = asyncio.run(soak(address, psutil.Process(process.pid), folder, given))
            finally:
                process.terminate()
            process.wait(20)
            said = (Path(folder) / "log").read_text()
            tracebacks = said.count("Traceback")
            print(f"{tracebacks} tracebacks in the log")
            if tracebacks:
                print(said[said.index("Traceback") - 300 :][:3000])
    return status


if __name__ == "__main__":
    sys.exit(main())
