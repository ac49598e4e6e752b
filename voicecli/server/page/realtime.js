// The connection to /v1/realtime and the lists of the server. Belongs here: requests and events. Does not belong here: the page.

const BASE = new URL(".", document.baseURI);

const STATUSES = { 401: "locked", 429: "full" };

/** A list of the server, [] where there is none. Throws an Error named as a sentence: "locked", "full", "unreachable". */
export async function listed(path, name, key) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const answer = await fetch(new URL(path, BASE), { headers }).catch(() => {
    throw new Error("unreachable");
  });
  if (STATUSES[answer.status]) throw new Error(STATUSES[answer.status]);
  return answer.ok ? ((await answer.json())[name] ?? []) : [];
}

/** What a session that is closed means, as the name of a sentence; the reason says more where there is none. */
const CODES = { 1001: "leaving", 1006: "unreachable" };

export class Session {
  /** Opens; `take` gets every event, `ended` the name of a sentence and a reason. Resolves when it is open. */
  static open({ model, key, take, ended }) {
    const address = new URL(`v1/realtime?model=${encodeURIComponent(model)}`, BASE);
    address.protocol = address.protocol.replace("http", "ws");
    const protocols = ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])];
    const session = new Session();
    const socket = (session.socket = new WebSocket(address, protocols));
    socket.onmessage = ({ data }) => take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => ended(CODES[code] ?? "failed", reason);
    return new Promise((opened) => (socket.onopen = () => opened(session)));
  }

  send(type, fields = {}) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, ...fields }));
  }

  /** Sound of the microphone (Int16Array). */
  append(block) {
    const bytes = new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
    this.send("input_audio_buffer.append", { audio: btoa(String.fromCharCode(...bytes)) });
  }

  /** Words of the person, to be answered. */
  type(text) {
    const content = [{ type: "input_text", text }];
    this.send("conversation.item.create", { item: { type: "message", role: "user", content } });
    this.send("response.create");
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}
