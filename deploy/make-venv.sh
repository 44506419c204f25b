#!/bin/sh
# make-venv.sh FOLDER [SET]: an environment in FOLDER with what requirements/SET.txt pins (run, or postgres), each file
# by its hash, and this project. PYTHON names the Python that makes it. What builds the project stays out of it.
set -eu

here=$(cd -- "$(dirname -- "$0")/.." && pwd)
folder=$1
pins=$here/requirements/${2:-run}.txt
tools=$(mktemp -d)
trap 'rm -rf -- "$tools"' EXIT

install() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"; }

"${PYTHON:-python3}" -m venv "$folder"
install --require-hashes -r "$pins"

# The builder, in a folder that is thrown away.
install --require-hashes -r "$here/requirements/build.txt" --target "$tools/builder"
PYTHONPATH=$tools/builder install --no-index --no-deps --no-build-isolation "$here"
