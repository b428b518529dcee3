"""Questions about pictures: never ambiguous, answers that read back, the same from the same seed."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from model.prompts import JOINTS, NO_PERSON, PROMPTS, SHORT_ANSWER, Found, Group
from model.training.question_generator import QuestionGenerator, fits, lies_on
from model.training.questions import QA, TOPICS, eval_question, questions, texts
from model.training.scoring import score
from model.training.world import COLOURS, HELD_OUT_PAIRS, KINDS, draw
from model.training.world.truth import Block, Chart, Element, Thing, Truth, Word

SEED = 3_000_000


def thing(kind: str, colour: str, x: float, y: float, side: float = 40, **more: object) -> Thing:
    """A square thing with its left upper corner at (x, y)."""
    box = (x, y, x + side, y + side)
    outline = (((x, y), (x + side, y), (x + side, y + side), (x, y + side)),)
    looks: dict[str, object] = {"phrase": f"{colour} {kind}", "size": None, "pattern": "plain", **more}
    return Thing(kind=kind, colour=colour, box=box, outline=outline, **looks)  # type: ignore[arg-type]


SKELETON = tuple((100.0 + i, 60.0 + 3 * i, 0 if i == 3 else 1 + i % 2) for i in range(17))
PERSON = thing("person", "green", 90, 50, 70, phrase="person in green", action="waving", keypoints=SKELETON)
PARK = Truth(
    seed=1,
    kind="park",
    style="synthetic",
    size_wh=(256, 200),
    caption="A red ball, two blue balls and a yellow cup on a brown box in a park.",
    things=(
        thing("ball", "red", 5, 20, phrase="red ball", size="small"),
        thing("ball", "blue", 210, 20, phrase="striped blue ball", pattern="striped"),
        thing("ball", "blue", 150, 140, phrase="dotted blue ball", pattern="dotted"),
        thing("cup", "yellow", 60, 60, phrase="yellow cup"),
        thing("box", "brown", 55, 100, 50, phrase="brown box"),
    ),
    relations=((0, "left of", 1), (1, "right of", 0), (3, "on", 4), (0, "left of", 3), (3, "right of", 0)),
)
PEOPLE = replace(
    PARK, kind="people", caption="A person in green is waving in a park.", things=(PERSON,), relations=()
)
PAGE = Truth(
    2, "document", "synthetic", (200, 256), "A page.",
    words=(Word("NEWS", (60, 10, 140, 30)),),
    blocks=(
        Block("title", (60, 10, 140, 30)), Block("text", (10, 41, 90, 120)),
        Block("figure", (10, 130, 90, 240)), Block("text", (110, 40, 190, 120)),
    ),
)  # fmt: skip
CHART = Truth(
    3, "chart", "synthetic", (256, 256), "A bar chart.",
    chart=Chart("bar", "PETS", (("label", "value"), ("DOG", "12"), ("CAT", "7"), ("FISH", "9"))),
)  # fmt: skip
SCREEN = Truth(
    4, "screen", "synthetic", (256, 256), "A screen.",
    elements=(Element("button", "save", (10, 200, 80, 240)), Element("field", "name", (10, 60, 200, 90))),
)  # fmt: skip


def asked(truth: Truth, topic: str, tries: int = 40) -> list[QA]:
    """EvalQuestion questions of one topic with different seeds."""
    found = [eval_question(truth, random.Random(seed), topic) for seed in range(tries)]
    return [qa for qa in found if qa is not None]


def answers(truth: Truth, topic: str) -> set[str]:
    return {qa.answer for qa in asked(truth, topic)}


# --- by hand -------------------------------------------------------------------------------------------


def test_colour_is_asked_only_where_one_thing_fits() -> None:
    made = asked(PARK, "colour")
    assert ("What colour is the cup?", "yellow") in {
        (qa.question.split(SHORT_ANSWER)[0], qa.answer) for qa in made
    }
    assert all("the ball?" not in qa.question for qa in made)


def test_kind_needs_a_colour_or_pattern_of_its_own() -> None:
    for qa in asked(PARK, "kind"):
        assert qa.answer in ("ball", "cup", "box")
        assert "the blue thing" not in qa.question


def test_count_says_digits_and_leaves_out_half_hidden_kinds() -> None:
    assert {qa.answer for qa in asked(PARK, "count-3")} == {"3"}
    assert all("balls" in qa.question for qa in asked(PARK, "count-3"))
    assert not asked(PARK, "count-2")
    hidden = replace(PARK, things=(*PARK.things, thing("ball", "pink", 0, 150, visible=0.1)))
    assert not asked(hidden, "count-3")
    assert not asked(hidden, "count-4")


def test_of_a_kind_that_is_not_there_none_are_counted() -> None:
    for qa in asked(PARK, "count-0"):
        assert qa.answer == "0"
        assert not {"balls", "cups", "boxes"} & set(qa.question.replace("?", " ").split())


def test_present_and_absent_things() -> None:
    assert answers(PARK, "is-there-present") == {"yes"}
    assert answers(PARK, "is-there-absent") == {"no"}
    near = asked(PARK, "is-there-near-miss", 80)
    assert {qa.answer for qa in near} == {"no"}
    bare = asked(PARK, "is-there-kind-absent", 40) + asked(PARK, "locate-kind-absent", 40)
    assert not any(colour in qa.question.split() for qa in bare for colour in COLOURS)
    assert {qa.answer for qa in bare if qa.topic.startswith("is")} == {"no"}
    assert all(
        any(word in qa.question for word in ("ball", "cup", "box", "red", "blue", "yellow", "brown"))
        for qa in near
    )


def test_a_mostly_hidden_thing_is_neither_asked_for_nor_called_absent() -> None:
    hidden = replace(PARK, things=(*PARK.things, thing("cat", "black", 0, 150, visible=0.1)))
    said = [qa for topic in TOPICS for qa in asked(hidden, topic, 30)]
    assert not [
        qa
        for qa in said
        if " cat " in qa.question.replace("?", " ").replace(".", " ") and "black" in qa.question
    ]


def test_a_page_with_figures_calls_nothing_absent() -> None:
    assert not asked(PAGE, "is-there-absent")
    assert not asked(PAGE, "detect-absent")


def test_locate_gives_the_box_in_the_padded_square() -> None:
    made = [qa for qa in asked(PARK, "locate") if "yellow cup" in qa.question or "the cup" in qa.question]
    assert made
    assert made[0].exact[0] == pytest.approx((60 / 256, 88 / 256, 100 / 256, 128 / 256))
    assert made[0].answer == "[0.23,0.34,0.39,0.50]"


def test_locating_what_is_absent_says_so() -> None:
    for topic in ("locate-absent", "locate-near-miss"):
        for qa in asked(PARK, topic):
            found = PROMPTS["locate"].read(qa.answer)
            assert not found
            assert found.missing
            assert found.missing in qa.question


def test_a_relation_singles_one_thing_out() -> None:
    assert answers(PARK, "on-what") == {"box", "cup"}
    relations = {(qa.question.split("describes: ")[1], qa.answer) for qa in asked(PARK, "relation")}
    assert any(words.startswith("cup on the") for words, _ in relations)
    assert all(not words.startswith("ball right of") or "small" not in words for words, _ in relations)
    assert answers(PARK, "relation-word") <= {"left", "right"}


def test_detect_finds_all_from_left_to_right() -> None:
    balls = next(qa for qa in asked(PARK, "detect-several") if "Detect all balls" in qa.question)
    boxes = PROMPTS["detect"].read(balls.answer).boxes
    assert len(boxes) == 3
    assert list(boxes) == sorted(boxes)


def test_grounded_caption_boxes_what_the_caption_names() -> None:
    (answer,) = answers(PARK, "grounded")
    assert answer.startswith("A <p>red ball</p>[")
    assert "two <p>blue balls</p>[" in answer
    pieces = PROMPTS["grounded_caption"].read(answer)
    assert [len(piece.boxes) for piece in pieces if isinstance(piece, Group)] == [1, 2, 1, 1]
    assert "".join(piece if isinstance(piece, str) else piece.phrase for piece in pieces) == PARK.caption


def test_a_pose_leaves_out_what_is_not_given() -> None:
    (qa,) = {qa.answer: qa for qa in asked(PEOPLE, "pose")}.values()
    joints = PROMPTS["pose"].read(qa.answer)
    assert [joint.name for joint in joints] == [name for name in JOINTS if name != "left ear"]
    assert not asked(PEOPLE, "pose-several")
    assert answers(PARK, "pose-absent") == {NO_PERSON}


def test_one_joint_is_asked_by_its_name() -> None:
    whole = {joint.name: joint for joint in PROMPTS["pose"].read(asked(PEOPLE, "pose")[0].answer)}
    made = asked(PEOPLE, "joint")
    assert len({qa.answer for qa in made}) > 5
    assert not asked(PARK, "joint")
    for qa in made:
        (joint,) = PROMPTS["pose"].read(qa.answer)
        assert joint == whole[joint.name]
        assert f"the {joint.name} of the person" in qa.question
        assert score(qa, qa.answer)["complete"] == 1


def test_blocks_of_a_kind_come_in_reading_order() -> None:
    made = {qa.question: qa for qa in asked(PAGE, "detect-block")}
    (left, right) = PROMPTS["detect"].read(made["Detect all text blocks shown in the image."].answer).boxes
    assert left[0] < right[0]
    assert len(made) == 3
    assert not asked(PARK, "detect-block")


def test_actions_and_clothes() -> None:
    assert answers(PEOPLE, "action") == {"waving"}
    assert answers(PEOPLE, "clothes") == {"green"}
    assert not asked(PEOPLE, "colour")


def test_is_it_is_true_half_of_the_time() -> None:
    made = asked(PARK, "is-it", 80)
    assert 0.3 < sum(qa.answer == "yes" for qa in made) / len(made) < 0.7
    said = {(qa.question.split(SHORT_ANSWER)[0], qa.answer) for qa in made}
    assert ("Is the cup yellow?", "yes") in said
    assert ("Is the cup yellow?", "no") not in said


def test_training_is_looser_than_the_exam() -> None:
    box = (0.2, 0.2, 0.6, 0.6)
    varied, plain = (QuestionGenerator(PARK, random.Random(1), varied=varied) for varied in (True, False))
    jitter_box = [varied.jitter_box(box) for _ in range(20)]
    assert any(found != box for found in jitter_box)
    assert all(abs(a - b) < 0.03 for found in jitter_box for a, b in zip(found, box))
    assert {plain.jitter_box(box) for _ in range(20)} == {box}
    assert {plain.vary_spelling("Is it?") for _ in range(20)} == {"Is it?"}
    assert {varied.vary_spelling("Is it?") for _ in range(80)} == {"Is it?", "is it?", "Is it", "is it"}
    assert plain.mark_numbers(3) == [1, 2, 3]
    assert all(numbers == sorted(set(numbers)) for numbers in (varied.mark_numbers(3) for _ in range(20)))


def test_layout_lists_blocks_as_they_are_read() -> None:
    (answer,) = answers(PAGE, "layout")
    groups = PROMPTS["layout"].read(answer)
    assert [group.phrase for group in groups] == ["title", "text", "figure", "text"]
    assert all(len(group.boxes) == 1 for group in groups)
    assert groups[1].boxes[0][0] < groups[3].boxes[0][0]
    assert answers(CHART, "layout-absent") == {"There is no document in the image."}


def test_words_charts_and_screens() -> None:
    assert answers(PAGE, "read-word") == {"NEWS"}
    assert answers(CHART, "chart") == {"label | value\nDOG | 12\nCAT | 7\nFISH | 9"}
    assert answers(CHART, "chart-value") == {"12", "7", "9"}
    assert answers(CHART, "chart-most") == {"DOG", "CAT"}
    assert {qa.question.split("describes: ")[1] for qa in asked(SCREEN, "screen")} == {
        "save button.",
        "name field.",
    }
    assert all(not PROMPTS["screen"].read(qa.answer) for qa in asked(SCREEN, "screen-absent"))


def test_the_odd_and_the_broken_one() -> None:
    things = (*(thing("ball", "red", 60 * i, 10) for i in range(3)), thing("ball", "blue", 10, 100))
    odd = replace(PARK, kind="odd", things=things, relations=(), odd=3)
    (answer,) = answers(odd, "odd")
    assert PROMPTS["odd"].read(answer).phrase == "blue ball"
    assert not asked(odd, "odd-damaged")
    assert answers(PARK, "odd-absent") == {"There is nothing odd in the image."}
    broken = replace(
        PARK, things=(thing("cup", "red", 5, 5, phrase="broken red cup", damaged=True), *PARK.things[1:])
    )
    assert answers(broken, "damaged") == {"yes", "no"}


def test_marks_lie_on_their_things() -> None:
    assert asked(PARK, "marks")
    assert lies_on(PARK.things[0], 20, 30)
    assert not lies_on(PARK.things[0], 60, 30)
    assert all("is " in qa.answer and "<Mark 2>" in qa.answer for qa in asked(PARK, "marks-relation"))


# --- over the world ------------------------------------------------------------------------------------


@cache
def drawn(count: int = 50) -> tuple[Truth, ...]:
    """Small pictures of every kind in turn, a fifth of them with held-out combinations."""
    return tuple(
        draw(SEED + i, kind=KINDS[i % len(KINDS)], size_wh=(128, 96 if i % 3 else 128), held_out=i % 5 == 4)[
            1
        ]
        for i in range(count)
    )


def test_every_answer_reads_back_to_the_values_it_was_written_from(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, object] = {}
    original = QuestionGenerator.task

    def noting(self: QuestionGenerator, topic: str, ability: str, values: object, **rest: object) -> QA:
        qa = original(self, topic, ability, values, **rest)  # type: ignore[arg-type]
        written[qa.answer] = values
        return qa

    monkeypatch.setattr(QuestionGenerator, "task", noting)
    seen = set()
    for i, truth in enumerate(drawn()):
        for qa in questions(truth, random.Random(i), per_picture=12):
            row = PROMPTS[qa.ability]
            read = row.read(qa.answer)
            assert row.write(read) == qa.answer
            if qa.answer in written:
                assert rounded(read) == rounded(written[qa.answer])
            seen.add(qa.ability)
    assert seen >= set(PROMPTS) - {"pose"}


def rounded(values: object) -> object:
    """The values with lists as tuples and positions as replies write them."""
    if isinstance(values, (list, tuple)):
        return tuple(rounded(value) for value in values)
    if isinstance(values, float):
        return round(min(max(values, 0.0), 0.99), 2)
    if isinstance(values, (Group, Found)):
        return replace(values, boxes=rounded(values.boxes))
    return replace(values, point=rounded(values.point)) if hasattr(values, "point") else values  # type: ignore[type-var]


def test_a_right_reply_gets_full_marks() -> None:
    for i, truth in enumerate(drawn()):
        for qa in questions(truth, random.Random(i), per_picture=8):
            scores = score(qa, qa.answer)
            for key in ("exact", "hit", "look", "both", "none_right", "complete"):
                assert scores.get(key, 1) == 1, (qa, scores)
            assert scores.get("oks", 1) > 0.75, qa
            if "wanted" in scores:
                assert scores["box_right" if "box_right" in scores else "right"] >= scores["wanted"] - 1, qa


def test_nothing_ambiguous_is_asked() -> None:
    """A phrase that is located fits one thing; one that is absent fits nothing."""
    for i, truth in enumerate(drawn()):
        generator = QuestionGenerator(truth, random.Random(i), varied=True)
        for thing_ in generator.seen:
            for name in generator.names(thing_):
                kind_and_looks = [other for other in generator.things if named(other, name)]
                assert kind_and_looks == [thing_], name
        for near in (False, True):
            if found := generator.absent(near=near):
                assert not [other for other in truth.things if named(other, found[0])]


def named(thing_: Thing, phrase: str) -> bool:
    """Whether every word of a phrase is true of a thing, or might be."""
    words = phrase.replace("person in", "person").split()
    known = {thing_.kind, thing_.colour, thing_.size, thing_.pattern, thing_.action}
    if thing_.size is None:
        known |= {"small", "large"}
    return thing_.kind in words and set(words) <= known and fits(thing_)


def test_training_never_says_that_a_held_out_pair_is_absent() -> None:
    for i, truth in enumerate(drawn()):
        if truth.held_out:
            continue
        for qa in questions(truth, random.Random(i), per_picture=30):
            if qa.topic.endswith(("-absent", "-miss")) and qa.ability == "locate":
                words = PROMPTS["locate"].read(qa.answer).missing.split()
                assert not any(colour in words and kind in words for colour, kind in HELD_OUT_PAIRS), qa


def test_half_of_the_is_there_questions_are_about_absent_things() -> None:
    pictures = drawn() * 3  # as many questions of each as training asks
    made = [qa for i, t in enumerate(pictures) for qa in questions(t, random.Random(i), per_picture=12)]
    counts = {topic: sum(qa.topic == topic for qa in made) for topic in TOPICS}
    no = sum(counts[f"is-there-{kind}"] for kind in ("absent", "kind-absent", "near-miss"))
    assert 0.4 < no / (no + counts["is-there-present"]) < 0.63
    assert counts["is-there-near-miss"] > 0


def test_questions_are_different_and_repeatable() -> None:
    for truth in drawn(12):
        made = questions(truth, random.Random(7), per_picture=10)
        assert 0 < len(made) <= 10
        assert made == questions(truth, random.Random(7), per_picture=10)
        assert len({(qa.topic, qa.question, qa.answer) for qa in made}) == len(made)


def test_every_topic_comes_up_in_some_picture() -> None:
    found = {
        topic
        for i, t in enumerate(drawn(108))
        for topic in TOPICS
        if eval_question(t, random.Random(i), topic)
    }
    assert found == set(TOPICS) - {
        "largest",
        "locate-largest",
        "region-largest",
        "detect-all",
    }  # of photographs


def test_exam_asks_in_sphinxs_own_sentence() -> None:
    for qa in asked(PARK, "locate"):
        assert qa.question.startswith(
            "Please provide the bounding box coordinate of the region this sentence describes: "
        )
    assert all(qa.question.endswith(SHORT_ANSWER) for qa in asked(PARK, "colour"))
    with pytest.raises(KeyError):
        eval_question(PARK, random.Random(0), "weather")


# --- without a picture ---------------------------------------------------------------------------------


def test_talk_without_a_picture() -> None:
    rng = random.Random(0)
    made = [texts(rng) for _ in range(600)]
    assert all(
        qa.question.strip() and qa.answer.strip() and "###" not in qa.question + qa.answer for qa in made
    )
    topics = {qa.topic for qa in made}
    assert topics >= {
        "talk",
        "talk-sum",
        "talk-spell",
        "talk-no-picture",
        "talk-part",
        "told-locate",
        "told-colour",
    }
    for qa in made:
        if qa.topic == "talk-sum":
            assert 0 <= int(qa.answer) <= 20
        row = PROMPTS[qa.ability]
        assert row.write(row.read(qa.answer)) == qa.answer


def test_what_is_told_can_be_answered_from_the_telling() -> None:
    rng = random.Random(1)
    for qa in (texts(rng) for _ in range(600)):
        if qa.topic == "told-locate":
            assert qa.answer in qa.question
