"""`python -m pipelines.label`: see `pipelines.label.command`."""

import sys

from pipelines.label.command import main

if __name__ == "__main__":
    sys.exit(main())
