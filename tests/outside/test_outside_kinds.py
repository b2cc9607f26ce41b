"""A package that nobody in rigd knows: installed by its entry points, it is checked, listed, described and made."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigd.cli.exit_codes import ExitCode
from tests.outside.installed import KIT, install, python, rigd

PAGE = Path(__file__).resolve().parents[2] / "docs/kinds.md"


def public_modules() -> set[str]:
    text = PAGE.read_text("utf-8")
    return set(re.findall(r"^- `(rigd[\w.]*)`$", text[text.index("## Public modules") :], re.MULTILINE))


def imports_of(file: Path) -> Iterator[str]:
    """The modules that it imports, and those from which it imports names."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                is_module = (
                    node.module.startswith("rigd") and importlib.util.find_spec(node.module) is not None
                )
                yield inner if is_module and _is_module(inner) else node.module


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_the_kit_imports_public_modules_and_no_other_of_rigd() -> None:
    used = {
        name
        for file in KIT.rglob("*.py")
        for name in imports_of(file)
        if name.partition(".")[0] in ("rigd", "hardware_sim", "tests")
    }
    assert used and used - public_modules() == set()


def test_every_public_module_is_there() -> None:
    assert public_modules()
    assert [name for name in sorted(public_modules()) if not _is_module(name)] == []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


WHOLE = """
[audio]
channels = 8
[[channel]]
preamp = "box:1"
[surface.console]
kind = "strips"
host = "console.local"
port = 80
allow = ["gain", "arm 3"]
[[surface.console.binding]]
control = "button 1"
tap = "toggle"
[preamp.box]
kind = "fourbox"
host = "box.local"
[feed]
path = "/run/user/1000/feed.sock"
"""


def test_a_config_that_names_them_is_checked_like_any_other(target: Path, tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(WHOLE)
    checked = rigd(target, "check", str(file), "--json")
    facts = json.loads(checked.stdout)
    assert checked.returncode == ExitCode.DONE
    assert (facts["surfaces"], facts["preamps"], facts["faces"]) == (["console"], ["box"], ["feed"])
    assert facts["may_name"] == {"console": ["gain", "arm 3"]}
    assert facts["warnings"] == ["[surface.console] port 80 is a system's own; the console's is 10123"]
    assert "seen and commanded by [feed]" in rigd(target, "check", str(file)).stdout


def test_what_is_wrong_with_their_settings_stands_at_its_line(target: Path, tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(
        WHOLE.replace('"button 1"', '"fader 1"')
        .replace("port = 80", "prt = 80")
        .replace("box:1", "box:9")
        .replace("/run/user/1000/feed.sock", "feed.sock")
    )
    told = json.loads(rigd(target, "check", str(file), "--json").stdout)["faults"]
    assert [line.removeprefix(f"{file}:") for line in told] == [
        '5: [[channel]] 1 preamp = "box:9": [preamp.box] (kind "fourbox") has sockets 1 to 8',
        '9: [surface.console] has no option "prt"; did you mean "port"?',
        '18: [feed] path = "feed.sock" must be a whole path, such as "/run/user/1000/feed.sock"',
    ]
    file.write_text(WHOLE.replace('"button 1"', '"fader 1"'))
    (told,) = json.loads(rigd(target, "check", str(file), "--json").stdout)["faults"]
    assert ':12: [surface.console] control "fader 1" is not a button of the console' in told


def test_without_the_package_the_config_says_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(WHOLE)
    told = rigd(tmp_path, "check", str(file)).stderr
    for line, word in ((7, 'kind = "strips"'), (15, 'kind = "fourbox"'), (17, "[feed] is not a section")):
        assert re.search(rf"rig\.toml:{line}: .*{re.escape(word)}.*has to be installed", told), told


def test_rigd_devices_prints_what_each_kind_has_to_paste(target: Path) -> None:
    listed = json.loads(rigd(target, "devices", "--json").stdout)
    assert {"strip_consoles", "fourboxes", "feeds", "interfaces", "midi_ports"} <= set(listed)
    printed = rigd(target, "devices").stdout
    assert '# Consoles of 16 strips\n[surface.console]\nkind = "strips"' in printed


def test_rigd_init_offers_them_and_asks_what_they_want_to_know(target: Path, tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text('[rig]\nname = "Attic"\n')
    asked = rigd(target, "init", "box", "--config", str(file), answers="1\ny\n999\n2\n")
    assert "1  a console of 16 strips, console.local" in asked.stdout, asked.stdout + asked.stderr
    console = tomllib.loads(file.read_text())["surface"]["console"]
    assert console["kind"] == "strips" and console["port"] == 10_024
    assert [each["control"] for each in console["binding"]] == ["button 1", "button 2"]
    assert rigd(target, "check", str(file)).returncode == ExitCode.DONE


def test_the_page_of_options_describes_them(target: Path) -> None:
    page = python(target, "-c", "from rigd.cli.reference import pages; print(pages()['config.md'])").stdout
    for title in ('[surface.NAME] of kind "strips"', '[preamp.NAME] of kind "fourbox"', "[feed]"):
        assert f"\n## {title}\n" in page
    assert "| `path` | needed |  | at most 100 characters | Where the socket is" in page


def test_the_units_of_the_service_let_them_reach_what_they_say(target: Path, tmp_path: Path) -> None:
    file = tmp_path / "rig.toml"
    file.write_text(WHOLE)
    asked = (
        "from pathlib import Path; from rigd.cli.doctor import needs_of; from rigd.config.load import load_config;"
        f"print(needs_of(load_config(Path({str(file)!r})))['rigd.service'])"
    )
    assert python(target, "-c", asked).stdout == "host console.local, host box.local\n"
