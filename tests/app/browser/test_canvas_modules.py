"""The canvas's pure functions, run in the browser that will run them."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

STAGE = "{width: 800, height: 600}"


@pytest.mark.parametrize("size", [(800, 600), (3000, 200), (200, 3000), (7, 5)])
def test_zooming_keeps_the_point_under_the_pointer(modules, size):
    before, after = modules(
        "view",
        """(([size, at, stage]) => {
            // zoomed in far enough that no edge is near
            const near = 2 * m.fillZoom(size, stage);
            const first = m.zoomed(m.whole(), size, stage, near, at);
            const point = (view) => {
                const lies = m.placed(view, size, stage);
                return [(at.x - lies.left) / lies.width, (at.y - lies.top) / lies.height];
            };
            const then = m.zoomed(first, size, stage, 1.5 * near, at);
            return [point(first), point(then)];
        })(given)""",
        [list(size), {"x": 410, "y": 290}, {"width": 800, "height": 600}],
    )
    assert before == pytest.approx(after, abs=1e-9)


@pytest.mark.parametrize(
    ("size", "filled"),
    [
        ((800, 600), False),  # as the stage
        ((1600, 900), False),  # whole, with margins
        ((6000, 300), True),  # whole it would be 40 pixels high
        ((300, 6000), True),
        ((2400, 600), False),  # 200 pixels high is enough to see
    ],
)
def test_a_sliver_opens_filled_and_everything_else_whole(modules, size, filled):
    view = modules("view", f"m.opening(given, {STAGE})", list(size))
    lies = modules("view", f"m.placed(given[0], given[1], {STAGE})", [view, list(size)])
    assert (view["zoom"] > 1) == filled
    assert (lies["width"] >= 799 and lies["height"] >= 599) == (filled or size == (800, 600))
    if size[1] > size[0]:
        assert lies["top"] == pytest.approx(0)  # a tall picture begins at its top


def test_touches_that_the_picture_does_not_need_are_left_to_the_page(modules):
    def action(size, zoom, tool="point"):
        return modules(
            "view", f"m.touchAction(given[0], given[1], {STAGE}, given[2])", [zoom, list(size), tool]
        )

    assert action((800, 600), {"zoom": 1, "x": 0.5, "y": 0.5}) == "pan-x pan-y"
    assert action((1600, 600), {"zoom": 2, "x": 0.5, "y": 0.5}) == "pan-y"
    assert action((800, 600), {"zoom": 2, "x": 0.5, "y": 0.5}) == "none"
    assert action((800, 600), {"zoom": 1, "x": 0.5, "y": 0.5}, "brush") == "none"


# --- gestures: what is done on the left, the commands for the page on the right ---

DOWN = {"type": "down", "id": 1, "x": 50, "y": 50, "touch": False, "button": 0, "alt": False}
FINGER = {**DOWN, "touch": True}
SECOND = {**FINGER, "id": 2, "x": 90}


def to(event, kind, x=50, y=50):
    return {**event, "type": kind, "x": x, "y": y}


RUN = """(([events, mode]) => {
    let state = m.IDLE;
    const said = [];
    for (const event of events) {
        const [next, commands] = m.step(state, event, mode);
        state = next;
        for (const command of commands) said.push(command.do + (command.subtract ? " subtract" : ""));
    }
    return [state.name, said];
})(given)"""


@pytest.mark.parametrize(
    ("events", "mode", "state", "said"),
    [
        # a click, also with a hand that trembles
        ([DOWN, to(DOWN, "move", 53), to(DOWN, "up", 53)], {}, "idle", ["capture", "click"]),
        ([{**DOWN, "alt": True}, to(DOWN, "up")], {}, "idle", ["capture", "click subtract"]),
        ([{**DOWN, "button": 2}, to(DOWN, "up")], {}, "idle", ["capture", "click subtract"]),
        ([DOWN, to(DOWN, "up")], {"tool": "minus"}, "idle", ["capture", "click subtract"]),
        # a drag is a box, Escape cancels it, and the release afterwards does nothing
        (
            [DOWN, to(DOWN, "move", 80), to(DOWN, "up", 99)],
            {}, "idle", ["capture", "capture", "rubber", "no rubber", "box"],
        ),
        (
            [DOWN, to(DOWN, "move", 80), {"type": "escape"}, to(DOWN, "move", 90), to(DOWN, "up", 99)],
            {}, "idle", ["capture", "capture", "rubber", "no rubber"],
        ),
        ([DOWN, {"type": "escape"}, to(DOWN, "up")], {}, "idle", ["capture"]),
        # a finger: tap, long press, and a scroll of the page that is no click
        ([FINGER, to(FINGER, "up")], {}, "idle", ["await hold", "forget hold", "click"]),
        ([FINGER, {"type": "hold"}, to(FINGER, "up")], {}, "idle", ["await hold", "click subtract"]),
        (
            [FINGER, to(FINGER, "move", 50, 90), to(FINGER, "up", 50, 90)],
            {}, "idle", ["await hold", "forget hold"],
        ),
        ([FINGER, to(FINGER, "cancel")], {}, "idle", ["await hold", "forget hold"]),
        (
            [FINGER, to(FINGER, "move", 50, 90), to(FINGER, "move", 50, 99), to(FINGER, "up", 50, 99)],
            {"pannable": True}, "idle", ["await hold", "forget hold", "capture", "pan", "pan"],
        ),
        # two fingers pinch; the first one's press is forgotten, and the last one up is no click
        (
            [FINGER, SECOND, to(SECOND, "move", 130), to(SECOND, "up", 130), to(FINGER, "up")],
            {}, "idle", ["await hold", "forget hold", "capture", "pan", "zoom"],
        ),
        # the hand, the middle button and the space bar move the picture
        ([DOWN, to(DOWN, "move", 60), to(DOWN, "up", 60)], {"tool": "hand"}, "idle", ["capture", "pan"]),
        ([{**DOWN, "button": 1}, to(DOWN, "move", 60)], {}, "panning", ["capture", "pan"]),
        ([DOWN, to(DOWN, "move", 60)], {"moving": True}, "panning", ["capture", "pan"]),
        # the brush draws at once; Escape and a second finger drop the stroke
        (
            [DOWN, to(DOWN, "move", 60), to(DOWN, "up", 60)],
            {"tool": "brush"}, "idle", ["capture", "stroke", "stroke", "stroke over"],
        ),
        (
            [DOWN, to(DOWN, "move", 60), {"type": "escape"}, to(DOWN, "up", 60)],
            {"tool": "eraser"}, "idle", ["capture", "stroke", "stroke", "no stroke"],
        ),
        (
            [FINGER, SECOND, to(SECOND, "up"), to(FINGER, "up")],
            {"tool": "brush"}, "idle", ["capture", "stroke", "no stroke", "capture"],
        ),
    ],
)  # fmt: skip
def test_what_a_pointer_means(modules, events, mode, state, said):
    mode = {"tool": "point", "moving": False, "pannable": False, **mode}
    assert modules("gesture", RUN, [events, mode]) == [state, said]


def test_alt_turns_the_brush_into_the_eraser_and_back(modules):
    added = modules(
        "gesture",
        """['brush', 'eraser'].flatMap((tool) => [false, true].map((alt) =>
            m.step(m.IDLE, {...given, alt}, {tool})[1].find((command) => command.do === 'stroke').add))""",
        DOWN,
    )
    assert added == [True, False, False, True]


# --- labels ---

SCENES = """(() => {
    // scenes of a fixed generator: things of every size, some of them crowded, some over the edges
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    return Array.from({length: 60}, (_, index) => Array.from({length: 1 + index % 20}, (_, id) => {
        const [x, y] = [random() * 900 - 50, random() * 700 - 50], size = 10 + 220 * random() ** 2;
        const box = [x, y, x + size, y + size * (0.4 + random())];
        const [cx, cy] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
        const round = Array.from({length: 24}, (_, turn) => [
            cx + (box[2] - box[0]) / 2 * Math.cos(turn * Math.PI / 12),
            cy + (box[3] - box[1]) / 2 * Math.sin(turn * Math.PI / 12)]);
        const polygons = random() < 0.5 ? [round] : null;
        return {id, box, polygons, width: 40 + 120 * random(), height: 25, short: 38};
    }));
})()"""


def test_no_label_lies_on_another_one_or_on_its_own_thing(modules):
    result = modules(
        "labels",
        f"""(() => {{
            const stage = {STAGE};
            const count = {{labels: 0, things: 0, faults: []}};
            for (const things of {SCENES}) {{
                const places = m.placeLabels(things, stage);
                count.things += things.filter(({{box}}) =>
                    box[0] < 800 && box[1] < 600 && box[2] > 0 && box[3] > 0).length;
                count.labels += places.size;
                const rects = [...places.values()];
                rects.forEach((rect, i) => rects.slice(i + 1).forEach((other) => {{
                    if (m.overlap(rect, other)) count.faults.push(['two labels', rect, other]);
                }}));
                for (const [id, rect] of places) {{
                    const {{box: [x1, y1, x2, y2], polygons}} = things[id];
                    const on = polygons ? m.onPolygons(rect, polygons)
                        : m.overlap(rect, {{left: x1, top: y1, width: x2 - x1, height: y2 - y1}});
                    if (on) count.faults.push(['on its thing', id, rect]);
                    const right = 800 - rect.left - rect.width, bottom = 600 - rect.top - rect.height;
                    if (Math.min(rect.left, right, rect.top, bottom) < -1e-6)
                        count.faults.push(['off the stage', id, rect]);
                }}
            }}
            return count;
        }})()""",
    )
    assert result["faults"] == []
    assert result["labels"] > 0.95 * result["things"] > 400


def test_a_rectangle_on_a_ring_is_told_from_one_in_its_hole(modules):
    ring = "M0 0L100 0L100 100L0 100ZM30 30L70 30L70 70L30 70Z"
    rects = [(40, 40, 20, 20), (10, 10, 5, 5), (25, 40, 20, 20), (120, 0, 9, 9), (-10, -10, 200, 200)]
    on = modules(
        "labels",
        "given[1].map(([left, top, width, height]) => "
        "m.onPolygons({left, top, width, height}, m.polygonsOf(given[0])))",
        [ring, rects],
    )
    assert on == [False, True, True, False, True]


def test_a_thing_that_leaves_no_room_has_no_label_and_a_tall_one_a_place_beside_it(modules):
    full, tall = modules(
        "labels",
        f"""[[-5, -5, 900, 700], [300, -5, 400, 700]].map((box) =>
            [...m.placeLabels([{{id: 1, box, width: 90, height: 25, short: 38}}], {STAGE})])""",
    )
    assert full == []
    assert tall[0][1]["left"] >= 400


# --- words ---


@pytest.mark.parametrize(
    ("text", "start", "end", "becomes"),
    [
        ("", 0, 0, "@3 "),
        ("Replace  with a star", 8, 8, "Replace @3 with a star"),
        ("find", 4, 4, "find @3 "),
        ("what is it?", 8, 10, "what is @3?"),
        ("is red", 0, 0, "@3 is red"),
    ],
)
def test_a_name_is_put_into_the_message(modules, text, start, end, becomes):
    assert modules("words", "m.inserted(...given, '@3')[0]", [text, start, end]) == becomes


def test_a_picture_is_described_in_words(modules):
    scene = {
        "size": [900, 600],
        "regions": [
            {"id": 1, "label": "dog", "box": [10, 250, 100, 350]},
            {"id": 2, "label": "", "box": [350, 10, 500, 90]},
            {"id": 3, "label": "sky", "box": [0, 0, 900, 600]},
            {"id": 4, "label": "cup", "box": [800, 500, 880, 590]},
        ],
    }
    said = modules("describe", "m.pictureText(given)", scene)
    assert said == (
        "A picture of 900 by 600 pixels. Found: #1 dog at the left, #2 at the top, #3 sky all over, "
        "#4 cup at the bottom right."
    )
    assert "Nothing has been found" in modules("describe", "m.pictureText(given)", {**scene, "regions": []})


def test_the_cursor_moves_within_the_picture(modules):
    def moved(x, y, key, scale=2.0, fine=False):
        return modules("cursor", "m.movedCursor(...given)", [{"x": x, "y": y}, key, [100, 80], scale, fine])

    assert moved(50, 40, "ArrowRight") == {"x": 55, "y": 40}
    assert moved(50, 40, "ArrowUp", fine=True) == {"x": 50, "y": 39}
    assert moved(98, 40, "ArrowRight") == {"x": 99, "y": 40}
    assert moved(50, 1, "ArrowUp") == {"x": 50, "y": 0}


PASTE = """(() => {
    const transfer = new DataTransfer();
    if (given.words) transfer.items.add(given.words, 'text/plain');
    if (given.html) transfer.items.add(given.html, 'text/html');
    if (given.picture) transfer.items.add(new File([new Uint8Array(9)], 'a.png', {type: 'image/png'}));
    const node = Object.assign(document.createElement(given.tag), given.type ? {type: given.type} : {});
    return m.pastesPicture(node, transfer);
})()"""


@pytest.mark.parametrize(
    ("clipboard", "tag", "taken"),
    [
        ({"words": "a b", "html": "<b>a b</b>", "picture": True}, "textarea", False),  # an office program
        ({"words": "a b", "picture": True}, "input", False),
        ({"words": "a b", "picture": True}, "div", True),
        ({"html": "<img src=x>", "picture": True}, "textarea", True),  # a browser's "copy image"
        ({"picture": True}, "textarea", True),  # a screenshot
        ({"words": "a b"}, "div", False),
    ],
)
def test_what_has_words_is_text_in_a_field(modules, clipboard, tag, taken):
    kind = {"type": "text"} if tag == "input" else {}
    assert modules("intake", PASTE, {"tag": tag, **kind, **clipboard}) is taken
