"""What visitors type first, on the shipped pictures and the embedded checkpoints: what they then see.

Each test says what the page shows afterwards: the text, the regions, the picture. Painting is OpenCV's, so
that the time goes into what is understood.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import pipelines
from pipelines.catalog import ASSETS
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Timeline
from pipelines.visit import serve


class Visit:
    """One visitor: says messages, and sees the picture, the regions and the answers."""

    def __init__(self, assistant, name):
        self.assistant = assistant
        self.timeline = Timeline().push(assistant.open(ASSETS / "examples" / f"{name}.png"))

    def say(self, words):
        """The answers to a message, one text; everything is as the visitor sees it at the end."""
        for grown in serve(self.assistant, self.timeline, words, options=ReplyOptions(tries=1)):
            self.timeline = grown.timeline
        return "\n".join(turn.text for turn in self.scene.answers)

    @property
    def scene(self):
        return self.timeline.scene

    @property
    def labels(self):
        return [region.label for region in self.scene.regions]

    @property
    def notices(self):
        asked = max(i for i, turn in enumerate(self.scene.turns) if turn.role == "user")
        return " ".join(turn.text for turn in self.scene.turns[asked:] if turn.role == "notice")

    @property
    def offered(self):
        return self.scene.turns[-1].suggestions

    @property
    def pixels(self):
        return np.asarray(self.assistant.image(self.scene.picture)).astype(int)

    def changed(self, before):
        """How far each pixel is from an earlier picture: (H, W)."""
        return np.abs(self.pixels - before).sum(axis=2)


@pytest.fixture(scope="module")
def nano():
    return pipelines.load(pipelines.Settings(inpainter="opencv", device="cpu"))


@pytest.fixture
def at(nano):
    return lambda name: Visit(nano, name)


def test_a_greeting_is_answered_with_what_can_be_done_here(at, nano):
    visit = at("05-table")
    passes = nano.forward_passes
    assert visit.say("hello").startswith("Hello!")
    assert len(visit.offered) == 3
    assert nano.forward_passes == passes


@pytest.mark.parametrize("words", ["what can you do?", "help", "who are you?"])
def test_help_names_abilities_to_press_and_each_is_served(at, words):
    visit = at("05-table")
    text = visit.say(words)
    assert "ball" in text if words == "who are you?" else "Remove the …" in text
    offered = visit.offered
    assert len(offered) >= 4
    for suggestion in offered[:2]:
        assert visit.say(suggestion)
        assert "I did not understand" not in visit.say(suggestion)


@pytest.mark.parametrize(
    "words",
    ["write a poem", "tell me a joke", "translate this", "what's the weather", "search the web for it"],
)
def test_what_nothing_here_does_is_said_with_three_things_that_work(at, nano, words):
    visit = at("05-table")
    passes = nano.forward_passes
    assert "I can't" in visit.say(words) or "I don't know" in visit.say(words)
    assert len(visit.offered) == 3
    assert nano.forward_passes == passes


def test_two_requests_are_carried_out_in_order_each_a_step(at):
    visit = at("05-table")
    before, steps = visit.pixels, len(visit.timeline.steps)
    text = visit.say("find the fish and remove it")
    assert "fish (#1)" in text.split("\n")[0]
    assert text.split("\n")[1].startswith("Removed fish (#1)")
    assert len(visit.timeline.steps) == steps + 2
    assert visit.labels == []
    moved = visit.changed(before) > 60
    height, width = moved.shape
    assert moved[int(0.75 * height) : int(0.95 * height), int(0.68 * width) : int(0.95 * width)].any()
    assert not moved[: height // 3].any()


def test_a_list_of_changes_is_several_edits(at):
    visit = at("05-table")
    text = visit.say("make the clock green and the book yellow")
    assert visit.labels == ["green clock", "yellow book"]
    assert len(text.split("\n")) == 2
    visit.say("put it back")
    assert visit.labels == ["green clock"]


def test_everything_but_one_thing_goes_and_that_one_stays(at):
    visit = at("05-table")
    fish = visit.say("segment the fish") and visit.scene.regions[0].mask
    before = visit.pixels
    plane = fish.array(visit.scene.picture.size_wh)
    assert visit.say("remove everything but the fish").startswith("Removed ")
    assert visit.labels == ["green fish"]
    moved = visit.changed(before) > 60
    assert moved.any()
    assert not moved[plane].any()


def test_blurring_the_background_changes_nothing_else(at):
    visit = at("05-table")
    visit.say("segment the book")
    before = visit.pixels
    (book,) = visit.scene.regions
    assert "Blurred the background" in visit.say("blur the background")
    inside = book.mask.array(visit.scene.picture.size_wh)
    assert visit.changed(before)[~inside].max() > 30
    assert np.median(visit.changed(before)[inside]) == 0
    assert visit.labels == ["book"]
    assert "hide" not in visit.say("undo")
    assert (visit.pixels == before).all()


def test_hiding_a_thing_blurs_it_where_it_is_and_erases_nothing(at):
    visit = at("05-table")
    visit.say("segment the fish")
    before = visit.pixels
    assert visit.say("hide it").startswith("Blurred, and nothing else changed: fish (#1)")
    inside = visit.scene.regions[0].mask.array(visit.scene.picture.size_wh)
    assert visit.changed(before)[inside].max() > 60
    near = cv2.dilate(inside.astype(np.uint8), np.ones((17, 17), np.uint8)).astype(bool)
    assert visit.changed(before)[~near].max() == 0
    assert visit.labels == ["fish"]


def test_all_but_what_is_named_is_blurred(at):
    visit = at("05-table")
    before = visit.pixels
    assert "this stays sharp: fish (#1)" in visit.say("blur everything except the fish")
    inside = visit.scene.regions[0].mask.array(visit.scene.picture.size_wh)
    assert np.median(visit.changed(before)[inside]) == 0
    assert visit.changed(before)[~inside].max() > 60


def test_sizes_are_compared_by_what_is_found(at):
    visit = at("05-table")
    text = visit.say("which is bigger, the clock or the fish?")
    sizes = {region.label: region.box.area for region in visit.scene.regions}
    assert len(sizes) == 2
    assert text.startswith(f"Larger: {max(sizes, key=lambda label: sizes[label])} (#")


def test_case_never_matters(at):
    visit = at("01-park")
    visit.say("FIND THE HOUSE")
    assert visit.labels == ["house"]


@pytest.mark.parametrize(
    ("words", "label", "typed"), [("find the fihs", "fish", "fihs"), ("were is the bok", "book", "bok")]
)
def test_typing_errors_are_mended_and_said(at, words, label, typed):
    visit = at("05-table")
    assert label in visit.say(words)
    assert visit.labels == [label]
    assert typed in visit.notices
    assert label in visit.notices


@pytest.mark.parametrize("word", ["kid", "guy", "woman"])
def test_synonyms_are_found(at, word):
    visit = at("03-people")
    visit.say(f"find the {word}")
    assert visit.labels == ["person"]
    assert word in visit.notices


@pytest.mark.parametrize(
    ("word", "label"), [("automobile", "car"), ("kitty", "cat"), ("folks", "person"), ("vehicle", "vehicle")]
)
def test_what_a_synonym_stands_for_is_what_is_missing(at, word, label):
    visit = at("05-table")
    assert f"I find no {label} in the picture." in visit.say(f"find the {word}")


def test_a_more_general_word_finds_what_is_of_its_kinds(at):
    visit = at("01-park")
    visit.say("find an animal")
    assert [region.label for region in visit.scene.regions if region.id == visit.scene.selected] == [
        "blue bird"
    ]


@pytest.mark.parametrize("words", ["undo", "put it back", "no, as it was"])
def test_undo_in_words_takes_the_last_change_back(at, words):
    visit = at("05-table")
    before = visit.pixels
    visit.say("remove the fish")
    assert (visit.pixels != before).any()
    visit.say("thanks")  # nothing that could be taken back
    assert "Took back: “remove the fish”" in visit.say(words)
    assert (visit.pixels == before).all()
    visit.say("redo")
    assert (visit.pixels != before).any()
    assert at("05-table").say(words) == "There is nothing to take back."


def test_what_is_next_to_it_is_another_thing(at):
    visit = at("01-park")
    visit.say("find the house")
    assert "bird" in visit.say("what is next to it?")
    visit.say("the one next to it")
    assert visit.scene.region(visit.scene.selected).label == "orange house"
    visit.say("the other one")
    assert visit.scene.region(visit.scene.selected).label == "blue bird"


def test_plurals_and_number_words(at):
    visit = at("01-park")
    assert "bird (#1)" in visit.say("find the birds")  # there is one
    assert "1 bird, not 2" in visit.say("the two birds")
    assert visit.say("both cats") == "I find no cat in the picture."
    assert visit.labels == ["blue bird"]


def test_questions_about_several_kinds_name_the_one_that_is_there(at):
    visit = at("05-table")
    text = visit.say("is there a dog or a fish?")
    assert "no dog" in text
    assert "fish (#1)" in text
    text = visit.say("which things are not purple?")
    assert "clock" in text
    assert "book" not in text


@pytest.mark.parametrize("words", ["图片里有什么？", "qu'est-ce que tu vois ?"])
def test_other_languages_are_declined(at, words):
    visit = at("05-table")
    assert "English only" in visit.say(words)
    assert len(visit.offered) == 3


def test_numbers_of_a_chart_are_its_table(at):
    visit = at("07-chart")
    visit.say("give me the numbers")
    assert visit.scene.turns[-1].table


def test_joints_are_the_pose(at):
    visit = at("03-people")
    assert visit.say("where are their elbows and knees?").startswith("Pose of ")
    assert sum(bool(region.keypoints) for region in visit.scene.regions) == 3


@pytest.mark.parametrize("words", ["asdf qwer", "?", "Once there was a fish who lived in a clock. " * 23])
def test_what_means_nothing_gets_one_short_sentence(at, nano, words):
    visit = at("05-table")
    passes = nano.forward_passes
    assert len(visit.say(words)) < 80
    assert len(visit.offered) == 3
    assert nano.forward_passes == passes


def test_an_unknown_word_is_not_said_to_be_absent(at):
    visit = at("05-table")
    text = visit.say("find the zebra")
    assert "I don't know the word “zebra”" in text
    assert "There is no" not in text


def test_one_of_several_is_not_changed_by_a_guess(at):
    visit = at("03-people")
    before = visit.pixels
    assert "which one?" in visit.say("remove the person")
    assert (visit.pixels == before).all()
    assert len(visit.scene.regions) == 3
    assert visit.offered == ("remove #1", "remove #2", "remove #3")
    assert "Removed person (#2)" in visit.say(visit.offered[1])


def test_what_was_not_found_stops_the_changes_after_it(at):
    visit = at("05-table")
    before = visit.pixels
    text = visit.say("find the cat and remove it")
    assert text == "I find no cat in the picture."
    assert "was not carried out" in visit.notices
    assert (visit.pixels == before).all()


def test_nothing_is_changed_that_sphinx_itself_calls_something_else(at):
    visit = at("02-beach")
    before = visit.pixels
    text = visit.say("find the hat and remove it")
    assert "came true" not in text
    assert (visit.pixels == before).all()
    assert "was not carried out" in visit.notices
    for region in visit.scene.regions:
        assert "hat" not in region.label, "the boat was called so"


def test_things_are_cut_out_moved_and_the_picture_extended(at):
    visit = at("05-table")
    size = visit.scene.picture.size_wh
    visit.say("find the fish")
    x = visit.scene.regions[0].box.x1
    assert "painted by OpenCV" in visit.say("move the fish to the left")
    assert visit.scene.regions[0].box.x1 < x - size[0] // 8
    assert "painted by OpenCV" in visit.say("extend the picture to the left")
    assert visit.scene.picture.size_wh == (round(size[0] * 1.25), size[1])
    visit.say("cut out the fish")
    layer = visit.assistant.pictures.photo(visit.scene.picture).layer
    assert layer is not None
    alpha = np.asarray(layer)[..., 3]
    assert alpha.max() == 255
    assert (alpha == 0).mean() > 0.8
