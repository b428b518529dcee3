"""Words for things and the wordings of questions. The first wording of each is the one evaluation uses.

Knows English and nothing of pictures.
"""

from __future__ import annotations


def phrase(
    kind: str,
    *,
    colour: str | None = None,
    size: str | None = None,
    pattern: str | None = None,
    action: str | None = None,
) -> str:
    """Name a thing in the world's own order of words: "small striped red ball", "person in red"."""
    if kind == "person":
        words = " ".join(filter(None, (size, action, kind)))
        return f"{words} in {colour}" if colour else words
    return " ".join(filter(None, (size, None if pattern == "plain" else pattern, colour, kind)))


COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

KIND = (
    "What is the {x} thing?",
    "What kind of thing is {x}?",
    "Which thing in the image is {x}?",
    "What is {x} in the image?",
    "What is the {x} object?",
    "Name the {x} thing.",
)
LARGEST = (
    "What is the largest thing in the image?",
    "What is this?",
    "What is shown in the image?",
    "What do you see?",
    "What is in the picture?",
    "What is the main thing in the image?",
    "What is it?",
)
COLOUR = (
    "What colour is the {x}?",
    "What is the colour of the {x}?",
    "Which colour does the {x} have?",
    "What color is the {x}?",
    "The {x} is what colour?",
    "Tell me the colour of the {x}.",
)
JOINT = (  # to be filled by the pose ability
    "Detect the {phrase} of the person in the region {box}.",
    "Where is the {phrase} of the person in {box}?",
    "Find the {phrase} of the person in {box}.",
)
SIZE = (
    "Is the {x} small or large?",
    "What size is the {x}?",
    "How big is the {x}?",
    "Is the {x} large or small?",
)
PATTERN = (
    "What pattern does the {x} have?",
    "What is the pattern of the {x}?",
    "How is the {x} patterned?",
    "Is the {x} plain or patterned?",
)
COUNT = (
    "How many {x} are there?",
    "How many {x} are in the image?",
    "Count the {x}.",
    "What is the number of {x}?",
    "How many {x} can you see?",
)
ACTION = (
    "What is the {x} doing?",
    "What does the {x} do?",
    "What action is the {x} doing?",
    "What is the {x} up to?",
)
IS_THERE = (
    "Is there {a} in the image?",
    "Is there {a}?",
    "Do you see {a}?",
    "Can you see {a} in the picture?",
    "Does the image show {a}?",
    "Is {a} visible?",
)
BETWEEN = ("Is the {x} {r} the {y}?", "Where is the {x}: {r} the {y}?", "The {x} is {r} the {y}: which one?")
RELATED = (
    "Is the {x} {r} the {y}?",
    "Would you say the {x} is {r} the {y}?",
    "Is it true that the {x} is {r} the {y}?",
)
SCENE = (
    "What kind of place or picture is this?",
    "What place is this?",
    "What kind of picture is this?",
    "Where was this picture taken?",
    "What is the background of the image?",
    "What is in the background?",
)
READ_ONE = (
    "What word is written in the image?",
    "What does the text say?",
    "Read the word.",
    "What is written here?",
)
READ_SIGN = (
    "What does the sign say?",
    "What is written on the sign?",
    "Which word is on the sign?",
    "Read the sign.",
)
READ_AT = (
    "What is written in the region {box}?",
    "What does the text in {box} say?",
    "Read the text at {box}.",
)
CHART_VALUE = (
    "What is the value of {x}?",
    "How much is {x}?",
    "What is {x} in the chart?",
    "Which value does {x} have?",
)
CHART_MOST = (
    "Which one has the largest value?",
    "What is the largest in the chart?",
    "Which is the highest?",
)
CHART_LEAST = (
    "Which one has the smallest value?",
    "What is the smallest in the chart?",
    "Which is the lowest?",
)
ODD_ONE = (
    "Which thing is odd?",
    "What does not fit in?",
    "Which one is different from the others?",
    "What is unusual here?",
)
BROKEN = ("Is the {x} broken?", "Is the {x} damaged?", "Is something wrong with the {x}?")
RIDER = ("What is on the {x}?", "Which thing is on the {x}?", "The {x} has what on it?")
IS_IT = (
    "Is the {x} {y}?",
    "Is the {x} {y} or not?",
    "Is it true that the {x} is {y}?",
    "Would you say the {x} is {y}?",
)
ON_WHAT = ("What is the {x} on?", "What is under the {x}?", "The {x} is on what?")
