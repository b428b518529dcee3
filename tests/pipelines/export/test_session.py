"""The session ZIP and back; wrong, damaged and costly ones are refused in words before they cost anything."""

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import DemoError
from pipelines.export import BrokenSession, archive, open_session, save_session, schema, session
from pipelines.scene import Click, Point, Scene, Timeline


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
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    with pytest.raises(BrokenSession):
        open_session(
            assistant,
            changed(saved, lambda s: first_region(s).update(mask={"box": [0, 0, 9, 9], "bits": bomb})),
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_arbitrary_damage_never_raises_anything_else(assistant, saved, data):
    at = data.draw(st.integers(0, len(saved) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=40))
    damaged = saved[:at] + noise + saved[at + len(noise) :]
    with contextlib.suppress(DemoError):
        assert isinstance(open_session(assistant, damaged).scene, Scene)
