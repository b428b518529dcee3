"""The faults of SPHINX's own demo and of those around it, each with the test that would have caught it.

Those of the page itself are in tests/app; those of the vision-language model's memory in test_sphinx.py.
"""

import numpy as np
import pytest
from PIL import Image

from pipelines.draw import colour, draw
from pipelines.scene import Box, Timeline


def answer(assistant, drawing, raw, words="find the red ball"):
    assistant.engine.vlm.replies["describes:"] = raw
    return assistant.answer(assistant.open(drawing), words)


def test_whole_numbers_are_numbers(assistant, drawing):
    # the original drops numbers without a point, and draws what is left of the box as a key point
    (region,) = answer(assistant, drawing, "[0,0.10,1,0.50]").regions
    assert region.box == Box(0, 20, 200, 100)
    assert "whole numbers" in str(region.note)


@pytest.mark.parametrize("raw", ["[0.5]", "[0.1,0.2,0.3]", "<p>ball</p>[0.5]", "<p>ball</p>[0.1,0.2,0.3]"])
def test_lists_of_a_wrong_length_are_said(assistant, drawing, raw):
    scene = answer(assistant, drawing, raw)
    assert scene.regions == ()
    assert "left out" in scene.turns[-1].text


def test_boxes_are_clipped_and_it_is_said(assistant, drawing):
    (region,) = answer(assistant, drawing, "[-0.10,0.20,1.30,0.40]").regions
    assert region.box == Box(0, 40, 200, 80)
    assert "edge" in str(region.note)


def test_coordinates_are_those_of_the_picture_not_of_the_square(assistant):
    # a wide picture: the padded square is 400 x 400, the picture its middle 100 rows
    wide = Image.new("RGB", (400, 100), "white")
    (region,) = answer(assistant, wide, "[0.25,0.45,0.50,0.55]").regions
    assert region.box == Box(100, 30, 200, 70)
    tall = Image.new("RGB", (100, 400), "white")
    (region,) = answer(assistant, tall, "[0.45,0.25,0.55,0.50]").regions
    assert region.box == Box(30, 100, 70, 200)


def test_several_people_have_a_skeleton_each(assistant, drawing):
    scene = assistant.answer(assistant.open(drawing), "pose of everyone")
    assert len([region for region in scene.regions if region.keypoints]) == 2


def test_a_colour_belongs_to_its_region(assistant, drawing):
    # the original colours from the last phrase to the first, so that each new phrase changes all colours
    one = assistant.answer(assistant.open(drawing), "find the red ball")
    two = assistant.answer(one, "find the blue cup")
    assert [region.id for region in two.regions] == [1, 2]
    edge = (50, 119)
    assert draw(drawing, one).getpixel(edge) == draw(drawing, two).getpixel(edge) == colour(1)


def test_undo_takes_the_drawing_back_too(assistant, drawing):
    timeline = Timeline().push(assistant.open(drawing))
    timeline = timeline.push(assistant.answer(timeline.scene, "segment the red ball"))
    back = timeline.undo().scene
    assert back.regions == ()
    assert draw(drawing, back).tobytes() == drawing.tobytes()
    assert timeline.undo().redo().scene.regions


def test_who_leaves_stops_the_model(assistant, vlm, drawing):
    steps = assistant.reply(assistant.open(drawing), "tell me a long story")
    for _ in range(4):
        next(steps)
    passes = vlm.forward_passes
    del steps  # the visitor's tab is closed: nobody calls close()
    assert vlm.closed == 1
    assert vlm.forward_passes == passes


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
def test_pictures_of_any_mode_are_answered_and_outlined(assistant, drawing, mode):
    picture = drawing.convert("L").convert("I;16") if mode == "I;16" else drawing.convert(mode)
    scene = assistant.answer(assistant.open(picture), "segment the red ball")
    assert scene.regions[0].mask


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (6000, 4000)])
def test_pictures_of_any_size_are_answered_and_outlined(assistant, size):
    scene = assistant.open(Image.new("RGB", size, "grey"))
    assistant.engine.vlm.replies["describes:"] = "[0.00,0.00,0.99,0.99]"
    scene = assistant.answer(scene, "segment the red ball")
    (region,) = scene.regions
    assert region.mask
    assert region.mask.array(size).shape == (size[1], size[0])
    assert draw(assistant.image(scene.picture), scene).size == size


def test_nothing_is_painted_outside_the_mask(assistant, drawing):
    scene = assistant.answer(assistant.open(drawing), "segment the red ball")
    after = assistant.answer(scene, "replace it with a star")
    changed = np.any(np.asarray(assistant.image(after.picture)) != np.asarray(drawing), axis=2)
    assert changed[100, 70]
    assert not changed[:, 100:].any()


def test_raw_markup_is_text(assistant, drawing):
    # escaping is the page's: here nothing may be lost or interpreted
    assistant.engine.vlm.otherwise = "<b>bold</b> & <img src=x>"
    scene = assistant.answer(assistant.open(drawing), "tell me")
    assert scene.turns[-1].text == "<b>bold</b> & <img src=x>"
