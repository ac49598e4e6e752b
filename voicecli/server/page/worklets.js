// What runs in the browser's audio thread. Belongs here: samples in, samples out. Does not belong here: the network.

const RATE = 24000;
const BLOCK = RATE / 50;
const FADE = RATE / 200;

/** The microphone as blocks of 20 ms of s16le at 24 kHz, whatever rate this browser's context has. */
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
    this.at = 0;
    this.last = 0;
  }

  process([[samples]]) {
    if (!samples) return true;
    const step = sampleRate / RATE;
    // `at` is the place of the next sample, with the last one of the block before at -1.
    for (; this.at <= samples.length - 1; this.at += step) {
      const low = Math.floor(this.at);
      const before = low < 0 ? this.last : samples[low];
      const after = samples[Math.min(low + 1, samples.length - 1)];
      this.push(before + (after - before) * (this.at - low));
    }
    this.at -= samples.length;
    this.last = samples[samples.length - 1];
    return true;
  }

  push(sample) {
    this.block[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
    if (this.filled < BLOCK) return;
    this.port.postMessage(this.block);
    this.filled = 0;
  }
}

/** Plays what it is sent, in order. `null` empties it within 5 ms. Tells how many samples have sounded. */
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.offset = 0;
    this.played = 0;
    this.sounding = false;
    this.port.onmessage = ({ data }) => (data === null ? this.clear() : this.queue.push(data));
  }

  clear() {
    const rest = this.queue[0]?.subarray(this.offset, this.offset + FADE).map((each, at) => each * (1 - at / FADE));
    this.queue = rest?.length ? [rest] : [];
    this.offset = 0;
  }

  process(_inputs, [[out]]) {
    let filled = 0;
    while (filled < out.length && this.queue.length) {
      const piece = this.queue[0].subarray(this.offset, this.offset + out.length - filled);
      out.set(piece, filled);
      filled += piece.length;
      this.offset += piece.length;
      if (this.offset === this.queue[0].length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.played += filled;
    if (filled || this.sounding) this.port.postMessage({ played: this.played, sounding: filled > 0 });
    this.sounding = filled > 0;
    return true;
  }
}

registerProcessor("recorder", Recorder);
registerProcessor("player", Player);
