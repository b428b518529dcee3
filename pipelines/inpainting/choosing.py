"""Which inpainter an edit of a picture is for."""

from __future__ import annotations

from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.interfaces import Inpainter


def inpainter_for(inpainter: Inpainter, wish: str, *, photograph: bool) -> Inpainter:
    """Return the inpainter for a wish: OpenCV where nothing is wished for on a photograph and the one that is
    loaded learnt no photographs.

    Args:
        inpainter: the one that is loaded.
        wish: what should be seen afterwards; empty for a removal.
        photograph: whether the picture is unlike the drawn world that the embedded inpainter was trained on.
    """
    if photograph and not wish and not inpainter.for_photographs:
        return OpenCVInpainter()
    return inpainter
