"""A Scene as what the widgets show: chat messages, and the canvas's value.

Everything a visitor or a model wrote is escaped here, once. This module knows no models and no events; how
the canvas draws its value is left to `canvas/canvas.js`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.words import ENGLISH, said, spelled, with_notes, word
from pipelines.abilities import ABILITIES, Ability
from pipelines.assistant import UNFAMILIAR
from pipelines.caching import LockedCache
from pipelines.conversation import whole_picture_phrases
from pipelines.draw import PALETTE
from pipelines.engine import About
from pipelines.progress import Stage
from pipelines.routing import BOTH, DRAWN_PICTURES, PHOTOGRAPHS
from pipelines.scene import Keypoint, Mask, Picture, Region, Scene, Span, Turn

NAME = "SPHINX, live"
HUES = len(PALETTE)  # colours in the palette of `page.css`; region 11 has the colour of region 1
OUTLINE_ERROR = 0.6  # pixels a drawn outline may lie beside the mask's own
UPSCALE = 4  # times a mask is enlarged before its outline is traced, so that small pictures have no steps
SMOOTH = 0.9  # pixels of blur before tracing
UPSCALED_SIDE = 2000  # pixels; a mask larger than this is traced as it is
KEPT_OUTLINES = 32_000_000  # bytes of outlines with their masks

LIMBS = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip  # COCO's skeleton over COCO_JOINTS, less the ears to the shoulders
EXPERTS = {DRAWN_PICTURES: "chat.drawn_pictures", PHOTOGRAPHS: "chat.photographs", BOTH: "chat.counting"}
ENCODER_NAMES = {"clip": "CLIP", "convnext": "ConvNeXt", "dinov2": "DINOv2", "qformer": "Q-Former"}
_MARKUP = re.compile(r"[^\w\s,;'\"/%?=@^]|_")
_NAMED = re.compile(r"[#@](\d{1,4})\b")
STRANGE = UNFAMILIAR.partition("{")[0]  # how the notice about an unknown kind of picture begins
DOTS = '<span class="dots"><i></i><i></i><i></i></span>'  # an answer that has no words yet

LIVE = '<span class="caret"></span>'
"""Before an answer that is being written; the styles show a caret at its end. What is added to the answer is
added to its markup as well, and no more than that has to be sent."""

Message = dict[str, Any]
Branches = Mapping[int, tuple[tuple[int, ...], int]]


def escape(text: str) -> str:
    """Return text in which neither HTML nor Markdown finds markup: special signs become references."""
    return _MARKUP.sub(lambda sign: f"&#{ord(sign.group())};", text)


def phrase(region_id: int, inner: str, *, also: str = "") -> str:
    """Return markup that lights up region `region_id` when pointed at; `inner` is escaped already."""
    classes = f"region region-{region_id} hue-{region_id % HUES} {also}".strip()
    return f'<span class="{classes}" tabindex="0">{inner}</span>'


def chat(
    scene: Scene, *, live: bool = False, branches: Branches | None = None, language: str = ENGLISH
) -> list[Message]:
    """Return one message a turn, in order.

    Args:
        live: the last answer is still being written.
        branches: see `mending.branches`; None where messages cannot be said in other words.
        language: of what the page says itself; answers are in English.
    """
    last = len(scene.turns) - 1
    known = {region.id for region in scene.regions}
    messages = [
        {
            "role": "user" if turn.role == "user" else "assistant",
            "content": _message(turn, known, language, live=live and index == last)
            + (
                _said_otherwise(index, branches, language)
                if branches is not None and turn.role == "user"
                else ""
            ),
        }
        for index, turn in enumerate(scene.turns)
    ]
    if live and scene.turns and scene.turns[-1].role == "user":
        messages.append({"role": "assistant", "content": DOTS})
    return messages


def _message(turn: Turn, known: set[int], language: str, *, live: bool) -> str:
    if turn.role == "user":
        return _named(turn.text, known) or "&nbsp;"
    body = _spanned(*_in_language(turn, language), known)
    if turn.role == "notice":
        return f'<span class="notice">{body}{_suggested(turn.suggestions, language)}</span>'
    if turn.table:
        body = f"{body}\n\n{_table(turn.table)}" if body else _table(turn.table)
    if live:
        body = f"{LIVE}{body}" if body else DOTS
    elif turn.unfinished:
        body += f'<span class="stopped">{word("chat.stopped", language)}</span>'
    if live:
        return body
    body += _suggested(turn.suggestions, language)
    how = _record(turn, language)
    if turn.raw and turn.raw.strip() != turn.text.strip():
        raw = word("chat.raw", language)
        summary = f"{how} · {raw}" if how else raw
        asked = dict(turn.record.details).get("question", "") if turn.record else ""
        body += (
            f'<details class="raw"><summary>{summary}</summary>'
            f"<code>{escape(asked)}</code><code>{escape(turn.raw)}</code></details>"
        )
    elif how:
        body += f'<span class="record">{how}</span>'
    return body or "&nbsp;"


def _in_language(turn: Turn, language: str) -> tuple[str, Sequence[Span]]:
    """Return a turn's text and spans; what SPHINX answered stays as it is."""
    if turn.says:
        text, spans = spelled(turn.says, language)
        return text, [Span(*span) for span in spans]
    # what the page says itself has neither regions nor a reply of SPHINX's behind it
    if turn.spans or turn.raw:
        return with_notes(turn.text, language), turn.spans
    return said(turn.text, language), turn.spans


