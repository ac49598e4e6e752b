"""The embedded family: speech is recognised by pocketsphinx in a process of its own, spoken by espeak-ng, answered by
skills. `family` says what it can, with the factories."""
