"""`python -m pipelines`: see `pipelines.shell`."""

import sys

from pipelines.shell import main

if __name__ == "__main__":
    sys.exit(main())
