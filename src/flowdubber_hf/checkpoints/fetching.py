"""Checkpoints of the Hub: what of a repository is fetched, never code or pickled weights, and why it cannot be had."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx

from .sources import (
    FETCH_OPTIONS,
    INDEX_FILE,
    TEXT_SUFFIXES,
    bundled_checkpoints,
    check_variant,
    choose_weights,
    split_revision,
)


def fetch(name: str, allow_patterns: list[str], **options: Any) -> Path:
    """
    Files of a repository on the Hub, from the cache where they are there.

    Args:
        name: `ORG/NAME` or `ORG/NAME@REVISION`.
        allow_patterns: of the files, as `snapshot_download` takes them.
        options: `revision`, `cache_dir`, `token`, `local_files_only`, `force_download`; others are ignored.

    Returns:
        The folder of the snapshot in the cache, named by the commit.

    Raises:
        ValueError: they cannot be had; says why, and what to do.
    """
    options = {key: options[key] for key in FETCH_OPTIONS if options.get(key) is not None}
    repo_id, options["revision"] = split_revision(name, options.get("revision"))
    try:
        return Path(snapshot_download(repo_id, allow_patterns=allow_patterns, **options))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise ValueError(explain(error, repo_id, options)) from error


def explain(error: Exception, repo_id: str, options: Mapping[str, Any]) -> str:
    """Why a repository of the Hub cannot be read or written, and what to do, in a sentence or two."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, HfHubHTTPError):
        error = error.__cause__  # the Hub did answer, and the cache could not help
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    offline = constants.is_offline_mode() or options.get("local_files_only")
    if isinstance(error, HFValidationError):
        return (
            f"{repo_id!r} is neither a bundled checkpoint ({', '.join(bundled_checkpoints())}), nor a folder, nor a name "
            "that a repository of the Hub can have (ORG/NAME)."
        )
    if isinstance(error, LocalTokenNotFoundError):
        return "token=True asks for the saved token, but none is saved; run `hf auth login` or set HF_TOKEN."
    if isinstance(error, GatedRepoError):
        return (
            f"{repo_id} is gated: ask for access at {constants.ENDPOINT}/{repo_id}, then give a token of that account "
            "(HF_TOKEN, `hf auth login` or `token`)."
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"there is no checkpoint {repo_id!r}: it is neither bundled, nor a folder, nor a repository of the Hub that can "
            "be seen from here. A private one needs a token that may read it (HF_TOKEN, `hf auth login` or `token`)."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{repo_id} has no branch, tag or commit {options.get('revision')!r}."
    if status == 401:
        return f"the Hub does not know the token (401); check HF_TOKEN, `hf auth login` or `token` for {repo_id}."
    if status == 403:
        return f"the token may not do this with {repo_id} (403); give one with the right to it."
    if status is not None:
        return f"the Hub answered {status} for {repo_id}; try again later. ({_first_line(error)})"
    if isinstance(error, LocalEntryNotFoundError):
        part = "only a part of " if isinstance(error, IncompleteSnapshotError) else ""
        what = f"{part}{repo_id}" + (f" at {options['revision']}" if options.get("revision") else "")
        in_cache = f"{what} is in the cache" if part else f"{what} is neither bundled, nor a folder, nor in the cache"
        if offline:
            return (
                f"{in_cache}, and offline mode (HF_HUB_OFFLINE or local_files_only) forbids to fetch it; load it once "
                "with a connection."
            )
        return f"{in_cache}, and the Hub ({constants.ENDPOINT}) cannot be reached ({_cause(error)})."
    return f"{repo_id} cannot be fetched from the Hub ({type(error).__name__}: {_first_line(error)})."


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {_first_line(cause)}"


def fetch_checkpoint(name: str, parts: Collection[str], variant: str | None = None, **options: Any) -> Path:
    """
    A pipeline's index, card and parts from the Hub; of the weights only those of the variant.

    Args:
        name: see [`fetch`], as `options`.
        parts: names of the folders to fetch.
        variant: of the weights, `None` for the plain ones; a part without that variant comes with its plain weights.

    Raises:
        ValueError: see [`fetch`] and [`check_variant`].
    """
    repo_id, options["revision"] = split_revision(name, options.get("revision"))
    texts = [INDEX_FILE, "README.md", "LICENSE*"]
    texts += [f"{part}/*{suffix}" for part in parts for suffix in TEXT_SUFFIXES]
    folder = fetch(repo_id, texts, **options)
    try:
        paths = [
            file.path for file in get_cached_repo_tree(repo_id, revision=folder.name, cache_dir=folder.parents[2])
        ]
    except CachedRepoTreeNotFoundError:  # of a cache that was copied here
        paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    names = {part: [path[len(part) + 1 :] for path in paths if path.startswith(f"{part}/")] for part in parts}
    check_variant(names, variant, repo_id)
    weights = [f"{part}/{chosen}" for part in parts for chosen in choose_weights(names[part], variant)]
    return fetch(repo_id, texts + weights, **{**options, "revision": folder.name})
