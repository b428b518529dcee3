"""The session ZIP and back; wrong, damaged and costly ones are refused in words before they cost anything."""

import base64
import io
import json
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.export import BrokenSession, archive, open_session, save_session, schema, session
from pipelines.scene import Click, Point, Scene, Timeline
from tests.fuzz import FUZZ, JSON, refusal


@pytest.fixture
def timeline(assistant, drawing) -> Timeline:
    """A visit with everything in it: boxes, masks, joints, clicks, a table, an edit, undo and a branch."""
    timeline = Timeline()
    scene = assistant.open(drawing)
    timeline = timeline.push(scene)
    for words in ("name every object", "segment #1", "pose of everyone", "convert the chart to a table"):
        scene = assistant.answer(scene, words)
        timeline = timeline.push(scene)
    scene = assistant.click(scene, Click(Point(20, 20)))
    scene = assistant.click(scene, Click(Point(25, 20), False), region_id=scene.selected)
    timeline = timeline.push(scene).undo().undo()
    scene = assistant.answer(timeline.scene, "remove the blue cup", options=None)
    return timeline.push(scene)


@pytest.fixture
def saved(assistant, timeline) -> bytes:
    return save_session(assistant, timeline)


def test_the_round_trip_is_equal_field_by_field(assistant, timeline, saved):
    opened = open_session(assistant, saved)
    assert opened.current == timeline.current
    assert len(opened.steps) == len(timeline.steps)
    for one, other in zip(opened.steps, timeline.steps):
        assert one.parent == other.parent
        assert one.scene.regions == other.scene.regions
        assert one.scene.turns == other.scene.turns
        assert one.scene == other.scene
    assert opened == timeline


def test_a_session_goes_on(assistant, saved, tmp_path):
    opened = open_session(assistant, saved)
    assert opened.scene.picture
    assert assistant.image(opened.scene.picture).size == (200, 200)
    scene = assistant.answer(opened.scene, "find the red ball")
    assert scene.regions[0].id == 1
    assert opened.undo().undo().can_redo


def test_an_empty_visit_is_a_session_too(assistant):
    assert open_session(assistant, save_session(assistant, Timeline())) == Timeline()


def test_the_recipe_says_models_seeds_and_sentences(assistant, saved):
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        rows = json.loads(archive.read("recipe.json"))
        regions = json.loads(archive.read("regions.json"))
    assert rows[1]["model"] == "fake-sphinx"
    assert rows[1]["question"].startswith("Detect all regions")
    assert rows[-1]["ability"] == "edit"
    assert regions["images"][0]["width"] == 200


# --- what is refused -----------------------------------------------------------------------------------


