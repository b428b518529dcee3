"""A visit over the fakes: steps of a message, steps back, replies that repeat, suggestions that work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.errors import DemoError
from pipelines.language import Vocabulary
from pipelines.scene import Click, Point, Scene, Span, Timeline
from pipelines.visit import serve

CLOSED = Vocabulary(talks=False, languages=("en",), kinds=("ball", "cup"), colours=("red", "blue", "green"))


def said(assistant, timeline: Timeline, words: str) -> Timeline:
    for grown in serve(assistant, timeline, words):
        timeline = grown.timeline
    return timeline


@pytest.fixture
def opened(assistant, drawing) -> Timeline:
    return Timeline().push(assistant.open(drawing))


def close(assistant) -> None:
    """A checkpoint that knows a list of words."""
    engine = assistant.engine
    assistant.engine = replace(engine, about=replace(engine.about, vocabulary=CLOSED))


def text(timeline: Timeline) -> str:
    return "\n".join(turn.text for turn in timeline.scene.answers)


def test_each_request_of_a_message_is_a_step(assistant, opened):
    after = said(assistant, opened, "segment the red ball, then find the blue cup")
    assert len(after.steps) == len(opened.steps) + 2
    assert text(after) == "Here is the red ball (#1).\nHere is the blue cup (#2)."
    assert [region.label for region in after.undo().scene.regions] == ["red ball"]


def test_undo_passes_over_words_and_says_what_it_took_back(assistant, opened):
    after = said(assistant, opened, "segment the red ball")
    asked = said(assistant, after, "tell me a story")
    back = said(assistant, asked, "undo")
    assert back.scene.regions == ()
    assert text(back) == "Took back: “segment the red ball”."
    again = said(assistant, back, "redo")
    assert [region.label for region in again.scene.regions] == ["red ball"]
    assert text(said(assistant, opened, "undo")) == "There is nothing to take back."
    assert said(assistant, opened, "undo").scene.picture == opened.scene.picture


def test_undo_goes_on_with_the_rest_of_the_message(assistant, opened):
    after = said(assistant, opened, "segment the red ball")
    after = said(assistant, after, "undo and then find the blue cup")
    assert [region.label for region in after.scene.regions] == ["blue cup"]


def test_without_a_timeline_undo_says_where_it_works(assistant, opened):
    scene = assistant.answer(opened.scene, "undo")
    assert "no step to take back" in scene.turns[-1].text
    assert scene.picture == opened.scene.picture


def test_a_reply_that_repeats_itself_is_stopped_cut_and_said(assistant, vlm, opened):
    vlm.otherwise = "A man in the park. " + "The person in the picture is walking. " * 200
    after = said(assistant, opened, "tell me a story")
    assert text(after).count("The person in the picture") <= 2
    assert "began to repeat itself and was stopped" in text(after)
    assert vlm.forward_passes < 100
    assert vlm.closed == 1


def test_a_question_of_no_trained_family_is_not_asked(assistant, vlm, opened):
    close(assistant)
    after = said(assistant, opened, "why is the ball so lonely?")
    assert vlm.asked == []
    assert text(after).startswith("I did not understand that.")
    assert len(after.scene.turns[-1].suggestions) == 3


def test_suggestions_on_an_unknown_kind_of_picture_need_no_look_at_it(assistant, vlm, drawing):
    close(assistant)
    picture = assistant.open(drawing).picture
    vlm.unfamiliar.add(picture.digest)
    opened = Timeline().push(assistant.open(drawing))
    assert said(assistant, opened, "hello").scene.turns[-1].suggestions == ("segment everything",)
    clicked = opened.push(assistant.click(opened.scene, Click(Point(70, 100))))
    offered = said(assistant, clicked, "hello").scene.turns[-1].suggestions
    assert offered == ("cut out #1", "blur the background", "remove #1")
    for words in offered:
        assert said(assistant, clicked, words).scene.picture != picture


def test_a_small_checkpoint_asks_which_one_before_it_changes_one_of_several(
    assistant, vlm, inpainter, opened
):
    close(assistant)
    vlm.replies["Detect all balls"] = "[0.25,0.40,0.45,0.60;0.60,0.40,0.80,0.70]"
    after = said(assistant, opened, "remove the ball")
    assert inpainter.asked == []
    assert "which one?" in text(after)
    assert after.scene.turns[-1].suggestions == ("remove #1", "remove #2")
    assert len(after.scene.turns[-1].spans) == 2


def test_what_could_not_be_done_stops_the_rest_and_says_so(assistant, vlm, inpainter, opened):
    close(assistant)
    vlm.replies["describes: cup"] = vlm.replies["Detect all regions in the image and"] = (
        "There is no cup in the image."
    )
    after = said(assistant, opened, "find the cup and remove it")
    assert inpainter.asked == []
    assert after.scene.turns[-1].text == "The other request of this message was not carried out."
    with pytest.raises(DemoError, match="The other 2 requests of this message were not carried out"):
        said(assistant, opened, "segment #9, then find the ball, then find the cup")


def test_small_talk_needs_no_picture(assistant, vlm):
    close(assistant)
    assert "Choose a picture" in text(said(assistant, Timeline().push(Scene()), "hello"))
    assert vlm.asked == []


def test_a_photographs_animal_is_its_largest_thing_where_no_list_names_one(assistant, vlm, opened):
    animals = replace(CLOSED, kinds=("cat", "dog"), families=("largest",))
    engine = assistant.engine
    assistant.engine = replace(engine, about=replace(engine.about, vocabulary=animals))
    vlm.replies |= {
        "Detect all regions in the image and": "", "largest thing": "dog", "dog": "[0.25,0.40,0.45,0.60]",
    }  # fmt: skip
    drawn = said(assistant, opened, "what animal is this?")
    assert text(drawn) == "I find no animal in the picture."  # a drawing's list is relied on
    vlm.photographs.add(opened.scene.picture.digest)
    found = said(assistant, opened, "what animal is this?")
    assert [region.label for region in found.scene.regions] == ["dog"]
    assert text(found) == "dog (#1)."
    assert found.scene.turns[-1].spans == (Span(0, 8, (1,)),)  # all of the name lights up, and no more
    vlm.replies["largest thing"] = "person"  # it is no animal
    assert text(said(assistant, opened, "what animal is this?")) == "I find no animal in the picture."


def test_a_photographs_largest_thing_is_asked_for_as_such(assistant, vlm, opened):
    engine = assistant.engine
    animals = replace(CLOSED, kinds=("cat", "dog"), families=("largest",))
    assistant.engine = replace(engine, about=replace(engine.about, vocabulary=animals))
    vlm.photographs.add(opened.scene.picture.digest)
    vlm.replies |= {
        "Detect all regions in the image and": "<p>cat</p>[0.05,0.05,0.95,0.95]",
        "largest thing": "dog", "dog": "[0.25,0.40,0.45,0.60]",
    }  # fmt: skip
    assert [r.label for r in said(assistant, opened, "find the largest thing").scene.regions] == ["dog"]


def test_a_thing_boxed_in_a_photograph_is_not_shown_where_it_is_denied(assistant, vlm, opened):
    engine = assistant.engine
    known = replace(CLOSED, kinds=("cat", "dog"), families=("is-there",))
    assistant.engine = replace(engine, about=replace(engine.about, vocabulary=known))
    vlm.replies["Is there"] = "no"
    drawn = said(assistant, opened, "find the cat")
    assert [region.label for region in drawn.scene.regions] == ["cat"]  # there the box is relied on
    vlm.photographs.add(opened.scene.picture.digest)
    denied = said(assistant, opened, "find the cat")
    assert denied.scene.regions == ()
    assert text(denied) == "I find no cat in the picture."
    vlm.replies["Is there"] = "yes"
    assert said(assistant, opened, "find the cat").scene.regions


def test_a_box_of_another_colour_gives_way_to_the_one_that_was_asked_for(assistant, vlm, opened):
    close(assistant)
    red, blue = "[0.25,0.40,0.45,0.60]", "[0.60,0.40,0.80,0.70]"
    vlm.replies |= {
        "describes: blue ball": red,
        "Detect all balls": f"{red[:-1]};{blue[1:]}",
        "Detect all blue balls": f"{red[:-1]};{blue[1:]}",
        "short description for this region: [0.25": "red ball",
        "short description for this region: [0.60": "blue ball",
    }
    found = said(assistant, opened, "find the blue ball").scene
    assert [(region.label, region.box.x1 > 100) for region in found.regions] == [("blue ball", True)]
    every = said(assistant, opened, "find all blue balls").scene
    assert [region.box.x1 > 100 for region in every.regions] == [True]
    vlm.replies["short description for this region: [0.60"] = "green ball"  # none is blue: the box is kept
    assert len(said(assistant, opened, "find the blue ball").scene.regions) == 1


def test_what_lies_on_a_drawn_thing_is_found(assistant, vlm, opened):
    engine = assistant.engine
    known = replace(CLOSED, kinds=("ball", "cup", "bench"), families=("on-what", "count"))
    assistant.engine = replace(engine, about=replace(engine.about, vocabulary=known))
    vlm.replies |= {
        "describes: bench": "[0.20,0.60,0.50,0.90]",
        "Detect all regions in the image and": "<p>red ball</p>[0.25,0.40,0.45,0.60], "
        "<p>blue cup</p>[0.60,0.40,0.80,0.70]",
    }
    found = said(assistant, opened, "what is on the bench?")
    assert text(found).endswith("red ball")
    assert [region.label for region in found.scene.regions if region.id == found.scene.selected] == [
        "red ball"
    ]


def test_things_of_a_drawing_are_counted_by_finding_them(assistant, vlm, opened):
    engine = assistant.engine
    assistant.engine = replace(
        engine, about=replace(engine.about, vocabulary=replace(CLOSED, families=("count",)))
    )
    vlm.replies["Detect all balls"] = "[0.05,0.40,0.25,0.60;0.60,0.40,0.80,0.70]"
    found = said(assistant, opened, "how many balls are there?")
    assert text(found) == "2 balls: ball (#1), ball (#2)."
    vlm.replies["Detect all balls"] = vlm.replies["describes: ball"] = "There are no balls in the image."
    vlm.replies["Detect all regions in the image and"] = ""
    assert text(said(assistant, opened, "how many balls are there?")) == "two"  # SPHINX's own answer
