"""What client and server say to each other: addresses, limits, the request for a dub and the events that answer it.

`POST /dub` holds `{"job": {...}, "overwrite": false, "dry_run": false, "model": null, "version": null}`; the job has the fields of
a listing's line and full paths. The answer is lines of JSON, each with an `event`: any number of `waiting` (with `ahead`, the dubs
before this one), `working` and `stage` (with `name`), and at the end `done` (with `report` and `warnings`) or `failed` (with
`error`). `GET /health` tells the state. What is refused at once is answered by a status of 400 and above and
`{"error": {"kind", "message", "problems"}}`."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..checkpoints.sources import local_checkpoint
from ..dubbing.fields import path_value, read_fields
from ..dubbing.jobs import BadJobs, DubJob, Problem
from ..version import __version__
from ..work.reading import check_mapping, parse_json


HOST = "127.0.0.1"  # no other: who reaches the port could have files read and written
DEFAULT_PORT = 7871  # also the default of `flowdubber serve`
NAMES = ("127.0.0.1", "localhost")  # that a client may call it by
DUB, HEALTH = "/dub", "/health"
MAX_REQUEST_BYTES = 256 * 1024  # a script of 15,000 characters, and long paths
MAX_EVENT_BYTES = 16 * 2**20  # the report of a clip of ten minutes has the time of every word
MAX_WAITING = 16
PULSE_SECONDS = 1.0  # between two lines of an answer, so that each side sees when the other is gone

Event = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A dub that is asked for.

    Attributes:
        job: with absolute paths: the server's working folder is not the client's.
        overwrite: replace an output that exists.
        dry_run: only check.
    """

    job: DubJob
    overwrite: bool = False
    dry_run: bool = False


def model_id(name: str) -> str:
    """What a model is known by to processes in different folders: the full path of its folder, or its Hub id."""
    folder = local_checkpoint(name)
    return name if folder is None else str(folder.resolve())


def request_body(request: Request, model: str | None) -> dict[str, Any]:
    """What the client sends; `model` is that which must dub, `None` leaves it to the server."""
    job = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(request.job).items()}
    return {
        "job": job,
        "overwrite": request.overwrite,
        "dry_run": request.dry_run,
        "model": None if model is None else model_id(model),
        "version": __version__,
    }


def read_request(body: bytes, model: str) -> Request:
    """A request from outside.

    Args:
        body: of at most `MAX_REQUEST_BYTES`.
        model: that the server has, by its [`model_id`].

    Raises:
        BadJobs: naming what is wrong with the job.
        ValueError: anything else.
    """
    what = "the request"
    asked = check_mapping(parse_json(body, what, finite=True), what, "a JSON object")
    unknown = sorted(set(asked) - {"job", "overwrite", "dry_run", "model", "version"})
    if unknown:
        raise ValueError(f"{what} has a field {unknown[0]!r:.80}, which nobody knows.")
    version = asked.get("version")
    if version not in (None, __version__):
        raise ValueError(f"the server is of version {__version__}, not {version!r:.40}; start it anew.")
    if asked.get("model") not in (None, model):
        raise BadJobs(
            [Problem(f"the server has {model}; leave it out, or start a server with the other one.", "model")]
        )
    flags = {name: asked.get(name, False) for name in ("overwrite", "dry_run")}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(f"{what}: {name!r} must be true or false, got {value!r:.80}.")
    values = read_fields(asked.get("job"), "the job", ("video", "script", "reference", "output"), _absolute)
    for name in ("video", "reference", "lexicon"):
        if name in values and not values[name].is_absolute():
            raise BadJobs([Problem(f"must be a full path, got {str(values[name])!r:.80}.", name)])
    return Request(DubJob(**values), **flags)


def _absolute(value: Any) -> Path:
    path = path_value(value)
    if not path.is_absolute():
        raise ValueError(f"must be a full path, got {str(path)!r:.80}.")
    return path


def error_event(kind: str, error: BaseException) -> Event:
    """The `error` of an answer, as the command's `--json` tells it."""
    problems = [asdict(problem) for problem in getattr(error, "problems", ())]
    message = str(error) if problems else " ".join(str(error).split()) or type(error).__name__
    return {"kind": kind, "message": message, "problems": problems}


def read_event(line: bytes) -> Event:
    """A line of an answer; raises `ValueError` where it is none."""
    return check_mapping(parse_json(line, "the server's answer"), "the server's answer", "JSON objects")


def problems_of(error: Mapping[str, Any]) -> list[Problem]:
    """The problems that an answer names."""
    found = error.get("problems")
    return [
        Problem(str(one.get("message")), None if one.get("field") is None else str(one["field"]))
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict)
    ]


def port_of(url: str) -> int:
    """The port of a server's address.

    Raises:
        ValueError: it is not on this machine, or no address at all. The token and the names of files go to nobody else.
    """
    wrong = f"--server {url!r:.80} must be http://{HOST}:PORT, as flowdubber serve prints it"
    try:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{wrong}.") from error
    if parts.hostname not in NAMES:
        raise ValueError(f"{wrong}; servers of other machines are not asked.")
    if (
        parts.scheme != "http"
        or parts.username is not None
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(f"{wrong}.")
    return DEFAULT_PORT if port is None else port