def _said_otherwise(index: int, branches: Branches, language: str) -> str:
    """Return the controls of a message: to step through the ways it was said, and to say it another way."""
    parts = []
    if index in branches:
        steps, shown = branches[index]
        for way, sign, title in ((-1, "‹", "chat.earlier"), (1, "›", "chat.later")):
            if 0 <= shown + way < len(steps):
                parts.append(
                    f'<span class="branch step-{steps[shown + way]}" role="button" tabindex="0" '
                    f'title="{word(title, language)}">{sign}</span>'
                )
            else:
                parts.append(f'<span class="branch none">{sign}</span>')
        parts.insert(1, f'<span class="which">{shown + 1}/{len(steps)}</span>')
    title = word("chat.reword", language)
    pen = f'<span class="reword turn-{index}" role="button" tabindex="0" title="{title}">✎</span>'
    return f'<span class="said-again">{"".join(parts)}{pen}</span>'


def _suggested(suggestions: Sequence[str], language: str) -> str:
    """Return words that can be sent next, each to be pressed; see `canvas/chips.js`."""
    chips = "".join(_say(words, language) for words in suggestions)
    return f'<span class="says">{chips}</span>' if suggestions else ""


def _say(words: str, language: str, *, name: str = "") -> str:
    """Return words to be pressed; in another language than English their title has what is sent.

    Args:
        name: of the example that is opened first.
    """
    shown = said(words, language)
    title = words if shown != words else word("chat.on_example", language, name=name) if name else ""
    marks = f'class="say{" told" if shown != words else ""}" role="button" tabindex="0"'
    marks += f' title="{escape(title)}"' if title else ""
    marks += f' id="on-{escape(name)}"' if name else ""
    return f"<span {marks}>{escape(shown)}</span>"


def record_words(turn: Turn, language: str = ENGLISH) -> tuple[str, ...]:
    """Return how the turn came about, in a few plain words each; () where that is not known."""
    if turn.record is None or not turn.record.model:
        return ()
    details = dict(turn.record.details)
    seconds = word("chat.seconds", language, seconds=f"{turn.record.seconds:.1f}")
    parts = [_ability(turn.record.ability, language), seconds]
    if turn.record.seed:
        parts.append(word("chat.seed", language, number=turn.record.seed))
    if int(details.get("views", "1")) > 1:
        parts.append(word("chat.views", language, count=details["views"]))
    if encoders := _encoders(turn):
        count = word("chat.encoders", language, count=len(encoders))
        parts.append(" + ".join(encoders) if len(encoders) < 3 else count)
    if beta := details.get("beta"):
        parts.append(f"β {beta}")
    elif expert := details.get("expert"):
        name = word(EXPERTS[expert], language) if expert in EXPERTS else expert
        parts.append(word("chat.expert", language, name=name))
    return tuple(parts)


def _ability(name: str, language: str) -> str:
    """Return what an ability is called in a record: its name, in another language than English its title."""
    title = ABILITIES[name].title if name in ABILITIES and language != ENGLISH else name.replace("_", " ")
    return said(title, language)


