#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""udp-sizes.py answer ADDRESS PORT
udp-sizes.py ask ADDRESS PORT FIRST LAST [STEP]

Sends a UDP datagram of each size and compares the answer, which "answer" makes of the same
bytes. Ends with 1 if an answer differs, or if none comes to a datagram sent often.
"""

import hashlib
import select
import socket
import sys

AT_A_TIME = 32
TRIES = 10


def content(size, key):
    """Bytes that no other size has."""
    return hashlib.shake_128(b"%s %d" % (key, size)).digest(size)


def answer(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        while True:
            data, peer = sock.recvfrom(65536)
            if data != content(len(data), b"ask"):
                print("a datagram of %d bytes arrived changed" % len(data))
                return 1
            sock.sendto(content(len(data), b"answer"), peer)


class Asker:
    """A socket, so a flow of its own, with one question at a time."""

    def __init__(self, address, port):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((address, port))
        self.size = None
        self.tries = 0

    def ask(self, size):
        self.size, self.tries = size, 0
        self.again()

    def again(self):
        self.tries += 1
        self.sock.send(content(self.size, b"ask"))

    def answered(self):
        """Whether the answer is that to the question; None if it is an older one."""
        data = self.sock.recv(65536)
        if data == content(self.size, b"answer"):
            return True
        return None if data == content(len(data), b"answer") else False


def ask(address, port, sizes):
    """How many were sent again, or a negative number."""
    askers = [Asker(address, port) for _ in range(min(len(sizes), AT_A_TIME))]
    waiting = {asker.sock: asker for asker in askers}
    again = 0
    for asker in askers:
        asker.ask(sizes.pop())
    while waiting:
        ready = select.select(list(waiting), [], [], 0.5)[0]
        for asker in waiting.values() if not ready else ():
            if asker.tries == TRIES:
                print("no answer to %d bytes, sent %d times" % (asker.size, TRIES))
                return -1
            asker.again()
            again += 1
        for sock in ready:
            right = waiting[sock].answered()
            if right is False:
                print("an answer to %d bytes is another one" % waiting[sock].size)
                return -1
            if right and sizes:
                waiting[sock].ask(sizes.pop())
            elif right:
                del waiting[sock]
    return again


def main():
    what, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "answer":
        return answer(address, port)
    first, last, step = (int(arg) for arg in (sys.argv[4:] + ["1"])[:3])
    sizes = list(range(last, first - 1, -step))
    count = len(sizes)
    again = ask(address, port, sizes)
    if again < 0:
        return 1
    print("%d sizes from %d to %d, %d sent again" % (count, first, last, again))
    return 0


if __name__ == "__main__":
    sys.exit(main())
