"""A stand-in for the Hub on 127.0.0.1: as much of its HTTP interface as huggingface_hub's own client uses here.

Repositories are kept in memory, a commit a mapping of paths to contents. Large files come by the LFS protocol, which the client
speaks where xet is switched off (HF_HUB_DISABLE_XET): the other speaks to another service in a format of its own.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml


LARGE = (".safetensors", ".parquet", ".mp4", ".wav", ".png")
NO_REPOSITORY, NO_REVISION, NO_ENTRY, GATED = "RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo"
BAD_TOKEN = "Invalid credentials in Authorization header"
WRITER, READER = "hf_writer", "hf_reader"  # tokens of a member of `me`, and of somebody else


@dataclass
class Repository:
    """Commits (oldest first) and the branches that point to them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pull_requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit("main", {})

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        """Adds a commit; returns its hash."""
        listing = "".join(f"{path} {hashlib.sha1(data).hexdigest()}\n" for path, data in sorted(files.items()))
        name = hashlib.sha1(f"{len(self.commits)}\n{listing}".encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch or of its own hash."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    @property
    def files(self) -> dict[str, bytes]:
        """What `main` holds."""
        return self.commits[self.branches["main"]]


class Answer(Exception):
    """Ends a request with a status, and a code or message that the client knows."""

    def __init__(self, status: int, code: str = "", message: str = ""):
        super().__init__(status)
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message}


