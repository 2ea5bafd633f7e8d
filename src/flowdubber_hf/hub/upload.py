"""Sending a checked folder to the Hub: one commit, or a pull request with one, or nothing."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import filter_repo_objects, httpx, validate_repo_id

from ..version import __version__
from ..work.wording import listed
from .contents import Contents, check_card


MAIN = "main"


@dataclass(frozen=True)
class Target:
    """Where and how a folder is sent.

    Attributes:
        repo_id: `ORG/NAME`.
        repo_type: `"model"`, `"dataset"` or `"space"`.
        revision: branch to commit to, made where it is missing; `main` by default.
        create_pr: open a pull request instead; the repository must exist.
        private: whether a repository that is made is private, what the account has set by default; `True` refuses one that is
            there and public.
        message: first line of the commit.
        token: `None` for that of HF_TOKEN or `hf auth login`.
        delete: patterns of files of the repository that the same commit removes, unless they are sent.
    """

    repo_id: str
    repo_type: str = "model"
    revision: str | None = None
    create_pr: bool = False
    private: bool | None = None
    message: str | None = None
    token: str | None = None
    delete: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.repo_id.count("/") != 1:
            raise ValueError(f"a repository of the Hub is ORG/NAME, got {self.repo_id!r}.")
        try:
            validate_repo_id(self.repo_id)
        except HFValidationError as error:
            raise ValueError(f"{self.repo_id!r} is no name of a repository: {error}") from error
        if self.create_pr and self.revision not in (None, MAIN):
            raise ValueError("a pull request goes to main; leave the revision out, or the pull request.")
        if self.message is not None and not self.message.strip():
            raise ValueError("the message of the commit is empty.")


@dataclass(frozen=True)
class Sent:
    """What was made on the Hub.

    Attributes:
        commit: its hash.
        url: of the pull request where there is one, else of the commit.
        pull_request: its address, or `None`.
        changed: `False` where the repository held all files already, and no commit was made.
    """

    commit: str
    url: str
    pull_request: str | None
    changed: bool = True


def send(contents: Contents, target: Target) -> Sent:
    """
    Makes the repository where it is missing and commits all files at once; if anything fails, it keeps what it held.

    Args:
        contents: of [`~hub.contents.read_contents`] or [`~hub.staging.stage_for_hub`].
        target: where to.

    Raises:
        ValueError: the Hub refuses or cannot be reached; says why, and what to do.
    """
    api = HfApi(token=target.token, library_name="flowdubber-hf", library_version=__version__)
    where = {"repo_id": target.repo_id, "repo_type": target.repo_type}
    made, head = False, None
    try:
        if not target.create_pr:
            made = _make_place(api, contents, target)
            head = api.repo_info(**where, revision=target.revision).sha
        removed = _to_delete(api, contents, target)
        additions = [CommitOperationAdd(file.path, contents.folder / file.path) for file in contents.files]
        commit = api.create_commit(
            **where,
            operations=[*additions, *(CommitOperationDelete(path) for path in removed)],
            commit_message=target.message or f"Upload with flowdubber-hf {__version__}",
            revision=target.revision,
            create_pr=target.create_pr,
        )
    except (HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        left = f"{target.repo_id} was made and is empty" if made else f"{target.repo_id} is as it was"
        raise ValueError(f"nothing was committed, {left}: {_reason(error, target)}") from error
    except httpx.HTTPError as error:  # a connection that broke: nobody knows whether before or after the commit
        raise ValueError(
            f"the connection to the Hub broke ({type(error).__name__}: {error}); look whether {target.repo_id} has the commit "
            "before you send it again."
        ) from error
    _check_arrival(api, contents, target, commit)
    return Sent(commit.oid, commit.pr_url or commit.commit_url, commit.pr_url, changed=commit.oid != head)


def _make_place(api: HfApi, contents: Contents, target: Target) -> bool:
    """Makes the repository and the branch where they are missing; whether the repository was."""
    where = {"repo_id": target.repo_id, "repo_type": target.repo_type}
    sdk = check_card(contents.folder, "space")["sdk"] if target.repo_type == "space" else None
    made = not api.repo_exists(**where)
    if target.private and not made and not api.repo_info(**where).private:
        raise ValueError(
            f"{target.repo_id} is public, but private was asked for; make it private on the Hub first, or leave that out."
        )
    api.create_repo(**where, private=target.private, space_sdk=sdk, exist_ok=True)
    if target.revision not in (None, MAIN):
        api.create_branch(**where, branch=target.revision, exist_ok=True)
    return made


def _to_delete(api: HfApi, contents: Contents, target: Target) -> list[str]:
    if not target.delete:
        return []
    there = api.list_repo_files(target.repo_id, repo_type=target.repo_type, revision=target.revision)
    sent = {file.path for file in contents.files}
    return [path for path in filter_repo_objects(there, allow_patterns=list(target.delete)) if path not in sent]


def _check_arrival(api: HfApi, contents: Contents, target: Target, commit: CommitInfo) -> None:
    """The Hub may ignore files (a .gitignore of the repository), which would leave a model that does not load."""
    try:
        tree = api.list_repo_tree(target.repo_id, repo_type=target.repo_type, revision=commit.oid, recursive=True)
        there = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
    except (HfHubHTTPError, httpx.HTTPError) as error:
        raise ValueError(f"{commit.commit_url} was made, but what it holds cannot be read back: {error}") from error
    missing = [file.path for file in contents.files if there.get(file.path) != file.size]
    if missing:
        raise ValueError(
            f"{commit.commit_url} was made, but it lacks {listed(missing, 5)}; does a .gitignore of the repository name "
            "such files?"
        )


def _reason(error: BaseException, target: Target) -> str:
    """Why the Hub refuses a commit, and what to do."""
    if type(error) is RuntimeError and error.__cause__ is not None:  # what the library says of one file
        return f"{str(error).rstrip('.')}: {_reason(error.__cause__, target)}"
    if isinstance(error, LocalTokenNotFoundError):
        return "no token is saved; run `hf auth login`, set HF_TOKEN or give --token."
    if isinstance(error, RevisionNotFoundError):
        return f"{target.repo_id} has no branch {target.revision!r}."
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status == 401:
        return "the token is missing or not known (401); run `hf auth login`, set HF_TOKEN or give --token."
    if status == 403 or isinstance(error, GatedRepoError):
        return f"the token may not write to {target.repo_id} (403); take one with the right to write there."
    if isinstance(error, RepositoryNotFoundError):
        return f"there is no {target.repo_type} repository {target.repo_id} that this token can see."
    message = " ".join(str(error).split())
    if type(error) is ValueError:  # of this module, or of the library about the card
        return message
    return f"the Hub answered {status} ({message})." if status else f"{type(error).__name__}: {message}"
