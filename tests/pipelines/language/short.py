"""Requests written in a few words, as the tables of messages hold them: "remove red ball ; undo"."""

from __future__ import annotations

from pipelines.language import requests as req
from pipelines.language.requests import Request, Target


def target_text(target: Target | None) -> str:
    """ "all but fish", "all 2 cat", "left bird", "#1,#2", "thing next to (#1)"."""
    if target is None or not target:
        return "nothing"
    words = ["all but"] if target.but else []
    words += ["all"] if target.every and not target.but else []
    words += [str(target.count)] if target.count else []
    words += [target.pick] if target.pick else []
    words += [target.phrase + ("*" if target.kinds else "")] if target.phrase else []
    words += [",".join(f"#{number}" for number in target.region_ids)] if target.region_ids else []
    words += [str(list(target.box))] if target.box else []
    words += [f"{target.relation} ({target_text(target.near)})"] if target.near else []
    return " ".join(words)


def request_text(request: Request) -> str:
    """One request in a few words."""
    match request:
        case req.Ask(question, subjects, family):
            said = f" [{','.join(f'#{number}' for number in subjects)}]" if subjects else ""
            return f"ask {family}".strip() + f": {question}{said}"
        case req.Check(question, targets):
            return f"check {question}: " + " | ".join(map(target_text, targets))
        case req.WholePicture(ability):
            return f"look {ability}"
        case req.Find(phrase, ability, target):
            name = {"detect": "find-all", "screen": "find-screen", "relation": "find-relation"}.get(
                ability, "find"
            )
            return f"{name} {target_text(target) if target else phrase}"
        case req.Everything():
            return "outline everything"
        case req.Outline(target) | req.Describe(target) | req.Pose(target):
            return f"{type(request).__name__.lower()} {target_text(target)}"
        case req.CutOut(target):
            return f"cut out {target_text(target)}"
        case req.Marks(ids, question):
            return "marks " + ",".join(f"#{number}" for number in ids) + (f": {question}" if question else "")
        case req.Edit("background", _, wish):
            return f"background -> {wish}"
        case req.Edit(action, target, wish):
            return f"{action} {target_text(target)}" + (f" -> {wish}" if wish else "")
        case req.Background(effect, colour, keep):
            kept = f" but {target_text(keep)}" if keep else ""
            return f"background {effect} {colour}".strip() + kept
        case req.Obscure(target, how):
            return f"{how} {target_text(target)}"
        case req.Extend(direction, share):
            return f"extend {direction} {share:g}"
        case req.Move(target, direction, share):
            return f"move {target_text(target)} {direction} {share:g}"
        case req.Resize(target, factor):
            return f"resize {target_text(target)} {factor:g}"
        case req.Reshape(action, ids, pixels):
            numbers = ",".join(f"#{number}" for number in ids) or "nothing"
            return f"{action} {numbers}" + (f" {pixels}" if action in ("grow", "shrink") else "")
        case req.Select(ids) | req.Forget(ids):
            name = type(request).__name__.lower()
            return f"{name} " + (",".join(f"#{number}" for number in ids) or "everything")
        case req.Undo() | req.Redo():
            return type(request).__name__.lower()
        case req.Help(topic):
            return f"help {topic}"
        case req.SmallTalk(kind):
            return f"talk {kind}"
        case req.CannotDo(reason):
            return f"cannot {reason}"
        case req.NotUnderstood():
            return "not understood"
        case req.UnknownWord(word):
            return f"unknown {word}"
        case req.AskBack(candidates):
            return f"ask back {' | '.join(map(target_text, candidates))}".strip()
    raise TypeError(type(request).__name__)


def requests_text(requests: tuple[Request, ...]) -> str:
    """All requests of a message, in order."""
    return " ; ".join(map(request_text, requests))
