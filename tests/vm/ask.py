"""Inside the machine: one request to the rig's control socket, and its answer. The CLI takes seconds there.

    python3 ask.py Status | Ready | Command VERB | Wait SECONDS

Ready is asked again and again until the rig is: interface and writer are heard from, and nothing rolls. A daemon that
is just being started again is waited for. Needs nothing but Python. The messages are those of rigd/model/requests.py.
"""

import json
import socket
import sys
import time

RUNTIME_SOCKET = "/run/rigd/rigd.sock"
PATIENCE_S = 90.0
AGAIN_S = 0.3


def main(words: list[str]) -> int:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = ask(words)
        except OSError:
            if time.monotonic() > until:
                raise
        else:
            if words[0] != "Ready" or is_ready(answer["state"]) or time.monotonic() > until:
                break
        time.sleep(AGAIN_S)
    print(json.dumps(answer))
    if words[0] == "Ready":
        return int(not is_ready(answer["state"]))
    return int(answer["type"] == "Failed" or not answer.get("accepted", True))


def is_ready(state: dict) -> bool:
    """A take can be begun, and nothing of the one before is still open."""
    waits = {fault["key"] for fault in state["faults"]} & {"interface", "writer"}
    return state["transport"] == "ready" and state["take"] is None and not waits


def ask(words: list[str]) -> dict:
    asked: dict = {"type": f"{'Status' if words[0] == 'Ready' else words[0]}Request", "id": 1}
    if words[0] == "Command":
        asked["verb"] = words[1]
    if words[0] == "Wait":
        asked["timeout_s"] = float(words[1])
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(200.0)
        stream.connect(RUNTIME_SOCKET)
        stream.sendall(json.dumps(asked).encode() + b"\n")
        line = stream.makefile("rb").readline()
    if not line:
        raise ConnectionResetError("rigd went away")
    return json.loads(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
