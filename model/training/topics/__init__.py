"""The topics of questions about a picture: each makes one question, or None where the picture has none."""

from __future__ import annotations

from collections.abc import Callable

from model.training.question_generator import QA, QuestionGenerator
from model.training.topics import looks, pages, places, wholes

# Of "how many" by its answer: what is rarely to be seen is asked wherever it is, so that all come out alike.
COUNT_WEIGHTS = (0.3, 0.6, 3.0, 6.0, 8.0, 8.0)

# topic -> how to make a question of it, and how often training asks it where it can
TOPICS: dict[str, tuple[Callable[[QuestionGenerator], QA | None], float]] = {
    "kind": (looks.kind, 2.5),
    "colour": (looks.colour, 2.6),
    "clothes": (looks.clothes, 0.5),
    "size": (looks.size, 0.5),
    "pattern": (looks.pattern, 0.5),
    "largest": (looks.largest, 3.0),
    **{f"count-{n}": (looks.count(n), weight) for n, weight in enumerate(COUNT_WEIGHTS)},
    "count-coloured": (looks.count_coloured, 0.2),
    "action": (looks.action, 1.2),
    "is-it": (looks.is_it, 0.5),
    "scene": (looks.scene, 0.25),
    "is-there-present": (looks.present, 4.6),
    "is-there-absent": (looks.not_there("is-there-absent"), 1.0),
    "is-there-kind-absent": (looks.not_there("is-there-kind-absent", bare=True), 1.2),
    "is-there-near-miss": (looks.not_there("is-there-near-miss", near=True), 1.6),
    "relation-word": (places.relation_word, 1.2),
    "relation-true": (places.relation_true, 0.4),
    "on-what": (places.on_what, 0.4),
    "locate": (places.locate, 4.5),
    "locate-small": (places.locate_small, 4.0),
    "locate-absent": (places.locate_absent("locate-absent"), 0.8),
    "locate-kind-absent": (places.locate_absent("locate-kind-absent", bare=True), 0.9),
    "locate-near-miss": (places.locate_absent("locate-near-miss", near=True), 0.8),
    "locate-word": (pages.locate_word, 0.6),
    "locate-word-absent": (pages.locate_word_absent, 0.5),
    "locate-block": (pages.locate_block, 1.2),
    "relation": (places.relation, 0.9),
    "locate-largest": (places.locate_largest, 1.0),
    "detect": (places.detect(several=False), 0.6),
    "detect-several": (places.detect(several=True), 3.0),
    "detect-all": (places.detect_all, 0.5),
    "detect-absent": (places.detect_absent, 0.7),
    "region": (places.region, 1.7),
    "region-largest": (places.region_largest, 0.8),
    "region-empty": (places.region_empty, 0.1),
    "caption": (wholes.caption, 0.6),
    "detail": (wholes.detail, 0.25),
    "grounded": (wholes.grounded, 0.5),
    "dense": (wholes.dense, 1.2),
    "pose": (places.pose(several=False), 5.5),
    "pose-several": (places.pose(several=True), 2.0),
    "joint": (places.joint, 9.0),
    "pose-absent": (places.pose_absent, 0.03),
    "layout": (pages.layout, 5.0),
    "detect-block": (pages.detect_block, 2.5),
    "layout-absent": (pages.no_layout, 0.15),
    "text": (pages.text, 1.5),
    "text-absent": (pages.no_text, 0.4),
    "read-word": (pages.read_word, 1.5),
    "chart": (pages.chart, 2.5),
    "chart-absent": (pages.no_chart, 0.25),
    "chart-value": (pages.chart_value, 2.0),
    "chart-most": (pages.chart_most, 0.5),
    "odd": (wholes.odd(damaged=False), 3.0),
    "odd-damaged": (wholes.odd(damaged=True), 3.0),
    "odd-word": (wholes.odd_word, 0.6),
    "odd-absent": (wholes.nothing_odd, 0.25),
    "damaged": (looks.damaged, 1.0),
    "marks": (places.marks, 0.6),
    "marks-relation": (places.mark_relation, 0.25),
    "screen": (pages.screen, 2.0),
    "screen-absent": (pages.screen_absent, 2.0),
}
