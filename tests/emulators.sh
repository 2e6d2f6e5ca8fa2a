#!/bin/sh
# Makes the Python environment of the tests in the folder $1, once for each content of requirements.txt.
# PYTHON names the interpreter, python3 when it is not set.
set -eu

folder=$1
wanted=$(dirname "$0")/requirements.txt
installed=$folder/requirements.txt
python=${PYTHON:-python3}

if [ -x "$folder/bin/python" ] && cmp -s "$wanted" "$installed"; then
    exit 0
fi

fail() {
    echo "make test: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "$python is missing; install Python 3.11 or later, or name it: make test PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old for the emulators; name a Python 3.11 or later: make test PYTHON=python3.11"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module; install it (Debian and Ubuntu: apt-get install python3-venv)"

echo "Installing the emulators into $folder (about half a minute, 250 MB) ..."
rm -rf "$folder"
"$python" -m venv "$folder" || fail "could not make a Python environment in $folder"
# Wheels only: a source package would run its own code and need a compiler.
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: \
    --requirement "$wanted" ||
    fail "could not install $wanted; pip says why above. It needs the network, or PIP_INDEX_URL or PIP_FIND_LINKS"
# Last, so that an environment that is half made is made again.
cp "$wanted" "$installed"
