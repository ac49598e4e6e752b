// The page: buttons to the session, the session's events to the page. Belongs here: what follows from what.
// Does not belong here: sound (sound.js), the connection (realtime.js), words (words.js).

import { listed, Session } from "./realtime.js";
import { Loudspeaker, MicrophoneError, openMicrophone, RATE } from "./sound.js";
import * as transcript from "./transcript.js";
import { preferred, speakIn, word } from "./words.js";

const at = (id) => document.getElementById(id);
const button = at("talk");

/** So much of the first answer sounds before an echo canceller has converged: until then it would interrupt itself. */
const GUARD = 1.5 * RATE;

const now = { state: "idle", detail: "", opening: null, session: null, speaker: null, closeMicrophone: null, answering: false, reply: null };

// -- what is shown ----------------------------------------------------------------------------------

function show(state = now.state, detail = "") {
  Object.assign(now, { state, detail });
  at("status").textContent = word(state) + detail;
  at("status").classList.toggle("wrong", WRONG.has(state));
  button.ariaPressed = String(Boolean(now.closeMicrophone));
  button.title = button.ariaLabel = word(now.closeMicrophone ? "stop" : "start");
}

const WRONG = new Set(["denied", "missing", "busy", "insecure", "locked", "unreachable", "leaving", "full", "failed"]);
const ready = () => (now.speaker?.sounding ? "speaking" : now.closeMicrophone ? "listening" : "typing");

// -- the session ------------------------------------------------------------------------------------

/** The session is open; whoever asks twice waits for the same one. */
const connect = () => (now.opening ??= opened());

async function opened() {
  show("connecting");
  now.speaker ??= await Loudspeaker.open(() => now.session && !WRONG.has(now.state) && show(ready()));
  const wishes = { model: at("model").value || "default", key: at("key").value, take, ended };
  now.session = await Session.open(wishes);
  now.session.send("session.update", { session: { type: "realtime", audio: { input: HEARING, output: speaking() } } });
}

const HEARING = { transcription: {}, turn_detection: { type: "server_vad" }, noise_reduction: { type: "far_field" } };
const speaking = () => ({ pauses: true, ...(at("voice").value && { voice: at("voice").value }) });

function ended(state, reason) {
  hangUp();
  show(state, state === "failed" ? reason : "");
  if (state === "unreachable") choices(); // a browser is not told why a WebSocket was refused; a list is
}

function hangUp() {
  now.closeMicrophone?.();
  now.session?.close();
  now.speaker?.close();
  Object.assign(now, { opening: null, session: null, speaker: null, closeMicrophone: null, answering: false, reply: null });
  button.style.setProperty("--level", 0);
}

async function start() {
  try {
    await connect();
    const close = await openMicrophone(microphone);
    if (!now.session) return close();
    now.closeMicrophone = close;
    show(ready());
  } catch (error) {
    if (!(error instanceof MicrophoneError)) throw error;
    show(error.message);
  }
}

function microphone(block) {
  const peak = block.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  button.style.setProperty("--level", Math.sqrt(peak / 32768).toFixed(2));
  if (now.speaker?.sounding && now.speaker.played < GUARD) block.fill(0);
  now.session?.append(block);
}

/** The loudspeaker falls silent, and the server is told how much of the answer was heard. */
function silence() {
  const { speaker, reply } = now;
  if (!reply || !speaker) return;
  const heard = Math.max(0, Math.round(((speaker.played - reply.from) * 1000) / RATE));
  if (speaker.played < speaker.sent) {
    now.session.send("conversation.item.truncate", { item_id: reply.id, content_index: 0, audio_end_ms: heard });
    transcript.cut(reply.id);
  }
  speaker.clear();
  now.reply = null;
}

function type(text) {
  silence();
  if (now.answering) now.session.send("response.cancel");
  now.session.type(text);
}

// -- its events -------------------------------------------------------------------------------------

const TAKE = {
  "input_audio_buffer.speech_started": () => (silence(), show("hearing")),
  "input_audio_buffer.speech_stopped": () => show("thinking"),
  "conversation.item.added": ({ item }) => {
    const words = item.role === "user" && item.content.find((each) => each.type === "input_text");
    if (words) transcript.finish(item.id, "user", words.text);
  },
  "conversation.item.deleted": ({ item_id }) => transcript.drop(item_id),
  "conversation.item.input_audio_transcription.delta": ({ item_id, delta }) => transcript.grow(item_id, "user", delta),
  "conversation.item.input_audio_transcription.completed": (event) => {
    transcript.finish(event.item_id, "user", event.transcript);
    if (!event.transcript && now.state !== "speaking") show(ready());
  },
  "response.created": () => (now.answering = true) && show("thinking"),
  "response.output_audio.delta": ({ item_id, delta }) => {
    if (now.reply?.id !== item_id) now.reply = { id: item_id, from: now.speaker.sent };
    now.speaker.play(delta);
  },
  "output_audio_buffer.paused": () => now.speaker.halt(true),
  "output_audio_buffer.resumed": () => now.speaker.halt(false),
  "response.output_audio_transcript.delta": ({ item_id, delta }) => transcript.grow(item_id, "assistant", delta),
  "response.output_audio_transcript.done": (event) => transcript.finish(event.item_id, "assistant", event.transcript),
  "response.done": ({ response }) => {
    now.answering = false;
    if (response.status === "cancelled") response.output.forEach((each) => transcript.cut(each.id));
    if (response.status === "failed") show("failed", response.status_details?.error?.message ?? "");
    else if (now.state === "thinking") show(ready());
  },
  error: ({ error }) => error.code === "response_cancel_not_active" || show("failed", error.message),
};

const take = (event) => TAKE[event.type]?.(event);

// -- the page ---------------------------------------------------------------------------------------

async function choices() {
  try {
    const [models, voices] = await Promise.all([
      listed("v1/models", "data", at("key").value),
      listed("v1/audio/voices", "voices", at("key").value),
    ]);
    const chats = models.filter(({ id, verbs }) => id !== "default" && (verbs ?? ["chat"]).includes("chat"));
    fill(at("model"), [["default", word("default")], ...chats.map(({ id }) => [id, id])]);
    fill(at("voice"), [["", word("default")], ...voices.map((each) => [each.id, each.name])]);
    if (now.state === "locked" || now.state === "unreachable") show("idle");
  } catch (error) {
    at("locked").hidden &&= error.message !== "locked";
    show(error.message);
  }
}

function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

button.onclick = () => {
  if (!now.closeMicrophone) return start();
  hangUp();
  show("idle");
};
at("type").onsubmit = async (event) => {
  event.preventDefault();
  const text = at("words").value.trim();
  if (!text) return;
  at("words").value = "";
  await connect();
  if (now.state === "connecting") show(ready());
  type(text);
};
at("choices").onsubmit = (event) => event.preventDefault();
at("choices").onchange = ({ target }) => {
  if (target.id === "key") choices();
  else if (target.id === "voice") now.session?.send("session.update", { session: { audio: { output: speaking() } } });
  else now.session?.send("session.update", { session: { model: target.value } });
};
at("language").onchange = ({ target }) => {
  localStorage.setItem("language", target.value);
  speakIn(target.value);
  show(now.state, now.detail);
};

at("language").value = localStorage.getItem("language") ?? preferred();
speakIn(at("language").value);
show("idle");
choices();
