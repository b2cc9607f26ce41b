"""A rig that has recorded nothing, for tests of what is answered over the control socket."""

from __future__ import annotations

from rigd.api.answers import Records
from rigd.model.errors import LibraryError
from rigd.model.library import LibraryPage, SessionsPage

NOTHING = Records(
    audit=lambda last, before, told: told(()),
    takes=lambda wanted, told: told(LibraryPage(library="", takes=(), next="", complete=True)),
    sessions=lambda wanted, told: told(SessionsPage(library="", sessions=(), next="", complete=True)),
    take=lambda take_id, told: told(LibraryError("there is none")),
)
