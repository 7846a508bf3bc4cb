// Streams and files: server-sent events in pieces, tags of WAV and FLAC files, file names.

import { expect, test } from "@playwright/test";
import { readTags } from "../../src/audio/tags";
import { planFor, wav } from "../mock/sound";

test.beforeAll(() => {
  // The modules under test read the browser's store when they are loaded.
  const store = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  Object.assign(globalThis, { sessionStorage: store, localStorage: store });
});

test("events are put together however they are cut", async () => {
  const { parseEvents } = await import("../../src/api/events");
  const text =
    ': hello\n\nid: 1\nevent: queued\ndata: {"a":1}\n\nid: 2\r\nevent: progress\r\ndata: {"b":\r\ndata: 2}\r\n\r\n';
  const expected = [
    { id: "1", event: "queued", data: '{"a":1}' },
    { id: "2", event: "progress", data: '{"b":\n2}' },
  ];
  expect(parseEvents(text).messages).toEqual(expected);
  for (let cut = 0; cut <= text.length; cut++) {
    const first = parseEvents(text.slice(0, cut));
    const second = parseEvents(first.rest + text.slice(cut));
    expect([...first.messages, ...second.messages], `cut at ${cut}`).toEqual(expected);
  }
});

const buffer = (data: Buffer) =>
  data.buffer.slice(data.byteOffset, data.byteOffset + data.length) as ArrayBuffer;

test("tags of a WAV file are read back", () => {
  const tags = { prompt: "slow “blues” ♭", seed: "5", plan: "{}" };
  expect(readTags(buffer(wav(planFor(1, 1), tags)))).toEqual(tags);
});

test("tags of a FLAC file are read back", () => {
  const texts = ["PROMPT=slow blues", "seed=5"].map((text) => Buffer.from(text));
  const lengths = (n: number) => Buffer.from([n & 255, n >> 8, 0, 0]);
  const comment = Buffer.concat([
    lengths(0),
    lengths(texts.length),
    ...texts.flatMap((text) => [lengths(text.length), text]),
  ]);
  const block = (kind: number, data: Buffer) =>
    Buffer.concat([Buffer.from([kind, 0, data.length >> 8, data.length & 255]), data]);
  const file = Buffer.concat([Buffer.from("fLaC"), block(0, Buffer.alloc(34)), block(0x84, comment)]);
  expect(readTags(buffer(file))).toEqual({ prompt: "slow blues", seed: "5" });
});

test("damaged files have no tags and break nothing", () => {
  const file = wav(planFor(1, 1), { prompt: "x".repeat(200) });
  for (let cut = 0; cut < 300; cut++) expect(() => readTags(buffer(file.subarray(0, cut)))).not.toThrow();
  expect(readTags(new ArrayBuffer(0))).toEqual({});
  expect(readTags(buffer(Buffer.from("OggS\x03vorbis\xff\xff\xff\xff", "latin1")))).toEqual({});
});
