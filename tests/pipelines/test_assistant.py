"""The assistant over the three fakes: every road of a request, without any model."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import DemoError
from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.interfaces import TRIES, InpaintOptions, Painting, ReplyOptions
from pipelines.scene import Box, Click, Keypoint, Mask, Point, Region, Scene


def last(assistant, scene, words, **options) -> Scene:
    return assistant.answer(scene, words, options=ReplyOptions(**options))


def region(scene, number) -> Region:
    found = scene.region(number)
    assert found
    return found


def area(scene, number) -> int:
    mask = region(scene, number).mask
    assert mask
    return mask.area


def said(scene) -> str:
    return scene.turns[-1].text


def test_a_question_streams_growing_scenes(assistant, drawing):
    scene = assistant.open(drawing)
    texts = [step.turns[-1].text for step in assistant.reply(scene, "tell me a story")]
    assert texts[0] == "tell me a story"
    assert texts[-1] == "This is a fake answer with several words in it."
    assert len(texts) > 5
    assert all(texts[-1].startswith(text.rstrip()) for text in texts[1:])


def test_find_names_a_region(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "find the red ball")
    (found,) = scene.regions
    assert (found.id, found.label, found.box) == (1, "red ball", Box(50, 80, 90, 120))
    turn = scene.turns[-1]
    assert turn.text == "Here is the red ball (#1)."
    assert [turn.text[span.start : span.end] for span in turn.spans] == ["red ball (#1)"]
    assert turn.spans[0].region_ids == (1,)
    assert turn.raw == "[0.25,0.40,0.45,0.60]"
    assert scene.selected == 1
    assert not turn.unfinished


def test_segment_finds_and_outlines(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "please segment the red ball")
    (found,) = scene.regions
    assert found.mask
    assert found.score == 0.9
    assert [score for _, score in found.candidates] == [0.9, 0.5]
    assert found.mask.box == found.prompt_box == Box(50, 80, 90, 120)


def test_a_mask_may_leave_the_box_of_words_but_not_one_that_a_visitor_draws(assistant, segmenter, drawing):
    asked, outline = [], segmenter.outline

    def beyond(image, digest, **named):
        asked.append((named["confined"], named["neighbours"]))
        return outline(image, digest, box=named["box"].grown(0.1).within(image.size))

    segmenter.outline = beyond
    scene = assistant.open(drawing)
    lid = Region(2, "lid", Box(50, 60, 90, 82))
    words = assistant.engine.outline(scene.picture, Region(1, "ball", Box(50, 80, 90, 120)), [lid])
    assert asked[-1] == (False, [lid.box])
    assert words.prompt_box == words.mask.box == Box(46, 76, 94, 124)  # a later click keeps all of it
    assistant.box(scene, Box(10, 10, 60, 60))
    assert asked[-1] == (True, [])


def test_absent_things_get_no_box(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "find the purple elephant")
    assert scene.regions == ()
    assert "no purple elephant" in said(scene)
    scene = last(assistant, scene, "segment the purple elephant")
    assert scene.regions == ()


def test_numbers_survive_turns(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "find the blue cup")
    scene = last(assistant, scene, "find the red ball")
    scene = last(assistant, scene, "find the blue cup")
    assert [(found.id, found.label) for found in scene.regions] == [(1, "blue cup"), (2, "red ball")]
    scene = last(assistant, scene, "segment it")
    assert region(scene, 1).mask
    assert not region(scene, 2).mask


def test_a_region_that_moved_a_little_keeps_its_number(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "find the red ball")
    vlm.replies["describes:"] = "[0.26,0.40,0.46,0.60]"
    assert len(last(assistant, scene, "find the red ball").regions) == 1
    vlm.replies["describes:"] = "[0.46,0.40,0.66,0.60]"
    assert [r.id for r in last(assistant, scene, "find the red ball").regions] == [1, 2]


def test_a_region_by_a_shorter_name_keeps_its_number(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "find the red ball")
    scene = last(assistant, scene, "find the ball")
    assert [(found.id, found.label) for found in scene.regions] == [(1, "red ball")]
    # another thing at the same place is another region
    assert len(last(assistant, scene, "find the face").regions) == 2


def test_numbers_survive_edits(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "name every object")
    scene = last(assistant, scene, "segment #2")
    scene = last(assistant, scene, "remove #1")
    assert [(found.id, found.label) for found in scene.regions] == [(2, "blue cup")]
    scene = last(assistant, scene, "make #2 green")
    assert [(found.id, found.label) for found in scene.regions] == [(2, "green cup")]
    scene = last(assistant, scene, "find the blue cup")
    assert [found.id for found in scene.regions] == [2]
    # a number that was given back is not given away again
    assert [found.id for found in last(assistant, scene, "find the red ball").regions] == [2, 3]
    last(assistant, scene, "is @2 large?")
    assert vlm.asked[-1].startswith("Is the green cup large?")


@pytest.mark.parametrize(
    "words",
    [
        "what colour is it?",
        "segment the blue cup",
        "show the pose of everyone",
        "segment everything",
        "what is the relationship between #1 and #2?",
        "remove it",
        "grow #1",
    ],
)
def test_all_but_the_last_scene_are_unfinished(assistant, drawing, words):
    scene = last(assistant, last(assistant, assistant.open(drawing), "name every object"), "segment #1")
    first, *growing, done = assistant.reply(scene, words)
    assert first.turns[-1].role == "user"
    assert growing or words in ("grow #1", "segment the blue cup")  # which are over at once
    assert all(step.turns[-1].unfinished for step in growing)
    assert not any(turn.unfinished for turn in done.turns)


def test_dense_layout_and_text_are_lists(assistant, drawing):
    scene = assistant.open(drawing)
    dense = last(assistant, scene, "name every object")
    assert said(dense) == "red ball (#1)\nblue cup (#2)"
    assert [found.label for found in dense.regions] == ["red ball", "blue cup"]
    assert [r.label for r in last(assistant, scene, "show the layout of this page").regions] == [
        "title",
        "text",
    ]
    assert [r.label for r in last(assistant, scene, "read the text").regions] == ["STOP"]


def test_a_grounded_caption_ties_words_to_regions(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "describe the image with bounding boxes")
    turn = scene.turns[-1]
    assert turn.text == "A red ball beside a blue cup."
    assert [(turn.text[s.start : s.end], s.region_ids) for s in turn.spans] == [
        ("red ball", (1,)),
        ("blue cup", (2,)),
    ]


def test_a_chart_becomes_a_table(assistant, drawing):
    turn = last(assistant, assistant.open(drawing), "turn the chart into a table").turns[-1]
    assert turn.table == (("fruit", "count"), ("apples", "3"), ("pears", "5"))


def test_poses_of_several_people(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "show everyone's pose")
    assert len(scene.regions) == 2
    for person in scene.regions:
        assert person.keypoints
        assert len(person.keypoints) == 17
        assert person.keypoints[0] == Keypoint("nose", Point(70, 90), 2)
        assert person.keypoints[5].visible == 0


def test_marks_and_regions(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "name every object")
    scene = last(assistant, scene, "what is the relationship between #1 and #2?")
    assert said(scene) == "#1 red ball, #2 blue cup"
    assert [span.region_ids for span in scene.turns[-1].spans] == [(1,), (2,)]


def test_a_clicked_region_is_named_by_asking(assistant, drawing):
    scene = assistant.click(assistant.open(drawing), Click(Point(70, 100)))
    scene = last(assistant, scene, "what is this?")
    assert said(scene) == "#1: red ball"
    assert region(scene, 1).label == "red ball"


def test_it_is_named_in_the_question(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "find the blue cup")
    last(assistant, scene, "what colour is it?")
    assert vlm.asked[-1].startswith("What colour is the blue cup?")
    last(assistant, scene, "is #1 large?")
    assert vlm.asked[-1].startswith("Is the blue cup large?")


def test_the_conversation_is_told_again(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "tell me a story")
    last(assistant, scene, "tell me another story")
    assert vlm.turns[-1] == (("Tell me a story", vlm.otherwise),)


def test_chat_without_a_picture(assistant):
    scene = last(assistant, Scene(), "tell me a joke")
    assert said(scene).startswith("This is a fake answer")
    with pytest.raises(DemoError, match="no picture"):
        last(assistant, Scene(), "find the red ball")


def test_clicks_add_and_take_away(assistant, drawing):
    scene = assistant.click(assistant.open(drawing), Click(Point(70, 100)))
    whole = area(scene, 1)
    scene = assistant.click(scene, Click(Point(80, 100), False), region_id=1)
    assert area(scene, 1) < whole
    assert len(scene.regions) == 1
    scene = assistant.unclick(scene, 1, 1)
    assert area(scene, 1) == whole
    assert assistant.unclick(scene, 1, 0).regions == ()


def test_boxes_and_candidates(assistant, drawing):
    scene = assistant.box(assistant.open(drawing), Box(-5, 80, 90, 500))
    assert region(scene, 1).prompt_box == Box(0, 80, 90, 200)
    chosen = assistant.choose(scene, 1, 1)
    assert area(chosen, 1) < area(scene, 1)
    with pytest.raises(DemoError, match="choose"):
        assistant.choose(scene, 1, 7)


@pytest.mark.parametrize(
    "words",
    ["segment it", "segment #9", "describe #4", "remove #9", "grow it", "join #1 and #2", "", "make it blue"],
)
def test_what_is_not_there_is_explained(assistant, drawing, words):
    with pytest.raises(DemoError) as error:
        last(assistant, assistant.open(drawing), words)
    assert len(str(error.value)) > 20


def test_masks_grow_shrink_join_and_subtract(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    scene = last(assistant, scene, "segment the blue cup")
    ball, cup = area(scene, 1), area(scene, 2)
    assert area(last(assistant, scene, "grow #1 by 5 pixels"), 1) > ball
    assert area(last(assistant, scene, "shrink #1 by 5 pixels"), 1) < ball
    joined = last(assistant, scene, "join #1 and #2")
    assert area(joined, 1) == ball + cup
    assert joined.region(2) is None
    parted = last(assistant, joined, "segment the blue cup")
    assert parted.regions[-1].id == 3
    assert area(last(assistant, parted, "subtract #3 from #1"), 1) == ball
    with pytest.raises(DemoError, match="left"):
        last(assistant, scene, "shrink #1 by 100 pixels")


def test_everything(assistant, segmenter, drawing):
    def fill(image, digest, *, box=None, clicks=()):
        pixels = np.asarray(image).astype(int)
        (x, y), _ = clicks[0]
        same = np.abs(pixels - pixels[y, x]).sum(axis=2) < 9
        blot = np.zeros((200, 200), bool)
        blot[max(0, y - 15) : y + 15, max(0, x - 15) : x + 15] = True
        # a patch around the click, as a segmenter gives one on plain ground, and what is really there
        return ((Mask.from_array(blot), 0.95), (Mask.from_array(same), 0.8))

    segmenter.outline = fill
    steps = list(assistant.reply(assistant.open(drawing), "segment everything"))
    scene = steps[-1]
    assert [found.source for found in scene.regions] == ["everything"] * 2
    assert {tuple(found.box) for found in scene.regions} == {(50, 80, 90, 120), (120, 80, 160, 140)}
    assert "%" in steps[3].turns[-1].text
    again = assistant.answer(scene, "segment everything")
    assert len(again.regions) == 2


def test_remove(assistant, inpainter, drawing):
    scene = last(assistant, assistant.open(drawing), "find the blue cup")
    before = scene.picture
    scene = last(assistant, scene, "remove the red ball")
    assert scene.picture != before
    assert [found.label for found in scene.regions] == ["blue cup"]
    assert inpainter.asked[0][0] == ""
    assert said(scene).startswith("Removed red ball (#2) (by fake-inpainter).")
    assert "may still be there" in said(scene)  # the fake always sees a red ball
    assert len([turn for turn in scene.turns if turn.role == "user"]) == 2
    changed = np.any(
        np.asarray(assistant.image(before)) != np.asarray(assistant.image(scene.picture)), axis=2
    )
    assert changed[100, 70]
    assert not changed[:60].any()


def test_recolour_and_replace(assistant, inpainter, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    blue = last(assistant, scene, "make it blue")
    assert inpainter.asked[-1][0] == "blue ball"
    assert region(blue, 1).label == "blue ball"
    assert "not what was wished for" in said(blue)
    vlm.replies["short description for this region"] = "large blue star"
    dials = {"seed": 3, "steps": 4, "guidance": 5.0, "negative": "text"}
    star = last(assistant, scene, "replace the red ball with a blue star", candidates=2, **dials)
    assert len(star.turns[-1].pictures) == 2
    assert inpainter.asked[-2:] == [
        ("blue star", InpaintOptions(**dials)),
        ("blue star", InpaintOptions(**{**dials, "seed": 4})),
    ]
    assert "the wish came true" in said(star)
    # the question must not hold the answer
    assert vlm.asked[-1].startswith("Please provide a short description for this region: [")
    assert region(star, 1).source == "edit"


@pytest.mark.parametrize(
    ("named", "verdict"),
    [
        ("blue ball", "“blue ball”: the wish came true."),
        ("small blue ball beside a green cup", "“small blue ball beside a green cup”: the wish came true."),
        ("green teapot", "“green teapot”: not what was wished for, try another seed."),
        ("red and blue ball", "“red and blue ball”: not what was wished for, try another seed."),
        ("blue teapot", "SPHINX now sees there: “blue teapot”."),  # of what was recoloured it tells nothing
        ("ball", "SPHINX now sees there: “ball”."),
        ("", "SPHINX now sees there: “nothing”."),
    ],
)
def test_a_recolour_came_true_where_sphinx_names_the_thing_and_that_colour_alone(
    assistant, vlm, drawing, named, verdict
):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    vlm.replies["short description for this region"] = named
    assert said(last(assistant, scene, "make it blue", tries=1)).endswith(verdict)


def test_each_of_several_that_were_recoloured_is_asked_about(assistant, vlm, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    scene = last(assistant, scene, "segment the blue cup")
    vlm.replies["short description for this region"] = "green ball"
    asked = len(vlm.asked)
    after = last(assistant, scene, "make #1 and #2 green")
    assert sum("short description" in question for question in vlm.asked[asked:]) == 2
    assert "came true" not in said(after)  # the cup is called a ball


def test_a_replacement_may_use_the_old_things_box_but_no_other_region(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    mask = region(scene, 1).mask
    assert mask
    ball = mask.array(drawing.size)
    upper = ball & (np.arange(drawing.height)[:, None] < np.flatnonzero(ball.any(1)).mean())
    other = Region(2, "lid", Mask.from_array(upper).box, Mask.from_array(upper))
    scene = last(assistant, scene.with_region(other), "replace #1 with a star")
    changed = np.any(np.asarray(assistant.image(scene.picture)) != np.asarray(drawing), axis=2)
    assert not changed[upper].any()
    assert changed[ball & ~upper].any()
    beside = changed & ~ball
    assert beside.any()  # the box is grown: a new thing has an outline of its own


def test_the_background(assistant, inpainter, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    after = last(assistant, scene, "change the background to a beach")
    assert inpainter.asked[-1][0] == "beach"
    assert assistant.image(after.picture).getpixel((70, 100)) == (220, 30, 30)
    assert assistant.image(after.picture).getpixel((5, 5)) != (128, 128, 128)
    assert region(after, 1).mask == region(scene, 1).mask


def test_no_thing_is_lost_with_the_background(assistant, inpainter, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    after = last(assistant, scene, "change the background to a beach")
    assert [one.label for one in after.regions] == ["red ball", "blue cup"]
    assert assistant.image(after.picture).getpixel((140, 110)) == (30, 30, 220)
    assert after.turns[-1].text.startswith("Changed the background")


def test_what_should_stay_is_asked_once_on_an_unknown_kind_of_picture(assistant, vlm, inpainter, drawing):
    vlm.in_distribution = lambda image, digest: False
    opened = assistant.open(drawing)
    with pytest.raises(DemoError, match="What should stay"):
        last(assistant, opened, "change the background to a beach")
    scene = assistant.click(opened, Click(Point(70, 100)))
    asked = last(assistant, scene, "change the background to a beach")
    assert asked.picture == opened.picture
    assert inpainter.asked == []
    assert asked.turns[-1].spans[0].region_ids == (1,)
    more = assistant.click(asked, Click(Point(140, 110)))
    after = last(assistant, more, "change the background to a beach")
    assert after.picture != opened.picture
    assert assistant.image(after.picture).getpixel((140, 110)) == (30, 30, 220)


def test_on_an_unknown_kind_of_picture_the_pixels_alone_judge(assistant, vlm, drawing):
    vlm.in_distribution = lambda image, digest: False
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    record = scene.turns[-1].record
    assert record
    assert ("guess", "the model knows pictures of this kind little or not at all") in record.details
    looked = len(vlm.asked)
    after = last(assistant, scene, "remove it")
    assert len(vlm.asked) == looked
    assert "knows little of pictures of this kind" in after.turns[-1].text
    assert "came true" not in after.turns[-1].text


def test_a_phrase_is_gone_only_when_it_is_nowhere(assistant, vlm, drawing):
    vlm.replies["short description for this region"] = "nothing"
    opened = assistant.open(drawing)
    after = last(assistant, opened, "remove the red ball", tries=1)  # the fake boxes it for ever
    assert said(after).endswith("SPHINX sees nothing there now, but I still find a red ball in the picture.")
    after = last(assistant, last(assistant, opened, "find the red ball"), "remove it", tries=1)
    assert said(after).endswith("SPHINX sees nothing there now: the wish came true.")


@pytest.mark.parametrize(("drawn", "chosen", "views"), [(True, None, 5), (False, None, 1), (False, 5, 5)])
def test_a_record_tells_with_how_many_views_a_picture_was_looked_at(
    assistant, vlm, drawing, drawn, chosen, views
):
    about = replace(assistant.about, views=5, photo_views=1)
    assistant.engine = replace(assistant.engine, about=about)
    vlm.is_drawn = lambda image, digest: drawn
    record = last(assistant, assistant.open(drawing), "tell me a story", views=chosen).turns[-1].record
    assert record
    assert dict(record.details)["views"] == str(views)


def test_several_paintings_are_offered(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    scene = last(assistant, scene, "replace it with a star", candidates=3)
    offered = scene.turns[-1].pictures
    assert len(set(offered)) == 3
    assert scene.picture == offered[0]
    assert assistant.choose_painting(scene, offered[2]).picture == offered[2]
    with pytest.raises(DemoError, match="not one of"):
        assistant.choose_painting(scene, assistant.open(drawing).picture)


@pytest.fixture
def seen_at(vlm, inpainter, monkeypatch):
    """Lets SPHINX see a blue star in the paintings of some seeds only."""
    paint, seeds = inpainter.paint, set()

    def painted(*arguments, options):
        vlm.replies["short description for this region"] = (
            "blue star" if options.seed in seeds else "blue balloon"
        )
        return paint(*arguments, options=options)

    monkeypatch.setattr(inpainter, "paint", painted)
    return seeds


def test_what_did_not_come_true_is_painted_again(assistant, inpainter, seen_at, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    seen_at.add(6)
    steps = list(assistant.reply(scene, "replace #1 with a blue star", options=ReplyOptions(seed=5, steps=4)))
    assert [options.seed for _, options in inpainter.asked] == [5, 6]
    assert said(steps[-1]).endswith("“blue star”: the wish came true, after 2 paintings.")
    offered = steps[-1].turns[-1].pictures
    assert (len(offered), offered[0]) == (2, steps[-1].picture)
    assert assistant.image(steps[-1].picture).getpixel((70, 100)) == (46, 60, 220)
    record = steps[-1].turns[-1].record
    assert record
    assert record.seed == 6  # which gives this painting at once
    again = [step for step in steps if "Painting no. 2" in said(step)]
    assert "“blue balloon”: not what was wished for" in said(again[0])
    # whoever stops now keeps the first painting, and no preview
    assert {step.picture for step in again} == {offered[1]}


def test_paintings_end_with_the_tries(assistant, inpainter, seen_at, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    after = last(assistant, scene, "replace #1 with a blue star", steps=2)
    assert len(inpainter.asked) == len(after.turns[-1].pictures) == TRIES
    assert said(after).endswith(f"not what was wished for, after {TRIES} paintings, try another seed.")
    assert after.picture == after.turns[-1].pictures[0]
    assert assistant.image(after.picture).getpixel((70, 100)) == (40, 60, 220)  # of the first seed
    after = last(assistant, scene, "replace #1 with a blue star", steps=2, tries=1)
    assert len(inpainter.asked) == TRIES + 1
    assert after.turns[-1].pictures == ()


def test_of_paintings_to_choose_from_the_one_that_came_true_is_shown(assistant, inpainter, seen_at, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    seen_at |= {1, 2}
    after = last(assistant, scene, "replace #1 with a blue star", steps=2, candidates=4)
    assert len(inpainter.asked) == len(after.turns[-1].pictures) == 4
    assert assistant.image(after.picture).getpixel((70, 100)) == (41, 60, 220)


def test_what_no_seed_changes_is_not_painted_again(assistant, drawing):
    assistant.engine = replace(assistant.engine, inpainter=OpenCVInpainter())
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    after = last(assistant, scene, "make it blue")  # the fake still sees a red ball
    assert "not what was wished for, try another seed" in said(after)
    assert after.turns[-1].pictures == ()


def test_a_painting_is_watched_as_it_grows(assistant, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    steps = list(assistant.reply(scene, "replace it with a star", options=ReplyOptions(steps=6, tries=1)))
    told = [step.turns[-1].text for step in steps]
    assert [text for text in told if "step" in text] == [f"Painting, step {i} of 6 …" for i in range(6)]
    previewed = steps[told.index("Painting, step 3 of 6 …")].picture
    assert previewed != scene.picture


def test_removing_without_a_painting_model_says_so(assistant, drawing):
    assistant.engine = replace(assistant.engine, inpainter=OpenCVInpainter())
    scene = last(assistant, assistant.open(drawing), "remove the red ball")
    assert "(by OpenCV, no painting model)" in said(scene)
    with pytest.raises(DemoError, match="--inpainter"):
        last(assistant, scene, "replace the blue cup with a star")


def test_a_painting_can_be_cancelled(assistant, inpainter, drawing):
    scene = last(assistant, assistant.open(drawing), "segment the red ball")
    closed = []

    def slow(image, mask, wish, *, options):
        try:
            for step in range(1, 20):
                yield Painting(step, 20, image)
        finally:
            closed.append(True)

    inpainter.paint = slow
    steps = assistant.reply(scene, "remove it")
    for step in steps:
        if "step 3" in step.turns[-1].text:
            break
    steps.close()
    assert closed == [True]


def test_closing_stops_the_model_at_once(assistant, vlm, drawing):
    vlm.otherwise = "word " * 200
    scenes = assistant.reply(assistant.open(drawing), "tell me a story")
    for _ in range(4):
        next(scenes)
    passes = vlm.forward_passes
    scenes.close()
    assert vlm.forward_passes == passes
    assert vlm.closed == 1


def test_an_unfamiliar_picture_is_said(assistant, vlm, drawing):
    scene = assistant.open(drawing)
    assert scene.turns == ()
    vlm.unfamiliar.add(scene.picture.digest)
    (notice,) = assistant.open(drawing).turns
    assert notice.role == "notice"
    assert "Clicks" in notice.text


def test_what_is_known_of_photographs_is_said_when_one_is_opened(assistant, vlm, drawing):
    about = replace(assistant.about, photographs="Half of photographs are named rightly.")
    assistant.engine = replace(assistant.engine, about=about)
    scene = assistant.open(drawing)
    assert scene.turns == ()
    vlm.photographs.add(scene.picture.digest)
    scene = assistant.open(drawing)
    (notice,) = scene.turns
    assert (notice.role, notice.text) == ("notice", about.photographs)
    record = last(assistant, scene, "find the red ball").turns[-1].record
    assert record
    assert "guess" in dict(record.details)


def test_an_untrained_ability_is_said(assistant, drawing):
    about = replace(assistant.about, untrained={"pose": "OKS 0.1"})
    assistant.engine = replace(assistant.engine, about=about)
    scene = last(assistant, assistant.open(drawing), "show the pose of everyone")
    notices = [turn.text for turn in scene.turns if turn.role == "notice"]
    assert notices == [
        "fake-sphinx was not trained for this, or learned it badly (pose): take it as a guess. "
        "Measured: OKS 0.1."
    ]


def test_notes_say_what_was_mended(assistant, vlm, drawing):
    vlm.replies["describes:"] = "[0.45,0.40,0.25,0.60]"
    scene = last(assistant, assistant.open(drawing), "find the red ball")
    assert "swapped" in str(region(scene, 1).note)
    vlm.replies["describes:"] = "[0.45,0.40,0.25]"
    scene = last(assistant, assistant.open(drawing), "find the red ball")
    assert scene.regions == ()
    assert "no box was left out" in said(scene)
    vlm.replies["describes:"] = "[0,0.10,1,0.50]"
    (found,) = last(assistant, assistant.open(drawing), "find the red ball").regions
    assert found.box == Box(0, 20, 200, 100)
