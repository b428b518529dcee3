"""The README's table: every ability is in it, and its pictures are made."""

from dataclasses import replace

from pipelines import gallery
from pipelines.abilities import ABILITIES
from pipelines.scene import Box


def test_every_ability_is_in_the_gallery():
    titles = [ability.title for ability in ABILITIES.values()]
    assert len(set(titles)) == len(titles)
    for ability in ABILITIES.values():
        assert ability.messages
        assert (gallery.EXAMPLES / f"{ability.picture}.png").exists()


def test_the_table(assistant, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gallery, "load", lambda settings: assistant)
    assert gallery.main(["--output", str(tmp_path)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == len(ABILITIES) + 2
    assert all(line.count("|") == 6 for line in table)
    assert len(list(tmp_path.glob("*.png"))) == len(ABILITIES)


def test_a_wrong_answer_is_called_so(assistant):
    ability = ABILITIES["locate"]
    assert not set(gallery.truths()) - set(ABILITIES)
    scene = assistant.answer(assistant.open(gallery.EXAMPLES / "01-park.png"), "find the house")
    assert (
        gallery.correction("locate", scene, "Here is the house (#1).") == gallery.truths()["locate"]["right"]
    )
    house = gallery.truths()["locate"]["places"][0]
    width, height = scene.picture.size_wh
    box = Box(*(round(share * side) for share, side in zip(house, (width, height) * 2, strict=True)))
    right = replace(scene, regions=tuple(replace(region, box=box) for region in scene.regions))
    assert gallery.correction("locate", right, "Here is the house (#1).") == ""
    assert gallery.correction("short", right, "blue") == "purple"
    _, text, wrong = gallery.show(assistant, ability)
    assert text
    assert wrong == gallery.truths()["locate"]["right"]
