"""What the loaded checkpoint knows: kinds, colours, question families. Read from its `abilities.json`.

The lists of the file, each of which may be left out:

    talks          true for a checkpoint that takes any question in any words (default without the file)
    languages      ISO 639 codes; [] for any
    kinds          {"where they were learnt": ["person", "cat", ...], ...}
    colours, sizes, patterns, actions   words for how a thing looks and what it does
    relations      words that put one thing where another is ("left of")
    families       question families (see [[question]] in grammar.toml)
    lettering      "capitals" where the words on its pictures are written in capitals
    abilities      as before: {"locate": {"trained": true, "figure": "..."}, ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that a checkpoint knows. The default knows any, as SPHINX's released checkpoints do."""

    talks: bool = True
    languages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    capitals: bool = False
    untrained: tuple[str, ...] = ()
    """Abilities that the checkpoint does not have."""

    @classmethod
    def from_abilities(cls, said: Mapping[str, Any]) -> Vocabulary:
        """What an `abilities.json` says. One without lists of kinds is taken for one that knows all words."""
        abilities: Mapping[str, Any] = said.get("abilities", {})
        untrained = tuple(name for name, row in abilities.items() if not row.get("trained", True))
        languages = tuple(said.get("languages", ()))
        if said.get("talks", not said.get("kinds")):
            return cls(languages=languages, untrained=untrained)
        kinds = dict.fromkeys(kind for kinds in said["kinds"].values() for kind in kinds)
        names = ("colours", "sizes", "patterns", "actions", "relations", "families")
        lists = {name: tuple(said.get(name, ())) for name in names}
        capitals = said.get("lettering") == "capitals"
        return cls(False, languages, tuple(kinds), **lists, capitals=capitals, untrained=untrained)

    def values(self, attribute: str) -> tuple[str, ...]:
        """The values of an attribute that the checkpoint knows."""
        return {"size": self.sizes, "pattern": self.patterns, "action": self.actions, "damaged": ("broken",)}[
            attribute
        ]
