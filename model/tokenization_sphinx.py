"""LLaMA's sentencepiece tokenizer on the Rust backend: sentencepiece's own ids, and character offsets.

The pieces are read from `tokenizer.model`, which stays the only file that defines the ids; neither protobuf
nor sentencepiece is needed for that. Two things differ from transformers'
converted LLaMA tokenizer: special tokens that a visitor types are ordinary text (`</s>` does not end the
turn), and pieces defined by the user (`###`, `[0.`) are found after the leading space was added, as
sentencepiece does it.
"""

from __future__ import annotations

import codecs
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers.tokenization_utils_tokenizers import TokenizersBackend

SPACE = "\u2581"  # what sentencepiece writes for a space
UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 2, 3, 4, 5, 6  # sentencepiece's types of pieces
_BPE = 2  # sentencepiece's number of that kind of model
_SLOW = ("backend", "legacy", "sp_model_kwargs", "special_tokens_pattern", "added_tokens_decoder")
"""Settings in folders that the slow tokenizer of earlier versions wrote; they mean nothing here."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class SphinxTokenizer(TokenizersBackend):
    """Convert text to ids of a sentencepiece BPE model and back.

    BOS is put in front of every text, and batches are padded on the left with the end token. Typed special
    tokens are text (`split_special_tokens`).

    Args:
        vocab_file: path of `tokenizer.model`.
        unk_token: piece of the unknown token; its id also holds the places of a picture's tokens.
        bos_token: piece that begins a text.
        eos_token: piece that ends one.
        pad_token: piece that fills the shorter rows of a batch.
        kwargs: passed to transformers' tokenizer.

    Raises:
        ValueError: if `vocab_file` is not a sentencepiece BPE model.
    """

    vocab_files_names = {"vocab_file": "tokenizer.model"}
    model_input_names = ["input_ids", "attention_mask"]
    padding_side = "left"

    def __init__(
        self,
        vocab_file: str | os.PathLike[str],
        unk_token: str = "<unk>",
        bos_token: str = "<s>",
        eos_token: str = "</s>",
        pad_token: str = "</s>",
        clean_up_tokenization_spaces: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in (
            "backend",
            "legacy",
            "sp_model_kwargs",
            "special_tokens_pattern",
            "added_tokens_decoder",
        ):
            kwargs.pop(name, None)  # left-overs of folders that were written by the slow tokenizer
        kwargs.setdefault("split_special_tokens", True)
        pieces = read_pieces(vocab_file)
        # folders that the slow tokenizer wrote give each as an AddedToken
        special = tuple(map(str, (unk_token, bos_token, eos_token, pad_token)))
        self._space_in_front = pieces.space_in_front or pieces.single_spaces
        super().__init__(
            tokenizer_object=build_backend(pieces, special, str(bos_token)),
            vocab_file=str(vocab_file),
            unk_token=unk_token,
            bos_token=bos_token,
            eos_token=eos_token,
            pad_token=pad_token,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            **kwargs,
        )

    @classmethod
    def convert_to_native_format(cls, trust_remote_code: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Leave `vocab_file` to `__init__`, which reads it without protobuf."""
        return kwargs

    def _save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        file_names: tuple[str, ...],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
    ) -> tuple[str, ...]:
        """Copy `tokenizer.model`; a tokenizer.json beside it could come to disagree with it."""
        return (*file_names, *self.save_vocabulary(str(save_directory), filename_prefix))

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Return the text of `tokens` (pieces), as sentencepiece decodes them.

        White space at the end stays, since the stop string begins with a newline. A byte that is no part of
        a character becomes U+FFFD by itself; the Rust decoder would lose the whole bytes beside it, too.
        """
        special = set(self.all_special_tokens)
        text, run, begins = "", b"", self._space_in_front
        for token in tokens:
            if token in special:
                text, run, begins = (
                    text + run.decode("utf-8", "sphinx-replace") + token,
                    b"",
                    self._space_in_front,
                )
                continue
            if _BYTE.fullmatch(token):
                run += bytes([int(token[3:5], 16)])
            else:  # the space in front of a text is not part of it
                run += (token.removeprefix(SPACE) if begins else token).replace(SPACE, " ").encode()
            begins = False
        return text + run.decode("utf-8", "sphinx-replace")

    def _decode(
        self,
        token_ids: int | list[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> str:
        """Return the text of one row of ids; `clean_up_tokenization_spaces` is ignored, as for any BPE."""
        ids = [token_ids] if isinstance(token_ids, int) else token_ids
        return self.convert_tokens_to_string(list(self.convert_ids_to_tokens(ids, skip_special_tokens)))

    def is_part_of_character(self, token_id: int) -> bool:
        """Return whether a token is one byte, whose character may need the tokens after it."""
        return _BYTE.fullmatch(str(self.convert_ids_to_tokens(token_id))) is not None


def _replace_bytes(error: UnicodeError) -> tuple[str, int]:
    """Stand one U+FFFD for each byte that is no part of a character."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("sphinx-replace", _replace_bytes)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a sentencepiece model in the order of their ids: text, score and type of each.

    `space_in_front` says whether a space is put in front of every text, `single_spaces` whether spaces at the
    ends and repeated ones are dropped (LLaMA: the first, not the second).
    """

    texts: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[int, ...]
    space_in_front: bool
    single_spaces: bool


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the number and the value of each field of an encoded protobuf message."""

    def varint(position: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = message[position]
            value |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:
                return value, position

    position = 0
    while position < len(message):
        key, position = varint(position)
        kind = key & 7
        if kind == 0:
            value, position = varint(position)
            yield key >> 3, value
            continue
        if kind == 2:
            length, position = varint(position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if position + length > len(message):
            raise IndexError("the message is cut short")
        yield key >> 3, message[position : position + length]
        position += length


def read_pieces(file: str | os.PathLike[str]) -> Pieces:
    """Read the pieces of a sentencepiece model (sentencepiece_model.proto of google/sentencepiece).

    Args:
        file: path of a `tokenizer.model`.

    Raises:
        ValueError: if the file is missing or damaged, or is no BPE model with identity normalisation; the
            message names the file.
    """
    content = Path(file).read_bytes() if Path(file).is_file() else b""
    texts, scores, types, kind, prefix, extra, rules = [], [], [], 1, 1, 1, b""
    try:
        for number, value in _fields(content):
            inner = dict(_fields(value)) if number in (1, 2, 3) else {}
            if number == 1:
                texts.append(inner[1].decode())
                scores.append(struct.unpack("<f", inner.get(2, bytes(4)))[0])
                types.append(inner.get(3, 1))
            elif number == 2:
                kind = inner.get(3, 1)
            elif number == 3:
                rules, prefix, extra = inner.get(2, b""), inner.get(3, 1), inner.get(4, 1)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"{file}: expected a sentencepiece model, found {len(content)} bytes") from error
    if not texts:
        raise ValueError(f"{file}: expected a sentencepiece model, found {len(content)} bytes")
    if kind != _BPE or rules:
        raise ValueError(
            f"{file}: expected a BPE model without normalisation rules, as LLaMA's, found model type {kind} "
            f"with {len(rules)} bytes of rules"
        )
    return Pieces(tuple(texts), tuple(scores), tuple(types), bool(prefix), bool(extra))


def build_backend(pieces: Pieces, special: Sequence[str], bos_token: str) -> Tokenizer:
    """Build the Rust tokenizer that yields the ids of a sentencepiece BPE model.

    Args:
        pieces: of the model.
        special: special tokens, in any order.
        bos_token: the one put in front of every text.

    Raises:
        ValueError: if a special token is not a piece of the model.
    """
    vocabulary = {text: i for i, text in enumerate(pieces.texts)}
    absent = [token for token in special if token not in vocabulary]
    if absent:
        raise ValueError(f"special tokens must be pieces of the tokenizer's model, got {absent}")
    symbols = [t for t, kind in zip(pieces.texts, pieces.types, strict=True) if kind == USER_DEFINED]
    model = BPE(
        vocab=vocabulary,
        merges=_merges(pieces, vocabulary),
        unk_token=special[0],
        fuse_unk=True,
        byte_fallback=BYTE in pieces.types,
        ignore_merges=bool(symbols),
    )
    spaces: list[Any] = [normalizers.Replace(" ", SPACE)]
    if pieces.space_in_front:
        spaces.insert(0, normalizers.Prepend(SPACE))
    if pieces.single_spaces:
        spaces[:0] = [
            normalizers.Replace(Regex(rf"\A +|[ {SPACE}]+\z"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    parts: dict[str, Any] = {
        "normalizer": normalizers.Sequence(spaces),
        "decoder": decoders.Sequence(
            [
                decoders.Replace(SPACE, " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(content=" ", left=1),
            ]
        ),
        "post_processor": processors.TemplateProcessing(
            single=f"{bos_token} $A",
            pair=f"{bos_token} $A {bos_token} $B",
            special_tokens=[(bos_token, vocabulary[bos_token])],
        ),
    }
    if symbols:
        parts["pre_tokenizer"] = _keep_symbols_whole(symbols, pieces)
    backend = Tokenizer(model)
    for name, part in parts.items():
        setattr(backend, name, part)
    backend.add_special_tokens([AddedToken(token, special=True) for token in dict.fromkeys(special)])
    return backend


def _merges(pieces: Pieces, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """List the pairs that may be merged, the best first: every split of a piece into two ordinary pieces."""
    ordinary = {
        text: score
        for text, score, kind in zip(pieces.texts, pieces.scores, pieces.types, strict=True)
        if kind not in (UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE)
    }
    found = [
        (-score, vocabulary[text[:cut]], vocabulary[text[cut:]], (text[:cut], text[cut:]))
        for text, score in ordinary.items()
        for cut in range(1, len(text))
        if text[:cut] in ordinary and text[cut:] in ordinary
    ]
    return [pair for *_, pair in sorted(found)]


def _keep_symbols_whole(symbols: Sequence[str], pieces: Pieces) -> pre_tokenizers.PreTokenizer:
    """Cut text around the pieces that the user defined, so that each becomes one token, the longest first.

    A typed control piece that would stand alone between two of them is cut in two, since the model would
    take a whole part that is in its vocabulary for that piece.
    """
    longest = sorted((symbol.replace(" ", SPACE) for symbol in symbols), key=len, reverse=True)
    control = (
        text[1:]
        for text, kind in zip(pieces.texts, pieces.types, strict=True)
        if kind in (UNKNOWN, CONTROL, UNUSED, BYTE) and text.startswith("<")
    )
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("|".join(map(re.escape, longest))), "isolated"),
            pre_tokenizers.Split(Regex(rf"\A<(?=(?:{'|'.join(map(re.escape, control))})\z)"), "isolated"),
        ]
    )


__all__ = ["SphinxTokenizer"]
