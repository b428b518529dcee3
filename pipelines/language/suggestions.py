"""Phrases that work on the picture at hand, as values: what to offer where a message was not understood."""

from __future__ import annotations

from pipelines.language.requests import Suggestion
from pipelines.language.vocabulary import Vocabulary
from pipelines.scene import Scene

MOST = 3
_ALWAYS = (
    Suggestion("caption", "describe the picture in one sentence"),
    Suggestion("dense", "name every object"),
    Suggestion("everything", "segment everything"),
    Suggestion("detail", "describe the picture in detail"),
)


def suggest_without_words(scene: Scene) -> tuple[Suggestion, ...]:
    """Things to say on a picture that the checkpoint does not know: they need no look of SPHINX at it."""
    masked = next((region.id for region in scene.regions if region.mask), None)
    if masked is None:
        return (Suggestion("everything", "segment everything"),)
    return (
        Suggestion("cut out", f"cut out #{masked}"),
        Suggestion("background", "blur the background"),
        Suggestion("remove", f"remove #{masked}"),
    )


def suggest(scene: Scene, vocabulary: Vocabulary) -> tuple[Suggestion, ...]:
    """Three things to say here: about what is on the page, or else about the whole picture."""
    labels = [region.label for region in scene.regions if region.label]
    known = [label for label in labels if labels.count(label) == 1]
    offered: list[Suggestion] = []
    if known:
        offered.append(Suggestion("outline", f"segment the {known[0]}"))
        if "person" not in known[-1] and (vocabulary.talks or "colour" in vocabulary.families):
            plainly = " ".join(
                word for word in known[-1].split(" in ")[0].split() if word not in vocabulary.colours
            )
            offered.append(Suggestion("short", f"what colour is the {plainly or known[-1]}?"))
        offered.append(Suggestion("edit", f"remove the {known[-1]}"))
    offered += [one for one in _ALWAYS if one.ability not in vocabulary.untrained]
    return tuple(dict.fromkeys(offered))[:MOST]
