"""The token that lets a program of the same user talk to the server: a file that nobody else may read.

Other users of the machine reach the port, and so does every web page in the user's browser; neither can read the file."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hmac
import os
import secrets
import stat
from pathlib import Path

from ..work.faults import why


MAX_TOKEN_BYTES = 200
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token_file(port: int) -> Path:
    """Where the token of the server on a port lies, in the user's own folder."""
    return Path.home() / ".cache" / "flowdubber" / f"serve-{port}.token"


def write_token(file: Path) -> str:
    """A new token, in a file that only this user can read; it takes the place of one that a killed server left.

    Raises:
        ValueError: the folder is another user's, or cannot be written.
    """
    token = secrets.token_urlsafe(32)
    temporary = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(file.parent)
        file.parent.chmod(0o700)
        # created exclusively and closed to others from the start: there is no moment in which it could be read
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(token)
        os.replace(temporary, file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ValueError(f"the token file {file} cannot be written ({why(error)}).") from error
    return token


def remove_token(file: Path, token: str) -> None:
    """Removes the file unless another server has put its own there."""
    try:
        if same_token(file.read_bytes()[:MAX_TOKEN_BYTES], token):
            file.unlink()
    except OSError:  # gone already
        return


def read_token(file: Path) -> str:
    """The token of a running server.

    Raises:
        ValueError: there is none, it is another user's, or others may read it.
    """
    try:
        with file.open("rb") as stream:
            state = os.fstat(stream.fileno())
            text = stream.read(MAX_TOKEN_BYTES + 1)
    except FileNotFoundError as error:
        raise ValueError(f"no server of yours is ready there (there is no {file}); start flowdubber serve.") from error
    except OSError as error:
        raise ValueError(f"the token file {file} cannot be read ({why(error)}).") from error
    _check_owner(file, state)
    if os.name == "posix" and state.st_mode & _OTHERS:
        raise ValueError(f"others may read the token file {file}; remove it and start flowdubber serve anew.")
    if len(text) > MAX_TOKEN_BYTES or not text.isascii() or not text.decode().isprintable() or not text:
        raise ValueError(f"{file} holds no token; remove it and start flowdubber serve anew.")
    return text.decode()


def same_token(given: bytes, token: str) -> bool:
    """Compares without telling by its duration how much of it is right."""
    return hmac.compare_digest(given, token.encode())


def _check_owner(path: Path, state: os.stat_result | None = None) -> None:
    if hasattr(os, "getuid") and (state or path.stat()).st_uid != os.getuid():
        raise ValueError(f"{path} belongs to another user; the token is not safe there.")
