"""The text of token ids by a byte-level tokenizer's vocabulary; special tokens are left out.

    text.py TOKENIZER.json IDS.u16 > TEXT
"""
import json
import sys

import numpy as np


def byte_of_character() -> dict[str, int]:
    """Byte-level vocabularies represent printable bytes as themselves, and the others as code points from U+0100."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}


def main(tokenizer: str, ids: str):
    with open(tokenizer) as file:
        content = json.load(file)
    bytes_of, special = byte_of_character(), {token["id"] for token in content["added_tokens"]}
    texts = {index: bytes(bytes_of[c] for c in token) for token, index in content["model"]["vocab"].items() if index not in special}
    sys.stdout.buffer.write(b"".join(texts.get(int(index), b"") for index in np.fromfile(ids, "<u2")))


if __name__ == "__main__":
    main(*sys.argv[1:])
