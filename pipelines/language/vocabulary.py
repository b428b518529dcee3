"""What the loaded checkpoint knows: kinds, colours, families of questions. Read from its `abilities.json`.

`Learnt` is the schema of that part of the file; `model/training/families.py` writes it, and
`tests/pipelines/language/test_vocabulary.py` holds that the two agree. Every key may be left out:

    talks          true for a checkpoint that takes any question (default where no kinds are listed)
    languages      ISO 639 codes; [] for any
    kinds          {"where they were learnt": ["person", "cat", ...], ...}
    colours, sizes, patterns, actions   words for how a thing looks and what it does
    relations      words that put one thing where another is ("left of")
    families       {"count": {"example": "How many dogs are there?", "sources": ["world"]}, ...}: questions
                   that were trained (see [[question]] in grammar.toml), and on which pictures
    lettering      "capitals" where the words on its pictures are written in capitals
    abilities      {"locate": {"trained": true, "figure": "..."}, ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

Words = tuple[str, ...]


class Family(BaseModel):
    """A family of questions: an example, and the sources of pictures that it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    example: str
    sources: Words


class Trained(BaseModel):
    """Whether an ability is promised."""

    trained: bool = True


class Learnt(BaseModel):
    """What `abilities.json` says of the words that a checkpoint learnt. Its other keys are not read here."""

    model_config = ConfigDict(frozen=True)

    talks: bool | None = None
    languages: Words = ()
    kinds: dict[str, Words] = {}
    colours: Words = ()
    sizes: Words = ()
    patterns: Words = ()
    actions: Words = ()
    relations: Words = ()
    families: dict[str, Family] = {}
    lettering: str = ""
    abilities: dict[str, Trained] = {}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that a checkpoint knows. The default knows any, as SPHINX's released checkpoints do."""

    talks: bool = True
    languages: Words = ()
    kinds: Words = ()
    colours: Words = ()
    sizes: Words = ()
    patterns: Words = ()
    actions: Words = ()
    relations: Words = ()
    families: Words = ()
    capitals: bool = False
    untrained: Words = ()
    """Abilities that the checkpoint does not have."""

    @classmethod
    def from_abilities(cls, said: Mapping[str, Any]) -> Vocabulary:
        """Return what an `abilities.json` says. One without kinds is taken for one that knows all words.

        Raises:
            ValueError: a key has a value of another type than the schema says (pydantic's ValidationError).
        """
        learnt = Learnt.model_validate(said)
        untrained = tuple(name for name, row in learnt.abilities.items() if not row.trained)
        if not learnt.kinds if learnt.talks is None else learnt.talks:
            return cls(languages=learnt.languages, untrained=untrained)
        return cls(
            talks=False,
            languages=learnt.languages,
            kinds=tuple(dict.fromkeys(kind for kinds in learnt.kinds.values() for kind in kinds)),
            colours=learnt.colours,
            sizes=learnt.sizes,
            patterns=learnt.patterns,
            actions=learnt.actions,
            relations=learnt.relations,
            families=tuple(learnt.families),
            capitals=learnt.lettering == "capitals",
            untrained=untrained,
        )

    def values(self, attribute: str) -> Words:
        """Return the values of an attribute that the checkpoint knows."""
        return {"size": self.sizes, "pattern": self.patterns, "action": self.actions, "damaged": ("broken",)}[
            attribute
        ]
