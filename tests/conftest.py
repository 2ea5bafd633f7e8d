# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Settings of every test: no network, no cache of the user's, one thread; `tests/` itself is importable."""

import os
import tempfile


os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="flowdubber-tests-")

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with `grid/` and `speech/`; tests that need it are skipped where it is not there."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FLOWDUBBER_TEST_DATA", default))
    if not (folder / "grid" / "metadata.jsonl").is_file():
        pytest.skip("no test data; set FLOWDUBBER_TEST_DATA to the folder that holds grid/ and speech/")
    return folder
