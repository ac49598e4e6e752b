#!/bin/sh
# `voice serve` with nothing but this machine: what is missing of the models is fetched once, then it serves.
# The page is at the address that it tells; README.md has the lines for curl and the openai SDK.
. "$(dirname "$0")/this_machine.sh"

"$voice" serve --port "${PORT:-8000}"
