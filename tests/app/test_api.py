"""Every endpoint of a running server, called by gradio_client and by an MCP client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import pytest
from gradio.data_classes import PredictBodyInternal
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, TextContent, Tool
from PIL import Image
from starlette.requests import Request

from app.api import ANSWER
from app.limits import Limits
from pipelines.errors import TooMuch
from tests.loops import run

post = partial(httpx.post, timeout=60)
NAMES = {"ask", "outline", "describe", "pose", "edit"}


@pytest.fixture
def address(assistant, serve) -> str:
    return serve(assistant)


@pytest.fixture
def client(address) -> Client:
    return Client(address, verbose=False)


def test_the_endpoints_are_the_only_ones_and_are_documented(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {name.strip("/") for name in named} == NAMES
    for endpoint in named.values():
        assert endpoint["description"]
        assert endpoint["returns"][0]["type"] == ANSWER


def test_ask(client, picture):
    said = client.predict(picture=handle_file(picture), words="segment the red ball", api_name="/ask")
    jsonschema.validate(said, ANSWER)
    assert set(said) == set(ANSWER["properties"])
    (region,) = said["regions"]
    assert (region["id"], region["label"]) == (1, "red ball")
    assert region["mask"]["size"] == [200, 200]
    assert said["model"] == "fake-sphinx"
    assert client.predict(picture=None, words="hello", api_name="/ask")["regions"] == []


@pytest.mark.parametrize(
    "words", ["remove the red ball", "find the cup and make it green", "blur the background"]
)
def test_ask_says_which_endpoint_edits(client, picture, words):
    with pytest.raises(AppError, match="call /edit"):
        client.predict(picture=handle_file(picture), words=words, api_name="/ask")


def test_edit_takes_every_change_and_nothing_else(client, picture):
    said = client.predict(picture=handle_file(picture), wish="blur the background", api_name="/edit")
    assert said["picture"]
    assert "Blurred the background" in said["text"]
    with pytest.raises(AppError, match="is no edit"):
        client.predict(picture=handle_file(picture), wish="find the red ball", api_name="/edit")


def test_outline(client, picture):
    shown = handle_file(picture)
    said = client.predict(picture=shown, clicks=[[70, 100], [80, 100, 0]], api_name="/outline")
    assert said["regions"][0]["box"][0] < 70 < said["regions"][0]["box"][2]
    said = client.predict(picture=shown, box=[50, 80, 90, 120], api_name="/outline")
    assert said["regions"][0]["mask"]
    said = client.predict(picture=shown, phrase="the blue cup", api_name="/outline")
    assert said["regions"][0]["label"] == "blue cup"


@pytest.mark.parametrize(
    "wrong", [{}, {"box": [1, 2]}, {"box": ["a", 0, 1, 2]}, {"clicks": [[1]]}, {"clicks": [[999, 999]]}]
)
def test_outline_says_what_is_wrong(client, picture, wrong):
    with pytest.raises(Exception, match=r"give a phrase|A box is|A click is|outside the picture"):
        client.predict(picture=handle_file(picture), api_name="/outline", **wrong)


def test_describe(client, picture):
    said = client.predict(picture=handle_file(picture), api_name="/describe")
    assert [region["label"] for region in said["regions"]] == ["red ball", "blue cup"]
    said = client.predict(picture=handle_file(picture), box=[50, 80, 90, 120], api_name="/describe")
    assert "red ball" in said["text"]
    said = client.predict(picture=handle_file(picture), detail=True, api_name="/describe")
    assert "grey" in said["text"]


def test_pose(client, picture):
    said = client.predict(picture=handle_file(picture), api_name="/pose")
    jsonschema.validate(said, ANSWER)
    assert len(said["regions"][0]["keypoints"]) == 17


def test_edit(client, picture):
    said = client.predict(picture=handle_file(picture), wish="remove the red ball", steps=3, api_name="/edit")
    assert "Removed" in said["text"]
    with Image.open(said["picture"]) as image:
        assert image.size == (200, 200)
        assert image.convert("RGB").getpixel((70, 100)) != (220, 30, 30)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_an_edited_file_is_what_its_name_says(client, drawing, tmp_path, kind):
    # IOPaint #32: a PNG that other programs will not open, for it holds the format that came in
    drawing.save(tmp_path / "in", kind)
    said = client.predict(picture=handle_file(tmp_path / "in"), wish="remove the red ball", api_name="/edit")
    with Image.open(said["picture"]) as image:
        assert Image.registered_extensions()[Path(said["picture"]).suffix] == image.format


def test_a_refusal_is_no_markup(client, inpainter, picture):
    inpainter.cannot.add("tom & jerry")
    with pytest.raises(Exception, match="cannot paint “tom & jerry”: removing works"):
        client.predict(
            picture=handle_file(picture), wish="replace the red ball with tom & jerry", api_name="/edit"
        )


def visited(address, calls):
    """What an MCP client hears: the tools, and what each call (name, arguments) gives back."""

    async def visit() -> tuple[dict[str, Tool], list[CallToolResult]]:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name.rsplit("_", 1)[-1]: tool for tool in (await session.list_tools()).tools}
            results = [await session.call_tool(tools[name].name, values) for name, values in calls]
            return tools, results

    return run(visit())


def text_of(result: CallToolResult) -> str:
    """What a call said."""
    (text,) = result.content
    assert isinstance(text, TextContent)
    return text.text


def test_mcp_lists_and_calls_every_endpoint(address, shown):
    calls = {
        "ask": {"picture": shown, "words": "convert the chart to a table"},
        "outline": {"picture": shown, "phrase": "the red ball"},
        "describe": {"picture": shown},
        "pose": {"picture": shown},
        "edit": {"picture": shown, "wish": "remove the red ball", "steps": 2},
    }
    tools, results = visited(address, calls.items())
    assert set(tools) == NAMES
    for tool in tools.values():
        assert tool.outputSchema == ANSWER
        assert tool.description
        assert all(place.get("description") for place in tool.inputSchema["properties"].values())
    answers = {}
    for name, result in zip(calls, results):
        assert not result.isError, result.content
        (text,) = result.content
        assert isinstance(text, TextContent)
        answers[name] = json.loads(text.text)
        assert answers[name] == result.structuredContent
        jsonschema.validate(answers[name], ANSWER)
    assert answers["ask"]["table"] == [["fruit", "count"], ["apples", "3"], ["pears", "5"]]
    assert answers["outline"]["regions"][0]["label"] == "red ball"
    assert answers["outline"]["regions"][0]["mask"]["size"] == [200, 200]
    assert [region["label"] for region in answers["describe"]["regions"]] == ["red ball", "blue cup"]
    assert len(answers["pose"]["regions"][0]["keypoints"]) == 17
    painted = Image.open(io.BytesIO(httpx.get(answers["edit"]["picture"]["url"]).content))
    assert painted.convert("RGB").getpixel((70, 100)) != (220, 30, 30)


def test_mcp_says_why_it_refuses(address, shown):
    _, (result,) = visited(address, [("outline", {"picture": shown})])
    assert result.isError
    assert isinstance(result.content[0], TextContent)
    assert "give a phrase, clicks, or a box" in result.content[0].text


# --- refusals, through every door ------------------------------------------------------------------------

WRONG = {
    "a_text_file": ("ask", {"words": "hello"}, b"no picture", "text, not a picture", "UnreadablePicture"),
    "half_a_letter": ("ask", {"words": "a\ud800"}, None, "argument words must be text", "BadArgument"),
    "a_long_message": ("ask", {"words": "x" * 2001}, None, "argument words must be text", "BadArgument"),
    "no_message": ("ask", {"words": ""}, None, "There is no question", "DemoError"),
    "a_huge_seed": ("ask", {"words": "hello", "seed": 10**30}, None, "argument seed", "BadArgument"),
    "a_seed_of_words": ("ask", {"words": "hello", "seed": "many"}, None, "argument seed", "BadArgument"),
    "no_picture": ("outline", {"phrase": "ball"}, None, "There is no picture", "DemoError"),
    "no_box": ("outline", {"box": {"x": 1}}, b"", "A box is", "BadArgument"),
    "many_clicks": ("outline", {"clicks": [[1, 1]] * 65}, b"", "64 clicks at most, and 65", "TooMuch"),
    "steps": ("edit", {"wish": "remove the ball", "steps": 10**9}, None, "from 1 to 100", "BadArgument"),
    "a_list_as_detail": ("describe", {"detail": [1]}, None, "true or false", "BadArgument"),
    "a_picture_of_numbers": ("pose", {"picture": 7}, None, "argument picture must be", "BadArgument"),
    "a_file_of_ours": ("pose", {"picture": "/etc/passwd"}, None, "not among the files", "BadArgument"),
    "no_scheme": ("pose", {"picture": "data:,x"}, None, "argument picture must be", "BadArgument"),
    "loopback": ("pose", {"picture": "http://127.0.0.1:1/x"}, None, "cannot be fetched", "UnreadablePicture"),
}  # fmt: skip
"""endpoint, arguments, the picture's file (empty: a drawing), a part of the sentence, the type"""


