"""`flowdubber push`: publish a model, a prepared dataset or a Space on the Hub."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..libraries import quiet_libraries
from .common import DEFAULT_MODEL, Result, add_command, add_running_options, tell


if TYPE_CHECKING:
    from ..hub import Contents, Sent, Target


def add_push(commands: Any) -> None:
    push = add_command(
        commands,
        "push",
        usage="flowdubber push [SOURCE] --repo ORG/NAME [--yes] [options]",
        summary="publish a model, a dataset or a Space on the Hub",
        description="Prepares SOURCE for publishing, checks it, and lists every file with its size. Nothing is sent unless "
        "--yes is given; then all files go in one commit, or none. It refuses weights that are not safetensors, links "
        "that lead out of the folder, files that belong to something else, paths of this machine, and a missing card.",
        examples=[
            ("Look at what would be sent of the bundled model", "flowdubber push --repo USER/my-dubber"),
            (
                "Send your own model, private at first",
                "flowdubber push outputs/dubber/pipeline --repo USER/my-dubber --private --yes",
            ),
            (
                "Propose new weights for somebody else's model",
                'flowdubber push outputs/dubber/pipeline --repo ORG/NAME --create-pr --message "Trained longer" --yes',
            ),
            (
                "A dataset that flowdubber prepare made, without its folder work/",
                "flowdubber push outputs/data/my_clips --repo USER/my-clips --repo-type dataset --yes",
            ),
        ],
        report={
            "repo": "on the Hub",
            "repo_type": "model, dataset or space",
            "revision": "branch",
            "files": "path and bytes of each",
            "bytes": "of all files",
            "left_out": "files that are not sent",
            "sent": "false without --yes",
            "commit": "its name on the Hub, null if nothing was sent",
            "url": "of the commit",
            "pull_request": "its address, with --create-pr",
        },
        notes="The token that writes is that of HF_TOKEN or of `hf auth login`. Publish only what its licences and the people "
        "heard and seen in it allow.\n\nMore: docs/hub.md.",
    )
    given = push.add_argument_group("input").add_argument
    given(
        "source",
        nargs="?",
        default=DEFAULT_MODEL,
        metavar="SOURCE",
        help="bundled name, folder or Hub id of a pipeline or a model, or the folder of a dataset or a Space (default: "
        f"{DEFAULT_MODEL})",
    )
    given("--card", type=Path, metavar="FILE", help="card of a model (default: the README.md beside it)")
    target = push.add_argument_group("where it goes").add_argument
    target("--repo", required=True, metavar="ORG/NAME", help="repository on the Hub, created if missing")
    target("--repo-type", default="model", choices=("model", "dataset", "space"), help="default %(default)s")
    target(
        "--private",
        action="store_true",
        default=None,
        help="create the repository as private; refuse one that is public",
    )
    target(
        "--revision",
        "--branch",
        metavar="BRANCH",
        help="commit to this branch, created if missing (default main)",
    )
    target("--create-pr", action="store_true", help="open a pull request to main; the repository must exist")
    target("--message", metavar="TEXT", help="of the commit")
    target(
        "--delete",
        nargs="+",
        default=(),
        metavar="PATTERN",
        help='the same commit removes such files of the repository ("*.safetensors"), unless they are sent',
    )
    target(
        "--token", metavar="TOKEN", help="instead of HF_TOKEN; others on this machine can see it in the command line"
    )
    output = push.add_argument_group("output").add_argument
    output(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="also keep the files of a model or a Space in this folder, to look at",
    )
    running = add_running_options(push, quiet="no list of files, no progress bar, no last line")
    choice = running.add_mutually_exclusive_group()
    choice.add_argument("--yes", action="store_true", help="send it")
    choice.add_argument("--dry-run", action="store_true", help="send nothing (default)")
    push.set_defaults(run=_push)


def _push(arguments: argparse.Namespace) -> Result:
    from ..checkpoints.sources import local_checkpoint
    from ..hub.upload import Target

    target = Target(
        arguments.repo,
        repo_type=arguments.repo_type,
        revision=arguments.revision,
        create_pr=arguments.create_pr,
        private=arguments.private,
        message=arguments.message,
        token=arguments.token,
        delete=tuple(arguments.delete),
    )
    if arguments.output is not None and target.repo_type == "dataset":
        raise ValueError(f"--output: a {target.repo_type} is sent as it lies in its folder.")
    if target.repo_type == "model":
        local_checkpoint(arguments.source)
        if arguments.card is not None and not arguments.card.is_file():
            raise ValueError(f"there is no card {arguments.card}.")
        if not arguments.quiet:
            tell(f"loading torch to look at the weights of {arguments.source}")
        quiet_libraries()
    from ..hub import send, stage

    with tempfile.TemporaryDirectory(prefix="flowdubber-push-") as temporary:
        contents = stage(arguments.source, arguments.output or Path(temporary) / "staged", target, arguments.card)
        if not arguments.quiet:
            print(_description(contents, target))
        sent = _send(send, contents, target, arguments.quiet) if arguments.yes else None
    if not arguments.quiet:
        print(_last_line(sent, target))
    return Result(_report(contents, target, sent))


def _send(send: Any, contents: "Contents", target: "Target", quiet: bool) -> "Sent":
    from huggingface_hub.utils import disable_progress_bars

    if quiet or not sys.stderr.isatty():
        disable_progress_bars()
    try:
        return send(contents, target)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {target.repo_id} has all files or none of them: look whether the commit is there."
        ) from None


def _description(contents: "Contents", target: "Target") -> str:
    lines = [contents.table()]
    if contents.left_out:
        lines.append(f"left out: {', '.join(contents.left_out)}")
    if target.delete:
        lines.append(f"removed, unless they are above: {', '.join(target.delete)}")
    return "\n".join(lines)


def _last_line(sent: "Sent | None", target: "Target") -> str:
    if sent is None:
        return f"nothing was sent to {target.repo_id}; give --yes to send it."
    return f"sent: {sent.url}" if sent.changed else f"nothing to send, all of it is there: {sent.url}"


def _report(contents: "Contents", target: "Target", sent: "Sent | None") -> dict[str, Any]:
    return {
        "repo": target.repo_id,
        "repo_type": target.repo_type,
        "revision": target.revision,
        "files": [{"path": file.path, "bytes": file.size} for file in contents.files],
        "bytes": contents.total,
        "left_out": list(contents.left_out),
        "sent": sent is not None and sent.changed,
        "commit": sent and sent.commit,
        "url": sent and sent.url,
        "pull_request": sent and sent.pull_request,
    }
