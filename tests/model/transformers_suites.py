"""transformers' own common test-suites, from the source distribution of the installed version.

The wheel does not carry them, so pip downloads them when tests ask for them, into pytest's cache, and they
are imported from there; nothing of them is part of this repository. What they import beside themselves and
the source distribution lacks (the suites of generation and of the exporters, fixtures of the Hub) is replaced
by empty classes; test_common_modeling.py and test_remote.py check generation and exports themselves.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import types
import warnings
from pathlib import Path
from typing import Any

import pytest
import transformers

PACKAGE = "transformers_suites_of_the_sdist"


def fetch(cache: Path) -> Path:
    """Return the folder of the suites, downloaded where it is not in `cache` yet.

    Raises:
        OSError: if pip cannot reach its index.
    """
    name = f"transformers-{transformers.__version__}"
    folder = cache / name / "tests"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "transformers",
            "--no-build-isolation", "--dest", str(cache), f"transformers=={transformers.__version__}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")
        with tarfile.open(cache / f"{name}.tar.gz") as archive:
            suites = [m for m in archive.getmembers() if m.name.startswith(f"{name}/tests/")]
            archive.extractall(cache, suites, filter="data")
    return folder


def _module(name: str, **members: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    sys.modules[name] = module
    return module


def suite(name: str) -> Any:
    """Import one of the suites, such as "test_modeling_common"; skip the caller where it is unreachable."""
    if PACKAGE not in sys.modules:
        try:
            folder = fetch(Path(__file__).parents[2] / ".pytest_cache" / "suites")
        except OSError as error:
            pytest.skip(
                f"the source distribution of transformers is unreachable: {error}", allow_module_level=True
            )
        _module(PACKAGE, __path__=[str(folder)])
        for package in ("exporters", "generation"):
            _module(f"{PACKAGE}.{package}", __path__=[])
        _module(f"{PACKAGE}.exporters.test_export", ExportTesterMixin=type("ExportTesterMixin", (), {}))
        _module(
            f"{PACKAGE}.generation.test_utils", GenerationTesterMixin=type("GenerationTesterMixin", (), {})
        )
        _module("fetch_hub_objects_for_ci", url_to_local_path=lambda url: url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suites use marks that only their own repository registers
        return importlib.import_module(f"{PACKAGE}.{name}")
