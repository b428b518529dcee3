"""What `abilities.json` says of a checkpoint: words for the visitor, what it learnt, what is promised.

Written from figures; `pipelines` reads it. The schema of what was learnt is `families.trained_on`.
"""

from __future__ import annotations

from collections.abc import Sequence

from model.training.families import trained_on
from model.training.headline import headlines
from model.training.promises import INVENTED, PROMISES, Found, figure
from model.training.world import ACTIONS, COLOURS, THING_KINDS


def abilities(
    found: Found,
    views: int | None = None,
    photographs: Found | None = None,
    photo_kinds: Sequence[str] = (),
) -> dict[str, object]:
    """Return the content of `abilities.json`.

    Args:
        found: topic -> figures on drawn scenes.
        views: what the page looks with; None for all views of the checkpoint.
        photographs: topic -> figures on photographs, of a checkpoint that was trained on some.
        photo_kinds: the kinds that it learnt from them (`learnt_kinds.learnt`).
    """
    rows = {
        p.ability: {
            "trained": figure(found, p) >= p.promised,
            "figure": f"{p.says}: {100 * figure(found, p):.0f} %",
        }
        for p in PROMISES
    }
    weak = [name for name, row in rows.items() if not row["trained"]]
    cannot = []
    if weak:
        cannot.append(f"Weak so far, by measurement: {', '.join(weak)}.")
    return {
        "views": views,
        "understands": _understands(),
        "cannot": " ".join([*cannot, *_imagined(found)]),
        "of_photographs": _of_photographs(photographs),
        "photographs": _about_photographs(photographs, photo_kinds),
        **trained_on(None if photographs is None else photo_kinds),
        "headlines": {
            f"{line.source}: {line.says}": round(line.value, 3)
            for line in headlines(found, photographs or {})
            if line.value is not None
        },
        "abilities": rows,
    }


def _understands() -> str:
    """Return what the page shows below the model's name."""
    return (
        f"`sphinx-nano` knows an **illustrated world**: {len(THING_KINDS)} kinds of things "
        f"({', '.join(THING_KINDS[:12])}, ...) in {len(COLOURS)} colours, people who are "
        f"{', '.join(ACTIONS)}, signs, document pages, charts and screens."
    )


def _of_photographs(photographs: Found | None) -> str:
    """Return what it cannot do with photographs."""
    if photographs is None:
        return (
            "It has never seen a photograph and answers about one at random; clicks and boxes still work "
            "there."
        )
    return (
        f"In photographs the largest thing is named rightly in {share(photographs, 'largest', 'exact')}; "
        "what holds none of the kinds it knows is answered at random."
    )


def _about_photographs(photographs: Found | None, photo_kinds: Sequence[str]) -> str:
    """Return what is said when a photograph is opened; empty for a checkpoint that has seen none."""
    if photographs is None:
        return ""
    best = f" It knows {', '.join(photo_kinds)} best." if photo_kinds else ""
    return (
        "This looks like a photograph. Measured on others, the largest thing was named rightly in "
        f"{share(photographs, 'largest', 'exact')} of them and boxed rightly in "
        f"{share(photographs, 'locate-largest', 'hit')}; something that was not there was boxed in "
        f"{share(photographs, 'locate-kind-absent', 'boxed')}, so look twice.{best} Clicks and boxes work on "
        "any picture."
    )


def _imagined(found: Found) -> list[str]:
    """Return what is found that is not there."""
    said = []
    if "locate-kind-absent" in found:
        boxed = share(found, "locate-kind-absent", "boxed")
        said.append(
            f"Asked to find a kind of thing that is not there, it boxes something in {boxed} of pictures."
        )
    return said + [words for topic, score, words in INVENTED if found.get(topic, {}).get(score, 1.0) < 0.5]


def share(found: Found, topic: str, score: str) -> str:
    """Return a figure as "80 %", or "-" where it was not measured."""
    value = found.get(topic, {}).get(score)
    return "-" if value is None else f"{100 * value:.0f} %"
