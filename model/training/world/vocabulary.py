"""Words that are written in the world: on signs, pages, charts and screens."""

from __future__ import annotations

import random

from .holdouts import HELD_OUT_WORDS


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SIGN_WORDS = _words(
    """
    STOP EXIT OPEN CLOSED PARK CAFE SHOP BANK HOTEL TAXI BUS TRAM ZOO BEACH POOL BAKERY BOOKS FLOWERS
    FRUIT MUSIC SCHOOL LIBRARY MARKET CINEMA STATION NORTH SOUTH EAST WEST SLOW FAST LEFT RIGHT UP DOWN
    PUSH PULL SALE NEW FREE WELCOME HELLO THANKS QUIET DANGER WATER MILK BREAD TEA COFFEE PIZZA SOUP
    CAKE APPLE HONEY MONDAY FRIDAY SUMMER WINTER SPRING LAKE FOREST BRIDGE CASTLE TOWER HARBOR ISLAND
    MOON SUN STAR GOLD SILVER KEEP OUT IN NO YES GO WALK RUN BIKE BOAT TRAIN PLANE LUCKY HAPPY SPORT
    GAMES TOYS SHOES HATS KEYS TOOLS LEMON RIVER MUSEUM TICKET SUNDAY GARDEN
    """
)
TITLES = (
    "WEEKLY NEWS", "ANNUAL REPORT", "OUR TOWN", "HOW TO BAKE", "FIELD NOTES", "THE SEA", "TRAVEL GUIDE",
    "CITY MAP", "SPACE", "ANIMALS", "BIRDS", "WEATHER", "COOKING", "HISTORY", "SCIENCE", "MUSIC", "GARDEN",
    "HEALTH", "SPORTS", "MARKET", "RESULTS", "SUMMARY", "RECIPES", "PLANTS", "OCEAN", "TRAINS", "PAINTING",
    "RIVER LIFE", "MUSEUM", "SUMMER",
)  # fmt: skip
CHART_SETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("FRUIT", ("APPLE", "PLUM", "PEAR", "FIG", "KIWI", "LIME", "PEARS", "LEMON")),
    ("DAYS", ("MON", "TUE", "WED", "THU", "SAT", "SUN", "FRI")),
    ("PETS", ("DOG", "CAT", "BIRD", "FISH", "MOUSE", "SNAKE")),
    ("SALES", ("TEA", "MILK", "CAKE", "SOUP", "RICE", "BREAD")),
    ("CITIES", ("ROME", "OSLO", "PARIS", "LIMA", "CAIRO", "DELHI")),
    ("SPORT", ("SWIM", "RUN", "BIKE", "SKI", "GOLF", "DANCE")),
    ("TRAVEL", ("CAR", "BUS", "TRAIN", "BOAT", "BIKE", "WALK")),
    ("RAIN", ("JAN", "FEB", "MAR", "APR", "MAY", "JUN")),
    ("TEAMS", ("LIONS", "BEARS", "HAWKS", "FOXES", "SHARKS", "OWLS")),
)
BODY_WORDS = _words(
    """
    the a of and to in is on it was for with they at be this have from one had by word but not what all
    were we when your can said there use an each which she do how their if will up other about out many
    then them these so some her would make like him into time has look two more write go see number no
    way could people my than first water been call who oil its now find long down day did get come made
    may part over new
    """
)
BUTTONS = _words(
    """
    OK CANCEL SAVE SEND NEXT BACK LOGIN SEARCH DELETE PRINT SHARE PLAY STOP ADD CLOSE BUY UPDATE START
    EDIT HELP
    """
)
FIELDS = ("NAME", "EMAIL", "CITY", "PHONE", "DATE", "COLOR", "TITLE", "CODE", "STREET", "AGE")
CHECKS = ("SOUND", "LIGHT", "MAPS", "NEWS", "WIFI", "ALERTS", "AUTO", "DARK", "VIDEO", "SYNC")
APPS = (
    "MAIL",
    "NOTES",
    "SHOP",
    "MUSIC",
    "PHOTOS",
    "MAPS",
    "SETTINGS",
    "CHAT",
    "PROFILE",
    "WEATHER",
    "REPORT",
)
CONSONANTS, VOWELS = "BCDFGHKLMNPRSTVWZ", "AEIOU"


def allowed(words: tuple[str, ...], *, held_out: bool) -> list[str]:
    """Return the words none of whose parts is held out, or with `held_out` those that have such a part."""
    return [w for w in words if held_out == any(p in HELD_OUT_WORDS for p in w.split(" "))]


def sign_text(rng: random.Random, *, held_out: bool) -> str:
    """Return a word, a made-up word, letters or a number; with `held_out` one that training never shows."""
    if held_out:
        return rng.choice([*allowed(SIGN_WORDS, held_out=True), "903"])
    while True:
        roll = rng.random()
        if roll < 0.5:
            text = rng.choice(allowed(SIGN_WORDS, held_out=False))
        elif roll < 0.66:
            text = "".join(rng.choice(VOWELS if i % 2 else CONSONANTS) for i in range(rng.randint(3, 6)))
        elif roll < 0.78:
            text = "".join(rng.choice(CONSONANTS + VOWELS + "JQXY") for _ in range(rng.randint(2, 5)))
        elif roll < 0.92:
            text = str(rng.randint(1, 999))
        else:
            text = rng.choice(("EXIT", "BUS", "ROUTE", "GATE", "ROOM", "TRAM")) + f" {rng.randint(1, 99)}"
        if not any(p in HELD_OUT_WORDS for p in text.split(" ")):
            return text
