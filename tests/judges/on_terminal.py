"""Runs a command on a terminal of its own: what it shows goes to standard output, what comes in is typed. Ends as it does."""

import os
import pty
import select
import sys

TYPED = 0


def main(command):
    process, terminal = pty.fork()
    if process == 0:
        os.execv(command[0], command)
    sources = [terminal, TYPED]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if TYPED in ready:
            typed = os.read(TYPED, 1024)
            if typed:
                os.write(terminal, typed)
            else:
                sources.remove(TYPED)
        if terminal in ready:
            try:
                shown = os.read(terminal, 65536)
            except OSError:  # Linux says so when nobody is left on the other side.
                shown = b""
            if not shown:
                break
            os.write(sys.stdout.fileno(), shown)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
