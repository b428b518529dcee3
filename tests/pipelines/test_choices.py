"""Which checkpoints a running demo could go over to: weighed, refused in a line, or loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model import checkpoints
from pipelines import catalog, choices
from pipelines.catalog import EXPERT
from pipelines.choices import EMBEDDED, Memory, Others
from pipelines.errors import MissingCapability
from pipelines.progress import Stage
from pipelines.settings import Settings

GB = 10**9


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Say what memory and disk are left, on a machine that has fetched nothing."""

    def has(*, memory: int, disk: int) -> None:
        monkeypatch.setattr(choices, "memory", lambda device: Memory(0, memory))
        monkeypatch.setattr(choices, "_disk_left", lambda folder: disk)
        monkeypatch.setattr(checkpoints, "home", lambda: tmp_path)

    return has


def weighed(settings: Settings | None = None) -> dict[str, choices.Choice]:
    others = Others(settings or Settings(device="cpu"))
    return {choice.name: choice for choice in others.choices()}


def test_embedded_ones_fit_and_released_ones_where_memory_and_disk_suffice(machine):
    machine(memory=8 * GB, disk=20 * GB)
    found = weighed()
    assert list(found)[:3] == list(EMBEDDED)
    assert all(not found[name].refused and not found[name].download for name in EMBEDDED)
    assert found["sphinx-nano"].needs > found["sphinx-nano/drawn"].needs > 10**7
    assert not found["sphinx-tiny"].refused
    assert found["sphinx-tiny"].download == checkpoints.find("sphinx-tiny").download_bytes
    assert (
        found["sphinx"].refused
        == "sphinx is not here, and needs 72.7 GB of disk to be fetched; 20.0 GB are free."
    )
    machine(memory=8 * GB, disk=500 * GB)
    assert (
        weighed()["sphinx-1k"].refused
        == "sphinx-1k needs 37.8 GB of memory in bfloat16; cpu has 8.0 GB left."
    )


def test_what_was_fetched_before_needs_no_disk(machine, tmp_path):
    machine(memory=8 * GB, disk=0)
    assert weighed()["sphinx-tiny"].refused
    (tmp_path / "sphinx-tiny").mkdir()
    for name in ("config.json", "processor_config.json"):
        (tmp_path / "sphinx-tiny" / name).write_text("{}")
    found = weighed()["sphinx-tiny"]
    assert not found.refused
    assert not found.download


def test_a_folder_that_the_demo_was_started_with_can_be_gone_back_to(machine, tmp_path):
    machine(memory=8 * GB, disk=0)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 1000)
    found = weighed(Settings(str(folder), device="cpu"))
    assert next(iter(found)) == str(folder)
    assert found[str(folder)].needs == 2100  # in float32, and what is computed on the way


def test_what_cannot_be_had_is_refused_in_one_line_and_never_loaded(machine, assistant, monkeypatch):
    machine(memory=8 * GB, disk=0)
    monkeypatch.setattr(catalog, "load_beside", lambda *_: pytest.fail("it was loaded"))
    for name, reason in (("sphinx-tiny", "needs .* of disk"), ("../../etc", "no checkpoint")):
        with pytest.raises(MissingCapability, match=reason) as told:
            Others(Settings(device="cpu")).load(assistant, name)
        assert "\n" not in str(told.value)


def test_another_sphinx_shares_pictures_line_and_the_other_models(assistant, about):
    picture = assistant.open(Path("assets/examples/01-park.png")).picture
    stages: list[Stage] = []
    other = Others(Settings(device="cpu")).load(assistant, "sphinx-nano/photographs", stages.append)
    assert stages == [Stage("loading sphinx-nano/photographs")]
    assert other.about.model == other.engine.vlm.name == "sphinx-nano/photographs"
    shared = replace(assistant.engine, vlm=other.engine.vlm, about=other.about, said=other.engine.said)
    assert other.engine == shared
    assert picture in other.pictures
    assert assistant.about == about


def test_an_expert_can_be_had_alone():
    both, _ = catalog.load_vlm("sphinx-nano", "cpu", "float32", "")
    drawn, about = catalog.load_vlm("sphinx-nano/drawn", "cpu", "float32", "")
    assert type(drawn) is not type(both)
    assert about.model == "sphinx-nano/drawn"
    said = catalog.read_said(catalog.ASSETS / "sphinx-nano")
    assert about.photographs == said.get("photographs", "")
    expert = catalog.model_folder("sphinx-nano/photographs")
    assert expert == catalog.ASSETS / "sphinx-nano" / EXPERT


def test_a_stage_says_how_far_it_has_come():
    assert str(Stage("loading sam-nano", part=2, parts=3)) == "loading sam-nano (2 of 3)"
    stage = Stage("downloading sphinx-tiny", 1_500_000_000, 6_000_000_000)
    assert str(stage) == "downloading sphinx-tiny, 1.5 of 6.0 GB"
    assert stage.share == 0.25
    assert Stage("converting").share is None


def test_memory_that_other_programs_use_is_not_left(monkeypatch):
    monkeypatch.setattr(checkpoints, "free_memory", lambda device: 10**18)
    now = choices.memory("cpu")
    assert now.held > 10**7
    assert now.left is not None
    assert now.left < 10**15
    monkeypatch.setattr(checkpoints, "free_memory", lambda device: now.held + 10)
    left = choices.memory("cpu").left
    assert left is not None
    assert left < 10**9
