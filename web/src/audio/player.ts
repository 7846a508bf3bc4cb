// Playback through Web Audio: exact loops, and several tracks in step for comparing. Where the
// sound comes from (a take, a sketch of the plan) is decided in `state/listening.ts`.

import { signal } from "@preact/signals";

/** Seconds from the start of the piece. */
export const position = signal(0);
export const playing = signal(false);
export const looping = signal(false);

export interface Region {
  startS: number;
  endS: number;
}

interface Voice {
  source: AudioBufferSourceNode;
  gain: GainNode;
}

/** Switching tracks and stopping fade this long, so that nothing clicks. */
const FADE_S = 0.012;

let context: AudioContext | undefined;
let tracks: AudioBuffer[] = [];
let voices: Voice[] = [];
let audible = 0;
let region: Region | null = null;
/** Time of the context at which position 0 would have begun. */
let origin = 0;

/** The audio context; browsers let it start with the first gesture. */
export function audio(): AudioContext {
  context ??= new AudioContext();
  return context;
}

export const decode = (bytes: ArrayBuffer) => audio().decodeAudioData(bytes);

const length = () => Math.max(0, ...tracks.map((track) => track.duration));

/** What is looped while `looping`: the region, or the whole piece. */
function loopBounds(): Region {
  return region && region.endS - region.startS > 0.05 ? region : { startS: 0, endS: length() };
}

function now(): number {
  const raw = audio().currentTime - origin;
  if (!looping.value) return Math.min(raw, length());
  const { startS, endS } = loopBounds();
  return raw < endS ? raw : startS + ((raw - startS) % (endS - startS));
}

function tick(): void {
  if (!playing.value) return;
  position.value = now();
  if (!looping.value && position.value >= length() - 1e-3) {
    stop();
    position.value = 0;
    return;
  }
  requestAnimationFrame(tick);
}

function silence(): void {
  for (const { source, gain } of voices) {
    gain.gain.setTargetAtTime(0, audio().currentTime, FADE_S / 3);
    source.stop(audio().currentTime + FADE_S);
  }
  voices = [];
}

function start(fromS: number): void {
  silence();
  const { startS, endS } = loopBounds();
  origin = audio().currentTime - fromS;
  voices = tracks.map((buffer, index) => {
    const source = new AudioBufferSourceNode(audio(), { buffer, loop: looping.value });
    source.loopStart = startS;
    source.loopEnd = Math.min(endS, buffer.duration);
    const gain = new GainNode(audio(), { gain: index === audible ? 1 : 0 });
    source.connect(gain).connect(audio().destination);
    source.start(0, Math.min(fromS, Math.max(0, buffer.duration - 0.01)));
    return { source, gain };
  });
}

/** Puts one or more tracks on; playback goes on at the same place. */
export function load(next: AudioBuffer[], heard = 0): void {
  tracks = next;
  audible = heard;
  if (tracks.length === 0) return stop();
  if (playing.value) start(Math.min(position.value, length()));
}

export const isLoaded = () => tracks.length > 0;

/** Lets one of the tracks be heard, at once. */
export function hear(index: number): void {
  audible = index;
  voices.forEach(({ gain }, i) => {
    gain.gain.setTargetAtTime(i === index ? 1 : 0, audio().currentTime, FADE_S / 3);
  });
}

export async function play(): Promise<void> {
  if (tracks.length === 0) return;
  await audio().resume();
  const { startS, endS } = loopBounds();
  const inside = position.value >= startS - 1e-3 && position.value < endS - 0.02;
  const from = looping.value && !inside ? startS : position.value >= length() - 0.02 ? 0 : position.value;
  position.value = from;
  start(from);
  if (!playing.value) {
    playing.value = true;
    requestAnimationFrame(tick);
  }
}

export function stop(): void {
  if (playing.value) position.value = now();
  silence();
  playing.value = false;
}

export function seek(toS: number): void {
  position.value = Math.max(0, toS);
  if (playing.value) start(position.value);
}

export function setLooping(on: boolean): void {
  if (playing.value) position.value = now();
  looping.value = on;
  if (playing.value) void play();
}

/** The stretch that loops; null for the whole piece. */
export function setRegion(next: Region | null): void {
  if (playing.value) position.value = now();
  region = next;
  if (playing.value && looping.value) void play();
}
