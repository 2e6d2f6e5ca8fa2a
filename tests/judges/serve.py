"""Runs a server from this environment, by the name of its command, until standard input closes.

    serve.py moto_server -H 127.0.0.1 -p 5000

A test holds the other end of standard input. When the test process ends, however it ends, the server ends too, and the
folder in which it kept its files is gone.
"""

import importlib.metadata
import os
import shutil
import sys
import tempfile
import threading


def leave_with_parent(folder):
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main():
    command = sys.argv[1]
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=command)
    folder = tempfile.mkdtemp(prefix="ddsync-test-")
    os.chdir(folder)
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    threading.Thread(target=leave_with_parent, args=(folder,), daemon=True).start()
    sys.argv = sys.argv[1:]
    sys.exit(entry.load()())


if __name__ == "__main__":
    main()
