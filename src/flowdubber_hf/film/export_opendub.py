"""A dubbed film as a project of OpenDub, every take an accepted candidate of its segment."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..processing.media import read_media
from ..processing.outputs import check_file
from .exports import ENGINE, ExportLine, copy_file, prepare_export, write_json
from .mix import file_name


PROJECT = "project.json"


@dataclass(frozen=True)
class ExportVoice:
    """The voice of a speaker.

    Attributes:
        reference: a recording of it.
        consent: a line that says by whose leave it is used.
    """

    reference: Path
    consent: str | None = None


def export_opendub(
    folder: Path,
    film: Path,
    lines: Sequence[ExportLine],
    voices: Mapping[str, ExportVoice],
    language: str = "en",
    model: str = ENGINE,
    material: str = "authorized_other",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    overwrite: bool = False,
) -> Path:
    """Writes a project of OpenDub (`opendub.project/v1`): a folder that is put among the `projects` of its workspace.

    Args:
        voices: of every speaker; their recordings are copied, and who gave leave is declared by the lines of consent.
        language: two letters.
        model: the name of the model.
        material: where the voices come from, one of OpenDub's words: `self_recorded`, `licensed`, `public_domain`,
            `authorized_other`.
        now (*optional*): the time of the export.

    Returns:
        The file `project.json`, in a folder that has the project's identifier for its name.

    Raises:
        ValueError: as [`export_subtitleedit`], or a speaker has no voice.
    """
    missing = sorted({line.speaker for line in lines} - set(voices))
    if missing:
        raise ValueError(f"export: OpenDub wants a recording of every speaker; there is none of {', '.join(missing)}.")
    identity = _identifier("project", film.name, *(line.id for line in lines))
    project = folder / identity
    prepare_export(project, PROJECT, lines, overwrite)
    assets, consents, references = [], [], []
    for speaker in sorted({line.speaker for line in lines}):
        voice = voices[speaker]
        check_file(voice.reference, f"voice of {speaker}")
        target = f"assets/{file_name(speaker)}{voice.reference.suffix.lower()}"
        asset = _asset(project, target, voice.reference, speaker)
        consent = _identifier("consent", speaker, voice.consent or "")
        assets.append(asset)
        consents.append(
            {
                "id": consent,
                "declaration_version": "v1",
                "accepted_at": now().isoformat(),
                "material_source": material,
                "revision": 1,
            }
        )
        references.append(
            {
                "id": _identifier("voice", speaker),
                "asset_id": asset["id"],
                "range": None,
                "consent_id": consent,
                "speaker_label": speaker,
                "revision": 1,
            }
        )
    segments, candidates = [], []
    for line in lines:
        segment, candidate = _identifier("segment", line.id), _identifier("candidate", line.id, str(line.seed))
        asset = _asset(project, f"segments/{segment}/candidates/{candidate}/audio.wav", line.sound, line.id)
        assets.append(asset)
        segments.append(
            {
                "id": segment,
                "range": {"start_us": line.start, "end_us": line.end},
                "text": line.text,
                "language": language,
                "character_id": _identifier("character", line.speaker),
                "voice_reference_id": _identifier("voice", line.speaker),
                "emotion": {"label": "neutral", "intensity": 0.0, "valence": None, "arousal": None},
                "adapter_id": "flowdubber",
                "status": "accepted",
                "accepted_candidate_id": candidate,
                "revision": 1,
            }
        )
        candidates.append(
            {
                "id": candidate,
                "segment_id": segment,
                "segment_revision": 1,
                "audio_asset_id": asset["id"],
                "adapter_id": "flowdubber",
                "model_id": model,
                "seed": line.seed,
                "created_at": now().isoformat(),
                "revision": 1,
            }
        )
    return write_json(
        project / PROJECT,
        {
            "schema_version": "opendub.project/v1",
            "id": identity,
            "name": film.stem[:200],
            "created_at": now().isoformat(),
            "updated_at": now().isoformat(),
            "revision": 1,
            "consents": consents,
            "assets": assets,
            "voice_references": references,
            "segments": segments,
            "candidates": candidates,
        },
    )


def _asset(project: Path, target: str, source: Path, name: str) -> dict[str, Any]:
    """A file copied into a project, as OpenDub lists it."""
    copy_file(source, project / target)
    data = (project / target).read_bytes()
    return {
        "id": _identifier("asset", target),
        "kind": "audio",
        "display_name": name[:255],
        "relative_path": target,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "duration_us": _microseconds(project / target),
        "revision": 1,
    }


def _microseconds(path: Path) -> int | None:
    with read_media(path, "sound", "wav") as container:
        return int(container.duration) if container.duration else None


def _identifier(*words: str) -> str:
    """A UUID of version 7 in form, made of words: the same for the same ones."""
    digest = bytearray(hashlib.sha256("\0".join(words).encode()).digest()[:16])
    digest[6] = 0x70 | digest[6] & 0x0F
    digest[8] = 0x80 | digest[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(digest)))
