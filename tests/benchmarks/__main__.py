"""Print one table of ratios, each pair measured in turn in one run.

    OMP_WAIT_POLICY=passive python -m tests.benchmarks [answers] [visitors] [page] [labelling] ...

Not a test: figures depend on the machine and on what else it is doing, which is why there are ratios.
"""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings

from pipelines.quiet import quieten
from tests.benchmarks import answers, growth, labelling, page, pixels, pointing, visitors
from tests.benchmarks.measure import heading, line

GROUPS = {
    "answers": answers,
    "visitors": visitors,
    "page": page,
    "labelling": labelling,
    "pointing": pointing,
    "growth": growth,
    "pixels": pixels,
}


def main() -> int:
    """Measure the groups that are asked for, all where none is; 1 where a group broke off."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Print a table of ratios."
    )
    parser.add_argument(
        "groups", nargs="*", choices=[*GROUPS, []], help="which rows; all where none is given"
    )
    wanted = parser.parse_args().groups or list(GROUPS)
    quieten()
    warnings.simplefilter("ignore")
    print(f"{heading()}\n\n| | ratio | of CPU time | |\n|---|---|---|---|", flush=True)
    broken = 0
    for name in wanted:
        try:
            for row in GROUPS[name].rows():
                print(line(row), flush=True)
        except Exception:
            broken = 1
            traceback.print_exc()
    return broken


if __name__ == "__main__":
    sys.exit(main())
