"""The local family: ears and voices on this machine, and the offline skills. `family` says what it can."""
