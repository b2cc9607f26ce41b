"""Reads a config file into a RigConfig, or says everything that is wrong with it at once.

Any thread; reads one file and writes nothing. Whatever is in the file, no exception but ConfigError
comes out of it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from rigd.config.as_typed import mistaken_in, text_of
from rigd.config.checks import check
from rigd.config.draft import Draft, FaceDraft, SurfaceDraft
from rigd.config.faults import ConfigFault, faults_of, meant, section_of, shown
from rigd.config.kinds import AUDIO_DRIVERS, FACES, PREAMPS, SURFACES, Kinds, SettingsModels
from rigd.config.lines import KeyPath, key_lines
from rigd.config.mirrors import check_mirror
from rigd.config.overrides import set_over
from rigd.config.rig_config import PreampConfig, RigConfig
from rigd.config.runtime_dir import resolve_runtime_dir
from rigd.config.sections import (
    SECTION_NAMES,
    AudioSection,
    BindingSection,
    BlackBoxSection,
    ChannelSection,
    ControlSection,
    DiskSection,
    FaceSection,
    HooksSection,
    MirrorSection,
    PreampSection,
    RigSection,
    SurfaceSection,
    TakeSection,
    TapeSection,
)
from rigd.config.shipped import shipped
from rigd.model.errors import ConfigError
from rigd.model.plain_text import plain_line

LARGEST_FILE_BYTES = 1 << 20
BLACK_BOX_IN_LIBRARY = Path(".rigd/blackbox")
DEEPEST_TABLE = 16
Model = TypeVar("Model", bound=BaseModel)
_NAME = re.compile(r"[\w-]{1,40}")
_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def load_config(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    surface_kinds: Mapping[str, type[BaseModel]] | None = None,
    preamp_kinds: Mapping[str, type[BaseModel]] | None = None,
    driver_kinds: Mapping[str, type[BaseModel]] | None = None,
    face_kinds: Mapping[str, type[BaseModel]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> RigConfig:
    """The config at `path`, with `overrides` ("audio.channels=64") over it.

    The mappings hold the settings model of each kind by name; by default they are the installed ones, each
    imported only when the config uses it. Raises ConfigError with one line a fault.
    """
    text = config_text(path)
    try:
        document = _document(path, text)
        lines = key_lines(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: tables are nested too deeply for a config") from error
    origins = set_over(document, overrides)
    reader = _Reader(
        document,
        surfaces=SettingsModels(Kinds(SURFACES)) if surface_kinds is None else surface_kinds,
        preamps=SettingsModels(Kinds(PREAMPS)) if preamp_kinds is None else preamp_kinds,
        drivers=SettingsModels(Kinds(AUDIO_DRIVERS)) if driver_kinds is None else driver_kinds,
        faces=SettingsModels(Kinds(FACES)) if face_kinds is None else face_kinds,
    )
    draft = reader.read()
    faults = [*reader.faults, *check(draft)]
    if not faults:
        try:
            config = _assembled(draft, path, origins, os.environ if environ is None else environ)
            faults = [*check_mirror(config.library, config.mirror), *_check_blackbox(config)]
        except (OSError, RuntimeError, ValueError) as error:
            faults = [ConfigFault(path=("rig",), text=f"library or runtime_dir is not a path: {error}")]
        if not faults:
            return config
    raise ConfigError("\n".join(map(plain_line, _told(faults, path, lines, origins))))


def config_text(path: Path) -> str:
    """The text of a config, in whatever form it was saved; its lines end with a line feed each. ConfigError."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"{path}: cannot be read: {reason}. Examples are in {shipped('configs')}"
        ) from error
    if len(raw) > LARGEST_FILE_BYTES:
        raise ConfigError(f"{path}: larger than {LARGEST_FILE_BYTES:,} bytes; this is not a config")
    try:
        return text_of(raw)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text (byte 0x{raw[error.start]:02x})") from error


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        message = str(error)
        place = _AT_LINE.search(message)
        line = place[1] if place else str(text.count("\n") + 1)
        reason = message[: place.start()] + f" (column {place[2]})" if place else message
        lines = text.split("\n")
        if mistaken := mistaken_in(lines[min(int(line), len(lines)) - 1]):
            reason = f"{mistaken}; {reason[:1].lower()}{reason[1:]}"
        raise ConfigError(f"{path}:{line}: not TOML: {reason}") from error
    if too_far := _beyond_bounds(document):
        raise ConfigError(f"{path}: {too_far}")
    return document


