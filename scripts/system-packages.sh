#!/bin/sh
# What the tests of sound, recordings and the browser page need of the system: installed where this is Debian and we are root, else said in one line.
set -u

packages="pulseaudio pulseaudio-utils libasound2-plugins libportaudio2 ffmpeg chromium"

missing=""
command -v pulseaudio >/dev/null 2>&1 || missing="$missing pulseaudio"
command -v pactl >/dev/null 2>&1 || missing="$missing pulseaudio-utils"
command -v ffmpeg >/dev/null 2>&1 || missing="$missing ffmpeg"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
if command -v ldconfig >/dev/null 2>&1 || [ -x /sbin/ldconfig ]; then
    libraries=$(PATH="$PATH:/sbin" ldconfig -p 2>/dev/null)
    case "$libraries" in *libportaudio.so.2*) ;; *) missing="$missing libportaudio2" ;; esac
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests of sound, recordings and the page:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1 && exit 0
    echo "could not install:$missing" >&2
fi
echo "left out: the tests on virtual sound devices and in a browser, which need$missing (Debian: sudo apt install $packages)"
