"""A scene as chat messages, as the canvas's value, as CSV."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from app import render
from app.serving import address
from app.words import CHINESE
from pipelines.caching import LockedCache
from pipelines.conversation import say
from pipelines.language.requests import CannotDo
from pipelines.scene import Box, Mask, Record, Region, Scene, Span, Turn, told


def scene_with(*turns: Turn) -> Scene:
    return Scene(
        regions=(Region(1, "ball", Box(0, 0, 5, 5)), Region(12, "cup", Box(5, 5, 9, 9))), turns=turns
    )


def content(scene: Scene, **how) -> str:
    return render.chat(scene, **how)[-1]["content"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "**bold** _it_ `code`",
        "[a](javascript:x)",
        "# head",
        "1. one\n- two",
        "$$x$$ & ~~y~~",
    ],
)
def test_nothing_written_is_read_as_markup(text):
    for role in ("user", "assistant", "notice"):
        said = content(scene_with(Turn(role, text)))
        bare = re.sub(r"&#\d+;", "", said.replace('<span class="notice">', "").replace("</span>", ""))
        assert not set(bare) & set("<>*_`[]#$~&.-!|")


def test_a_span_becomes_a_light_with_the_number_of_its_region():
    turn = Turn("assistant", "a ball and a cup", (Span(2, 6, (1,)), Span(13, 16, (12,))))
    assert content(scene_with(turn)) == (
        'a <span class="region region-1 hue-1" tabindex="0">ball</span> and a '
        '<span class="region region-12 hue-2" tabindex="0">cup</span>'
    )


def test_a_phrase_for_several_things_lights_all_and_each_has_its_number():
    said = content(scene_with(Turn("assistant", "things", (Span(0, 6, (1, 12)),))))
    assert said.startswith('<span class="region region-1 region-12 hue-1" tabindex="0">things</span>')
    assert said.count('class="region region-12 hue-2 number"') == 1


@pytest.mark.parametrize(
    "spans",
    [
        (Span(0, 99, (1,)),),  # ends behind the text
        (Span(3, 3, (1,)),),  # empty
        (Span(0, 1, (77,)),),  # a region that is gone
        (Span(0, 4, (1,)), Span(2, 6, (12,))),  # overlapping: the earlier one wins
    ],
)
def test_spans_that_cannot_be_drawn_lose_no_text(spans):
    assert re.sub(r"<[^>]+>", "", content(scene_with(Turn("assistant", "a ball", spans)))) == "a ball"


def test_the_visitor_can_name_regions_by_number():
    said = content(scene_with(Turn("user", "is #1 left of @12 or #9?")))
    assert said.count("<span") == 2
    assert "&#35;9" in said


def test_an_answer_shows_that_it_is_being_written_was_stopped_or_is_whole():
    half = Turn("assistant", "A red", unfinished=True)
    assert "caret" in content(scene_with(half), live=True)
    assert "stopped" in content(scene_with(half))
    assert content(scene_with(Turn("assistant", "A red"))) == "A red"
    waiting = render.chat(scene_with(Turn("user", "what?")), live=True)
    assert [message["role"] for message in waiting] == ["user", "assistant"]
    assert waiting[-1]["content"] == render.DOTS


def test_the_raw_reply_can_be_seen():
    record = Record("locate", "nano", seconds=0.82, details=(("question", "Where?"),))
    said = content(scene_with(Turn("assistant", "Here.", raw="[0.1,0.2,0.3,0.4]", record=record)))
    assert "<summary>locate &#183; 0&#46;8 s · raw reply</summary><code>Where?</code>" in said
    assert "<code>&#91;0&#46;1,0&#46;2" in said


def test_a_table_is_a_table():
    rows = (("fruit", "count"), ("a<b>", "3"), ("=SUM(A1)", "-5"))
    said = content(scene_with(Turn("assistant", "", table=rows)))
    assert said.count("<tr>") == 3
    assert "a&#60;b&#62;" in said


def test_outlines_are_kept_within_a_bound_of_bytes(monkeypatch):
    kept = LockedCache(20_000, lambda one: len(one[0].bits) + len(one[1]))
    monkeypatch.setattr(render, "_outlines", kept)
    masks = [Mask.from_array(np.ones((200, 100 + side), bool)) for side in range(40)]
    assert [render.outline(mask) for mask in masks] == [render.outline(mask) for mask in masks]
    assert 0 < kept.bytes <= 20_000
    assert len(kept) < 10


@pytest.mark.parametrize("size_wh", [(1, 1), (9, 4), (60, 80), (900, 700)])
def test_an_outline_encloses_its_mask(size_wh):
    width, height = size_wh
    y, x = np.mgrid[:height, :width]
    ring = np.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5)
    plane = (ring < 0.45) & ~(ring < 0.2) if width > 20 else np.ones((height, width), bool)
    drawn = np.zeros((height * 8, width * 8), np.uint8)
    for part in render.outline(Mask.from_array(plane)).split("M")[1:]:
        points = [[float(number) for number in pair.split()] for pair in part.rstrip("Z").split("L")]
        filled = np.zeros_like(drawn)
        cv2.fillPoly(filled, [np.round(np.array(points) * 8).astype(np.int32)], 1)
        drawn ^= filled
    large = plane.repeat(8, 0).repeat(8, 1)
    overlap = (drawn.astype(bool) & large).sum() / (drawn.astype(bool) | large).sum()
    assert overlap > (0.9 if width > 20 else 0.4)


def test_the_canvas_gets_addresses_and_paths_and_no_pixels(assistant, drawing):
    scene = assistant.open(drawing)
    scene = assistant.box(scene, Box(50, 80, 90, 120))
    assert scene.picture
    at = partial(address, assistant.pictures)
    value = render.canvas(scene, at)
    assert value["size"] == [200, 200]
    assert value["picture"] == {"url": f"../kept/{scene.picture.digest}.png"}
    (region,) = value["regions"]
    assert region["box"] == [50, 80, 90, 120]
    assert region["outline"].startswith("M")
    assert (region["chosen"], len(region["candidates"])) == (0, 2)
    assert render.canvas(Scene(), at)["picture"] is None
    preview = assistant.pictures.add_preview(drawing)
    assert address(assistant.pictures, preview)["url"].startswith("data:image/jpeg;base64,")


def test_suggestions_are_escaped_and_doubts_are_said():
    made = render.chips({'say "<b>" ...': (), "Go": ("pose",)}, {"pose"})
    assert 'data-words="say &quot;&lt;b&gt;&quot; ..."' in made
    assert made.count("data-send") == 1
    assert made.count('class="doubt"') == 1


def test_where_photographs_are_looked_at_with_other_views_the_picture_decides(about):
    nano = replace(about, views=5, most_views=5, photo_views=1)
    assert render.views(nano)[0] == ("what suits the picture", render.usual_views(nano))
    assert render.usual_views(nano) == 0
    assert render.usual_views(replace(nano, photo_views=5)) == 5


@pytest.mark.parametrize(
    ("most_views", "said"),
    [
        (1, [("the whole picture", 1)]),
        (5, [("the whole picture", 1), ("the whole and its 4 parts", 5)]),
    ],
)
def test_what_sphinx_can_look_with(about, most_views, said):
    assert render.views(replace(about, most_views=most_views)) == said
    assert render.encoders(about) == [("CLIP", "clip"), ("DINOv2", "dinov2")]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("find the purple elephant", "没有在图中找到 purple elephant。"),
        ("find the red ball", '这是 <span class="region region-1 hue-1" tabindex="0">red ball (#1)</span>。'),
        ("remove the red ball", "：它可能还在，请换一个随机种子。"),
        ("find the red bal", "“bal”被读作“ball”。"),
    ],
)
def test_what_the_program_says_is_in_the_language_of_the_page(assistant, drawing, message, said):
    scene = assistant.answer(assistant.open(drawing), message)
    chat = "".join(html.unescape(one["content"]) for one in render.chat(scene, language=CHINESE))
    assert said in chat
    assert said not in "".join(turn.text for turn in scene.turns)  # other doors have it in English


def test_what_cannot_be_done_is_said_in_the_language_of_the_page(about):
    turn = told("assistant", *say(CannotDo("joke"), about, pictured=True))
    assert turn.text == "I can't tell jokes: I look at pictures. This works here:"
    assert (
        html.unescape(content(scene_with(turn), language=CHINESE))
        == "我不会讲笑话：我只看图片。这里可以这样说："
    )


def test_the_expert_of_an_answer_is_named_in_the_language_of_the_page():
    record = Record("locate", "sphinx-nano", details=(("expert", "drawn pictures"),))
    turn = Turn("assistant", "Yes.", raw="Yes.", record=record)
    assert render.record_words(turn)[-1] == "expert for drawn pictures"
    assert render.record_words(turn, CHINESE)[-1] == "绘画专家"