def _beyond_bounds(document: dict[str, Any]) -> str:
    """Empty, or why no config looks like this. Walks without recursion, so that it sees any depth."""
    level: list[Any] = [document]
    for _ in range(DEEPEST_TABLE):
        inner: list[Any] = []
        for table in level:
            members = table.values() if isinstance(table, dict) else table
            for value in members:
                if isinstance(value, dict | list):
                    inner.append(value)
                elif isinstance(value, int) and value.bit_length() > 63:
                    return "a number does not fit 64 bits"
        level = inner
    return "tables are nested too deeply for a config" if level else ""


class _Reader:
    """Takes a document apart, section by section; what is wrong is gathered in `faults`."""

    def __init__(
        self,
        document: dict[str, Any],
        *,
        surfaces: Mapping[str, type[BaseModel]],
        preamps: Mapping[str, type[BaseModel]],
        drivers: Mapping[str, type[BaseModel]],
        faces: Mapping[str, type[BaseModel]],
    ) -> None:
        self._document = document
        self._surfaces = surfaces
        self._preamps = preamps
        self._drivers = drivers
        self._faces = faces
        self.faults: list[ConfigFault] = []

    def read(self) -> Draft:
        faces = [name for name in self._faces if name not in SECTION_NAMES]
        for name in self._document:
            if name not in SECTION_NAMES and name not in faces:
                known = meant(name, (*SECTION_NAMES, *faces))
                self._fault((name,), f"is not a section{known}{_if_it_comes_in_a_package(known)}")
        audio_table = self._table(("audio",), self._document.get("audio", {}))
        driver_tables = {key: value for key, value in audio_table.items() if isinstance(value, dict)}
        audio_options = {key: audio_table[key] for key in audio_table if key not in driver_tables}
        audio = self._model(AudioSection, ("audio",), audio_options)
        driver = audio_options.get("driver", AudioSection.model_fields["driver"].default)
        return Draft(
            rig=self._section(RigSection, "rig"),
            audio=audio,
            tape=self._section(TapeSection, "tape"),
            take=self._section(TakeSection, "take"),
            disk=self._section(DiskSection, "disk"),
            control=self._section(ControlSection, "control"),
            mirror=self._section(MirrorSection, "mirror"),
            blackbox=self._section(BlackBoxSection, "blackbox"),
            hooks=self._section(HooksSection, "hooks"),
            channels=self._channels(),
            preamps=self._preamp_sections(),
            surfaces=self._surface_sections(),
            faces={name: self._face(name) for name in faces if name in self._document},
            driver_options=self._driver_options(driver, driver_tables),
        )

    def _fault(self, path: KeyPath, text: str) -> None:
        self.faults.append(ConfigFault(path=path, text=text))

    def _section(self, model: type[Model], name: str) -> Model | None:
        return self._model(model, (name,), self._document.get(name, {}))

    def _table(self, path: KeyPath, value: object) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self._fault(path, f"must be a table, not {shown(value)}")
        return {}

    def _tables(self, path: KeyPath, value: object) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [self._table((*path, place), entry) for place, entry in enumerate(value)]
        self._fault(path, f"must be written [[{'.'.join(str(part) for part in path)}]], one table each")
        return []

    def _model(self, model: type[Model], path: KeyPath, value: object) -> Model | None:
        """Through JSON, because its strict reading of lists, texts and numbers is TOML's own."""
        table = self._table(path, value)
        if model.model_config.get("extra") != "forbid":
            for key in table:
                if key not in model.model_fields:
                    self._fault((*path, key), f'has no option "{key[:60]}"{meant(key, model.model_fields)}')
        try:
            return model.model_validate_json(json.dumps(table, default=str))
        except ValidationError as error:
            self.faults += faults_of(error, model=model, base=path)
        except Exception as error:  # a validator of a kind that is not rigd's own
            self._fault(path, f"cannot be checked: its kind broke ({error or repr(error)})")
        return None

    def _channels(self) -> tuple[ChannelSection | None, ...]:
        tables = self._tables(("channel",), self._document.get("channel", []))
        return tuple(
            self._model(ChannelSection, ("channel", place), table) for place, table in enumerate(tables)
        )

    def _kind(
        self, path: KeyPath, kind: object, models: Mapping[str, type[BaseModel]]
    ) -> type[BaseModel] | None:
        """The settings model of a kind by name, or None and a fault."""
        if not isinstance(kind, str) or kind not in models:
            word = kind if isinstance(kind, str) else ""
            known = meant(word, models)
            text = f"{path[-1]} = {shown(kind)} is not known{known}{_if_it_comes_in_a_package(known)}"
            self._fault(path, text)
            return None
        try:
            return models[kind]
        except ConfigError as error:
            self._fault(path, str(error))
            return None

    def _driver_options(
        self, driver: object, tables: Mapping[str, dict[str, Any]]
    ) -> dict[str, str | int | float | bool]:
        """A driver's table may stay in the file while `--set audio.driver=` picks another one."""
        for name in tables:
            if name not in self._drivers:
                text = f'has no option and no driver "{name[:60]}"{meant(name, self._drivers)}'
                self._fault(("audio", name), text)
        model = self._kind(("audio", "driver"), driver, self._drivers)
        if model is None:
            return {}
        options = self._model(model, ("audio", str(driver)), tables.get(str(driver), {}))
        return {} if options is None else options.model_dump(mode="json", exclude_none=True)

    def _preamp_sections(self) -> dict[str, PreampConfig | None]:
        found: dict[str, PreampConfig | None] = {}
        for name, value in self._table(("preamp",), self._document.get("preamp", {})).items():
            path: KeyPath = ("preamp", name)
            table = dict(self._table(path, value))
            kind = table.pop("kind", None)
            found[name] = None
            self._check_name(path, name)
            if kind is None:
                self._fault(path, f"needs kind ({PreampSection.model_fields['kind'].description})")
            elif model := self._kind((*path, "kind"), kind, self._preamps):
                settings = self._model(model, path, table)
                if settings is not None:
                    found[name] = PreampConfig(name=name, kind=kind, settings=settings, sockets=())
        return found

    def _face(self, name: str) -> FaceDraft:
        """The settings of [name]."""
        table = dict(self._table((name,), self._document[name]))
        given = {key: table.pop(key) for key in FaceSection.model_fields if key in table}
        common = self._model(FaceSection, (name,), given) or FaceSection()
        try:
            model = self._faces[name]
        except ConfigError as error:
            self._fault((name,), str(error))
            return FaceDraft(settings=None, role=common.role)
        return FaceDraft(settings=self._model(model, (name,), table), role=common.role)

    def _check_name(self, path: KeyPath, name: str) -> None:
        if not _NAME.fullmatch(name):
            self._fault(path, "must have a short name of letters, digits, _ and -")

    def _of_any_kind(self, path: KeyPath, table: dict[str, Any]) -> SurfaceSection:
        """`allow` and `role`, taken out of the table of a surface, whatever its kind."""
        given: dict[str, Any] = {key: table.pop(key) for key in ("allow", "role") if key in table}
        return self._model(SurfaceSection, path, {"kind": "", **given}) or SurfaceSection(kind="")

    def _surface_sections(self) -> dict[str, SurfaceDraft]:
        found: dict[str, SurfaceDraft] = {}
        for name, value in self._table(("surface",), self._document.get("surface", {})).items():
            path: KeyPath = ("surface", name)
            table = dict(self._table(path, value))
            kind = table.pop("kind", None)
            own = self._of_any_kind(path, table)
            rows = self._tables((*path, "binding"), table.pop("binding", []))
            bindings = tuple(
                self._model(BindingSection, (*path, "binding", place), row) for place, row in enumerate(rows)
            )
            found[name] = SurfaceDraft(
                bindings=bindings, settings=None, kind=str(kind), allow=own.allow, role=own.role
            )
            self._check_name(path, name)
            if kind is None:
                self._fault(path, f"needs kind ({SurfaceSection.model_fields['kind'].description})")
            elif model := self._kind((*path, "kind"), kind, self._surfaces):
                settings = self._model(model, path, table)
                found[name] = replace(found[name], settings=settings)
        return found


