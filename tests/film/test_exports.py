"""Exports hold every take at its time, and replace nothing that was there."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import uuid
from pathlib import Path

import pytest

from flowdubber_hf.extras import absent
from flowdubber_hf.film.export_opendub import ExportVoice, export_opendub
from flowdubber_hf.film.export_otio import export_otio
from flowdubber_hf.film.exports import ExportLine, export_subtitleedit
from flowdubber_hf.processing.wav import write_wav
from support.film_sounds import voice


@pytest.fixture
def lines(tmp_path) -> list[ExportLine]:
    takes = [write_wav(tmp_path / f"take{number}.wav", voice(1 + number, 100 + number)) for number in range(3)]
    return [
        ExportLine("c1", "Set red.", 1_000_400, 2_000_400, "Anna", takes[0], 3),
        ExportLine("c2", "Who is thére?", 2_000_000, 4_000_000, "ben", takes[1]),
        ExportLine("c3", "Me.", 3_000_000, 6_000_000, "Anna", takes[2]),
    ]


def test_a_session_of_subtitle_edit(tmp_path, lines):
    film = tmp_path / "film.mkv"
    path = export_subtitleedit(tmp_path / "session", film, lines)
    assert path.name == "SubtitleEditTts.json"
    session = json.loads(path.read_text(encoding="utf-8"))
    assert session["VideoFileName"] == str(film)
    assert [(item["StartMs"], item["EndMs"]) for item in session["Items"]] == [
        (1000, 2000),
        (2000, 4000),
        (3000, 6000),
    ]
    for item, line in zip(session["Items"], lines, strict=True):
        assert Path(item["AudioFileName"]).read_bytes() == line.sound.read_bytes()
        assert Path(item["AudioFileName"]).is_absolute() and Path(item["AudioFileName"]).parent == tmp_path / "session"
        assert (item["Text"], item["VoiceName"], item["SpeedFactor"], item["Include"]) == (
            line.text,
            line.speaker,
            1,
            True,
        )
    assert [one["Actor"] for one in session["ActorVoiceMappings"]] == ["Anna", "ben"]
    with pytest.raises(ValueError, match="exists already"):
        export_subtitleedit(tmp_path / "session", film, lines)
    export_subtitleedit(tmp_path / "session", film, lines[:1], overwrite=True)
    assert len(json.loads(path.read_text())["Items"]) == 1


def test_what_cannot_be_exported_is_told_before_anything_is_written(tmp_path, lines):
    with pytest.raises(ValueError, match="there is no take"):
        export_subtitleedit(tmp_path / "out", tmp_path / "film.mkv", [])
    lines[1].sound.unlink()
    with pytest.raises(ValueError, match="there is no take of cue c2"):
        export_subtitleedit(tmp_path / "out", tmp_path / "film.mkv", lines)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file; give a folder"):
        export_subtitleedit(tmp_path / "file", tmp_path / "film.mkv", lines[:1])


def test_a_timeline_of_opentimelineio(tmp_path, lines):
    otio = pytest.importorskip("opentimelineio")
    path = export_otio(tmp_path / "out", tmp_path / "film.mkv", 10_000_000, 25, lines)
    timeline = otio.adapters.read_from_file(str(path))
    assert [(track.name, track.kind) for track in timeline.tracks] == [
        ("film", "Video"),
        ("Anna", "Audio"),
        ("ben", "Audio"),
    ]
    anna = [item for item in timeline.tracks[1] if isinstance(item, otio.schema.Clip)]
    times = [timeline.tracks[1].range_of_child(clip) for clip in anna]
    assert [(span.start_time.value, span.duration.value) for span in times] == [(48019, 48000), (144000, 144000)]
    assert anna[0].metadata["flowdubber"]["cue"] == "c1"
    assert timeline.duration().to_seconds() == 10


def test_opentimelineio_is_asked_for_where_it_is_missing(tmp_path, lines):
    if not absent(["opentimelineio"]):
        pytest.skip("it is installed")
    with pytest.raises(ImportError, match=r"needs opentimelineio .*pip install '\.\[otio\]'"):
        export_otio(tmp_path / "out", tmp_path / "film.mkv", 10_000_000, 25, lines)
    assert not (tmp_path / "out").exists()


def test_a_project_of_opendub(tmp_path, lines):
    references = {
        name: ExportVoice(write_wav(tmp_path / f"{name}-voice.wav", voice(2, 90)), "signed")
        for name in ("Anna", "ben")
    }
    path = export_opendub(tmp_path / "projects", tmp_path / "film.mkv", lines, references, "en", "tiny")
    project = json.loads(path.read_text(encoding="utf-8"))
    assert project["schema_version"] == "opendub.project/v1" and path.parent.name == project["id"]
    ids = [
        project["id"],
        *(one["id"] for kind in ("assets", "segments", "candidates", "consents") for one in project[kind]),
    ]
    assert len(set(ids)) == len(ids) and {uuid.UUID(one).version for one in ids} == {7}
    assets = {asset["id"]: asset for asset in project["assets"]}
    for asset in assets.values():
        data = (path.parent / asset["relative_path"]).read_bytes()
        assert (asset["sha256"], asset["size_bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    candidates = {one["id"]: one for one in project["candidates"]}
    voices = {one["id"]: one for one in project["voice_references"]}
    for segment, line in zip(project["segments"], lines, strict=True):
        assert segment["range"] == {"start_us": line.start, "end_us": line.end}
        candidate = candidates[segment["accepted_candidate_id"]]
        assert candidate["segment_id"] == segment["id"] and candidate["seed"] == line.seed
        take = path.parent / assets[candidate["audio_asset_id"]]["relative_path"]
        assert take.read_bytes() == line.sound.read_bytes()
        assert voices[segment["voice_reference_id"]]["speaker_label"] == line.speaker
    assert assets[project["candidates"][0]["audio_asset_id"]]["duration_us"] == 1_000_000
    with pytest.raises(ValueError, match="a recording of every speaker; there is none of ben"):
        export_opendub(tmp_path / "other", tmp_path / "film.mkv", lines, {"Anna": references["Anna"]})
