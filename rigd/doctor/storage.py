"""Where takes and the tape go: room, kind of file system, how the kernel writes back. Sources: proc(5),
Documentation/admin-guide/sysctl/vm.rst and Documentation/filesystems/tmpfs.rst of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rigd.doctor.finding import Finding, Grade, Machine, Plan
from rigd.doctor.service import CAPTURE
from rigd.links.runtime_folder import after_log_out, linger
from rigd.model.disk_words import bytes_text

UNSAFE_KINDS = {
    "vfat": "no journal, and files end at 4 GB: a take goes on in next ones",
    "exfat": "no journal: a power cut may cost files that were closed",
    "msdos": "no journal, and files end at 4 GB: a take goes on in next ones",
    "ntfs3": "no journal of data, and slow",
    "tmpfs": "memory: takes are gone at the next start",
    "ramfs": "memory: takes are gone at the next start",
}
NETWORK_KINDS = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p")
MOST_DIRTY_BYTES = 256 << 20
WARN_SECONDS, LEAST_SECONDS = 2 * 3600, 600
TAPE_ROOM = 1.1
"""The logs beside the samples, and the settings and sockets of the folder."""


def disk(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Room and kind of the take volume."""
    if not plan.library:
        return
    device, place, kind, options = machine.mount_of(plan.library)
    space = machine.space(plan.library)
    if space is not None and plan.bytes_per_second:
        seconds = space.free_bytes / plan.bytes_per_second
        hours = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
        grade = (
            Grade.OK
            if seconds >= WARN_SECONDS
            else Grade.ADVICE
            if seconds >= LEAST_SECONDS
            else Grade.PROBLEM
        )
        yield Finding(
            topic="disk",
            grade=grade,
            what=f"{bytes_text(space.free_bytes)} free in {plan.library}: "
            f"{hours} at {plan.bytes_per_second / 1e6:.1f} MB/s",
            cure="" if grade is Grade.OK else f"make room, or set [rig] library: du -sh {plan.library}",
        )
    if kind in UNSAFE_KINDS:
        yield Finding(
            topic="file system",
            grade=Grade.PROBLEM,
            what=f"{place} is {kind}: {UNSAFE_KINDS[kind]}",
            cure="record to ext4 or XFS, and copy afterwards",
        )
    elif kind.startswith(NETWORK_KINDS):
        yield Finding(
            topic="file system",
            grade=Grade.PROBLEM,
            what=f"{place} is {kind}: a take would hang on the network",
            cure="record to a disk of this machine, and copy afterwards",
        )
    elif kind:
        spins = _spins(machine, device)
        told = ", a spinning disk" if spins else ""
        yield Finding(topic="file system", grade=Grade.OK, what=f"{place} is {kind}{told}")
    words = options.split(",")
    if kind and "ro" in words:
        yield Finding(
            topic="file system",
            grade=Grade.PROBLEM,
            what=f"{place} is mounted read-only",
            cure=f"sudo mount -o remount,rw {place}  # and see: dmesg",
        )
    if kind in ("ext4", "xfs", "btrfs") and not {"noatime", "relatime"} & set(words):
        yield Finding(
            topic="file system",
            grade=Grade.ADVICE,
            what=f"{place} notes each reading of a file (no noatime)",
            cure=f"sudo mount -o remount,noatime {place}",
        )
    if "nobarrier" in words or "barrier=0" in words:
        yield Finding(
            topic="file system",
            grade=Grade.PROBLEM,
            what=f"{place} is mounted without barriers: what is called safe is not",
            cure=f"sudo mount -o remount,barrier=1 {place}",
        )


def _spins(machine: Machine, device: str) -> bool:
    name = PurePosixPath(device).name
    for block in machine.glob("/sys/block/*"):
        if name.startswith(block.name):
            return machine.text(f"/sys/block/{block.name}/queue/rotational") == "1"
    return False


def write_back(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """Gigabytes that the kernel lets lie come to the disk in one storm."""
    total = next(
        (
            int(line.split()[1]) * 1024
            for line in machine.text("/proc/meminfo").splitlines()
            if line.startswith("MemTotal")
        ),
        0,
    )
    dirty = machine.number("/proc/sys/vm/dirty_bytes") or 0
    if not dirty:
        dirty = total * (machine.number("/proc/sys/vm/dirty_ratio") or 0) // 100
    if dirty > MOST_DIRTY_BYTES:
        yield Finding(
            topic="write-back",
            grade=Grade.ADVICE,
            what=f"up to {bytes_text(dirty)} may wait for the disk, and then stall it for long",
            cure="sudo sysctl vm.dirty_bytes=67108864 vm.dirty_background_bytes=16777216",
        )
    elif dirty:
        yield Finding(
            topic="write-back", grade=Grade.OK, what=f"at most {bytes_text(dirty)} wait for the disk"
        )


def tape_room(machine: Machine, plan: Plan) -> Iterator[Finding]:
    """The tape lies in memory, in a folder that outlives a log-out."""
    if not plan.runtime_dir:
        return
    _, place, kind, _ = machine.mount_of(plan.runtime_dir)
    if kind and kind not in ("tmpfs", "ramfs"):
        yield Finding(
            topic="tape",
            grade=Grade.PROBLEM,
            what=f"{plan.runtime_dir} is on {kind}: the tape would be written to that disk for ever",
            cure="set [rig] runtime_dir to a folder on tmpfs, such as /dev/shm/rigd",
        )
    space = machine.space(plan.runtime_dir)
    needed = plan.tape_bytes * TAPE_ROOM
    lies_there = machine.exists(f"{plan.runtime_dir}/tape") or (
        plan.of_service and machine.unit(CAPTURE, "ActiveState") == "active"  # and who asks may not look
    )
    if space is not None and kind == "tmpfs":
        free = f"{bytes_text(space.free_bytes)} of {bytes_text(space.total_bytes)}"
        wanted_mib = int(needed * 1.2) >> 20
        if space.total_bytes < needed or (space.free_bytes < needed and not lies_there):
            yield Finding(
                topic="tape",
                grade=Grade.PROBLEM,
                what=f"the tape needs {bytes_text(needed)}, {place} has {free} free",
                cure=f"sudo mount -o remount,size={wanted_mib}M {place}  # lasting: systemd/run-rigd.mount",
            )
        else:
            yield Finding(
                topic="tape",
                grade=Grade.OK,
                what=f"{bytes_text(plan.tape_bytes)} of the {bytes_text(space.total_bytes)} of {place}",
            )
    if plan.of_service:
        return  # its user is a system user, and never logs in
    folder = PurePosixPath(plan.runtime_dir)
    if fault := machine.folder_fault(plan.runtime_dir):
        yield Finding(
            topic="runtime folder",
            grade=Grade.PROBLEM,
            what=f"{folder} is not {machine.user}'s own: {fault}",
            cure="see to that, or set [rig] runtime_dir to another folder",
        )
    if after := after_log_out(folder, user=machine.user, uid=machine.uid, root=machine.root):
        yield Finding(
            topic="runtime folder",
            grade=Grade.ADVICE,
            what=f"{folder} is taken away when {machine.user} logs out; {after}",
            cure=f"sudo {linger(machine.user)}",
        )
