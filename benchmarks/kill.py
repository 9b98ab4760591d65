"""Ingest of a long recording over TCP, killed repeatedly with SIGKILL: what is lost, is the file intact?

    python benchmarks/kill.py [LINES] [KILLS]

Unlike a real gateway, the sender waits while ingest is down: only what ingest had read and not yet committed
may be missing. Prints that as seconds of traffic per kill.
"""

import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from common import ROOT, installation, scalar, traffic

RATE = 5_000  # lines a second


class Sender(threading.Thread):
    """Sends the recording to each client, from where the last connection ended."""

    def __init__(self, server, lines):
        super().__init__(daemon=True)
        self.server, self.lines, self.position = server, lines, 0

    def run(self):
        while self.position < len(self.lines):
            connection, _ = self.server.accept()
            with connection:
                try:
                    while self.position < len(self.lines):
                        block = self.lines[self.position : self.position + RATE // 20]
                        connection.sendall("".join(block).encode())
                        self.position += len(block)
                        time.sleep(0.05)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)
                except OSError:
                    continue


def main(count=1_000_000, kills=100):
    rnd = random.Random(3)
    # Each line carries its number, so that order and repetition can be seen.
    lines = [f"{1 + n % 20};1;1;0;47;{n}\n" if n % 7 else line for n, line in enumerate(traffic(count))]
    with installation() as (folder, server):
        sender = Sender(server, lines)
        sender.start()
        database = folder / "telemetry.db"
        command = [sys.executable, "-m", "voltkeeper", "ingest", "--config", str(folder / "config.yml")]
        done = 0
        while done < kills and sender.position < count:
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
            time.sleep(rnd.uniform(1.2, 3.0))
            process.kill()
            process.wait()
            done += 1
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        sender.join()
        time.sleep(3)
        process.terminate()
        process.wait(30)
        connection = sqlite3.connect(database)
        whole = connection.execute("pragma integrity_check").fetchone()[0]
        numbers = [
            int(payload)
            for (payload,) in connection.execute(
                "select payload from messages where type = 47 and command = 1 order by id"
            )
        ]
        stored = scalar(database, "select count(*) from messages")
        readings, counted = connection.execute(
            "select (select count(*) from readings), (select sum(count) from readings_hourly)"
        ).fetchone()
        days = scalar(database, "select sum(messages) from node_daily where child_id is null")
        connection.close()
        lost_s = (count - stored) / max(done, 1) / RATE
        print(
            f"{done} kills, {count:,} lines sent, {stored:,} stored, {lost_s:.2f} s of traffic lost per kill "
            "(at most commit_s and what was in transit)"
        )
        once = len(numbers) == len(set(numbers))
        print(f"integrity: {whole}; in order: {numbers == sorted(numbers)}; once: {once}")
        print(f"hourly figures agree: {readings == counted}; daily figures agree: {days == stored}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
