// @openai/agents against `voice serve`: `node agents_client.mjs ws://HOST:PORT/v1/realtime FOLDER`, by itself.
//
// A typed question, a spoken one (`FOLDER/digits24.wav`), and a long answer that is interrupted by speech. What sounded is
// written to FOLDER, what else came is printed as one JSON object.
//
// Belongs here: calls of the library. Does not belong here: anything of this project.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { setTracingDisabled } from "@openai/agents";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";

const [url, folder] = process.argv.slice(2);
setTracingDisabled(true);
const agent = new RealtimeAgent({ name: "digits", instructions: "Count.", voice: "ash" });
const session = new RealtimeSession(agent, { transport: new OpenAIRealtimeWebSocket({ url }), model: "realtime" });
let sound = [];
session.on("audio", ({ data }) => sound.push(Buffer.from(data)));
session.on("error", (error) => fail(JSON.stringify(error)));
const late = setTimeout(() => fail("nothing came"), 60_000);

function fail(why) {
  console.error(why);
  process.exit(1);
}

const once = (name, wanted = () => true) =>
  new Promise((done) => session.on(name, (event) => wanted(event) && done(event)));
const answered = () => once("transport_event", ({ type, response }) => type === "response.done" && response.status === "completed");

async function speak() {
  const pcm = Buffer.concat([readFileSync(`${folder}/digits24.wav`).subarray(44), Buffer.alloc(96_000)]);
  for (let at = 0; at < pcm.length; at += 4800) {
    const piece = Uint8Array.from(pcm.subarray(at, at + 4800));
    session.sendAudio(piece.buffer);
    await rest(100);
  }
}

await session.connect({ apiKey: "-" });
for (const [name, ask] of [["typed", () => session.sendMessage("472")], ["spoken", speak]]) {
  sound = [];
  const done = answered();
  await ask();
  await done;
  writeFileSync(`${folder}/js-${name}.pcm`, Buffer.concat(sound));
}
const sounds = once("audio");
session.sendMessage("1234567890".repeat(4));
await sounds;
await rest(2500);
const interrupted = once("audio_interrupted");
speak();
await interrupted;
clearTimeout(late);
const said = session.history.filter(({ role }) => role === "assistant").map(({ content }) => content[0]?.transcript);
console.log(JSON.stringify({ interrupted: true, said: said.slice(0, 2) }));
process.exit(0);