def _encoders(turn: Turn) -> list[str]:
    """Return the encoders that were looked through, by their names."""
    used = dict(turn.record.details).get("encoders", "") if turn.record else ""
    return [ENCODER_NAMES.get(name, name) for name in used.split(", ") if name]


def _record(turn: Turn, language: str) -> str:
    """Return how the turn came about, as markup; "" where that is not known."""
    words = record_words(turn, language)
    if not words or turn.record is None:
        return ""
    record, encoders = escape(" · ".join(words)), _encoders(turn)
    if len(encoders) > 2:
        record = f'<span title="{escape(" + ".join(encoders))}">{record}</span>'
    if why := dict(turn.record.details).get("guess"):
        guess = word("chat.guess", language)
        record = f'<span class="guess" title="{escape(said(why, language))}">{guess}</span> {record}'
    return record


def _spanned(text: str, spans: Sequence[Span], known: set[int]) -> str:
    """Escaped text with a light for every span; where spans overlap the earlier one wins."""
    parts, at = [], 0
    for span in sorted(spans):
        regions = [region_id for region_id in span.region_ids if region_id in known]
        if span.start < at or span.end > len(text) or span.start >= span.end or not regions:
            continue
        parts.append(escape(text[at : span.start]))
        inner = escape(text[span.start : span.end])
        if len(regions) == 1:
            parts.append(phrase(regions[0], inner))
        else:
            # a phrase for several things lights all of them; each also has a number to point at
            classes = " ".join(f"region-{region_id}" for region_id in regions)
            hue = f"hue-{regions[0] % HUES}"
            parts.append(f'<span class="region {classes} {hue}" tabindex="0">{inner}</span>')
            parts.append("".join(phrase(number, f"&#35;{number}", also="number") for number in regions))
        at = span.end
    parts.append(escape(text[at:]))
    return "".join(parts)


def _named(text: str, known: set[int]) -> str:
    """Escaped text in which `#3` and `@3` light up their regions."""
    parts, at = [], 0
    for match in _NAMED.finditer(text):
        if int(match.group(1)) in known:
            parts.append(escape(text[at : match.start()]))
            parts.append(phrase(int(match.group(1)), escape(match.group())))
            at = match.end()
    return "".join([*parts, escape(text[at:])])


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return f'<table class="reading"><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>'


def canvas(
    scene: Scene,
    address: Callable[[Picture], dict[str, str]],
    *,
    before: Picture | None = None,
    states: Mapping[int, Picture] | None = None,
    hole: Mask | None = None,
    language: str = ENGLISH,
) -> dict[str, Any]:
    """Return the canvas's value. `address`: where the browser finds a picture, see `app.serving`.

    All coordinates are pixels of the picture. An outline is an SVG path to be filled even-odd. `before` is
    the picture to compare with; `states` are those that the edits went through, by the step to go back to.
    `hole` holds the pixels that are about to change.
    """
    if scene.picture is None:
        return {"picture": None, "regions": [], "selected": None, "paintings": []}
    return {
        "picture": address(scene.picture),
        "before": address(before) if before else None,
        "digest": scene.picture.digest,
        "size": list(scene.picture.size_wh),
        "selected": scene.selected,
        "regions": [_region(region, language) for region in scene.regions],
        "paintings": [
            {"file": address(picture), "chosen": picture == scene.picture} for picture in paintings(scene)
        ],
        "history": [
            {"step": step, "file": address(picture), "chosen": picture == scene.picture}
            for step, picture in (states or {}).items()
        ],
        "order": reading_order(scene),
        "hole": _hole(hole, scene.picture) if hole else None,
        "strange": any(turn.role == "notice" and turn.text.startswith(STRANGE) for turn in scene.turns),
    }


def _hole(hole: Mask, picture: Picture) -> dict[str, Any]:
    """Return the outline of the pixels that may change, and whether they are most of the picture."""
    width, height = picture.size_wh
    return {"outline": outline(hole), "most": 2 * hole.area > width * height}


def paintings(scene: Scene) -> tuple[Picture, ...]:
    """Return the paintings to choose from, where the last answer offers some."""
    return scene.turns[-1].pictures if scene.turns else ()


