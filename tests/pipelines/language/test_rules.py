"""What words ask for: a table of phrasings, many unlike training sentences; and that nothing ever raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.prompts import PROMPTS
from pipelines.language.references import subjects, target
from pipelines.language.requests import (
    Ask,
    Describe,
    Edit,
    Everything,
    Find,
    Forget,
    Look,
    Marks,
    Outline,
    Pose,
    Reshape,
    Select,
    Target,
)
from pipelines.language.rules import understand
from pipelines.scene import Box, Picture, Region, Scene, Span, Turn

PICTURE = Picture("0" * 64, (200, 200))
EMPTY = Scene(PICTURE)
FOUND = Scene(
    PICTURE,
    (
        Region(1, "red ball", Box(10, 10, 40, 40)),
        Region(2, "blue cup", Box(100, 20, 190, 120)),
        Region(3, "person", Box(50, 100, 90, 190)),
    ),
    selected=1,
    turns=(
        Turn("user", "name everything"),
        Turn("assistant", "a, b, c", (Span(0, 1, (1,)), Span(3, 4, (2,)), Span(6, 7, (3,)))),
    ),
    next_id=4,
)


def ids(*numbers: int) -> Target:
    return Target(region_ids=numbers)


def thing(phrase: str, every: bool = False) -> Target:
    return Target(phrase=phrase, every=every)


EVERYONE = Pose(thing("person", every=True))

PLAIN = [
    # find a phrase
    ("find the red ball", Find("red ball")),
    ("Where is the red ball?", Find("red ball")),
    ("where's the dog", Find("dog")),
    ("locate a small striped cup", Find("small striped cup")),
    ("show me the tall tree", Find("tall tree")),
    ("Can you find the cat for me please?", Find("cat")),
    ("could you please point to the lamp", Find("lamp")),
    ("point out the house", Find("house")),
    ("draw a box around the boat", Find("boat")),
    ("give me the bounding box of the kite", Find("kite")),
    ("bounding box for the bird", Find("bird")),
    ("the red cup", Find("red cup")),
    ("blue star", Find("blue star")),
    ("I want to find the umbrella", Find("umbrella")),
    ("tell me where the bench is", Find("bench")),
    ("look for the yellow hat in the picture", Find("yellow hat")),
    ("spot the bee", Find("bee")),
    ("where can I see the moon?", Find("moon")),
    (
        "Please provide the bounding box coordinate of the region this sentence describes: red ball.",
        Find("red ball"),
    ),
    ("Provide the bounding box coordinate of the region: a green car", Find("green car")),
    ("hey, where is the key?", Find("key")),
    # a relationship
    ("people on the car", Find("people on the car", "relation")),
    ("the cup left of the ball", Find("cup left of the ball", "relation")),
    ("find the dog under the table", Find("dog under the table", "relation")),
    ("where is the man holding an umbrella?", Find("man holding an umbrella", "relation")),
    ("show me the bird above the house", Find("bird above the house", "relation")),
    ("a woman wearing a red hat", Find("woman wearing a red hat", "relation")),
    # all of a kind
    ("find all people", Find("people", "detect")),
    ("Detect all people shown in the image.", Find("people", "detect")),
    ("show me every cup", Find("cups", "detect")),
    ("where are the people?", Find("people", "detect")),
    ("where are all the dogs", Find("dogs", "detect")),
    ("find each tree", Find("trees", "detect")),
    ("mark all the red balls", Find("red balls", "detect")),
    ("all the windows", Find("windows", "detect")),
    ("detect every animal in the photo", Find("animals", "detect")),
    ("where are the cups", Find("cups", "detect")),
    ("find the children", Find("children", "detect")),
    ("Find all signs in the image.", Find("signs", "detect")),
    ("where are the people in brown?", Find("people in brown", "detect")),
    ("Find the white bus.", Find("white bus")),
    ("where are the boxes?", Find("boxes", "detect")),
    ("Locate the word HISTORY in the image.", Find("word HISTORY")),
    ("find the title", Find("title")),
    ("is the large flower damaged?", Ask("is the large flower damaged?")),
    (
        "what is written in the region [0.1,0.2,0.3,0.4]?",
        Ask("what is written in the region [0.1,0.2,0.3,0.4]"),
    ),
    ("Where is the heart: above or below the dog?", Ask("Where is the heart: above or below the dog?")),
    (
        "Describe the marks I've offered: <Mark 1> [0.5, 0.6]",
        Ask("Describe the marks I've offered: <Mark 1> [0.5, 0.6]"),
    ),
    # screens
    ("where is the search button?", Find("search button", "screen")),
    ("click the save icon", Find("save icon", "screen")),
    ("find the password field", Find("password field", "screen")),
    ("where do I click to log in?", Find("log in", "screen")),
    ("press the ok button", Find("ok button", "screen")),
    ("tap on settings", Find("settings", "screen")),
    ("where's the checkbox for the newsletter", Find("checkbox for the newsletter", "screen")),
    ("locate the menu", Find("menu", "screen")),
    ("where is the button to send the form", Find("button to send the form", "screen")),
    # outlines
    ("segment the red ball", Outline(thing("red ball"))),
    ("please segment the blue cup in the picture", Outline(thing("blue cup"))),
    ("outline the dog", Outline(thing("dog"))),
    ("cut out the cat", Outline(thing("cat"))),
    ("mask the tree", Outline(thing("tree"))),
    ("give me a mask of the person", Outline(thing("person"))),
    ("show the outline of the house", Outline(thing("house"))),
    ("segment all people", Outline(thing("people", every=True))),
    ("highlight the boat", Outline(thing("boat"))),
    ("extract the lamp", Outline(thing("lamp"))),
    ("segment out the people on the car", Outline(thing("people on the car"))),
    ("isolate the star", Outline(thing("star"))),
    ("segment everything", Everything()),
    ("outline everything in the picture", Everything()),
    ("segment the whole image", Everything()),
    ("mask all objects", Everything()),
    ("Segment anything", Everything()),
    # the whole picture
    ("What's in the image?", Look("caption")),
    ("what is in this picture", Look("caption")),
    ("caption this", Look("caption")),
    ("give me a short caption", Look("caption")),
    ("Provide a one-sentence caption for the provided image.", Look("caption")),
    ("describe the picture in one sentence", Look("caption")),
    ("summarize the image", Look("caption")),
    ("what do you see?", Look("caption")),
    ("what is going on here?", Look("caption")),
    ("describe the image", Look("detail")),
    ("Describe the picture in detail.", Look("detail")),
    ("Generate a detailed description about the image.", Look("detail")),
    ("tell me about this photo", Look("detail")),
    ("tell me everything you see", Look("detail")),
    ("describe what you see", Look("detail")),
    ("describe the picture with bounding boxes", Look("grounded_caption")),
    (
        "Describe the image concisely. Include the bounding box for each mentioned object.",
        Look("grounded_caption"),
    ),
    ("caption the image and show where things are", Look("grounded_caption")),
    ("a grounded caption please", Look("grounded_caption")),
    ("name every object", Look("dense")),
    ("list all things in the image", Look("dense")),
    ("describe every region", Look("dense")),
    ("detect all objects", Look("dense")),
    ("find everything", Look("dense")),
    ("what objects are in the picture?", Look("dense")),
    ("dense captions", Look("dense")),
    ("label everything", Look("dense")),
    ("Detect all regions in the image and describe each of them.", Look("dense")),
    # documents, words, charts, oddities
    ("show the layout of the page", Look("layout")),
    ("Detect the layout of the document in the image.", Look("layout")),
    ("what is the document structure?", Look("layout")),
    ("segment this document", Look("layout")),
    ("find the titles and the tables", Look("layout")),
    ("read the text", Look("text")),
    ("what does it say?", Look("text")),
    ("what does the sign say", Look("text")),
    ("what is written here?", Look("text")),
    ("Please detect all texts and provide their bounding box coordinate.", Look("text")),
    ("ocr", Look("text")),
    ("read all the words for me", Look("text")),
    ("transcribe this", Look("text")),
    ("is there any text?", Look("text")),
    ("convert the chart to a table", Look("chart")),
    ("Convert this chart to a table.", Look("chart")),
    ("turn the chart into a table", Look("chart")),
    ("give me the numbers in this graph", Look("chart")),
    ("extract the data from the plot", Look("chart")),
    ("chart as csv", Look("chart")),
    ("what are the values of the bars?", Look("chart")),
    ("what is odd here?", Look("odd")),
    ("What is strange about this picture?", Look("odd")),
    ("is anything unusual?", Look("odd")),
    ("find the anomaly", Look("odd")),
    ("which one is the odd one out?", Look("odd")),
    ("what doesn't belong here", Look("odd")),
    ("what's wrong with this picture?", Look("odd")),
    ("spot the defect", Look("odd")),
    # poses
    ("show the pose of the person", EVERYONE),
    ("detect the key points of everyone", EVERYONE),
    ("draw the skeletons", EVERYONE),
    ("human pose estimation", EVERYONE),
    ("what pose is the person in?", Ask("what pose is the person in?")),
    ("show me everyone's pose", EVERYONE),
    ("keypoints", EVERYONE),
    ("pose of the woman", Pose(thing("woman"))),
    ("joints of the man on the left", Pose(thing("man on the left"))),
    # edits
    ("remove the cup", Edit("remove", thing("cup"))),
    ("delete the red ball please", Edit("remove", thing("red ball"))),
    ("get rid of the people", Edit("remove", thing("people"))),
    ("erase all the cars", Edit("remove", thing("cars", every=True))),
    ("make the dog disappear", Edit("remove", thing("dog"))),
    ("take away the bench", Edit("remove", thing("bench"))),
    ("remove the tree from the picture", Edit("remove", thing("tree"))),
    ("replace the red ball with a blue star", Edit("replace", thing("red ball"), "blue star")),
    ("swap the cat for a dog", Edit("replace", thing("cat"), "dog")),
    ("turn the cup into a vase", Edit("replace", thing("cup"), "vase")),
    ("change the tree to a lamp", Edit("replace", thing("tree"), "lamp")),
    ("put a boat in place of the car", Edit("replace", thing("car"), "boat")),
    ("I want a star instead of the moon", Edit("replace", thing("moon"), "star")),
    ("make the ball blue", Edit("recolour", thing("ball"), "blue")),
    ("paint the house dark green", Edit("recolour", thing("house"), "dark green")),
    ("change the colour of the car to red", Edit("recolour", thing("car"), "red")),
    ("change the car's color to red", Edit("recolour", thing("car"), "red")),
    ("recolor the hat yellow", Edit("recolour", thing("hat"), "yellow")),
    ("turn the cup purple", Edit("recolour", thing("cup"), "purple")),
    ("the star should be orange", Edit("recolour", thing("star"), "orange")),
    ("I'd like the door to be white", Edit("recolour", thing("door"), "white")),
    ("change the background to a beach", Edit("background", Target(), "beach")),
    ("replace the background with a starry night", Edit("background", Target(), "starry night")),
    ("make the background green", Edit("background", Target(), "green")),
    ("remove the background", Edit("background", Target(), "plain white")),
    ("put it in front of a city background", Edit("background", Target(), "city")),
    # open questions, chat, and anything unknown
    ("hello", Ask("hello")),
    ("What colour is the ball?", Ask("What colour is the ball?")),
    ("how many people are there?", Ask("how many people are there?")),
    ("is there a dog in the picture?", Ask("is there a dog in the picture?")),
    ("what is the person doing?", Ask("what is the person doing?")),
    ("is the cup left of the ball?", Ask("is the cup left of the ball?")),
    ("why is the sky blue?", Ask("why is the sky blue?")),
    ("tell me a joke", Ask("tell me a joke")),
    ("thank you!", Ask("thank you!")),
    ("blorb frumious", Ask("blorb frumious")),
    ("who are you?", Ask("who are you?")),
    ("Was ist das?", Ask("Was ist das?")),
    ("画像に何がありますか", Ask("画像に何がありますか")),
    ("what is 2 + 2", Ask("what is 2 + 2")),
    ("can you see a cat?", Ask("can you see a cat?")),
    ("do you like the picture?", Ask("do you like the picture?")),
    ("", Ask("")),
    ("???", Ask("???")),
]

REFERRING = [
    ("segment it", Outline(ids(1))),
    ("segment the second one", Outline(ids(2))),
    ("segment #3", Outline(ids(3))),
    ("outline @2", Outline(ids(2))),
    ("segment region 2", Outline(ids(2))),
    ("segment #1 and #3", Outline(ids(1, 3))),
    ("segment #1, #2 and 3", Outline(ids(1, 2, 3))),
    ("segment them", Outline(ids(1, 2, 3))),
    ("segment the red ball", Outline(ids(1))),
    ("segment the last one", Outline(ids(3))),
    ("segment the 3rd one", Outline(ids(3))),
    ("segment the biggest one", Outline(ids(2))),
    ("segment the left one", Outline(ids(1))),
    ("segment the rightmost one", Outline(ids(2))),
    ("segment the other one", Outline(ids(2))),
    ("segment #9", Outline(ids(9))),
    ("segment", Outline(ids(1))),
    ("what is this?", Describe(ids(1))),
    ("what is #3?", Describe(ids(3))),
    ("describe it", Describe(ids(1))),
    ("describe region 2", Describe(ids(2))),
    ("who is that?", Describe(ids(1))),
    ("tell me about @2", Describe(ids(2))),
    ("what is in [20, 30, 60, 70]?", Describe(Target(box=Box(20, 30, 60, 70)))),
    (
        "Please provide a short description for this region: [0.10,0.15,0.30,0.35]",
        Describe(Target(box=Box(20, 30, 60, 70))),
    ),
    ("make it blue", Edit("recolour", ids(1), "blue")),
    ("remove it", Edit("remove", ids(1))),
    ("remove #2", Edit("remove", ids(2))),
    ("remove #2 from the picture", Edit("remove", ids(2))),
    ("get rid of the second one", Edit("remove", ids(2))),
    ("replace it with a star", Edit("replace", ids(1), "star")),
    ("replace @2 by a green vase", Edit("replace", ids(2), "green vase")),
    ("remove the blue cup", Edit("remove", ids(2))),
    ("erase them all", Edit("remove", ids(1, 2, 3))),
    ("put a star there", Edit("replace", ids(1), "star")),
    (
        "what's the relationship between #1 and #2?",
        Marks((1, 2), "what's the relationship between #1 and #2"),
    ),
    ("how do @1 and @3 relate?", Marks((1, 3), "how do @1 and @3 relate")),
    ("compare #1 and #2", Marks((1, 2), "compare #1 and #2")),
    ("describe #1 and #2", Marks((1, 2))),
    ("what are #1, #2 and #3?", Marks((1, 2, 3))),
    ("describe each of the marks", Marks((1, 2, 3))),
    ("pose of #3", Pose(ids(3))),
    ("show the skeleton of the person", Pose(thing("person", every=True))),
    (
        "Detect the key points of the person in the region [0.25,0.5,0.45,0.95].",
        Pose(Target(box=Box(50, 100, 90, 190))),
    ),
    ("grow it", Reshape("grow", (1,))),
    ("grow the mask by 10 pixels", Reshape("grow", (1,), 10)),
    ("expand #2 by 7px", Reshape("grow", (2,), 7)),
    ("make the mask bigger", Reshape("grow", (1,))),
    ("make the outline of #2 a bit larger", Reshape("grow", (2,))),
    ("shrink #3 by 3", Reshape("shrink", (3,), 3)),
    ("make the mask smaller", Reshape("shrink", (1,))),
    ("erode the selection", Reshape("shrink", (1,))),
    ("join #1 and #2", Reshape("join", (1, 2))),
    ("merge them", Reshape("join", (1, 2, 3))),
    ("add #2 to #1", Reshape("join", (2, 1))),
    ("combine #1 with #3", Reshape("join", (1, 3))),
    ("subtract #2 from #1", Reshape("subtract", (1, 2))),
    ("remove #2 from #1", Reshape("subtract", (1, 2))),
    ("#1 minus #2", Reshape("subtract", (1, 2))),
    ("select #2", Select((2,))),
    ("#2", Select((2,))),
    ("the second one", Select((2,))),
    ("where is #3", Select((3,))),
    ("forget #2", Forget((2,))),
    ("clear all regions", Forget(())),
    ("forget everything", Forget(())),
    ("what colour is it?", Ask("what colour is it?", (1,))),
    ("is #2 larger than #1?", Ask("is #2 larger than #1?", (2, 1))),
    ("what are they doing?", Ask("what are they doing?", (1, 2, 3))),
    ("does she wear a hat?", Ask("does she wear a hat?", (1,))),
    ("is this picture old?", Ask("is this picture old?")),
]


def test_there_are_enough_phrasings():
    assert len({words for words, _ in PLAIN + REFERRING}) >= 220


@pytest.mark.parametrize(("words", "expected"), PLAIN)
def test_words_without_regions(words, expected):
    assert understand(words, EMPTY) == expected


@pytest.mark.parametrize(("words", "expected"), REFERRING)
def test_words_that_refer(words, expected):
    assert understand(words, FOUND) == expected


GIVEN = {"phrase": "red ball", "box": (0.1, 0.15, 0.3, 0.35), "question": "What is the man doing?"}
ABILITY_OF = {
    "ask": Ask("What is the man doing?"),
    "short": None,  # the assistant adds the short-answer line itself
    "marks": None,  # marks are written by the assistant from region numbers
    "relation": Find("red ball"),
    "region": Describe(Target(box=Box(20, 30, 60, 70))),
    "pose": Pose(Target(box=Box(20, 30, 60, 70))),
    "detect": Find("red balls", "detect"),
    "locate": Find("red ball"),
    "screen": Find("red ball", "screen"),
}


@pytest.mark.parametrize("name", [name for name in PROMPTS if ABILITY_OF.get(name, True) is not None])
def test_sphinx_own_sentences_mean_themselves(name):
    words = PROMPTS[name].fill(phrase="red ball", box=GIVEN["box"], question=GIVEN["question"])
    assert understand(words, EMPTY) == ABILITY_OF.get(name, Look(name) if name not in ABILITY_OF else None)


def test_a_pronoun_without_regions_stands_for_nothing():
    assert understand("segment it", EMPTY) == Outline(Target())
    assert understand("make it blue", EMPTY) == Edit("recolour", Target(), "blue")
    assert understand("what is this?", EMPTY) == Ask("what is this?")


def test_it_is_the_first_of_the_last_named_when_nothing_is_selected():
    from dataclasses import replace

    scene = replace(FOUND, selected=None)
    assert target("it", scene).region_ids == (1,)
    assert subjects("what colour are they?", scene) == (1, 2, 3)


PIECES = """segment remove the red ball #1 @2 #99999 it them make blue into a table chart where is find all
with second one last grow by 10 px pose of everyone [0.1,0.2,0.3,0.4] [9,9,9,9] background what join and , ? '
region this everything describe left of minus from please mask without colour to replace"""
WORDS = st.lists(
    st.sampled_from(PIECES.split()),
    max_size=14,
).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(st.one_of(WORDS, st.text(max_size=120)), st.sampled_from([EMPTY, FOUND, Scene()]))
def test_understanding_never_raises_and_stays_in_the_picture(words, scene):
    request = understand(words, scene)
    aim = getattr(request, "target", None)
    if aim and aim.box:
        assert 0 <= aim.box.x1 < aim.box.x2 <= 200
        assert 0 <= aim.box.y1 < aim.box.y2 <= 200


@pytest.mark.parametrize(
    "words", ["make " * 2000, "the " * 3000 + "ball", "(" * 500, "a b " * 70, "make the " * 30]
)
def test_long_and_repetitive_words_are_quick(words):
    assert understand(words, FOUND)


@pytest.mark.parametrize(
    "words",
    ["What time is it?", "What is this place?", "What kind of place or picture is this?", "is it raining?"],
)
def test_not_every_it_is_a_region(words):
    assert subjects(words, FOUND) == ()
