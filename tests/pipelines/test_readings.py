"""Readers over tables of literal replies: what is shown, what is found, what is noted; and over any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.prompts import PROMPTS
from pipelines.abilities import ABILITIES
from pipelines.presenter import write_reading
from pipelines.readings import AGAIN, BESIDE, NOT_A_BOX, WHOLE, name_of, read_joints
from pipelines.scene import Box, Picture, Scene
from pipelines.tasks.regions import merge
from tests.fuzz import FUZZ

SIZE = (200, 100)  # the padded square is 200 x 200, the picture its middle
SCENE = Scene(Picture("0" * 64, SIZE))


def read(name: str, raw: str, phrase: str = "", size=SIZE, ended: bool = True):
    """(text, [(label, box, note)])."""
    reading = ABILITIES[name].read(raw, size, phrase, ended)
    _, ids = merge(SCENE, reading.findings)
    text, _ = write_reading(reading, ids)
    return text, [(finding.label, tuple(finding.box), finding.note) for finding in reading.findings]


def test_a_list_names_a_thing_once():
    bird = "<p>blue bird</p>[0.25,0.40,0.45,0.60]"
    near, far = "<p>blue bird</p>[0.25,0.41,0.45,0.60]", "<p>blue bird</p>[0.30,0.40,0.50,0.60]"
    cat = "<p>cat</p>[0.25,0.40,0.45,0.60]"
    text, found = read("dense", f"{bird}, {near}, {cat}, {bird}, {far}")
    assert text == f"blue bird (#1)\ncat (#2)\nblue bird (#3)\n({AGAIN})"
    assert [label for label, *_ in found] == ["blue bird", "cat", "blue bird"]
    assert AGAIN not in read("dense", f"{bird}, {cat}, {far}")[0]
    text, found = read("detect", "[0.25,0.40,0.45,0.60;0.25,0.41,0.45,0.60;0.50,0.40,0.60,0.60]", "birds")
    assert text == f"2 found: birds (#1, #2).\n({AGAIN})"
    assert len(found) == 2


FOUND = [
    ("[0.25,0.40,0.45,0.60]", "Here is the cup (#1).", [("cup", (50, 30, 90, 70), None)]),
    # spaces, as the original's documentation has them
    ("[0.25, 0.40, 0.45, 0.60]", "Here is the cup (#1).", [("cup", (50, 30, 90, 70), None)]),
    (
        "[0.25,0.40,0.45,0.60;0.50,0.40,0.60,0.60]",
        "2 found: cup (#1, #2).",
        [("cup", (50, 30, 90, 70), None), ("cup", (100, 30, 120, 70), None)],
    ),
    ("<p>the cup</p>[0.25,0.40,0.45,0.60]", "Here is the cup (#1).", [("cup", (50, 30, 90, 70), None)]),
    # corners swapped
    (
        "[0.45,0.60,0.25,0.40]",
        "Here is the cup (#1).",
        [("cup", (50, 30, 90, 70), "a box was written with its corners swapped")],
    ),
    # whole numbers, which the original's demo loses
    ("[0,0.40,1,0.60]", "Here is the cup (#1).", [("cup", (0, 30, 200, 70), WHOLE)]),
    # beyond the square
    (
        "[0.25,0.40,1.20,0.60]",
        "Here is the cup (#1).",
        [("cup", (50, 30, 200, 70), "a position was moved to the picture's edge")],
    ),
    # wholly in the padding above the picture
    ("[0.25,0.05,0.45,0.10]", f"No box was given for: cup.\n({BESIDE})", []),
    # three numbers
    ("[0.25,0.40,0.45]", f"No box was given for: cup. SPHINX said: [0.25,0.40,0.45]\n({NOT_A_BOX})", []),
    ("There is no cup in the image.", "I find no cup in the picture.", []),
    ("There are no cups in the image.", "I find no cup in the picture.", []),
    ("I cannot say", "No box was given for: cup. SPHINX said: I cannot say", []),
    ("", "No box was given for: cup.", []),
]


@pytest.mark.parametrize(("raw", "text", "found"), FOUND)
def test_found(raw, text, found):
    shown, findings = read("locate", raw, "cup")
    assert findings == found
    if "SPHINX said: [" not in text:
        assert shown == text
    assert shown.endswith(text.split("\n")[-1])


WORDS = [
    ("A dog sleeps.", "A dog sleeps.", []),
    ("A <p>dog</p>[0.25,0.40,0.45,0.60] sleeps.", "A dog sleeps.", [("dog", (50, 30, 90, 70), None)]),
    ("A dog [0.25,0.40,0.45,0.60] sleeps.", "A dog #1 sleeps.", [("dog", (50, 30, 90, 70), None)]),
    (
        "Two <p>dogs</p>[0.25,0.40,0.45,0.60;0.5,0.4,0.6,0.6].",
        "Two dogs.",
        [("dogs", (50, 30, 90, 70), None), ("dogs", (100, 30, 120, 70), None)],
    ),
    ("A <p>dog</p> sleeps.", "A dog sleeps.\n(“dog” was named without a box)", []),
    ("See [1] and [2, 3] there.", "See [1] and [2, 3] there.", []),
    ("<p>dog</p>[0.1,0.2,0.3]", "dog\n(a position of 3 numbers was left out)", []),
    ("A <p>dog</p>[0.25,0.4", "A dog\n(“dog” was named without a box)", []),
    ("<script>alert(1)</script>", "<script>alert(1)</script>", []),
]


@pytest.mark.parametrize(("raw", "text", "found"), WORDS)
def test_words(raw, text, found):
    shown, findings = read("grounded_caption", raw)
    assert [row[1:] for row in findings] == [row[1:] for row in found]
    if "dog [" not in raw:
        assert (shown, findings) == (text, found)


LISTS = [
    ("<p>title</p>[0.1,0.4,0.9,0.5], <p>text</p>[0.1,0.5,0.9,0.6]", "title (#1)\ntext (#2)", 2),
    ("<p>list</p>[0.1,0.4,0.9,0.5;0.1,0.5,0.9,0.6]", "list (#1, #2)", 2),
    (
        "There are two text[0.1,0.4,0.9,0.5;0.1,0.5,0.9,0.6], figure[0.1,0.6,0.9,0.7].",
        "text (#1, #2)\nfigure (#3)",
        3,
    ),
    ("<p>STOP</p>", "STOP\n(“STOP” was named without a box)", 0),
    ("There is no text in the image.", "There is no text in the image.", 0),
    (
        "<p>a</p>[0.1,0.4,0.9], <p>b</p>[0.1,0.4,0.9,0.5]",
        "a\nb (#1)\n(a position of 3 numbers was left out)",
        1,
    ),
]


@pytest.mark.parametrize(("raw", "text", "count"), LISTS)
def test_lists(raw, text, count):
    shown, findings = read("layout", raw)
    assert shown == text
    assert len(findings) == count


CHARTS = [
    ("fruit | count\nplums | 3", (("fruit", "count"), ("plums", "3"))),
    ("| fruit | count |\n|---|---|\n| plums | 3 |", (("fruit", "count"), ("plums", "3"))),
    ("Here it is:\nfruit | count\nplums | 3", (("fruit", "count"), ("plums", "3"))),
    ("fruit | count\nplums | 3 | 4", (("fruit", "count", ""), ("plums", "3", "4"))),
    ("There is no chart in the image.", None),
    ("", None),
]


@pytest.mark.parametrize(("raw", "table"), CHARTS)
def test_charts(raw, table):
    assert ABILITIES["chart"].read(raw, SIZE, "", True).table == table


ODD = [
    ("<p>pink apple</p>[0.1,0.4,0.3,0.6]", "This is odd: pink apple (#1).", 1),
    ("[0.1,0.4,0.3,0.6]", "This is odd: odd one (#1).", 1),
    ("<p>a</p>[0.1,0.4,0.3,0.6], <p>b</p>[0.5,0.4,0.7,0.6]", "This is odd: a (#1).", 1),
    ("There is nothing odd in the image.", "There is nothing odd in the image.", 0),
    ("<p>pink apple</p>", "pink apple\n(“pink apple” was named without a box)", 0),
    ("The apple", "The apple", 0),
]


@pytest.mark.parametrize(("raw", "text", "count"), ODD)
def test_odd(raw, text, count):
    shown, findings = read("odd", raw)
    assert shown == text
    assert len(findings) == count


JOINTS = [
    ("<p>nose</p>[0.50,0.40], <p>left eye</p>[0.52,0.38]", {"nose": (100, 30, 2), "left eye": (104, 26, 2)}),
    ("<p>left_eye</p>[0.52,0.38]", {"left eye": (104, 26, 2)}),
    ("<p>tail</p>[0.52,0.38]", None),
    ("<p>nose</p>[0.50,0.00]", {"nose": (100, 0, 2)}),  # in the padding: moved to the picture's edge
    ("<p>nose</p>[1,1]", {"nose": (199, 99, 2)}),
    ("<p>nose</p>", None),
    ("There is no person in the region.", None),
]


@pytest.mark.parametrize(("raw", "given_joints"), JOINTS)
def test_joints(raw, given_joints):
    joints, _ = read_joints(raw, SIZE)
    seen = {joint.name: (*joint.point, joint.visible) for joint in joints or () if joint.visible}
    assert seen == (given_joints or {})
    assert (joints is None) == (given_joints is None)


def test_half_a_reply_says_nothing_wrong():
    raw = "A <p>dog</p>[0.25,0.40,0.45,0.60] and a <p>cat</p>[0.50,0.40,0.60,0.60]."
    whole = ABILITIES["grounded_caption"].read(raw, SIZE, "", True)
    for end in range(len(raw)):
        part = ABILITIES["grounded_caption"].read(raw[:end], SIZE, "", False)
        assert part.findings == whole.findings[: len(part.findings)]
        assert part.notes == ()
        text = "".join(piece.words for piece in part.pieces)
        assert "[" not in text
        assert "<" not in text
    for end in range(len("[0.25,0.40,0.45,0.60]")):
        assert read("locate", "[0.25,0.40,0.45,0.60]"[:end], "cup", ended=False) == ("", [])


def test_every_ability_has_a_row():
    assert {name for name, ability in ABILITIES.items() if ability.prompt} == set(PROMPTS)
    assert all(ability.title and ability.example for ability in ABILITIES.values())


SOUP = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "[",
            "]",
            "dog",
            " ",
            ",",
            ";",
            "0.5",
            "1",
            "-3",
            "0.25",
            "99",
            ".",
            "|",
            "\n",
            "<Mark 1>",
            "nose",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=300 * FUZZ, deadline=None)
@given(
    st.one_of(SOUP, st.text(max_size=100)),
    st.sampled_from(list(ABILITIES)),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.booleans(),
)
def test_any_text_is_read_and_stays_in_the_picture(raw, name, size, ended):
    reading = ABILITIES[name].read(raw, size, "cup", ended)
    for finding in reading.findings:
        box = finding.box
        assert Box(0, 0, *size).iou(box) > 0
        assert 0 <= box.x1 < box.x2 <= size[0]
        assert 0 <= box.y1 < box.y2 <= size[1]
    joints, _ = read_joints(raw, size)
    for joint in joints or ():
        assert 0 <= joint.point.x < size[0]
        assert 0 <= joint.point.y < size[1]
    scene, ids = merge(Scene(Picture("0" * 64, size)), reading.findings)
    text, spans = write_reading(reading, ids)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(scene.region(number) for span in spans for number in span.region_ids)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("A cat", "cat"),
        ("an orange house", "orange house"),
        ("Two black dogs", "black dog"),
        ("the man", "man"),
        ("NORTH", "NORTH"),
        ("another", "another"),
        ("", ""),
    ],
)
def test_a_thing_is_called_without_article_or_number(said, name):
    assert name_of(said) == name
