// The settings inside a file that mustool wrote: RIFF chunk `mtag` (JSON) in WAV files, Vorbis
// comments (https://xiph.org/vorbis/doc/v-comment.html) in FLAC and Ogg files.

/** Most bytes of tags that are read. */
const MAX_BYTES = 1 << 20;

const latin = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const utf8 = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function fromWav(view: DataView, bytes: Uint8Array): Record<string, string> {
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = latin(bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    if (id === "mtag" && size <= MAX_BYTES) {
      return JSON.parse(utf8(bytes.subarray(at + 8, at + 8 + size))) as Record<string, string>;
    }
    at += 8 + size + (size % 2);
  }
  return {};
}

function comments(view: DataView, bytes: Uint8Array, start: number): Record<string, string> {
  const tags: Record<string, string> = {};
  let at = start + 4 + view.getUint32(start, true);
  const count = Math.min(view.getUint32(at, true), 256);
  at += 4;
  for (let i = 0; i < count; i++) {
    const size = view.getUint32(at, true);
    if (size > MAX_BYTES) break;
    const text = utf8(bytes.subarray(at + 4, at + 4 + size));
    const equals = text.indexOf("=");
    tags[text.slice(0, equals).toLowerCase()] = text.slice(equals + 1);
    at += 4 + size;
  }
  return tags;
}

function fromFlac(view: DataView, bytes: Uint8Array): Record<string, string> {
  for (let at = 4; at + 4 <= bytes.length;) {
    const kind = bytes[at]! & 0x7f;
    const size = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (kind === 4) return comments(view, bytes, at + 4);
    if (bytes[at]! & 0x80) break;
    at += 4 + size;
  }
  return {};
}

/** Ogg comments are looked for in the first pages, which hold them unbroken for tags of our size. */
function fromOgg(view: DataView, bytes: Uint8Array): Record<string, string> {
  const head = latin(bytes.subarray(0, Math.min(bytes.length, 8192)));
  for (const mark of ["\x03vorbis", "OpusTags"]) {
    const at = head.indexOf(mark);
    if (at >= 0) return comments(view, bytes, at + mark.length);
  }
  return {};
}

/** Tags of a file by its content; none where there are none or the file is damaged. */
export function readTags(buffer: ArrayBuffer): Record<string, string> {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  try {
    const magic = latin(bytes.subarray(0, 4));
    if (magic === "RIFF") return fromWav(view, bytes);
    if (magic === "fLaC") return fromFlac(view, bytes);
    if (magic === "OggS") return fromOgg(view, bytes);
  } catch {
    // A file cut short ends here as one without tags.
  }
  return {};
}
