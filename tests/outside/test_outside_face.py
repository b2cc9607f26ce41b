"""The feed of changes: what every face is put through."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outside_kit.feed import Feed, FeedSettings

from rigd.hands.face import Door, Face
from tests.control.face_contract import FaceClient, FaceContract, FaceEnd
from tests.outside.far_ends import FeedClient
from tests.support.patience import wait_for


class AFeedClient:
    def __init__(self, path: Path) -> None:
        self._client = FeedClient(path)
        self._locked: bool | None = None
        self._happened: list[tuple[str, str]] = []
        self._answers: list[dict[str, Any]] = []
        self._asked = 0

    def _read(self) -> None:
        self._client._read()
        while self._client.received:
            line = self._client.received.popleft()
            if "snapshot" in line:
                self._locked = line["snapshot"]["locked"]
            elif "change" in line:
                self._locked = line["change"]["fields"].get("locked", self._locked)
            elif "event" in line:
                self._happened.append((line["event"]["origin"], line["event"]["text"]))
            else:
                self._answers.append(line)

    def _answer(self, key: str) -> Any:
        def came() -> list[dict[str, Any]]:
            self._read()
            return [answer for answer in self._answers if key in answer]

        (answer,) = wait_for(came, f"an answer with {key}")
        self._answers.remove(answer)
        return answer

    def is_locked(self) -> bool | None:
        self._read()
        return self._locked

    def give(self, text: str) -> tuple[bool, str]:
        self._asked += 1
        self._client.say(do=text, id=self._asked)
        answer = self._answer("id")
        assert answer["id"] == self._asked
        return answer["accepted"], answer["text"]

    def happened(self) -> list[tuple[str, str]]:
        self._read()
        return self._happened

    def clips(self) -> int:
        self._client.say(levels=True)
        levels = self._answer("levels")["levels"]
        return 0 if levels is None else int(levels["clipped"][0])

    def close(self) -> None:
        self._client.__exit__(None, None, None)


class AFeed:
    name = "feed"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "feed.sock"

    def make(self, door: Door) -> Face:
        return Feed(FeedSettings.model_validate_json(json.dumps({"path": str(self._path)})), door)

    def connect(self) -> FaceClient:
        return AFeedClient(self._path)

    def is_open(self) -> bool:
        return self._path.is_socket()

    def take_place(self) -> None:
        self._path.mkdir()

    def free_place(self) -> None:
        self._path.rmdir()


class TestFeed(FaceContract):
    @pytest.fixture
    def end(self) -> Iterator[FaceEnd]:
        folder = Path(tempfile.mkdtemp(prefix="rigd-feed-"))  # a socket's path must be short
        assert len(os.fsencode(folder)) < 80
        yield AFeed(folder)
        shutil.rmtree(folder)
