"""Which inpainter an edit of a picture is for."""

from __future__ import annotations

from pipelines.inpainting.opencv import OpenCVInpainter
from pipelines.interfaces import Inpainter


def inpainter_for(inpainter: Inpainter, wish: str, *, photograph: bool, plain: bool = False) -> Inpainter:
    """Return the inpainter for a wish: OpenCV where nothing is wished for and the one that is loaded, having
    learnt the drawn world alone, does it worse.

    On plain surroundings it may leave a mottled patch: in 33 of 34 such scenes of that world going on with
    them came nearer to what lies behind the thing, by 1.7 against 2.3 levels of 255 in the mean.

    Args:
        inpainter: the one that is loaded.
        wish: what should be seen afterwards; empty for a removal.
        photograph: whether the picture is unlike the drawn world that the embedded inpainter was trained on.
        plain: whether the hole's surroundings are plain, see `pipelines.inpainting.plainness`.
    """
    if (photograph or plain) and not wish and not inpainter.for_photographs:
        return OpenCVInpainter()
    return inpainter