def _if_it_comes_in_a_package(known: str) -> str:
    """Said of a word that is like none of those there are."""
    return "" if "did you mean" in known else "; what comes in a package of its own has to be installed"


def _assembled(
    draft: Draft, path: Path, origins: Mapping[KeyPath, str], environ: Mapping[str, str]
) -> RigConfig:
    """The whole config of a draft without a fault."""
    rig, audio, tape, take, disk, control, mirror = draft.whole_sections()
    beside = path.absolute().parent
    library_base = Path.cwd() if ("rig", "library") in origins else beside
    mirror_base = Path.cwd() if ("mirror", "library") in origins else beside
    runtime_base = Path.cwd() if ("rig", "runtime_dir") in origins else beside
    library = library_base / Path(rig.library).expanduser()
    own_folder = draft.blackbox.folder if draft.blackbox else ""
    blackbox_base = Path.cwd() if ("blackbox", "folder") in origins else beside
    blackbox_folder = (
        blackbox_base / Path(own_folder).expanduser() if own_folder else library / BLACK_BOX_IN_LIBRARY
    )
    return RigConfig(
        path=path,
        library=library,
        mirror=mirror_base / Path(mirror.library).expanduser() if mirror.library.strip() else None,
        runtime_dir=runtime_base / resolve_runtime_dir(rig.runtime_dir, environ),
        rig=rig,
        audio=audio,
        tape=tape,
        take=take,
        disk=disk,
        control=control,
        blackbox=draft.blackbox or BlackBoxSection(),
        blackbox_folder=blackbox_folder,
        hooks=draft.hooks or HooksSection(),
        channels=draft.rig_channels(),
        preamps=draft.preamps_in_use(),
        surfaces=draft.whole_surfaces(),
        faces=draft.whole_faces(),
        driver_options=draft.driver_options,
    )