def values(name: str, given: dict) -> list:
    """The arguments of an endpoint in order, as the API's plain HTTP door takes them."""
    order = {
        "ask": {"picture": None, "words": "", "seed": 0},
        "outline": {"picture": None, "phrase": "", "clicks": None, "box": None},
        "describe": {"picture": None, "box": None, "detail": False},
        "pose": {"picture": None},
        "edit": {"picture": None, "wish": "", "seed": 0, "steps": 20, "guidance": 0, "negative": ""},
    }[name]
    return list({**order, **given}.values())


def called(address: str, name: str, data: list) -> tuple[str, object]:
    """Call an endpoint over plain HTTP: the kind of its last event, and what that brings."""
    body = json.dumps({"data": data})
    joined = post(
        f"{address}gradio_api/call/{name}", content=body, headers={"Content-Type": "application/json"}
    )
    if joined.status_code != 200:
        return "error", joined.json()
    lines = httpx.get(f"{address}gradio_api/call/{name}/{joined.json()['event_id']}", timeout=60).text
    kind, _, brought = lines.strip().rpartition("\n\n")[2].partition("\n")
    return kind.removeprefix("event: "), json.loads(brought.removeprefix("data: "))


@pytest.fixture
def brought(drawing):
    """A file's bytes as a data URL; of the drawing where there are none."""

    def brought(data: bytes | None) -> dict[str, str]:
        if data is None:
            return {}
        if not data:
            buffer = io.BytesIO()
            drawing.save(buffer, "PNG")
            data = buffer.getvalue()
        return {"picture": "data:image/png;base64," + base64.b64encode(data).decode()}

    return brought


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_type_over_http_and_mcp(address, brought, case):
    name, given, file, says, kind = WRONG[case]
    given = {**brought(file), **given}
    event, output = called(address, name, values(name, given))
    assert event == "error"
    assert isinstance(output, dict)
    assert says in str(output["error"])
    assert output["title"] == kind
    needed = {"wish": "x"} if name == "edit" else {"words": "x"} if name == "ask" else {}
    picture = {} if name == "ask" else {"picture": None}
    if case == "half_a_letter":
        return  # no MCP client can write it
    _, (result,) = visited(address, [(name, {**picture, **needed, **given})])
    assert result.isError
    assert says in text_of(result)
    assert result.structuredContent == {"type": kind, "error": text_of(result)}


