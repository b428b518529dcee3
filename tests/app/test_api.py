"""Every endpoint of a running server, called by gradio_client and by an MCP client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jsonschema
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, TextContent, Tool
from PIL import Image

from app.api import ANSWER

NAMES = {"ask", "outline", "describe", "pose", "edit"}


@pytest.fixture
def picture(drawing, tmp_path) -> Path:
    path = tmp_path / "drawing.png"
    drawing.save(path)
    return path


@pytest.fixture
def shown(picture) -> str:
    """The picture as an agent gives it."""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()


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

    with ThreadPoolExecutor(1) as thread:  # in the tests' own thread the browser's event loop is running
        return thread.submit(asyncio.run, visit()).result()


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