def _check_blackbox(config: RigConfig) -> list[ConfigFault]:
    """A black box among the takes would be taken for takes, by rigd and by people."""
    box = config.blackbox_folder.absolute()
    for whose, takes in (("library", config.library), ("mirror", config.mirror)):
        folder = takes.absolute() if takes is not None and config.blackbox.folder else None
        if folder is not None and (box.is_relative_to(folder) or folder.is_relative_to(box)):
            text = f'folder = {shown(config.blackbox.folder)} and the {whose} "{folder}" must not lie in one another'
            return [ConfigFault(path=("blackbox", "folder"), text=text)]
    return []


def _told(
    faults: Sequence[ConfigFault], path: Path, lines: Mapping[KeyPath, int], origins: Mapping[KeyPath, str]
) -> list[str]:
    """The faults in the order of the file, those of --set last, each with its place."""
    after_file = {place: LARGEST_FILE_BYTES + turn for turn, place in enumerate(origins)}
    told: list[tuple[int, str]] = []
    for fault in faults:
        prefixes = [fault.path[:length] for length in range(len(fault.path), 0, -1)]
        place = next((prefix for prefix in prefixes if prefix in origins or prefix in lines), ())
        where = section_of(fault.path)
        if place in origins:
            told.append((after_file[place], f"{origins[place]}: {where} {fault.text}"))
        elif place:
            told.append((lines[place], f"{path}:{lines[place]}: {where} {fault.text}"))
        else:
            told.append((0, f"{path}: {where} {fault.text}"))
    return list(dict.fromkeys(text for _, text in sorted(told, key=lambda entry: entry[0])))
