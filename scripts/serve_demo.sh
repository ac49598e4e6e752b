#!/bin/sh
# `voice serve` with nothing but this machine: what is missing of the models is fetched once, then it serves.
# The page is at the address that it tells; README.md has the lines for curl and the openai SDK.
set -eu

voice=${1:-voice}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The local backend, whatever this person has configured.
: >"$folder/config.toml"
export VOICE_CONFIG="$folder/config.toml" VOICE_TRANSCRIBE=local VOICE_CHAT=local VOICE_SPEAK=local
export VOICE_MODELS_FETCH=always
"$voice" models pull moonshine-tiny-en >/dev/null
"$voice" speak "Here I am." -o "$folder/first.wav" # fetches the voice
"$voice" serve --port "${PORT:-8000}"
