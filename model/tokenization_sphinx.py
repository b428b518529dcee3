"""LLaMA's sentencepiece tokenizer, asked directly: the ids are sentencepiece's own by construction.

transformers' converted LLaMA tokenizer needs protobuf to read a `tokenizer.model`, and splits the text at
special tokens first, so that a `</s>` typed by a visitor would end the turn. Here text is only ever text.
"""

from __future__ import annotations

import re
from typing import Any

from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class SphinxTokenizer(SentencePieceBackend):
    """Text <-> ids of a sentencepiece model; BOS in front, padding on the left with the end token."""

    vocab_files_names = {"vocab_file": "tokenizer.model"}
    model_input_names = ["input_ids", "attention_mask"]
    padding_side = "left"

    def __init__(
        self,
        vocab_file: str,
        unk_token: str = "<unk>",
        bos_token: str = "<s>",
        eos_token: str = "</s>",
        pad_token: str = "</s>",
        clean_up_tokenization_spaces: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("special_tokens_pattern", "bos")
        super().__init__(
            vocab_file=vocab_file,
            unk_token=unk_token,
            bos_token=bos_token,
            eos_token=eos_token,
            pad_token=pad_token,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            **{**kwargs, "legacy": True},
        )

    def tokenize(self, text: str, **kwargs: Any) -> list[str]:
        """Pieces of `text`. Nothing in it is special: `</s>` comes out as the characters it is typed with."""
        return self.sp_model.encode(text, out_type=str)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Text of `tokens`, white space at its end kept (the stop string begins with a newline)."""
        special = {str(self.unk_token), str(self.bos_token), str(self.eos_token)}
        text, run = "", []
        for token in tokens:
            if token in special:
                text, run = text + self._pieces_to_text(run) + token, []
            else:
                run.append(token)
        return text + self._pieces_to_text(run)

    def _pieces_to_text(self, pieces: list[str]) -> str:
        return self.sp_model.decode(pieces) if pieces else ""

    def is_part_of_character(self, token_id: int) -> bool:
        """True for a byte piece: the character it belongs to may need the pieces after it."""
        return _BYTE.fullmatch(self.convert_ids_to_tokens(token_id)) is not None


__all__ = ["SphinxTokenizer"]
