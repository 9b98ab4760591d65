"""A UPS driver for the real upsd, on its Unix socket: commands, ranges and results as a test wants them.

    python -m tests.ingest.nut.driver SOCKET FILE    serves until it is killed

FILE is JSON, read anew at each request: {"variables": {...}, "rw": {name: ["STRING", 10] | ["ENUM", ...] |
["RANGE", low, high]}, "commands": [...], "verdict": "0"}. `verdict` is what it says of a command or setting:
0 done, 1 unknown, 2 invalid, 3 failed, "" nothing. `keeps`, variable -> value, is what the device has after a
setting whatever it was set to; `after_s` is when that shows. What it was told stands in FILE with `.log`
behind its name, one line each.
"""

import json
import os
import socketserver
import sys
import threading

from ingest.nut.protocol import quote, split_arguments


class Dialogue(socketserver.StreamRequestHandler):
    """upsd's connection."""

    def handle(self):
        for line in self.rfile:
            verb, *arguments = split_arguments(line.decode().strip()) or [""]
            getattr(self, f"_do_{verb.lower()}", lambda arguments: None)(arguments)

    def _say(self, *lines):
        self.wfile.write("".join(line + "\n" for line in lines).encode())

    def _do_ping(self, arguments):
        self._say("PONG")

    def _do_dumpall(self, arguments):
        told = read()
        for name, value in told["variables"].items():
            self._say(f"SETINFO {name} {quote(value)}")
        for name, (kind, *limits) in told.get("rw", {}).items():
            self._say(f"SETFLAGS {name} RW{' STRING' if kind == 'STRING' else ''}")
            if kind == "STRING":
                self._say(f"SETAUX {name} {limits[0]}")
            elif kind == "ENUM":
                self._say(*(f"ADDENUM {name} {quote(value)}" for value in limits))
            elif kind == "RANGE":
                self._say(f"ADDRANGE {name} {limits[0]} {limits[1]}")
        self._say(*(f"ADDCMD {command}" for command in told.get("commands", ())), "DATAOK", "DUMPDONE")

    def _do_instcmd(self, arguments):
        self._note("INSTCMD", arguments)

    def _do_set(self, arguments):
        self._note("SET", arguments)
        name, value, *_ = arguments
        told = read()
        if told.get("verdict", "0") == "0" or told.get("keeps"):
            value = (told.get("keeps") or {}).get(name, value)
            threading.Timer(told.get("after_s", 0), self._say, (f"SETINFO {name} {quote(value)}",)).start()

    def _note(self, verb, arguments):
        plain, _, id = " ".join(arguments).partition(" TRACKING ")
        with open(FILE + ".log", "a") as log:
            log.write(f"{verb} {plain}\n")
        verdict = read().get("verdict", "0")
        if id and verdict:
            self._say(f"TRACKING {id} {verdict}")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def read():
    with open(FILE) as file:
        return json.load(file)


if __name__ == "__main__":
    SOCKET, FILE = sys.argv[1:]
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    Server(SOCKET, Dialogue).serve_forever()
