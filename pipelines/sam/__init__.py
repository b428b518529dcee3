"""The segmenter: SAM asked on several crops, its candidates ranked, and their edges refined.

loading.py      a name -> a segmenter
segmenter.py    SamSegmenter: a box or clicks -> masks
prediction.py   SAM's own answers on a crop, embeddings cached by the picture's name
ranking.py      which of several crops' candidates is the likeliest
refinement.py   a coarse probability -> a mask at the picture's own resolution
crops.py        geometry of crops
fit_ranking.py  the program that fits the weights of ranking.py
"""

from pipelines.sam.loading import announcement, load
from pipelines.sam.refinement import RefinementConfig
from pipelines.sam.segmenter import SamSegmenter

__all__ = ["RefinementConfig", "SamSegmenter", "announcement", "load"]
