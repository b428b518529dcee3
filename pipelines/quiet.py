"""Keeping the models' libraries from talking over the one line that a person is to read."""

from __future__ import annotations

import logging
import os
import sys
import warnings

LIBRARIES = ("transformers", "diffusers", "bitsandbytes", "accelerate", "huggingface_hub", "torch")


def quieten() -> None:
    """Have the models' libraries say nothing on stderr unless something is wrong, nor draw bars into a pipe.

    Call this before they are imported: some of them speak while they are.
    """
    warnings.filterwarnings("ignore")
    os.environ["TRANSFORMERS_VERBOSITY"] = os.environ["DIFFUSERS_VERBOSITY"] = "error"
    if not sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.lastResort = None  # a library's logger that nobody set up would write to stderr itself


def quieten_bars() -> None:
    """Take away the loading bars, which libraries decide on when they are imported."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
        diffusers_logging.disable_progress_bar()
