"""The limits that keep the code readable: lengths of functions and of modules."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "pipelines", "model")
FUNCTION, MODULE, MEDIAN = 60, 500, 200  # lines


def modules(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def long_functions(text):
    """Name and number of lines of each function with more lines than FUNCTION."""
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    return {name: length for name, length in lengths.items() if length > FUNCTION}


def test_a_long_function_is_found_wherever_it_stands():
    body = "        pass\n" * FUNCTION
    text = f"class A:\n    async def long(self):\n{body}    def short(self):\n        pass\n"
    assert long_functions(text) == {"long": FUNCTION + 1}


@pytest.mark.parametrize("folder", FOLDERS)
def test_functions_are_short(folder):
    files = modules(folder)
    assert files
    found = {str(file.relative_to(ROOT)): long_functions(file.read_text("utf-8")) for file in files}
    assert {name: functions for name, functions in found.items() if functions} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_modules_are_short(folder):
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in modules(folder)
    }
    assert {name: length for name, length in lengths.items() if length > MODULE} == {}
    assert statistics.median(lengths.values()) <= MEDIAN
