"""The vision-language model behind `interfaces.VisionLanguageModel`: SPHINX for many visitors at once.

sphinx.py       what one question needs: visual tokens, ids, options; gives the growing reply
experts.py      two checkpoints, one for drawn pictures and one for photographs
mixtures.py     mixtures of the two at any beta
beside.py       further checkpoints in another process of this machine
batcher.py      which requests are computed in the next forward pass, and who waits
decoder.py      that forward pass: the tokens of several sequences through the language model together
packing.py      linear layers as a CPU computes them quickest
prefixes.py     keys and values that later requests read again
detokenizer.py  ids -> text, token by token
"""

from pipelines.vlm.beside import Beside
from pipelines.vlm.experts import ExpertsVLM
from pipelines.vlm.sphinx import SphinxVLM

__all__ = ["Beside", "ExpertsVLM", "SphinxVLM"]
