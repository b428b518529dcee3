"""Planes enlarged in strips are those that are enlarged at once."""

import cv2
import numpy as np
import pytest

from pipelines import resampling


@pytest.mark.parametrize("size_wh", [(301, 200), (64, 48), (1, 90), (90, 1), (20, 10)])
@pytest.mark.parametrize("small", [(48, 64), (1, 5), (5, 1), (1, 1)])
def test_strips_are_rows_of_the_whole(monkeypatch, size_wh, small):
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 700)
    plane = np.random.default_rng(0).random(small).astype(np.float32)
    whole = cv2.resize(plane, size_wh, interpolation=cv2.INTER_LINEAR)
    rows = list(resampling.strips(size_wh))
    assert [row.start for row in rows[1:]] == [row.stop for row in rows[:-1]]
    found = np.concatenate([resampling.enlarge_rows(plane, size_wh, row) for row in rows])
    if size_wh[1] >= small[0]:  # cv2 shrinks rows as it enlarges them; this never shrinks
        assert np.abs(found - whole).max() < 1e-5
    assert (resampling.enlarge_to_mask(plane, size_wh) == (found > 0.5)).all()
