# To be read by the scripts that show what this machine alone can do: `$voice`, a folder of their own in `$folder`, the
# local family whatever this person has configured, and models that are fetched where they are missing.
set -eu

voice=${1:-voice}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
: >"$folder/config.toml"
export VOICE_CONFIG="$folder/config.toml" VOICE_TRANSCRIBE=local VOICE_CHAT=local VOICE_SPEAK=local
export VOICE_MODELS_FETCH=always
