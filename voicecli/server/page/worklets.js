// What runs in the browser's audio thread. Belongs here: samples in, samples out. Does not belong here: the network.

const RATE = 24000;
const BLOCK = RATE / 50;
const FADE = RATE / 200;
/** So much is waited for before sound begins, or so long: a busy page hands on what the server sent at once in pieces. */
const HEAD = RATE / 10;

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

/**
 * Plays what it is sent, in order. `null` empties it within 5 ms, `true` halts it as soon, `false` lets it go on.
 * Tells how many samples have sounded, and whether there is something to hear, or to go on with.
 */
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.offset = 0;
    this.queued = this.waited = 0;
    this.played = 0;
    this.gain = 1;
    this.halted = false;
    this.sounding = false;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(data) {
    if (data === null) this.clear();
    else if (typeof data === "boolean") this.halted = data;
    else {
      this.queue.push(data);
      this.queued += data.length;
    }
  }

  clear() {
    const rest = this.queue[0]?.subarray(this.offset, this.offset + FADE).map((each, at) => each * (1 - at / FADE));
    this.queue = this.gain && this.waited >= HEAD && rest?.length ? [rest] : [];
    this.queued = this.queue.length && rest.length;
    this.offset = 0;
    this.halted = false;
  }

  process(_inputs, [[out]]) {
    let filled = 0;
    if (this.queued >= HEAD) this.waited = HEAD;
    for (; this.waited >= HEAD && filled < out.length && this.queue.length; filled++) {
      this.gain = Math.min(1, Math.max(0, this.gain + (this.halted ? -1 : 1) / FADE));
      if (!this.gain) break;
      out[filled] = this.queue[0][this.offset++] * this.gain;
      if (this.offset === this.queue[0].length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.played += filled;
    this.queued -= filled;
    this.waited = this.queue.length ? this.waited + out.length : 0;
    const sounding = filled > 0 || this.queue.length > 0;
    if (filled || this.sounding !== sounding) this.port.postMessage({ played: this.played, sounding });
    this.sounding = sounding;
    return true;
  }
}

registerProcessor("recorder", Recorder);
registerProcessor("player", Player);
