"""The registry of abilities: one row holds all that the program knows of one.

The page's suggestions, the shell's help, the endpoints' documentation, the README's gallery and the
evaluation read the rows; so a new ability is one row here, with its prompt and its reader. An ability that is
told by its own words alone gives them in `patterns`; wordings with pronouns, numbers and targets are
understood by `pipelines.language`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from model.prompts import PROMPTS, Prompt, clean_phrase, clean_question
from pipelines.errors import DemoError
from pipelines.readings import (
    Reader,
    read_chart,
    read_found,
    read_list,
    read_odd,
    read_words,
)


@dataclass(frozen=True, slots=True)
class Ability:
    """What can be asked of the assistant.

    `name`: as records, checkpoints' `abilities.json` and `model.prompts` call it.
    `title`: as the gallery and notices call it.
    `example`: something to say for it.
    `chips`: the page's suggestions; "..." is for the visitor to fill in.
    `prompt`: SPHINX's sentence, with the writer and reader of plain values; None where SPHINX is not asked,
        or where other abilities do the asking.
    `read`: turns SPHINX's reply into what is shown and drawn.
    `needs`: abilities of SPHINX that it rests on.
    `patterns`: regular expressions of whole messages that ask for it, tried before any rule of the language.
    `picture`, `messages`: an example picture of `assets/examples`, and what is said to it for the gallery.
    `measures`: the measures of `pipelines.evaluate` that judge it.
    """

    name: str
    title: str
    example: str
    chips: tuple[str, ...] = ()
    prompt: Prompt | None = None
    read: Reader = read_words
    needs: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    picture: str = ""
    messages: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()

    def fill(self, **places: Any) -> str:
        """Return SPHINX's sentence with its places filled; see `model.prompts.Prompt.fill`.

        Raises:
            DemoError: what was typed holds nothing but the signs of SPHINX's own format ("find <p>", "###").
            ValueError: the ability has no sentence, or a place was given nothing.
        """
        if self.prompt is None:
            raise ValueError(f"SPHINX has no sentence for {self.name!r}")
        for place, clean in (("phrase", clean_phrase), ("question", clean_question)):
            if (typed := places.get(place)) and not clean(typed):
                raise DemoError(
                    f"There are no words in “{typed.strip()}”: name what is meant, or ask about the picture."
                )
        return self.prompt.fill(**places)


def _row(
    name: str,
    title: str,
    example: str,
    *chips: str,
    read: Reader = read_words,
    gallery: tuple[str, ...],
    measures: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> Ability:
    picture, *messages = gallery
    return Ability(
        name,
        title,
        example,
        chips,
        PROMPTS.get(name),
        read,
        needs=needs,
        picture=picture,
        messages=tuple(messages) or (example,),
        measures=measures,
    )


_ROWS = (
    _row("ask", "Ask anything", "what is the person doing?", gallery=("03-people",)),
    _row(
        "grounded_caption",
        "Caption with boxes",
        "describe the picture with boxes",
        "Describe the picture with boxes",
        gallery=("01-park",),
    ),
    _row(
        "locate",
        "Find",
        "find the red ball",
        "Find the ...",
        read=read_found,
        gallery=("01-park", "find the house"),
        measures=("phrases", "absent"),
    ),
    _row(
        "segment",
        "Segment",
        "segment the red ball",
        "Segment the ...",
        gallery=("01-park", "segment the house"),
        measures=("phrases",),
        needs=("locate",),
    ),
    _row(
        "dense",
        "Name every region",
        "name every object",
        "Name every object",
        read=read_list,
        gallery=("05-table",),
        measures=("dense",),
    ),
    _row(
        "short",
        "Short answer",
        "how many balls are there?",
        "How many ...",
        gallery=("05-table", "what colour is the book?"),
    ),
    _row(
        "caption",
        "Caption",
        "describe the picture in one sentence",
        "Describe the picture in one sentence",
        gallery=("01-park",),
    ),
    _row(
        "detail",
        "Describe in detail",
        "describe the picture in detail",
        "Describe the picture in detail",
        gallery=("01-park",),
    ),
    _row(
        "detect",
        "Find all",
        "find all people",
        "Find all ...",
        read=read_found,
        gallery=("03-people",),
    ),
    _row(
        "relation",
        "Find a relationship",
        "the ball left of the tree",
        "Find the ... left of the ...",
        read=read_found,
        gallery=("01-park", "the bird below the person"),
    ),
    _row(
        "screen",
        "Find on a screen",
        "where is the search button?",
        "Where is the ... button?",
        read=read_found,
        gallery=("09-screen",),
    ),
    _row(
        "everything",
        "Segment everything",
        "segment everything",
        "Segment everything",
        gallery=("05-table",),
    ),
    _row(
        "pose",
        "Pose",
        "show the pose of everyone",
        "Show the pose of everyone",
        gallery=("03-people",),
        measures=("pose",),
    ),
    _row(
        "text",
        "Read text",
        "read all the text",
        "Read all the text",
        read=read_list,
        gallery=("06-sign",),
    ),
    _row(
        "layout",
        "Document layout",
        "show the layout of the page",
        "Show the layout of the page",
        read=read_list,
        gallery=("08-document",),
    ),
    _row(
        "chart",
        "Chart to table",
        "convert the chart to a table",
        "Convert the chart to a table",
        read=read_chart,
        gallery=("07-chart",),
    ),
    _row("odd", "What is odd?", "what is odd here?", "What is odd here?", read=read_odd, gallery=("10-odd",)),
    _row(
        "region",
        "Describe a region",
        "what is #1?",
        "What is #1?",
        gallery=("05-table", "find the fish", "what is #1?"),
    ),
    _row(
        "marks",
        "Compare marks",
        "what is the relationship between #1 and #2?",
        "What is the relationship between #1 and #2?",
        gallery=("05-table", "name every object", "what is the relationship between #1 and #2?"),
    ),
    _row(
        "remove",
        "Remove",
        "remove the red ball",
        "Remove the ...",
        gallery=("05-table", "name every object", "remove #3"),
        measures=("edits",),
    ),
    _row(
        "recolour",
        "Recolour",
        "make it blue",
        "Make it ...",
        gallery=("01-park", "make the house red"),
        measures=("edits",),
    ),
    _row(
        "replace",
        "Replace",
        "replace the red ball with a blue star",
        "Replace the ... with ...",
        gallery=("05-table", "name every object", "replace #3 with a blue star"),
        measures=("edits",),
    ),
    _row(
        "background",
        "Change the background",
        "change the background to a beach",
        "Change the background to ...",
        gallery=("05-table", "segment everything", "change the background to a beach"),
    ),
)

ABILITIES: dict[str, Ability] = {row.name: row for row in _ROWS}
"""Every ability by its name, in the order of the page."""


def ability_said(words: str) -> Ability | None:
    """Return the ability that a whole message asks for by its own `patterns`, or None."""
    said = " ".join(words.split()).strip(" .?!")
    for ability in ABILITIES.values():
        if any(re.fullmatch(pattern, said, re.IGNORECASE) for pattern in ability.patterns):
            return ability
    return None


def suggestions() -> dict[str, Collection[str]]:
    """Return the page's suggestions in order -> the abilities of SPHINX that each rests on."""
    return {
        chip: ability.needs or ((ability.name,) if ability.prompt else ())
        for ability in ABILITIES.values()
        for chip in ability.chips
    }


def help_lines() -> tuple[str, ...]:
    """Return a line for every ability: its title and something to say for it."""
    return tuple(f"{ability.title}: “{ability.example}”" for ability in ABILITIES.values())