def test_calls_that_are_none_are_told_so(address):
    for path, body in (
        ("call/nothing", {"data": []}),
        ("call/ask", {"data": "x"}),
        ("call/ask", [1]),
        ("call/v2/ask", {"words": "hi", "colour": 1}),
        ("queue/join", {"data": [], "fn_index": 999, "session_hash": "x"}),
    ):
        answer = post(f"{address}gradio_api/{path}", json=body)
        assert answer.status_code == 422
        assert "no call of this page" in answer.json()["error"]
    kind, output = called(address, "ask", [])
    assert (kind, "takes 3 to 5 arguments, and 0 came" in str(output)) == ("error", True)


def test_mcp_says_which_argument_is_missing_or_unknown(address):
    _, results = visited(address, [("edit", {}), ("pose", {"size": 3}), ("ask", {"words": "hello"})])
    texts = [text_of(result) for result in results]
    assert "needs the argument picture" in texts[0]
    assert "no argument 'size'" in texts[1]
    assert not results[2].isError  # a picture may be left out, as is said


def test_only_the_picture_of_ask_may_be_left_out(address):
    tools, _ = visited(address, [])
    assert {name: tool.inputSchema.get("required", []) for name, tool in tools.items()} == {
        "ask": ["words"], "outline": ["picture"], "describe": ["picture"], "pose": ["picture"],
        "edit": ["picture", "wish"],
    }  # fmt: skip


def test_an_edited_picture_can_be_asked_about_through_every_door(address, client, shown, picture):
    edit = {"picture": shown, "wish": "remove the red ball"}
    _, (edited,) = visited(address, [("edit", edit)])
    assert edited.structuredContent
    url = edited.structuredContent["picture"]["url"]
    _, (again,) = visited(address, [("ask", {"picture": url, "words": "find the red ball"})])
    assert not again.isError, again.content
    kind, output = called(address, "edit", values("edit", edit))
    assert kind == "complete"
    assert isinstance(output, list)
    given_out = output[0]["picture"]
    assert output[0]["touched"]["size"] == [200, 200]
    for spelled in (given_out, {"url": given_out["url"]}, given_out["url"]):
        assert called(address, "describe", values("describe", {"picture": spelled}))[0] == "complete"
    said = client.predict(picture=handle_file(picture), wish="remove the red ball", api_name="/edit")
    assert client.predict(picture=handle_file(said["picture"]), api_name="/describe")["regions"]


