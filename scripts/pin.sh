#!/bin/sh
# Pins requirements/*.txt, with the hashes of every platform's files: sh scripts/pin.sh [FLAG OF UV ...]
# What is pinned stays; --upgrade renews all of it, --upgrade-package NAME one. What is wanted stands in pyproject.toml.
# The hashes are those that the index lists; nothing is downloaded but uv.
set -eu

cd "$(dirname "$0")/.."
UV=.venv-pins/bin/uv
export UV_CUSTOM_COMPILE_COMMAND="sh scripts/pin.sh"
[ -x "$UV" ] || { "${PYTHON:-python3}" -m venv .venv-pins && .venv-pins/bin/pip install --quiet uv; }

pin() {
    name=$1 && shift
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --output-file "requirements/$name.txt" "$@"
}

pin run pyproject.toml "$@"
besides=$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/run.txt)
# shellcheck disable=SC2086
pin dev --group dev --constraints requirements/run.txt $besides "$@"
for group in fuzz interop-openai-agents interop-schemathesis interop-litellm interop-sdk interop-specification peers-talk; do
    pin "$group" --group "$group" "$@"
done
pin interop-ray pyproject.toml --extra serve --extra ray "$@"
