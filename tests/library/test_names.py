"""Whatever a person types is one safe name on disk (F24)."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.model.errors import CommandError, ConfigError
from rigd.model.names import (
    LONGEST_NAME_BYTES,
    FieldsOf,
    clash_key,
    parse_naming,
    parse_template,
    safe_name,
    unique_name,
)

ANY_TEXT = st.one_of(
    st.text(),
    st.text(st.characters(exclude_categories=())),
    st.text('./\\ -~:*?"<>|\0\r\n\tconaux1é\u0301\u200d\u202e🎸', max_size=300),
)
WINDOWS_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{p}{d}" for p in ("COM", "LPT") for d in "123456789")}


def assert_safe(name: str) -> None:
    assert name not in ("", ".", "..")
    assert not set('/\\<>:"|?*') & set(name)
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") for letter in name)
    assert len(name.encode()) <= LONGEST_NAME_BYTES
    assert name[0] not in ".- " and name[-1] not in ". "
    assert name.split(".")[0].rstrip().upper() not in WINDOWS_DEVICES
    assert unicodedata.is_normalized("NFC", name)


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_gives_one_safe_name(typed: str) -> None:
    assert_safe(safe_name(typed, fallback="Song"))


@settings(deadline=None)
@given(ANY_TEXT)
def test_making_a_name_safe_twice_changes_nothing(typed: str) -> None:
    once = safe_name(typed, fallback="Song")
    assert safe_name(once, fallback="Song") == once


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_field_of_a_template_gets_out_of_the_library(session: str, song: str, name: str) -> None:
    naming = parse_naming()
    values: dict[str, str | int] = {"session_date": "2025-06-01", "session": session, "song": song, "take": 3}
    values |= {"channel": 1, "input": 1, "name": name, "source": name}
    parts = [
        naming.session.render(values, fallback="Session"),
        naming.song.render(values, fallback="Song"),
        naming.take.render(values, fallback="Take"),
        naming.mono_file.render(values, fallback="01") + ".wav",
    ]
    for part in parts:
        assert_safe(part.removesuffix(".wav"))
    path = os.path.normpath(os.path.join("/library", *parts))
    assert path == os.path.join("/library", *parts) and len(Path(path).parts) == 6


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("AC/DC", "AC-DC"),
        ("\0", "Song"),
        ("", "Song"),
        ("...", "Song"),
        ("-rf *", "rf"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("Com¹", "Com¹_"),
        ("  Verse \t\n two.  ", "Verse two"),
        ("Cafe\u0301", "Café"),
        ("🎸 Riff 👩‍🎤", "🎸 Riff 👩‍🎤"),
        ("evil\u202egpj", "evilgpj"),
        ('What? "Why" <now>*', "What Why now"),
    ],
)
def test_a_name_reads_like_what_was_typed(typed: str, name: str) -> None:
    assert safe_name(typed, fallback="Song") == name


def test_a_long_name_is_cut_between_characters() -> None:
    name = safe_name("ü" * 300, fallback="Song")
    assert name == "ü" * (LONGEST_NAME_BYTES // 2)


@pytest.mark.parametrize("typed", ["a" * 300, "🎸" * 80, "CON", "..", "x" * 255 + "/..", "Verse"])
def test_the_file_system_takes_every_safe_name(typed: str, tmp_path: Path) -> None:
    folder = tmp_path / safe_name(typed, fallback="Song")
    folder.mkdir()
    assert folder.parent == tmp_path and folder.name in os.listdir(tmp_path)


def test_names_that_differ_in_case_or_spelling_only_get_a_suffix() -> None:
    taken = {clash_key("Verse"), clash_key("Café"), clash_key("Café (2)")}
    assert unique_name("VERSE", taken=taken.__contains__) == "VERSE (2)"
    assert unique_name("CAFE\u0301", taken=taken.__contains__) == "CAFE\u0301 (3)"
    assert unique_name("Chorus", taken=taken.__contains__) == "Chorus"


def test_a_suffix_keeps_a_long_name_within_its_bounds() -> None:
    long = safe_name("ü" * 300, fallback="Song")
    name = unique_name(long, taken={clash_key(long)}.__contains__)
    assert name.endswith(" (2)") and len(name.encode()) <= LONGEST_NAME_BYTES


def test_numbers_are_padded_and_texts_are_not() -> None:
    template = parse_template("{take:03} of {song}", fields=FieldsOf(("song",), ("take",)))
    assert template.render({"take": 7, "song": "Blue"}, fallback="x") == "007 of Blue"


@pytest.mark.parametrize(
    "pattern",
    [
        "{sung}",
        "{song.__class__}",
        "{song[0]}",
        "{0}",
        "{}",
        "{song!r}",
        "{song:>9}",
        "{take:x}",
        "{take:99}",
        "{",
        "",
    ],
)
def test_a_wrong_template_is_refused_with_the_fields_there_are(pattern: str) -> None:
    with pytest.raises(CommandError, match=r"\{song\}, \{take\}"):
        parse_template(pattern, fields=FieldsOf(("song",), ("take",)))


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("{session}/{take}", "three names"),
        ("{session}/{song}/{song}", "{take} is missing"),
        ("{session_date}/{song}/{take}", "{session} is missing"),
        ("{session} {take}/{song}/{take}", '"{take}" is not a field'),
    ],
)
def test_a_folder_template_has_three_names_each_with_its_own_fields(folder: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_naming(take_folder=folder, error=ConfigError)
    assert said in str(caught.value)
