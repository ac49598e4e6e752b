// Microphone and loudspeaker. Belongs here: opening and closing them. Does not belong here: the network, words.

export const RATE = 24000;
const WORKLETS = new URL("worklets.js", import.meta.url);
const WISHES = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/** Why a microphone cannot be had, as the name of a sentence. */
const TROUBLES = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing", NotReadableError: "busy" };

export class MicrophoneError extends Error {}

/** Calls `take` with blocks of 20 ms (Int16Array). Returns what closes it. Throws MicrophoneError. */
export async function openMicrophone(take) {
  if (!navigator.mediaDevices) throw new MicrophoneError("insecure");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: WISHES }).catch((error) => {
    throw new MicrophoneError(TROUBLES[error.name] ?? "busy");
  });
  const { context, source } = await connected(stream);
  const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  recorder.port.onmessage = ({ data }) => take(data);
  source.connect(recorder);
  await context.resume();
  return () => {
    stream.getTracks().forEach((each) => each.stop());
    context.close();
  };
}

/** At 24 kHz where the browser converts rates by itself (Firefox does not), else at its own. */
async function connected(stream) {
  for (const options of [{ sampleRate: RATE }, {}]) {
    const context = new AudioContext(options);
    try {
      const source = context.createMediaStreamSource(stream);
      await context.audioWorklet.addModule(WORKLETS);
      return { context, source };
    } catch (error) {
      await context.close();
      if (error.name !== "NotSupportedError") throw error;
    }
  }
  throw new MicrophoneError("busy");
}

/** The loudspeaker. `changed` is called when it begins or ceases to sound. */
export class Loudspeaker {
  /** Samples that have sounded, and that were ever sent. */
  played = 0;
  sent = 0;
  sounding = false;

  static async open(changed) {
    const speaker = new Loudspeaker();
    const context = (speaker.context = new AudioContext({ sampleRate: RATE }));
    await context.audioWorklet.addModule(WORKLETS);
    speaker.node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    speaker.node.port.onmessage = ({ data }) => {
      const before = speaker.sounding;
      Object.assign(speaker, data);
      if (before !== speaker.sounding) changed();
    };
    speaker.node.connect(context.destination);
    await context.resume();
    return speaker;
  }

  /** Sound in base64, s16le mono at 24 kHz. */
  play(base64) {
    const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (each) => each / 32768);
    this.sent += samples.length;
    this.node.port.postMessage(samples, [samples.buffer]);
  }

  /** Silence, at once. */
  clear() {
    this.sent = this.played;
    this.node.port.postMessage(null);
  }

  /** Stands still and keeps what it has, or goes on. */
  halt(halted) {
    this.node.port.postMessage(halted);
  }

  close() {
    this.context.close();
  }
}