def reading_order(scene: Scene) -> list[int]:
    """Return the blocks of a document in reading order, if the last answer is a layout."""
    turn = scene.turns[-1] if scene.turns else None
    if turn is None or turn.record is None or turn.record.ability != "layout":
        return []
    return list(dict.fromkeys(number for span in turn.spans for number in span.region_ids))


def _region(region: Region, language: str) -> dict[str, Any]:
    return {
        "id": region.id,
        "label": region.label,
        "hue": region.id % HUES,
        "box": list(region.box),
        "outline": outline(region.mask) if region.mask else "",
        "area": region.mask.area if region.mask else None,
        "joints": [_joint(joint) for joint in region.keypoints or ()],
        "score": region.score,
        "source": region.source,
        "note": "; ".join(said(note, language) for note in (region.note or "").split("; ")),
        "clicks": [[*click.point, click.positive] for click in region.clicks],
        "candidates": [score for _, score in region.candidates],
        "chosen": next((i for i, (mask, _) in enumerate(region.candidates) if mask == region.mask), None),
    }


def _joint(joint: Keypoint) -> list[int]:
    return [*joint.point, joint.visible]


_outlines = LockedCache(KEPT_OUTLINES, lambda kept: len(kept[0].bits) + len(kept[1]))


def outline(mask: Mask) -> str:
    """Return the mask's outline and holes as an SVG path (even-odd), in picture pixels; "" if empty."""
    kept = _outlines.get(mask)
    if kept is None:
        kept = mask, _traced(mask)
        _outlines.put(mask, kept)
    return kept[1]


def _traced(mask: Mask) -> str:
    if not mask.bits:
        return ""
    plane = np.pad(mask.crop.astype(np.uint8), 1)
    scale = UPSCALE if max(plane.shape) * UPSCALE <= UPSCALED_SIDE else 1
    if scale > 1:
        plane = np.kron(plane, np.ones((scale, scale), np.uint8))
        smooth = (cv2.GaussianBlur(plane * 255.0, (0, 0), scale * SMOOTH) > 127).astype(np.uint8)
        # hair and single pixels are lost in a blur: they stay as they are
        plane = smooth if smooth.sum() > 0.8 * plane.sum() else plane
    contours, _ = cv2.findContours(plane, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts = []
    for contour in contours:
        line = cv2.approxPolyDP(contour, OUTLINE_ERROR * scale * 0.5, True)[:, 0].astype(float)
        if len(line) < 3:
            continue
        # a contour runs through the middle of its pixels; the padding took one pixel
        xy = (line + 0.5) / scale - 1 + (mask.box.x1, mask.box.y1)
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy) + "Z")
    return "".join(parts)


def waiting(what: str, seconds: float, stage: Stage | None = None, language: str = ENGLISH) -> str:
    """Return the page's state while models are being loaded; `stage`: how far that has come."""
    if stage is None:
        doing = word("top.loading", language, what=f"<b>{html.escape(what)}</b>", seconds=f"{seconds:.0f}")
        return f'<span class="state waiting" role="status">{doing}</span>'
    bar = f'<progress value="{stage.share:.3f}"></progress> ' if stage.total else ""
    doing = (
        html.escape(said(str(stage), language))
        + " "
        + word("chat.seconds", language, seconds=f"{seconds:.0f}")
    )
    return f'<span class="state waiting" role="status">{bar}{doing}</span>'


def failed(reason: str) -> str:
    """Return the page's state where no model could be loaded."""
    return f'<span class="state failed" role="alert">{html.escape(reason)}</span>'


def _reason(about: About, language: str) -> str:
    """Return why the models run where they do, in words."""
    return "; ".join(said(part, language) for part in about.why.split("; "))


def ready(about: About, language: str = ENGLISH) -> str:
    """Return the page's state: what is loaded, and where it runs."""
    return (
        f'<span class="state" role="status" title="{html.escape(_reason(about, language))}">'
        f"<b>{html.escape(about.model)}</b> {html.escape(about.device)}</span>"
    )


