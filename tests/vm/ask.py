"""Inside the machine: one request to the rig's control socket, and its answer. The CLI takes seconds there.

    python3 ask.py Status | Command VERB | Wait SECONDS

Needs nothing but Python. The messages are those of rigd/model/requests.py.
"""

import json
import socket
import sys

RUNTIME_SOCKET = "/run/rigd/rigd.sock"


def main(words: list[str]) -> int:
    asked: dict[str, object] = {"type": f"{words[0]}Request", "id": 1}
    if words[0] == "Command":
        asked["verb"] = words[1]
    if words[0] == "Wait":
        asked["timeout_s"] = float(words[1])
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(200.0)
        stream.connect(RUNTIME_SOCKET)
        stream.sendall(json.dumps(asked).encode() + b"\n")
        answer = json.loads(stream.makefile("rb").readline())
    print(json.dumps(answer))
    return int(answer["type"] == "Failed" or not answer.get("accepted", True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