def zipped(**files: bytes | str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(data: bytes, change) -> bytes:
    """The session with `change(session.json's value)` applied."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    session = json.loads(files["session.json"])
    change(session)
    return zipped(**{**files, "session.json": json.dumps(session)})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a ZIP"),
        (b"hello", "not a ZIP"),
        (zipped(), "lacks session.json"),
        (zipped(**{"notes.txt": "hi"}), "lacks session.json"),
        (zipped(**{"session.json": "[]"}), "not a session"),
        (zipped(**{"session.json": "{"}), "cannot be read"),
        (zipped(**{"session.json": "[" * 100_000}), "cannot be read"),
        (zipped(**{"session.json": '{"format": "other"}'}), "not a session"),
        (zipped(**{"session.json": f'{{"format": "{schema.FORMAT}", "version": 99}}'}), "version 99"),
        (zipped(**{"session.json": f'{{"format": "{schema.FORMAT}", "version": 1}}'}), "damaged"),
        (zipped(**{"../evil": "x", "session.json": "{}"}), "outside itself"),
        (zipped(**{"/etc/passwd": "x"}), "outside itself"),
        (zipped(**{"a/../../b": "x"}), "outside itself"),
        (zipped(**{"C:\\evil": "x"}), "outside itself"),
        (zipped(**{"session.json": b"\0" * 30_000_000}), "beyond belief"),
        (zipped(**{f"{i}": "" for i in range(archive.MOST_FILES + 1)}), "files"),
        (zipped(**{f"{i}": "" for i in range(9000)}), "too many files"),
    ],
)
def test_wrong_zips_are_refused(assistant, data, says):
    with pytest.raises(BrokenSession) as error:
        open_session(assistant, data)
    assert says in str(error.value)


def test_a_locked_zip_is_refused(assistant, saved):
    at = saved.index(b"PK\x01\x02") + 8  # the flags of the first file in the list of contents
    with pytest.raises(BrokenSession, match="password"):
        open_session(assistant, saved[:at] + bytes([saved[at] | 1]) + saved[at + 1 :])


def test_a_zip_that_unpacks_to_too_much_is_refused_before_it_is_read(assistant, saved, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    monkeypatch.setattr(session, "read_member", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BrokenSession, match="unpacks to more"):
        open_session(assistant, saved)


def first_region(session) -> dict:
    return session["regions"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(current=99),
        lambda s: s.update(current=True),
        lambda s: s.update(steps=[]),
        lambda s: s.update(steps="x"),
        lambda s: s["steps"][1].update(parent=5),
        lambda s: s["steps"][1]["scene"].update(picture=7),
        lambda s: s["steps"][1]["scene"].update(picture="../x"),
        lambda s: s["steps"][1]["scene"].update(next_id=0),
        lambda s: s["steps"][1]["scene"].update(selected=77),
        lambda s: s["turns"][0].update(role="system"),
        lambda s: s["turns"][0].update(spans=[[0, 9999, [1]]]),
        lambda s: s["pictures"].append([5, 5]),
        lambda s: s["pictures"].__setitem__(0, [5, 5]),
        lambda s: first_region(s).update(box=[0, 0, 999, 10]),
        lambda s: first_region(s).update(box=[10, 0, 5, 10]),
        lambda s: first_region(s).update(box=[0.5, 0, 5, 10]),
        lambda s: first_region(s).update(id="1"),
        lambda s: first_region(s).update(mask={"box": [0, 0, 9, 9], "bits": "AAAA"}),
        lambda s: first_region(s).update(mask={"box": [0, 0, 9, 9], "bits": "€"}),
        lambda s: first_region(s).update(keypoints=[["nose", 1, 1, 2]]),
        lambda s: first_region(s).update(clicks=[[1, 2]]),
        lambda s: first_region(s).update(score="high"),
        lambda s: first_region(s).pop("label"),
    ],
)
def test_damaged_sessions_are_refused(assistant, saved, change):
    with pytest.raises(BrokenSession):
        open_session(assistant, changed(saved, change))


def test_a_picture_that_is_none_is_refused(assistant, saved):
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with pytest.raises(BrokenSession, match="picture"):
        open_session(assistant, zipped(**{**files, "pictures/0.png": b"text"}))


def test_bits_that_lie_about_their_size_are_not_unpacked(assistant, saved):
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    with pytest.raises(BrokenSession):
        open_session(
            assistant,
            changed(saved, lambda s: first_region(s).update(mask={"box": [0, 0, 9, 9], "bits": bomb})),
        )


@settings(max_examples=60 * FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_arbitrary_damage_never_raises_anything_else(assistant, saved, data):
    at = data.draw(st.integers(0, len(saved) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=40))
    damaged = saved[:at] + noise + saved[at + len(noise) :]
    opened, said = refusal(lambda: open_session(assistant, damaged))
    assert said or isinstance(opened.scene, Scene)


def nodes(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths to everything in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from nodes(item, (*path, key))


@settings(max_examples=60 * FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_anywhere_is_read_or_refused(assistant, saved, data):
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        value = json.loads(archive.read("session.json"))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(nodes(value), key=str)))
        other = data.draw(JSON | st.sampled_from([None, 0, 1, 2, 7, "", [], {}, 10**9]))
        if not path:
            continue
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = other
    written = json.dumps(value)
    opened, said = refusal(lambda: open_session(assistant, changed_to(saved, written)), BrokenSession)
    if said is not None:
        assert len(said) < 400
    else:
        save_session(assistant, opened)  # what is read can be gone on with


def changed_to(data: bytes, written: str) -> bytes:
    """The session with another session.json."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return zipped(**{**files, "session.json": written})


# --- what would cost too much --------------------------------------------------------------------------

VARIANTS = min(10, FUZZ)  # of each kind; ten passed when this was written, in two minutes
MOST_SECONDS, MOST_MEMORY = 2.0, 200_000_000  # of the processor, and bytes of Python's own


def blank(width: int, height: int, mode: str = "1", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def session_of(
    size: tuple[int, int] = (8, 8),
    regions: Sequence[Any] = (),
    steps: int = 1,
    picture: bytes | None = None,
    **more,
) -> bytes:
    scene = {"picture": 0, "regions": list(regions), "selected": None, "turns": [], "next_id": 10**6}
    value = {
        "format": schema.FORMAT, "version": 1, "current": 0, "pictures": [list(size)],
        "steps": [{"scene": scene, "parent": -1} for _ in range(steps)], **more,
    }  # fmt: skip
    return zipped(**{"session.json": json.dumps(value), "pictures/0.png": picture or blank(*size, "RGB")})


def region_row(number: int = 1, **more: Any) -> dict:
    return {
        "id": number, "label": "x", "box": [0, 0, 8, 8], "mask": None, "keypoints": None, "score": None,
        "source": "x", "note": None, "clicks": [], "prompt_box": None, "candidates": [], **more,
    }  # fmt: skip


def mask_row(width: int, height: int, fill: int) -> dict:
    bits = bytes([fill]) * ((width * height + 7) // 8)
    return {"box": [0, 0, width, height], "bits": base64.b64encode(zlib.compress(bits)).decode()}


def costly() -> Iterator[tuple[str, bytes]]:
    """Small files that would cost much, some of each kind that was reported."""
    side = 5000
    for at in range(VARIANTS):
        masks = [mask_row(side - at, side - i, 255) for i in range(30)]
        candidates = [[mask, 0.5] for mask in masks]
        yield (
            "candidates",
            session_of((side, side), [region_row(candidates=candidates)], picture=blank(side, side)),
        )
        regions = [region_row(i + 1, mask=mask) for i, mask in enumerate(masks)]
        yield "masks", session_of((side, side), regions, picture=blank(side, side))
        sizes = [(7000 - i, 7000 - at) for i in range(4 + at)]
        files = {f"pictures/{i}.png": blank(*size) for i, size in enumerate(sizes)}
        head = {"format": schema.FORMAT, "version": 1, "current": 0, "pictures": sizes, "steps": []}
        yield "pictures", zipped(**{"session.json": json.dumps(head)}, **files)
        many = (b"{},", b"[],", b"0,", b'"",', b"[[]],", b'{"a":0},', b"1e9,", b"null,", b"true,", b"-1,")[at]
        start = b'{"format":"%b","version":1,"a":[' % (b"x" if at % 2 else schema.FORMAT.encode())
        yield "values", zipped(**{"session.json": start + many * (9_000_000 // len(many)) + b"0]}"})
        yield "steps", session_of(steps=20_000 * (at + 1))
        few = [[i % 9] * at for i in range(40_000)]
        yield "turns", session_of(masks=few) if at % 2 else session_of(regions=few[:9000])
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("session.json", "{}" * 10_000)
        yield "method", buffer.getvalue()
        yield "method", buffer.getvalue().replace(b"\x00\x00\x00", b"\x07\x00\x00", 3)


def values() -> Iterator[tuple[str, str]]:
    """Values that JSON can hold and nothing behind it can: a region's field, and its JSON text."""
    for number in (
        "1" + "0" * 400,
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        str(2**64),
        str(-(2**70)),
        "9" * 5000,
    ):
        yield "score", number
    for text in (r'"\ud800"', r'"a\udfffb"', r'"\ud800\ud800"', '"\\u0000\ud83d"', "[]", "{}", "1"):
        yield "label", text
        yield "note", text
    yield "clicks", "[[0,0,1]]"
    yield "clicks", "[[0.0,0,true]]"
    yield "id", "1.5"
    yield "id", "true"


@pytest.mark.parametrize(("field", "text"), values())
def test_values_that_nothing_can_hold_are_refused(assistant, field, text):
    good = session_of(regions=[{**region_row(), field: "HERE"}])
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    written = files["session.json"].replace(b'"HERE"', text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BrokenSession) as error:
        open_session(assistant, zipped(**{**files, "session.json": written}))
    assert len(str(error.value)) < 400
    str(error.value).encode()


def test_a_turn_of_endless_seconds_is_refused(assistant):
    turn = {
        "role": "user", "text": "", "spans": [], "raw": "", "table": None, "unfinished": False,
        "pictures": [], "record": ["ask", "m", 0, 0.0, 0, []],
    }  # fmt: skip
    assert open_session(assistant, session_of(version=2, turns=[turn], regions=[])).scene.turns == ()
    turn["record"][3] = 10**400
    with pytest.raises(BrokenSession):
        open_session(assistant, session_of(version=2, turns=[turn]))


def measured(assistant, source: bytes | Path) -> str:
    """Open a session, or be refused; what was said, once it is sure that it cost little."""
    tracemalloc.start()
    began = time.process_time()
    try:
        open_session(assistant, source)
        said = "opened"
    except BrokenSession as error:
        said = str(error)
    seconds = time.process_time() - began
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 3 * MOST_SECONDS, said  # tracing takes its time, too
    assert most < MOST_MEMORY, said
    return said


def test_costly_sessions_cost_little(assistant):
    said = {(kind, measured(assistant, data).split(":")[0]) for kind, data in costly()}
    assert {kind for kind, answer in said if answer != "opened"} == {kind for kind, _ in said}, said


def test_equal_masks_are_held_once(assistant):
    mask = mask_row(8, 8, 255)
    regions = [region_row(i + 1, mask=mask, candidates=[[mask, 0.5]] * 3) for i in range(20)]
    opened = open_session(assistant, session_of(regions=regions))
    assert len({id(region.mask) for region in opened.scene.regions}) == 1


def test_a_visit_beyond_the_budget_is_saved_as_far_as_it_goes(assistant, timeline, monkeypatch):
    monkeypatch.setattr(session, "BUDGET", replace(session.BUDGET, regions=8))
    data = save_session(assistant, timeline)
    opened = open_session(assistant, data)
    assert 1 <= len(opened.steps) < len(timeline.steps)
    assert opened.scene == timeline.scene


def test_a_session_of_version_1_is_read(assistant):
    opened = open_session(
        assistant, session_of(regions=[region_row(mask=mask_row(8, 8, 255), score=1)], steps=3)
    )
    assert len(opened.steps) == 3
    mask = opened.scene.regions[0].mask
    assert mask
    assert mask.area == 64


def test_what_a_picture_carries_goes_with_the_session(assistant, tmp_path):
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 100))
    exif = Image.Exif()
    exif[0x0110] = "Model 3"
    image.save(tmp_path / "glass.png", exif=exif.tobytes())
    timeline = Timeline().push(Scene(assistant.pictures.open(tmp_path / "glass.png")))
    assert open_session(assistant, save_session(assistant, timeline)) == timeline
