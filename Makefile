# Everything a person needs: make demo, make run, make quick, make test, make lint, make bench, make faults, make vm,
# make soak.
# One virtual environment in .venv; Debian packages only where root or sudo is there to install them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?=
STAY ?=
HOURS ?= 0.5
FIGURES := build/figures.jsonl
WORKERS ?= 4
BESIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
FULL := tests/faults tests/tape/test_tape_stress.py tests/rig/test_real_input.py
QUICK := $(addprefix tests/,model hands rules wire config tape links control api doctor library preamps surfaces)
SHELL := /bin/bash
# Compiled modules are kept: without them each process of a rig compiles rigd anew, for half a second.
unexport PYTHONDONTWRITEBYTECODE

CORE := $(wildcard rigd/tape/*.[ch]) rigd/tape/core_build.py

.PHONY: install uninstall demo run quick test faults vm soak lint bench docs clean packages-build packages-test
.DEFAULT_GOAL := help

help:
	@echo "make demo            a told story of half a minute on simulated hardware (STAY=1: leave it running)"
	@echo "make run             run the rig with the config that it finds, or with CONFIG=..."
	@echo "make demo            a told story of half a minute on simulated hardware; in a terminal play it yourself:"
	@echo "                     space is the pedal (STAY=1: leave it running)"
	@echo "make run CONFIG=...  run the rig with a config of yours"
	@echo "make install         as root: the rig as a service, now and after each upgrade (uninstall: all but takes and config)"
	@echo "make quick           the tests of a minute: model, wire, config, tape, parts; no whole rig"
	@echo "make test            every test      make lint   style, types, the house's import rules"
	@echo "make bench           figures of this machine beside jack_capture and ecasound"
	@echo "make faults          every fault in full size, and docs/promises.md from it (ARGS=: only these tests)"
	@echo "make vm              rigd on a real kernel's sound system, in QEMU: 25 minutes, root (ARGS=--page: into the docs)"
	@echo "make soak HOURS=24   64 channels for so long, with loaded cores and a disk that freezes"

# --- what must be on the machine -------------------------------------------------------------------

packages-build:
	@scripts=""; \
	echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1 || scripts="gcc libc6-dev"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts="$$scripts python3-venv"; \
	$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' \
	  || scripts="$$scripts python3-dev"; \
	bash tests/packages.sh require $$scripts

packages-test:
	@bash tests/packages.sh want jackd2:jackd libportaudio2:libportaudio.so.2 sox:sox ffmpeg:ffprobe gcc:gcc g++:g++ clang:clang "libclang-rt-dev:/usr/lib/llvm*/lib/clang/*/lib/*/libclang_rt.tsan*.a" systemd:systemd-analyze dbus-daemon:dbus-daemon pipewire:pipewire pipewire-bin:pw-metadata "pipewire-jack:/usr/lib/*/pipewire-0.3/jack/libjack.so.0" e2fsprogs:mkfs.ext4 dosfstools:mkfs.vfat tmux:tmux

# --- the environment -------------------------------------------------------------------------------

$(VENV)/pyvenv.cfg: | packages-build
	@echo "rigd is installed into $(VENV) of this folder and nowhere else: once, about a minute"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.rigd: $(VENV)/pyvenv.cfg pyproject.toml $(CORE)
	@echo "what rigd needs is fetched, and its C core is built ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.rigd
	RIGD_STRICT=1 $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# --- what people run -------------------------------------------------------------------------------

demo: $(VENV)/.rigd
	@$(BIN)/rigd demo $(if $(STAY),--stay)

run: $(VENV)/.rigd
	$(BIN)/rigd run $(if $(CONFIG),--config '$(CONFIG)')

# As root: the rig as a service (systemd/install.sh has the variables). No .venv of this folder is touched.
install uninstall:
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" TAKES="$(TAKES)" CONFIG="$(CONFIG)" \
	  WHEEL="$(WHEEL)" PYTHON="$(PYTHON)" bash systemd/install.sh $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: $(VENV)/.dev
	$(BIN)/pytest $(BESIDE) -m "not alone and not jack and not slow" $(or $(ARGS),$(QUICK))

# First what bears neighbours, then what needs a JACK server and bears one, then what needs the machine for itself. Exit code
# 5 of pytest: none of ARGS is of this kind.
test: packages-test $(VENV)/.dev
	@$(BIN)/pytest --durations=10 $(BESIDE) -m "not alone and not jack" $(ARGS); ended="$$?"; \
	$(BIN)/pytest --durations=10 $(BESIDE) -n 2 -m "jack and not alone" $(ARGS); ended="$$ended $$?"; \
	$(BIN)/pytest --durations=10 -m "alone" $(ARGS); ended="$$ended $$?"; \
	for each in $$ended; do case $$each in 0) passed=1 ;; 5) ;; *) exit 1 ;; esac; done; test -n "$$passed"

faults: packages-test $(VENV)/.dev
	@rm -f $(FIGURES)
	RIGD_FAULTS=full RIGD_FIGURES=$(FIGURES) $(BIN)/pytest $(or $(ARGS),$(FULL)); found=$$?; \
	$(BIN)/python -m tests.proof.promises $(FIGURES) && exit $$found

vm: packages-test $(VENV)/.dev
	@bash tests/packages.sh want debootstrap:debootstrap qemu-system-x86:qemu-system-x86_64
	$(BIN)/python -m tests.vm $(ARGS)

soak: packages-test $(VENV)/.dev
	$(BIN)/python -m tests.proof.soak --hours $(HOURS)

bench: packages-test $(VENV)/.dev
	@bash tests/packages.sh want jack-capture:jack_capture ecasound:ecasound
	$(BIN)/python -m tests.bench $(ARGS)

docs: $(VENV)/.rigd
	$(BIN)/python -m rigd.cli.reference

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f rigd/tape/_core*.so
