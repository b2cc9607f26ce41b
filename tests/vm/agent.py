#!/usr/bin/python3
"""Inside the machine of `make vm`: one JSON line a command on a virtio port, one JSON line an answer.

{"id": 1, "command": "...", "timeout": 60} -> {"id": 1, "code": 0, "text": "..."}. Commands run side by side, each by
bash as root, stdout and stderr together.
"""

import json
import os
import subprocess
import threading
import time

PORT = "/dev/virtio-ports/rigd.agent"


def main() -> None:
    while not os.path.exists(PORT):
        time.sleep(0.1)
    port = os.open(PORT, os.O_RDWR)
    lock = threading.Lock()
    rest = b""
    while True:
        got = os.read(port, 65536)
        if not got:  # nobody is at the other end
            time.sleep(0.1)
            continue
        *lines, rest = (rest + got).split(b"\n")
        for line in lines:
            threading.Thread(target=answer, args=(port, lock, json.loads(line)), daemon=True).start()


def answer(port: int, lock: threading.Lock, asked: dict) -> None:
    try:
        done = subprocess.run(
            ["bash", "-c", asked["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=asked["timeout"],
            start_new_session=True,
        )
        code, text = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, text = 124, (late.stdout or b"") + f"\nno end within {asked['timeout']} s".encode()
    line = json.dumps({"id": asked["id"], "code": code, "text": text.decode("utf-8", "replace")}) + "\n"
    left = line.encode()
    with lock:
        while left:
            left = left[os.write(port, left) :]


main()