class HubServer:
    """State of the stand-in.

    Attributes:
        url: its endpoint.
        repositories: by (type, id), type being `models`, `datasets` or `spaces`.
        requests: `(method, path)` of all that came.
        fails: a request whose method and path match this pattern is answered with 400.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.fails: str | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Requests that were not for reading."""
        return [request for request in self.requests if request[0] not in ("GET", "HEAD")]

    def model(self, name: str) -> Repository:
        """A model repository."""
        return self.repositories["models", name]

    def add(self, name: str, files: dict[str, bytes], kind: str = "models", **settings: bool) -> Repository:
        """Makes a repository with one commit on `main`."""
        repository = self.repositories[kind, name] = Repository(**settings)
        repository.commit("main", files)
        return repository

    @contextmanager
    def running(self) -> Iterator["HubServer"]:
        """Serves until the end of the context."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _is_large(path: str) -> bool:
    return path.endswith(LARGE)


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_state = hub

    return Handler


class _Handler(BaseHTTPRequestHandler):
    server_state: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _serve(self) -> None:
        hub, url = self.server_state, urlsplit(self.path)
        path = unquote(url.path)
        self.query = parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.requests.append((self.command, path))
        try:
            if hub.fails and re.search(hub.fails, f"{self.command} {path}"):
                raise Answer(400, message="refused by the test")
            self.user = self._user()
            self._route(path)
        except Answer as answer:
            self._reply(b"{}", answer.status, answer.headers)

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _user(self) -> str | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in (WRITER, READER):
            raise Answer(401, message=BAD_TOKEN)
        return token or None

    def _route(self, path: str) -> None:
        routes = {
            r"GET /api/agent-harnesses": self._nothing,  # the client asks once, for its telemetry
            r"POST /api/repos/create": self._create,
            r"POST /api/validate-yaml": self._validate,
            r"PUT /large/(\w+)": self._store_large,
            r"GET /api/(models|datasets|spaces)/([^/]+/[^/]+)": self._info,
            r"GET /api/(models|datasets|spaces)/([^/]+/[^/]+)/revision/(.+)": self._info,
            r"GET /api/(models|datasets|spaces)/([^/]+/[^/]+)/tree/([^/]+)": self._tree,
            r"POST /api/(models|datasets|spaces)/([^/]+/[^/]+)/branch/(.+)": self._branch,
            r"POST /api/(models|datasets|spaces)/([^/]+/[^/]+)/preupload/(.+)": self._preupload,
            r"POST /api/(models|datasets|spaces)/([^/]+/[^/]+)/commit/(.+)": self._commit,
            r"POST (?:/(datasets|spaces))?/([^/]+/[^/]+)\.git/info/lfs/objects/batch": self._batch,
            r"(?:GET|HEAD) (?:/(datasets|spaces))?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)": self._file,
        }
        for pattern, function in routes.items():
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match:
                return function(*match.groups())
        raise AssertionError(f"the stand-in for the Hub does not know {self.command} {path}")

    # ------------------------------------------------------------------------------------------------ answers

    def _reply(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        for name, value in fields.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _nothing(self) -> None:
        raise Answer(404)

    def _json(self) -> Any:
        return json.loads(self.body)

    # ------------------------------------------------------------------------------------------------ rights

    def _readable(self, kind: str | None, name: str, contents: bool = False) -> Repository:
        """The repository, if this user may see it (its contents, where asked)."""
        repository = self.server_state.repositories.get((kind or "models", name))
        if repository is None or (repository.private and self.user != WRITER):
            raise Answer(404 if self.user else 401, NO_REPOSITORY)
        if contents and repository.gated and self.user != WRITER:
            raise Answer(403, GATED)
        return repository

    def _writable(self, kind: str | None, name: str) -> Repository:
        repository = self._readable(kind, name)
        if self.user is None:
            raise Answer(401)
        if not (name.startswith("me/") and self.user == WRITER):
            raise Answer(403, message="you do not have the right to write here")
        return repository

    # ------------------------------------------------------------------------------------------------ reading

    def _commit_of(self, repository: Repository, revision: str) -> str:
        commit = repository.resolve(revision)
        if commit is None:
            raise Answer(404, NO_REVISION)
        return commit

    def _info(self, kind: str, name: str, revision: str = "main") -> None:
        repository = self._readable(kind, name)
        commit = self._commit_of(repository, revision)
        self._reply(
            {
                "_id": name,
                "id": name,
                "sha": commit,
                "private": repository.private,
                "gated": "manual" if repository.gated else False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": path} for path in repository.commits[commit]],
            }
        )

    def _tree(self, kind: str, name: str, revision: str) -> None:
        repository = self._readable(kind, name)
        entries = []
        for path, data in repository.commits[self._commit_of(repository, revision)].items():
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _git_hash(data)}
            if _is_large(path):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        self._reply(entries)

    def _file(self, kind: str | None, name: str, revision: str, path: str) -> None:
        repository = self._readable(kind, name, contents=True)
        commit = self._commit_of(repository, revision)
        data = repository.commits[commit].get(path)
        if data is None:
            raise Answer(404, NO_ENTRY)
        tag = hashlib.sha256(data).hexdigest() if _is_large(path) else _git_hash(data)
        self._reply(data, headers={"Content-Type": "text/plain", "ETag": f'"{tag}"', "X-Repo-Commit": commit})

    # ------------------------------------------------------------------------------------------------ writing

    def _create(self) -> None:
        wanted = self._json()
        kind = f"{wanted.get('type', 'model')}s"
        name = f"{wanted['organization']}/{wanted['name']}"
        if self.user != WRITER or wanted["organization"] != "me":
            raise Answer(403 if self.user else 401)
        if kind == "spaces" and wanted.get("sdk") not in ("gradio", "docker", "static"):
            raise Answer(400, message="a Space needs an sdk")
        prefix = "" if kind == "models" else f"{kind}/"
        url = {"url": f"{self.server_state.url}/{prefix}{name}"}
        if (kind, name) in self.server_state.repositories:
            return self._reply(url, 409)
        self.server_state.repositories[kind, name] = Repository(private=wanted.get("visibility") == "private")
        return self._reply(url)

    def _branch(self, kind: str, name: str, branch: str) -> None:
        repository = self._writable(kind, name)
        if branch in repository.branches:
            raise Answer(409)
        repository.branches[branch] = repository.branches["main"]
        self._reply({}, 201)

    def _validate(self) -> None:
        head = re.match(r"---\n(.*?)\n---\n", self._json()["content"], re.DOTALL)
        try:
            good = head is not None and isinstance(yaml.safe_load(head[1]), dict)
        except yaml.YAMLError:
            good = False
        problems = [] if good else [{"message": "no valid front matter"}]
        self._reply({"errors": problems, "warnings": []}, 200 if good else 400)

    def _preupload(self, kind: str, name: str, revision: str) -> None:
        repository = self._readable(kind, name)
        if "create_pr" not in self.query:
            self._writable(kind, name)
        files = repository.commits[self._commit_of(repository, revision)]
        answer = []
        for file in self._json()["files"]:
            data, large = files.get(file["path"]), _is_large(file["path"])
            known = data is not None and (hashlib.sha256(data).hexdigest() if large else _git_hash(data))
            mode = {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            answer.append({**mode, "oid": known or None})
        self._reply({"files": answer})

    def _batch(self, kind: str | None, name: str) -> None:
        self._readable(kind, name)
        objects = []
        for wanted in self._json()["objects"]:
            answer = dict(wanted)
            if wanted["oid"] not in self.server_state.large:
                place = f"{self.server_state.url}/large/{wanted['oid']}"
                answer["actions"] = {"upload": {"href": place, "header": {}}}
            objects.append(answer)
        self._reply({"transfer": "basic", "objects": objects})

    def _store_large(self, name: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != name:
            raise Answer(400, message="other bytes than were announced")
        self.server_state.large[name] = self.body
        self._reply({})

    def _commit(self, kind: str, name: str, revision: str) -> None:
        as_request = "create_pr" in self.query
        repository = self._readable(kind, name) if as_request else self._writable(kind, name)
        if self.user is None:
            raise Answer(401)
        files = dict(repository.commits[self._commit_of(repository, revision)])
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.server_state.large:
                    raise Answer(400, message=f"{value['path']} was not uploaded")
                files[value["path"]] = self.server_state.large[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        number = len(repository.pull_requests) + 1
        commit = repository.commit(f"refs/pr/{number}" if as_request else revision, files)
        prefix = self.server_state.url + ("" if kind == "models" else f"/{kind}") + f"/{name}"
        answer = {"success": True, "commitOid": commit, "commitUrl": f"{prefix}/commit/{commit}"}
        if as_request:
            repository.pull_requests.append(commit)
            answer["pullRequestUrl"] = f"{prefix}/discussions/{number}"
        self._reply(answer)
