#!/bin/sh
# A spoken conversation of free sentences, with nothing but this machine: the first thing it does is fetch the models
# (once; afterwards it needs no network). A local voice asks, the questions go through the loop that a microphone feeds,
# and the replies are put on demo.wav. Nothing in it is prepared: what is shown is what was recognised.
. "$(dirname "$0")/this_machine.sh"

number=0
for question in "Hello there, could you tell me what time it is?" "What is seven and a half times twelve?" \
    "Convert one hundred degrees Fahrenheit to Celsius." "Set a timer for ten minutes."; do
    number=$((number + 1))
    "$voice" speak --speed 0.95 "$question" -o "$folder/$number.wav"
done
"$(dirname "$voice")/python" "$(dirname "$0")/join_questions.py" "$folder"/[1-4].wav questions.wav

echo "asking four questions aloud; the replies go to demo.wav"
"$voice" talk --private --input questions.wav --output demo.wav
