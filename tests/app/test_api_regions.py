"""What an answer found goes into the next call, and masks made elsewhere go in: over HTTP and over MCP."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image
from pycocotools import mask as coco

from app.schema import ANSWER
from tests.loops import run


@pytest.fixture
def mask(tmp_path):
    """A mask of the red ball, white on black."""
    plane = np.zeros((200, 200), np.uint8)
    plane[80:120, 50:90] = 255
    path = tmp_path / "mask.png"
    Image.fromarray(plane).save(path)
    return path


@pytest.fixture
def address(assistant, serve) -> str:
    return serve(assistant)


@pytest.fixture
def client(address) -> Client:
    return Client(address, verbose=False)


def call(client, name, **values):
    said = client.predict(api_name=f"/{name}", **values)
    jsonschema.validate({**said, "picture": None}, ANSWER)  # the client has fetched the picture
    return said


def test_what_was_found_is_edited_by_its_number(client, picture):
    found = call(client, "outline", picture=handle_file(picture), phrase="the blue cup")
    said = call(
        client, "edit", picture=handle_file(picture), wish="remove #1", regions=found["regions"], steps=2
    )
    assert "Removed blue cup (#1)" in said["text"]
    before = np.asarray(Image.open(picture).convert("RGB"))
    after = np.asarray(Image.open(said["picture"]).convert("RGB"))
    touched = coco.decode(said["touched"]).astype(bool)
    changed = (before != after).any(axis=2)
    assert changed[100, 140]
    assert not (changed & ~touched).any()


def test_numbers_stay(client, picture):
    found = call(client, "describe", picture=handle_file(picture))["regions"]
    found[1]["id"] = 9
    said = call(client, "ask", picture=handle_file(picture), words="segment #9", regions=found)
    assert [region["id"] for region in said["regions"]] == [1, 9]
    assert [bool(region["mask"]) for region in said["regions"]] == [False, True]


def test_a_mask_says_where_an_edit_is(client, picture, mask):
    said = call(
        client, "edit", picture=handle_file(picture), wish="remove the date stamp", steps=2,
        mask=handle_file(mask),
    )  # fmt: skip
    touched = coco.decode(said["touched"]).astype(bool)
    assert touched[80:120, 50:90].all()
    assert not touched[:, 120:].any()
    assert said["regions"] == []  # what was removed is no region of the new picture
    after = np.asarray(Image.open(said["picture"]).convert("RGB"))
    assert tuple(after[100, 70]) != (220, 30, 30)
    assert tuple(after[100, 140]) == (30, 30, 220)


def test_a_mask_is_described_asked_about_and_mended_by_clicks(client, picture, mask):
    given = {"picture": handle_file(picture), "mask": handle_file(mask)}
    assert "red ball" in call(client, "describe", **given)["text"]
    assert "#1" in call(client, "ask", words="what is it?", **given)["text"]
    plain = call(client, "outline", **given)
    assert coco.decode(plain["regions"][0]["mask"]).sum() == 40 * 40
    mended = call(client, "outline", clicks=[[60, 100, 0]], **given)
    assert len(mended["regions"]) == 1
    assert not coco.decode(mended["regions"][0]["mask"])[100, 60]


def test_regions_without_a_mask_get_one(client, picture):
    boxes = [{"box": [50, 80, 90, 120], "label": "ball"}, {"box": [120, 80, 160, 140]}]
    said = call(client, "outline", picture=handle_file(picture), regions=boxes)
    assert [region["id"] for region in said["regions"]] == [1, 2]
    assert all(region["mask"] for region in said["regions"])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"regions": [{"box": [500, 500, 600, 600]}]}, "nothing of the picture"),
        ({"regions": [{"mask": {"size": [10, 10], "counts": "abc"}}]}, "size"),
        ({"regions": "all"}, "a list of regions"),
        ({"regions": [3]}, "no object"),
    ],
)
@pytest.mark.parametrize("name", ["ask", "outline", "describe", "edit"])
def test_wrong_regions_are_refused_in_words(client, picture, name, wrong, says):
    words = {"ask": {"words": "what is it?"}, "edit": {"wish": "remove it"}}.get(name, {})
    with pytest.raises(AppError, match=says):
        client.predict(picture=handle_file(picture), api_name=f"/{name}", **words, **wrong)


def test_a_mask_of_another_shape_is_refused_in_words(client, picture, tmp_path):
    Image.new("L", (50, 80), 255).save(tmp_path / "tall.png")
    with pytest.raises(AppError, match="shapes must be the same"):
        client.predict(
            picture=handle_file(picture), mask=handle_file(tmp_path / "tall.png"), api_name="/outline"
        )


def test_an_agent_finds_outlines_edits_asks_and_takes_the_mask_out(address, picture):
    """Five calls over MCP, each with what the one before gave; the server keeps nothing."""
    shown = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()

    async def script():
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name.rsplit("_", 1)[-1]: tool.name for tool in (await session.list_tools()).tools}

            async def use(name: str, **values: Any) -> Any:
                result = await session.call_tool(tools[name], values)
                assert not result.isError, result.content
                jsonschema.validate(result.structuredContent, ANSWER)
                return result.structuredContent

            found = await use("ask", picture=shown, words="find the red ball")
            outlined = await use("outline", picture=shown, regions=found["regions"])
            edited = await use(
                "edit", picture=shown, wish="make #1 blue", regions=outlined["regions"], steps=2
            )
            changed = edited["picture"]["url"]
            asked = await use("ask", picture=changed, words="what is it?", regions=edited["regions"])
            last = await use("outline", picture=changed, regions=asked["regions"])
            return found, outlined, edited, asked, last

    found, outlined, edited, asked, last = run(script())
    assert found["regions"][0]["mask"] is None
    assert outlined["regions"][0]["label"] == "red ball"
    assert coco.decode(edited["touched"]).any()
    after = Image.open(io.BytesIO(httpx.get(edited["picture"]["url"]).content)).convert("RGB")
    assert after.getpixel((70, 100)) != (220, 30, 30)
    assert "#1" in asked["text"]
    assert json.dumps(last["regions"][0]["mask"]) == json.dumps(edited["regions"][0]["mask"])
