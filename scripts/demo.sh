#!/bin/sh
# A spoken conversation of three turns, with nothing but this machine: the embedded voice asks, the questions
# go through the loop that a microphone feeds, and the replies are put on demo.wav. Nothing in it is prepared:
# what is shown is what was recognised.
set -eu

voice=${1:-voice}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The embedded backends, whatever this person has configured.
: >"$folder/config.toml"
export VOICE_CONFIG="$folder/config.toml" VOICE_TRANSCRIBE=embedded VOICE_CHAT=embedded VOICE_SPEAK=embedded

number=0
for question in "what time is it" "what is twelve times seven" "convert five miles to kilometers"; do
    number=$((number + 1))
    "$voice" speak --quiet --voice en-us+f2 --speed 0.9 "$question" -o "$folder/$number.wav"
done
"$(dirname "$voice")/python" "$(dirname "$0")/join_questions.py" "$folder"/[123].wav questions.wav

echo "asking three questions aloud; the replies go to demo.wav"
"$voice" talk --private --input questions.wav --output demo.wav
