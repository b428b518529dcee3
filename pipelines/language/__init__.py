"""The words that a visitor types: what is asked for, and what is pointed at. Knows no model and no page.

`understand` turns a message into requests (`requests.py`), in order:

    normalise.py       plain form: case, contractions, spellings, politeness; which language it is
    mending.py         typing errors, mended against the lexicon
    understanding.py   split into single requests; the rules, tried in order
    grammar.toml       the rules: sentences with slots; read by grammar.py
    building.py        what a sentence becomes; changes.py, where it changes something; questions.py
    phrases.py         what a noun phrase names
    references.py      "it", "#3"; choosing.py: "the largest", "next to it", all but the fish
    lexicon.toml       the words: verbs, kinds of things and their synonyms, colours; read by lexicon.py
    vocabulary.py      what the loaded checkpoint knows, from its abilities.json (the schema stands there)
    suggestions.py     what to offer instead

To add a synonym, add it to one list of `lexicon.toml`; to add a sentence, add it to a rule of `grammar.toml`.
"""

from pipelines.language.choosing import fitting, resolve
from pipelines.language.requests import Request, Suggestion, Target, Understanding
from pipelines.language.understanding import understand
from pipelines.language.vocabulary import Vocabulary

__all__ = [
    "Request",
    "Suggestion",
    "Target",
    "Understanding",
    "Vocabulary",
    "fitting",
    "resolve",
    "understand",
]
