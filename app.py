"""SPHINX, live: `python app.py --help`. On a ZeroGPU Space `spaces` must be imported before anything else."""

import sys

try:
    import spaces  # pyright: ignore[reportMissingImports]
except ImportError:
    spaces = None

from app.main import main

if __name__ == "__main__":
    sys.exit(main(gpu=spaces.GPU if spaces else None))
