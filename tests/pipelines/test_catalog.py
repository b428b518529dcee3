"""What is loaded, on what, and why; and what a checkpoint says of itself."""

import json
import shutil

import pytest

from model import checkpoints
from pipelines import catalog
from pipelines.abilities import ABILITIES
from pipelines.errors import MissingCapability
from pipelines.vlm import ExpertsVLM
from tests.model.tiny import tiny_config, tiny_model, tiny_processor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint as it is shipped, of a tiny random model."""
    path = tmp_path_factory.mktemp("checkpoints") / "sphinx-tiny-random"
    path.mkdir()
    config = tiny_config()
    tiny_model(config).save_pretrained(path)
    tiny_processor(path, config).save_pretrained(path)
    return path


def test_a_checkpoint_from_a_folder(folder, drawing):
    vlm, about = catalog.load_vlm(str(folder), "cpu", "float32", "no GPU was found")
    assert about.model == "sphinx-tiny-random"
    assert about.remembers
    assert about.encoders == ("clip", "convnext", "dinov2", "qformer")
    assert about.views == about.most_views == 5
    assert not about.untrained
    from pipelines.interfaces import GenerationOptions

    replies = list(vlm.stream(drawing, "d", (), "hello", options=GenerationOptions(max_new_tokens=3)))
    assert replies
    assert vlm.forward_passes == 4  # what all prompts begin with, the question, and two of the three tokens


def test_what_a_checkpoint_says_of_itself(folder, tmp_path):
    said = {
        "understands": "Drawn **things**.",
        "cannot": "Photographs.",
        "abilities": {
            "pose": {"trained": False, "figure": "OKS 0.1"},
            "locate": {"trained": True, "figure": None},
        },
    }
    (tmp_path / catalog.ABILITIES_FILE).write_text(json.dumps(said))
    about = catalog.read_about(tmp_path, "nano", "cpu", "no GPU was found")
    assert about.untrained == {"pose": "OKS 0.1"}
    assert about.short_answers
    assert about.remembers == 0
    assert ABILITIES["pose"].example not in about.examples
    assert ABILITIES["locate"].example in about.examples


def test_an_expert_for_photographs_is_loaded_beside_and_has_the_say_about_them(folder, tmp_path):
    home = tmp_path / "with-expert"
    shutil.copytree(folder, home)
    shutil.copytree(folder, home / catalog.EXPERT)
    main = {"understands": "Drawn things.", "cannot": "Weak: text.", "of_photographs": "None seen.",
            "talks": False, "kinds": {"world": ["ball"], "photographs": []}}  # fmt: skip
    expert = {"of_photographs": "Half are named.", "photographs": "A photograph: look twice.",
              "kinds": {"world": ["ball"], "photographs": ["sheep"]}}  # fmt: skip
    (home / catalog.ABILITIES_FILE).write_text(json.dumps(main))
    (home / catalog.EXPERT / catalog.ABILITIES_FILE).write_text(json.dumps(expert))
    vlm, about = catalog.load_vlm(str(home), "cpu", "float32", "no GPU was found")
    assert isinstance(vlm, ExpertsVLM)
    assert about.understands == "Drawn things. In **photographs** it knows sheep."
    assert about.cannot == "Half are named. Weak: text."
    assert about.photographs == "A photograph: look twice."
    assert about.vocabulary.kinds == ("ball", "sheep")


def test_the_device_and_the_reason():
    assert catalog.find_device("cpu") == ("cpu", "as asked")
    assert "GPU" in catalog.find_device("auto")[1]
    with pytest.raises(MissingCapability, match="not here"):
        catalog.find_device("xpu:7")
    assert catalog.find_dtype("auto", "cpu", released=False)[0] == "float32"
    assert catalog.find_dtype("auto", "cuda", released=False)[0] == "bfloat16"
    assert catalog.find_dtype("auto", "cpu", released=True)[0] == "bfloat16"
    assert catalog.find_dtype("nf4", "cuda", released=True)[0] == "nf4"
    with pytest.raises(MissingCapability, match="dtype"):
        catalog.find_dtype("float12", "cpu", released=False)


def test_what_is_not_there_is_explained(tmp_path, monkeypatch):
    with pytest.raises(MissingCapability, match="no checkpoint"):
        catalog.model_folder("nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingCapability, match="cannot be loaded"):
        catalog.load_vlm(str(tmp_path), "cpu", "float32", "")
    with pytest.raises(MissingCapability, match="no inpainting pipeline"):
        catalog.load_inpainter(str(tmp_path), "cpu")
    assert "nothing new" in catalog.read_painted(catalog.load_inpainter("opencv", "cpu").name)
    monkeypatch.setattr(checkpoints, "free_memory", lambda device: 10**9)
    with pytest.raises(MissingCapability, match="memory"):
        catalog.model_folder("sphinx-1k", "cpu", "bfloat16")
