"""The notebook runs from its first cell to its last, on the embedded checkpoints, and says what is true."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parent.parent / "docs" / "a_visit_in_ten_cells.ipynb"


def test_ten_cells_run(monkeypatch):
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) == 10
    names: dict = {"__name__": "__main__"}
    for number, source in enumerate(code, start=1):
        exec(compile(source, f"cell {number}", "exec"), names)
    assert names["rows"][0]["label"] == "green fish"
    assert names["again"].regions[0].mask == names["scene"].regions[0].mask
    assert "fish" in names["assistant"].answer(names["masked"], "what is it?").turns[-1].text
    assert names["edited"]["picture"]
    assert names["edited"]["touched"]
    assert names["asked"]["regions"][0]["id"] == 1
    assert names["status"] == 0
    assert {row["category_id"] for row in names["dataset"]["annotations"]} == {1, 2}