def test_a_fault_of_ours_is_a_sentence_and_a_number_that_the_log_has(address, segmenter, shown, caplog):
    def broken(*given, **named):
        raise RuntimeError("a secret of the house")

    segmenter.outline = broken
    kind, output = called(address, "outline", values("outline", {"picture": shown, "clicks": [[70, 100]]}))
    assert isinstance(output, dict)
    assert (kind, output["title"]) == ("error", "Fault")
    number = output["error"].split()[-1].rstrip(".")
    assert "secret" not in output["error"]
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
    _, (result,) = visited(address, [("outline", {"picture": shown, "clicks": [[70, 100]]})])
    assert result.isError
    assert "not foreseen" in text_of(result)


# --- who leaves, and who asks too much -------------------------------------------------------------------


def test_the_work_of_a_caller_who_left_ends_within_a_step(address, vlm, segmenter, shown):
    vlm.pause = 0.1
    vlm.otherwise = "word " * 400
    body = {"data": values("ask", {"words": "tell me a long story"})}
    joined = post(f"{address}gradio_api/call/ask", json=body).json()
    with httpx.stream("GET", f"{address}gradio_api/call/ask/{joined['event_id']}", timeout=60):
        eventually(lambda: vlm.forward_passes > 3)
    assert_quiet(vlm)

    async def leave_mcp() -> None:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            before = vlm.forward_passes
            with contextlib.suppress(asyncio.TimeoutError, Exception):
                await asyncio.wait_for(session.call_tool("ask", {"words": "tell me a long story"}), 3)
            assert vlm.forward_passes > before

    run(leave_mcp())
    assert_quiet(vlm)

    slow, original = [], segmenter.outline

    def outline(*given, **named):
        slow.append(1)
        time.sleep(0.2)
        return original(*given, **named)

    segmenter.outline = outline
    data = values("outline", {"picture": shown, "clicks": [[70, 100]] * 60})
    joined = post(f"{address}gradio_api/call/outline", json={"data": data}).json()
    with httpx.stream("GET", f"{address}gradio_api/call/outline/{joined['event_id']}", timeout=60):
        eventually(lambda: len(slow) > 2)
    time.sleep(1)
    after = len(slow)
    time.sleep(1)
    assert len(slow) == after < 20


def eventually(true, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def assert_quiet(vlm) -> None:
    """The model takes no more steps."""
    time.sleep(1)
    passes = vlm.forward_passes
    time.sleep(0.5)
    assert vlm.forward_passes == passes


def test_limits_are_one_line_each(assistant, serve, vlm, shown):
    address = serve(assistant, limits=Limits(clicks=2, calls=40, places=2))
    given = values("outline", {"picture": shown, "clicks": [[1, 1]] * 3})
    _, output = called(address, "outline", given)
    assert isinstance(output, dict)
    assert output["error"] == "One call takes 2 clicks at most, and 3 came."
    vlm.pause = 0.2
    story = {"data": values("ask", {"words": "tell me a story"})}
    waiting = [post(f"{address}gradio_api/call/ask", json=story) for _ in range(2)]
    assert [answer.status_code for answer in waiting] == [200, 200]
    full = post(f"{address}gradio_api/call/ask", json=story)
    assert full.status_code == 429
    assert "2 calls waiting or at work already" in full.json()["error"]
    client = Client(address, verbose=False)
    with pytest.raises(Exception, match="2 calls waiting or at work already"):
        client.predict(picture=None, words="hello", api_name="/ask")
    _, (result,) = visited(address, [("ask", {"words": "hello"})])
    assert result.isError
    assert "2 calls waiting or at work already" in text_of(result)
    vlm.pause = 0
    for _ in range(60):
        last = post(f"{address}gradio_api/call/pose", json={"data": [None]})
    assert last.status_code == 429
    assert "more than 40 calls in a minute" in last.json()["error"]
    assert last.headers["retry-after"] == "60"


async def join(page, index: int) -> Any:
    request = Request(
        {"type": "http", "client": ("1.2.3.4", 5), "headers": [], "path": "/", "query_string": b""}
    )
    body = PredictBodyInternal(data=[], fn_index=index, session_hash="s", request=request)
    return await page._queue.push(body=body, request=request, username=None)


def test_what_does_not_wait_is_never_refused(assistant, serve):
    serve(assistant, limits=Limits(places=1))
    (page,) = serve.pages
    waits, stops = (
        next(fn._id for fn in page.fns.values() if fn.name == name) for name in ("answer", "stop")
    )
    request = Request({"type": "http", "client": ("1.2.3.4", 1)})
    page._queue.active_jobs = [[SimpleNamespace(request=request, progress_pending=False, session_hash="t")]]

    def refused(index: int) -> bool:
        try:
            run(join(page, index))
        except TooMuch:
            return True
        return False

    assert (refused(waits), refused(stops)) == (True, False)


def test_the_queue_cannot_be_gone_round(address):
    assert post(f"{address}gradio_api/run/pose", json={"data": [None]}).status_code == 404
