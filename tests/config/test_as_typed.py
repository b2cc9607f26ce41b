"""Config files as people make them: read, or refused by the character's own name with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rigd.config.load import load_config
from rigd.model.errors import ConfigError

TEXT = '[rig]\nname = "Größe"\nlibrary = "/srv/takes"\n\n[audio]\ndriver = "simulated"\nchannels = 2\n'


def written(folder: Path, raw: bytes) -> Path:
    path = folder / "rig.toml"
    path.write_bytes(raw)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(written(folder, text.encode()))
    return str(refused.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    ],
    ids=["BOM", "CRLF", "Notepad's", "CR", "no last line end", "PowerShell's", "UTF-16, big end first"],
)
def test_what_can_be_meant_one_way_only_is_read(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    config = load_config(written(tmp_path, encode(TEXT)))
    assert config.rig.name == "Größe" and config.library == Path("/srv/takes") and len(config.channels) == 2


def test_a_fault_behind_windows_line_ends_has_its_line(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + TEXT.replace("channels = 2", "channels = 0").replace("\n", "\r\n").encode()
    with pytest.raises(ConfigError, match=r"rig\.toml:7: "):
        load_config(written(tmp_path, raw))


@pytest.mark.parametrize(
    ("found", "put", "named"),
    [
        (
            '"Größe"',
            "“Größe”",
            'rig.toml:2: not TOML: “ (LEFT DOUBLE QUOTATION MARK, U+201C) where a plain " is meant',
        ),
        ('"Größe"', "„Größe“", "DOUBLE LOW-9 QUOTATION MARK, U+201E"),
        ('"Größe"', "‘Größe’", "LEFT SINGLE QUOTATION MARK, U+2018"),  # noqa: RUF001
        ("name = ", "name\u00a0= ", "(NO-BREAK SPACE, U+00A0) where a plain space is meant (column 5)"),
        ("name = ", "\u2003name = ", "EM SPACE, U+2003"),
        ("name = ", "name \u200b= ", "ZERO WIDTH SPACE, U+200B) where nothing"),
        ("name = ", "name ＝ ", "FULLWIDTH EQUALS SIGN, U+FF1D"),  # noqa: RUF001
        ("channels = 2", "channels = −2", "rig.toml:7: not TOML: − (MINUS SIGN, U+2212) where a plain - is"),  # noqa: RUF001
        (
            '"/srv/takes"',
            '"C:\\Users\\me\\takes"',
            "rig.toml:3: not TOML: a path of Windows. rigd runs on Linux",
        ),
    ],
)
def test_what_was_mistaken_is_named_with_its_line(tmp_path: Path, found: str, put: str, named: str) -> None:
    assert named in refusal(tmp_path, TEXT.replace(found, put))


@pytest.mark.parametrize("text", ["Größe – “live”", "it’s 5\u00a0°", "\U0001f941"])  # noqa: RUF001
def test_in_a_name_every_character_is_a_character(tmp_path: Path, text: str) -> None:
    config = load_config(written(tmp_path, TEXT.replace("Größe", text).encode()))
    assert config.rig.name == text
    wrong = refusal(
        tmp_path, TEXT.replace('"Größe"', f'"{text}" # “ok”').replace("channels = 2", "channels = = 2")
    )
    assert wrong.startswith("rig.toml:7: not TOML: ") and "U+" not in wrong


@pytest.mark.parametrize("option", ["rig.library", "rig.runtime_dir", "mirror.library", "blackbox.folder"])
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$HOME/takes", 'holds "$HOME", and no variable is put in'),
        ("/srv/${NAME}/takes", 'holds "${NAME}"'),
        ("%USERPROFILE%/takes", 'holds "%USERPROFILE%"'),
        ("C:\\\\takes", "a path of Windows"),
        ("C:\\takes", "a path of Windows"),
        ("d:/takes", "a path of Windows"),
        ("~nosuchuser/takes", 'begins with "~nosuchuser"'),
        ("\\\\\\\\nas\\\\takes", "a path of Windows"),
    ],
)
def test_a_path_that_is_none_here_is_refused_with_its_line(
    tmp_path: Path, option: str, path: str, why: str
) -> None:
    section, _, key = option.partition(".")
    text = f'[{section}]\n{key} = "{path}"\n'
    said = refusal(tmp_path, text)
    assert said.startswith("rig.toml:2: ") and why in said


def test_a_home_and_a_name_with_a_dollar_are_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, b'[rig]\nname = "Cash $$"\nlibrary = "~/takes for $5.00"\n'))
    assert config.rig.name == "Cash $$" and config.library == Path.home() / "takes for $5.00"
