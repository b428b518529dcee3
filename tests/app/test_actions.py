"""(assistant, timeline, input) -> timeline, without widgets."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import actions, downloads, render
from app.startup import Startup
from pipelines.abilities import ABILITIES, suggestions
from pipelines.errors import DemoError, MissingCapability
from pipelines.interfaces import ReplyOptions
from pipelines.language import requests as request
from pipelines.language import understand
from pipelines.scene import Box, Click, Mask, Point, Region, Scene, Timeline, Turn


@pytest.fixture
def opened(assistant, drawing) -> Timeline:
    return Timeline().push(assistant.open(drawing))


def last(growing) -> Timeline:
    *_, (timeline, *_) = growing
    return timeline


def test_an_answer_is_one_step_however_long_it_takes(assistant, opened):
    growing = [
        timeline for timeline, *_ in actions.ask(assistant, opened, " find the red ball ", ReplyOptions())
    ]
    assert len(growing) > 3
    assert {len(timeline.steps) for timeline in growing} == {len(opened.steps) + 1}
    scene = growing[-1].scene
    assert [turn.role for turn in scene.turns] == ["user", "assistant"]
    assert growing[-1].undo() == Timeline(growing[-1].steps, opened.current)


def test_closing_an_answer_stops_the_vlm(assistant, vlm, opened):
    growing = actions.ask(assistant, opened, "find the red ball", ReplyOptions())
    for _ in range(3):
        timeline, *_ = next(growing)
    growing.close()
    assert vlm.closed == 1
    assert actions.stopped(timeline).scene.turns[-1].unfinished


@pytest.mark.parametrize("words", ["", "  \n ", "x" * 3000])
def test_words_that_cannot_be_answered_are_refused_with_a_remedy(assistant, opened, words):
    with pytest.raises(DemoError, match=r"write one|at most"):
        last(actions.ask(assistant, opened, words, ReplyOptions()))


def test_a_stop_before_the_first_word_leaves_an_empty_answer():
    timeline = Timeline().push(Scene(turns=(Turn("user", "what?"),)))
    assert actions.stopped(timeline).scene.turns[-1] == Turn("assistant", "", unfinished=True)
    assert actions.stopped(Timeline()) == Timeline()
    # nothing of a question that still waited in the queue: the answer before it is whole
    whole = Timeline().push(Scene(turns=(Turn("user", "what?"), Turn("assistant", "A ball."))))
    assert actions.stopped(whole) is whole


def test_asking_again_goes_back_to_before_the_question(assistant, opened):
    timeline = last(actions.ask(assistant, opened, "find the red ball", ReplyOptions()))
    timeline = actions.click(assistant, timeline, Click(Point(140, 100)))
    assert actions.question_of(timeline.scene, 1) == (0, "find the red ball")
    assert actions.before_turn(timeline, 0) == opened.scene
    with pytest.raises(DemoError, match="no question"):
        actions.question_of(opened.scene, 0)


def test_a_refusal_keeps_its_question(assistant):
    timeline = actions.refused(Timeline(), "find it", DemoError("There is no picture."), began=False)
    assert [turn.role for turn in timeline.scene.turns] == ["user", "notice"]
    asked = Timeline().push(Scene(turns=(Turn("user", "find it"),)))
    again = actions.refused(asked, "find it", DemoError("No."), began=True)
    assert again.scene.turns == (*asked.scene.turns, Turn("notice", "No."))
    assert len(again.steps) == len(asked.steps)


def test_a_painting_that_was_stopped_or_broke_leaves_the_picture_as_it_was(assistant, opened):
    opened = last(actions.ask(assistant, opened, "segment the red ball", ReplyOptions()))
    answer = actions.ask(assistant, opened, "replace it with a star", ReplyOptions(steps=8))
    for growing, shown, _ in answer:  # noqa: B007
        if shown.picture != opened.scene.picture:
            break
    assert "Painting, step" in shown.turns[-1].text
    answer.close()
    left = actions.stopped(growing)
    assert left.scene.picture == opened.scene.picture
    assert left.scene.turns[-1].unfinished
    error = DemoError("The memory does not suffice.")
    broken = actions.refused(growing, "replace it with a star", error, began=True)
    assert broken.scene.picture == opened.scene.picture
    assert [turn.role for turn in broken.scene.turns[-3:]] == ["user", "assistant", "notice"]
    assert broken.undo().scene == opened.scene
    # a painting that is done stays, even where what SPHINX thinks of it was not waited for
    growing = actions.ask(assistant, opened, "replace it with a star", ReplyOptions(steps=8))
    *_, judged, whole = (timeline for timeline, *_ in growing)
    assert judged.scene.turns[-1].unfinished
    assert actions.stopped(judged).scene.picture == whole.scene.picture != opened.scene.picture


def test_one_undo_goes_over_words_clicks_and_edits(assistant, opened):
    words = last(actions.ask(assistant, opened, "find the red ball", ReplyOptions()))
    clicked = actions.click(assistant, words, Click(Point(140, 100)))
    edited = last(actions.ask(assistant, clicked, "remove the red ball", ReplyOptions()))
    back = edited
    for earlier in (clicked, words, opened):
        assert back.scene != earlier.scene
        back = back.undo()
        assert back.scene == earlier.scene
    for later in (words, clicked, edited):
        back = back.redo()
        assert back.scene == later.scene


def region(region_id: int, box: tuple[int, int, int, int], *, masked: bool) -> Region:
    plane = np.zeros((100, 100), bool)
    plane[box[1] : box[3], box[0] : box[2]] = True
    return Region(region_id, "thing", Box(*box), Mask.from_array(plane) if masked else None)


SMALL, LARGE = (40, 40, 60, 60), (10, 10, 90, 90)


@pytest.mark.parametrize(
    ("masked", "selected", "point", "positive", "meant"),
    [
        (True, None, (5, 5), True, ("click", None)),  # nothing there: a new region
        (True, None, (50, 50), True, ("select", 1)),  # on the small one's mask
        (True, None, (20, 20), True, ("select", 2)),  # on the large one's mask
        (False, None, (50, 50), True, ("click", 1)),  # a box without a mask asks for its mask
        (True, 1, (50, 50), True, ("click", None)),  # on the selected one: a thing that lies on it
        (True, 2, (50, 50), True, ("select", 1)),  # which is known already
        (True, 2, (50, 50), False, ("click", 2)),  # taking away, from the selected one
        (True, 1, (63, 50), True, ("click", 1)),  # just beside it the selected one is refined
        (True, 1, (20, 20), True, ("select", 2)),  # further away is another one
        (True, 1, (5, 5), True, ("click", None)),
        (True, 1, (20, 20), False, ("click", 2)),  # taking away, from what is under the pointer
        (True, 1, (5, 5), False, ("click", 1)),  # or from the selected one
    ],
)
def test_what_a_click_means(masked, selected, point, positive, meant):
    scene = Scene(
        regions=(region(1, SMALL, masked=masked), region(2, LARGE, masked=masked)), selected=selected
    )
    assert actions.resolve_click(scene, Click(Point(*point), positive)) == meant


def test_a_click_on_the_selected_thing_itself_makes_no_second_one(assistant, opened, segmenter):
    first = actions.click(assistant, opened, Click(Point(140, 100)))
    again = actions.click(assistant, first, Click(Point(141, 101)))
    assert [region.id for region in again.scene.regions] == [1]
    assert len(again.scene.regions[0].clicks) == 2
    # a thing that lies on it is another one
    segmenter.radius = 5
    small = actions.click(assistant, again, Click(Point(135, 95)))
    assert [region.id for region in small.scene.regions] == [1, 2]
    assert small.scene.selected == 2


def test_there_must_be_something_to_take_away_from():
    with pytest.raises(DemoError, match="nothing to take away"):
        actions.resolve_click(Scene(), Click(Point(1, 1), positive=False))


def test_regions_are_refined_chosen_and_removed(assistant, opened):
    timeline = actions.click(assistant, opened, Click(Point(70, 100)))
    timeline = actions.click(assistant, timeline, Click(Point(75, 104)))
    assert len(timeline.scene.regions[0].clicks) == 2
    timeline = actions.unclick(assistant, timeline, 1, 0)
    assert timeline.scene.regions[0].clicks == (Click(Point(75, 104)),)
    chosen = actions.choose_mask(timeline.scene, 1, 1)
    assert chosen.regions[0].mask == timeline.scene.regions[0].candidates[1][0]
    assert actions.remove_region(chosen, 1).regions == ()
    assert actions.remove_region(chosen, 1).next_id == 2
    for wrong in (
        lambda: actions.choose_mask(timeline.scene, 1, 7),
        lambda: actions.unclick(assistant, timeline, 1, 9),
        lambda: actions.remove_region(timeline.scene, 5),
        lambda: actions.select(timeline.scene, 5),
        lambda: actions.box(assistant, Timeline(), Box(0, 0, 5, 5)),
    ):
        with pytest.raises(DemoError):
            wrong()


@pytest.mark.parametrize("kind", downloads.KINDS)
def test_everything_can_be_taken_home(assistant, opened, kind):
    timeline = opened
    for words in ("segment the red ball", "convert the chart to a table"):
        timeline = last(actions.ask(assistant, timeline, words, ReplyOptions()))
    name, content = downloads.export(assistant, timeline, kind)
    match Path(name).suffix:
        case ".png":
            assert Image.open(io.BytesIO(content)).size == (200, 200)
        case ".csv":
            assert content.decode().startswith("fruit,count\n")
        case ".json":
            assert len(json.loads(content)["annotations"]) == 1
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = archive.namelist()
            assert "session.json" in names if kind in ("session", "visit") else names == ["1-red-ball.png"]


@pytest.mark.parametrize("kind", ["drawn", "masks", "cut-outs", "table", "coco", "rubbish"])
def test_what_is_not_there_cannot_be_taken_home(assistant, kind):
    with pytest.raises(DemoError):
        downloads.export(assistant, Timeline(), kind)


def test_a_session_goes_on_where_it_was(assistant, opened, tmp_path):
    timeline = last(actions.ask(assistant, opened, "segment the red ball", ReplyOptions()))
    path = tmp_path / "any name"
    path.write_bytes(downloads.export(assistant, timeline, "visit")[1])
    assert actions.open_file(assistant, path)(Timeline()) == timeline
    path.write_bytes(downloads.export(assistant, timeline, "session")[1])
    alone = actions.open_file(assistant, path)(Timeline())
    assert alone.scene == timeline.scene
    assert len(alone.steps) < len(timeline.steps)
    path.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DemoError):
        actions.open_file(assistant, path)


def test_another_painting_can_be_chosen(assistant, opened):
    options = ReplyOptions(candidates=2, tries=1, steps=2)
    timeline = last(actions.ask(assistant, opened, "replace the red ball with a star", options))
    first, second = render.paintings(timeline.scene)
    assert timeline.scene.picture == first
    chosen = actions.choose_painting(assistant, timeline, 1)
    assert chosen.scene.picture == second
    with pytest.raises(DemoError, match="no painting"):
        actions.choose_painting(assistant, timeline, 5)


def offered(words: str) -> bool:
    """Whether a suggestion, filled in, says it."""
    return any(re.fullmatch(re.escape(chip).replace(r"\.\.\.", ".+"), words) for chip in suggestions())


def test_every_ability_is_suggested():
    # an open question needs no suggestion: it is what the text field is for
    suggested = {name for names in suggestions().values() for name in names}
    assert suggested == {name for name, ability in ABILITIES.items() if ability.prompt} - {"ask"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("Where is the search button?", request.Find("search button", "screen")),
        ("Describe the picture with boxes", request.WholePicture("grounded_caption")),
        ("Name every object", request.WholePicture("dense")),
        ("Describe the picture in one sentence", request.WholePicture("caption")),
        ("Describe the picture in detail", request.WholePicture("detail")),
        ("Segment everything", request.Everything()),
        ("Read all the text", request.WholePicture("text")),
        ("Show the layout of the page", request.WholePicture("layout")),
        ("Convert the chart to a table", request.WholePicture("chart")),
        ("What is odd here?", request.WholePicture("odd")),
        ("Find the red ball", request.Find("red ball")),
        ("Find all balls", request.Find("balls", "detect")),
        (
            "Find the red ball left of the blue cup",
            request.Find("red ball left of the blue cup", "relation"),
        ),
    ],
)
def test_a_suggestion_is_understood_as_what_it_offers(words, meant):
    assert offered(words)
    assert understand(words, Scene()).requests == (meant,)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Segment the red ball", request.Outline),
        ("Show the pose of everyone", request.Pose),
        ("How many balls are there?", request.Ask),
        ("What is #1?", request.Describe),
        ("What is the relationship between #1 and #2?", request.Marks),
        ("Remove the red ball", request.Edit),
        ("Make it blue", request.Edit),
        ("Replace the red ball with a star", request.Edit),
        ("Change the background to a beach", request.Edit),
    ],
)
def test_a_suggestion_about_things_is_understood(words, kind):
    assert offered(words)
    scene = Scene(regions=(region(1, SMALL, masked=True), region(2, LARGE, masked=True)), selected=1)
    assert [type(one) for one in understand(words, scene).requests] == [kind]


def test_a_failed_start_is_told_to_whoever_asks(assistant):
    def refuse():
        raise MissingCapability("It needs 23 GB and 0 are there: choose a smaller one.")

    def break_down():
        raise RuntimeError("secret path")

    assert Startup(lambda: assistant, "nano").run().assistant() is assistant
    with pytest.raises(DemoError, match="23 GB"):
        Startup(refuse, "nano").run().assistant()
    with pytest.raises(DemoError, match="could not be loaded") as told:
        Startup(break_down, "nano").run().assistant()
    assert "secret" not in str(told.value)


def test_a_mask_becomes_the_selected_region(assistant, drawing, tmp_path):
    Image.fromarray(np.eye(200, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    change = actions.use_mask(tmp_path / "mask.png")
    timeline = change(Timeline().push(assistant.open(drawing)))
    assert (timeline.scene.selected, timeline.scene.regions[0].source) == (1, "mask")
    with pytest.raises(DemoError, match="needs a picture"):
        change(Timeline())
