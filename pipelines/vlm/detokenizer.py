"""Ids to text, token by token: the cost of a token does not grow with the reply."""

from __future__ import annotations

from typing import Any

from model.generation_sphinx import STOP, UNFINISHED, visible

SPACE = "\u2581"  # what a sentencepiece piece has for a space


class Detokenizer:
    """The text of one reply while it grows: what `tokenizer.decode` gives for all ids.

    Only the newest ids are decoded again: a sentencepiece text depends on its beginning (which loses its
    space) and on what completes a character, and on nothing else.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._complete = ""  # text of the ids before those of `_pending`
        self._context: list[int] = []  # the ids of the last complete piece, decoded again for the spaces
        self._pending: list[int] = []  # the ids behind it
        self.text = ""
        self.stopped = False

    def add(self, token: int) -> None:
        """Take the next id. `stopped` says whether the reply's end has been reached."""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if self._complete and not self._pending and self._is_plain(token, piece):
            self._context = [token]
            self._complete = self.text = self.text + piece.replace(SPACE, " ")
            self.stopped = STOP in self.text[-len(piece) - len(STOP) :]
            return
        self._pending.append(token)
        before = self._decode(self._context)
        after = self._decode(self._context + self._pending)
        new = after[len(before) :]
        self.text = self._complete + new
        self.stopped = STOP in self.text[-len(new) - len(STOP) :]
        if new and not new.endswith(UNFINISHED):
            self._complete = self.text
            self._context, self._pending = self._pending, []

    def _is_plain(self, token: int, piece: str) -> bool:
        """Return whether a piece stands for its own letters: it is no byte, and nothing special."""
        return not piece.startswith("<") and token not in self._tokenizer.all_special_ids

    def visible(self, *, finished: bool = False) -> str:
        """Return what of the text may be shown, as `model.generation_sphinx.visible` says."""
        return visible(self.text, finished)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True) if ids else ""
