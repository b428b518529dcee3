"""A visit: messages served on a timeline, a step for each request, and the steps back and forward."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Literal, NamedTuple

from pipelines.assistant import Assistant
from pipelines.interfaces import ReplyOptions
from pipelines.scene import Mask, Scene, Timeline, Turn, told
from pipelines.sentences import sentence

MOST_STEPS = 400  # steps a visit may have before the oldest are forgotten


class Growing(NamedTuple):
    """An answer on its way: the timeline as it stays if stopped here, and the scene to show now.

    `hole`: the pixels that an edit may change; no other will.
    """

    timeline: Timeline
    shown: Scene
    hole: Mask | None = None


def serve(
    assistant: Assistant,
    timeline: Timeline,
    words: str,
    *,
    options: ReplyOptions | None = None,
    base: Scene | None = None,
) -> Generator[Growing]:
    """Serve a message: one step for each request in it, which grows. Closing the iterator stops the models.

    Undo and redo are carried out here, where the timeline is; what else the message asks for goes on from
    the scene that is there then.

    Args:
        base: the scene that the message is said to, where that is an earlier one than the timeline's. The
            answer is a branch then, and the step before it is the timeline's current one: undo leads there.
    Raises:
        DemoError: the assistant refuses.
    """
    events = assistant.respond(base or timeline.scene, words, options=options)
    while events is not None:
        step, following = None, None
        with closing(events):
            for event in events:
                if event.moved:
                    timeline = travel(timeline, event.moved, words)
                    following = event.rest
                    yield Growing(timeline, timeline.scene)
                else:
                    same = event.step == step
                    timeline = timeline.amend(event.scene) if same else push(timeline, event.scene)
                    step = event.step
                    yield Growing(timeline, event.shown, event.hole)
        events = assistant.run(timeline.scene, following, options=options) if following else None


def push(timeline: Timeline, scene: Scene) -> Timeline:
    """Return a new step. A visit of MOST_STEPS begins anew from where it is: its undo is what is given up."""
    if len(timeline.steps) >= MOST_STEPS:
        return Timeline().push(timeline.scene).push(scene)
    return timeline.push(scene).bounded()


def travel(timeline: Timeline, move: Literal["undo", "redo"], words: str) -> Timeline:
    """Go back to before the last change of the picture or its regions, or forward again, and say so there.

    Answers in words alone are passed over: "put it back" does not mean the last question.
    """
    found = _other_step(timeline, move)
    if found is None:
        nothing = sentence("nothing_to_undo" if move == "undo" else "nothing_to_redo")
        answered = timeline.scene.with_turn(Turn("user", words)).with_turn(told("assistant", nothing))
        return push(timeline, answered)
    reached, later = found
    key = "undone" if move == "undo" else "redone"
    done = next((turn.text for turn in reversed(later.turns) if turn.role == "user"), "")
    if done and later.answers[1:] and move == "undo":
        key = "undone_part"
    said = sentence(key, words=done) if done else sentence(f"{key}_step")
    scene = reached.scene.with_turn(Turn("user", words)).with_turn(told("assistant", said))
    return reached.amend(scene)


def _other_step(timeline: Timeline, move: Literal["undo", "redo"]) -> tuple[Timeline, Scene] | None:
    """Return the nearest step with another picture or other regions, and the scene that made the change.

    None where there is none.
    """
    scene, at = timeline.scene, timeline
    while at.can_undo if move == "undo" else at.can_redo:
        before, at = at, at.undo() if move == "undo" else at.redo()
        if at.scene.picture != scene.picture or at.scene.regions != scene.regions:
            return (at, before.scene if move == "undo" else at.scene) if at.scene.picture else None
    return None
