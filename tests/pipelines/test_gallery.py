"""The README's table: every ability is in it, and its pictures are made."""

from pipelines import gallery
from pipelines.abilities import ABILITIES


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