def chips(
    suggestions: Mapping[str, Collection[str]], untrained: Collection[str] = (), language: str = ENGLISH
) -> str:
    """Buttons: a suggestion with "..." in it is to be completed, any other is sent as it is.

    Args:
        suggestions: what can be said -> the abilities of SPHINX that it needs.
        untrained: abilities that the loaded checkpoint does not have; their buttons say so.
    """
    buttons = []
    for words, abilities in suggestions.items():
        shown = html.escape(said(words, language)).replace("...", "<i>…</i>")
        send = "" if "..." in words else ' data-send="1"'
        doubt = f' class="doubt" title="{word("chat.doubt", language)}"'
        looks = ' data-looks="1"' if abilities or "the ..." in words else ""  # SPHINX must find something
        marks = f"{send}{looks}{doubt if any(name in untrained for name in abilities) else ''}"
        buttons.append(f'<button type="button" data-words="{html.escape(words)}"{marks}>{shown}</button>')
    more = word("chat.more", language)
    buttons.append(f'<button type="button" class="more" aria-expanded="false">{more}</button>')
    name = word("chat.suggestions", language)
    return f'<div class="chips" role="group" aria-label="{name}">{"".join(buttons)}</div>'


def greeting(about: About, examples: Mapping[str, Path], language: str = ENGLISH) -> str:
    """Return what an empty chat says, in Markdown: one text before a picture is there, another afterwards.

    The sentences can be pressed, see `canvas/chips.js`; before there is a picture, each opens its own.
    """
    by_stem = {path.stem: name for name, path in examples.items()}
    tries = [
        (ability.messages[0], by_stem[ability.picture])
        for ability in ABILITIES.values()
        if ability.messages and ability.picture in by_stem and not _doubtful(ability, about)
    ]
    of_pictures = {name: words for words, name in reversed(tries)}  # the first of each picture
    before = "".join(
        _say(words, language, name=name)
        for name, words in sorted(of_pictures.items(), key=lambda one: list(by_stem.values()).index(one[0]))
    )
    after = _suggested(
        [words for words in whole_picture_phrases(about) if words in {a.example for a in ABILITIES.values()}],
        language,
    )
    start, then = word("chat.greeting", language), word("chat.greeting_with", language)
    begin, english = word("tour.begin", language), word("chat.english", language)
    tour = f'<span class="tour" role="button" tabindex="0">{begin}</span>' if examples else ""
    return (
        f'<div class="greet before-picture">\n\n**{start}**\n\n{english}\n\n{about.understands}\n\n'
        f'<span class="says">{tour}{before}</span>\n\n</div>'
        f'<div class="greet with-picture">\n\n**{then}**\n\n{after}\n\n</div>'
    )


def _doubtful(ability: Ability, about: About) -> bool:
    """Return whether an ability rests on what the checkpoint did not learn."""
    return any(name in about.untrained for name in (ability.name, *(ability.needs or ())))


def understands(about: About, language: str = ENGLISH) -> str:
    """Return in Markdown what the loaded models understand and what not; their own words are English."""
    runs = word("about.runs", language, device=about.device, why=_reason(about, language))
    own, doors = word("about.own", language), word("about.doors", language)
    facts = (own, about.understands, about.cannot, said(about.paints, language), runs, doors)
    return "\n\n".join(filter(None, facts))


def views(about: About, language: str = ENGLISH) -> list[tuple[str, int]]:
    """Return what SPHINX may look at, in words, with the number of views; 0 where the picture decides."""
    choices, parts = [(word("options.whole", language), 1)], about.most_views - 1
    if parts:
        choices.append((word("options.parts", language, count=parts), about.most_views))
    if not usual_views(about):
        choices.insert(0, (word("options.suited", language), 0))
    return choices


def usual_views(about: About) -> int:
    """Return the views where nobody chooses; 0 where photographs are looked at with others than drawings."""
    return 0 if about.photo_views not in (None, about.views) else about.views


def encoders(about: About) -> list[tuple[str, str]]:
    """SPHINX's encoders as the field writes them, with their names."""
    return [(ENCODER_NAMES.get(name, name), name) for name in about.encoders]


def examples(pictures: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return the example pictures as the canvas takes them."""
    return [{"name": name, "file": served(path)} for name, path in pictures.items()]


def served(path: Path) -> dict[str, Any]:
    """Return a file that Gradio serves to the browser: it puts the address into `url`."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}
