"""Why a decoder refuses something, told without what it met: that may be what somebody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

_ENUM = "Invalid enum value "
_AT = " - at `$."


def told(refusal: msgspec.ValidationError, enums: Mapping[str, Any]) -> str:
    """The decoder's text. Where it quotes a value that is none of an enumeration, the allowed ones stand instead.

    `enums`: field, as the end of its path → the `Literal` of its type. Of all that msgspec says, only this quotes.
    """
    text = str(refusal)
    if not text.startswith(_ENUM):
        return text
    # The value may itself look like a path: the last one is the decoder's.
    path = text.rpartition(_AT)[2].rstrip("`")
    for field, literal in enums.items():
        if f".{path}".endswith(f".{field}"):
            return f"Expected one of {', '.join(get_args(literal))}{_AT}{path}`"
    return f"{_ENUM}(not shown){_AT}{path}`"
