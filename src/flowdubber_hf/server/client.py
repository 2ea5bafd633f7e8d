"""A dub asked of a server: what `flowdubber dub --server` does in place of loading a model. Nothing heavy is imported."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..dubbing.jobs import BadJobs, DubJob, Problem
from ..work.reading import in_a_line
from .protocol import (
    DUB,
    HOST,
    MAX_EVENT_BYTES,
    PULSE_SECONDS,
    Event,
    Request,
    port_of,
    problems_of,
    read_event,
    request_body,
)
from .token import read_token, token_file


_SILENCE_SECONDS = 60 * PULSE_SECONDS  # after which a server counts as dead; one that works tells every second
_PATHS = ("video", "reference", "output", "lexicon")


class ServerFailed(RuntimeError):
    """The server met something that nobody foresaw; its own output says where."""


def ask(url: str, request: Request, model: str | None, on_event: Callable[[Event], None]) -> Event:
    """What the server made of a request.

    Args:
        url: of the server, on this machine.
        request: its paths may be relative to this process's folder.
        model: that must dub; `None` leaves it to the server.
        on_event: is told of waiting and of stages.

    Returns:
        The `report` and the `warnings`, with the paths as they were given.

    Raises:
        BadJobs: the job cannot be done, by field.
        ValueError: no server there, or it refuses.
        ServerFailed: a bug there.
    """
    port = port_of(url)
    full = _full_paths(request.job)
    body = json.dumps(request_body(replace(request, job=full), model)).encode()
    given = {str(getattr(full, name)): str(getattr(request.job, name)) for name in _PATHS}
    for event in _events(url, port, body):
        if event.get("event") == "done":
            report, warnings = event.get("report"), event.get("warnings")
            if not isinstance(report, dict) or not isinstance(warnings, list):
                raise ValueError(f"what answers at {url} is no flowdubber server.")
            return {"report": _as_given(report, given), "warnings": [_replaced(str(one), given) for one in warnings]}
        if "error" in event:
            _refuse(event["error"], given)
        on_event(event)
    raise ValueError(f"the server at {url} ended before the dub was made; start flowdubber serve anew.")


def _events(url: str, port: int, body: bytes) -> Iterator[Event]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {read_token(token_file(port))}"}
    connection = http.client.HTTPConnection(HOST, port, timeout=_SILENCE_SECONDS)
    try:
        connection.request("POST", DUB, body, headers)
        answer = connection.getresponse()
        while line := answer.readline(MAX_EVENT_BYTES + 1):
            if len(line) > MAX_EVENT_BYTES:
                raise ValueError(f"what answers at {url} is no flowdubber server.")
            yield read_event(line)
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(f"no server answers at {url} ({in_a_line(error)}); start flowdubber serve.") from error
    finally:
        connection.close()


def _full_paths(job: DubJob) -> DubJob:
    """The server works in another folder. Links are left as they are: an output may be one."""
    paths = {name: getattr(job, name) for name in _PATHS}
    return replace(job, **{name: None if path is None else Path.cwd() / path for name, path in paths.items()})


def _refuse(error: Any, given: dict[str, str]) -> None:
    """Raises what the answer tells, as it would have been raised here."""
    if not isinstance(error, dict):
        raise ValueError("the server refuses, and does not say why.")
    message = _replaced(str(error.get("message")), given)
    problems = [Problem(_replaced(one.message, given), one.field) for one in problems_of(error)]
    if problems:
        raise BadJobs(problems)
    raise ServerFailed(message) if error.get("kind") == "unexpected" else ValueError(message)


def _replaced(text: str, given: dict[str, str]) -> str:
    """A sentence that names files as the user did; longer paths first, since one may begin another."""
    for full in sorted(given, key=len, reverse=True):
        text = text.replace(full, given[full])
    return text


def _as_given(report: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    settings = report.get("settings")
    told = {name: given.get(value, value) for name, value in report.items() if isinstance(value, str)}
    if isinstance(settings, dict) and isinstance(settings.get("lexicon"), str):
        told["settings"] = {**settings, "lexicon": given.get(settings["lexicon"], settings["lexicon"])}
    return {**report, **told}
