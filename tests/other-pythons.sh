#!/bin/sh
# The unit tests on the other supported Pythons that this machine has.
set -eu
own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.11 3.12 3.13; do
    [ "$version" = "$own" ] && continue
    python=
    for candidate in "$(command -v python$version || true)" "$HOME"/.pyenv/versions/$version.*/bin/python; do
        if [ -x "$candidate" ] && "$candidate" -c 'import venv' 2>/dev/null; then python=$candidate; break; fi
    done
    if [ -z "$python" ]; then echo "Python $version: not on this machine, not tested"; continue; fi
    if [ ! -e ".venv-$version/.ready" ]; then
        "$python" -m venv ".venv-$version"
        ".venv-$version/bin/pip" --quiet --disable-pip-version-check install --editable . "pytest>=8" "hypothesis>=6.100" "hatchling>=1.25"
        touch ".venv-$version/.ready"
    fi
    echo "Python $version:"
    PYBPFC_PROGRAMS=100 ".venv-$version/bin/python" -m pytest -q -p no:cacheprovider tests/unit tests/golden tests/ui tests/exec tests/packaging
done
