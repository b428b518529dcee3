"""The README's table: every ability is in it, and its pictures are made."""

from pipelines import gallery
from pipelines.tasks import TASKS


def test_every_ability_has_a_shot():
    titles = [shot.title for shot in gallery.SHOTS]
    assert {task.title for task in TASKS.values()} <= set(titles)
    assert len(set(titles)) == len(titles)
    assert all((gallery.EXAMPLES / f"{shot.picture}.png").exists() for shot in gallery.SHOTS)


def test_the_table(assistant, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gallery, "load", lambda settings: assistant)
    assert gallery.main(["--output", str(tmp_path)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == len(gallery.SHOTS) + 2
    assert all(line.count("|") == 6 for line in table)
    assert len(list(tmp_path.glob("*.png"))) == len(gallery.SHOTS)
