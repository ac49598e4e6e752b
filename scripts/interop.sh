#!/bin/sh
# Runs the interop tests against servers and clients that nobody here wrote: sh scripts/interop.sh TOOL...
# Each tool is set up once below .venv-interop, in an environment of its own: nothing of it is needed to run
# voice or its other tests. Versions are pinned here and in requirements/ (scripts/pin.sh).
set -eu

PYTHON=${PYTHON:-python3}
HERE=.venv-interop
AIMOCK=@copilotkit/aimock@1.43.0
AGENTS_JS=@openai/agents@0.20.0
PRISM=@stoplight/prism-cli@5.14.2

need_npm() {
    if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then
        echo "interop: $1 needs Node.js 20 or newer with npm (Debian: apt-get install -y nodejs npm)" >&2
        exit 2
    fi
}

# The mark holds what was installed, so that a new pin sets the tool up anew.
with_npm() {
    need_npm "$1"
    if [ "$(cat "$HERE/$1/installed" 2>/dev/null)" != "$2" ]; then
        rm -rf "${HERE:?}/$1"
        mkdir -p "$HERE/$1"
        npm install --silent --no-audit --no-fund --no-save --fetch-retries 4 --prefix "$HERE/$1" "$2"
        echo "$2" >"$HERE/$1/installed"
    fi
}

with_pip() {
    wanted="requirements/${2:-interop-$1}.txt"
    if ! cmp -s "$wanted" "$HERE/$1/installed"; then
        rm -rf "${HERE:?}/$1"
        "$PYTHON" -m venv "$HERE/$1"
        "$HERE/$1/bin/pip" install --quiet --retries 4 --require-hashes -r "$wanted"
        cp "$wanted" "$HERE/$1/installed"
    fi
}

for tool in "$@"; do
    case $tool in
    sdk | litellm | openai-agents | schemathesis | ray) with_pip "$tool" ;;
    openai-agents-js) with_npm openai-agents-js "$AGENTS_JS" ;;
    peers) with_pip peers peers-talk ;;
    aimock) with_npm aimock "$AIMOCK" ;;
    prism) with_npm prism "$PRISM" && with_pip specification ;;
    agents)
        with_npm gemini @google/gemini-cli@0.61.0
        with_npm codex @zed-industries/codex-acp@0.16.0
        with_npm opencode opencode-ai@1.18.33
        with_npm claude @agentclientprotocol/claude-agent-acp@0.101.0
        with_npm codex-cli @openai/codex@0.171.0
        with_npm qwen @qwen-code/qwen-code@0.24.4
        with_npm node node@24
        with_npm inspector @modelcontextprotocol/inspector@2.12.0
        ;;
    *) echo "interop: there is no $tool" >&2 && exit 2 ;;
    esac
done
[ -z "${SET_UP_ONLY:-}" ] || exit 0
# Agents look for their makers: in a network of its own there is nobody but this machine, where that can be had.
alone=
case " $* " in
*" agents "*) unshare -n true 2>/dev/null && alone="unshare -n sh -c 'ip link set lo up; exec \"\$@\"' sh" ;;
esac
export VOICE_INTEROP="$*"
eval "exec $alone .venv/bin/python -m pytest tests/interop"
