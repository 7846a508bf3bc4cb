// The spectrogram pictures of the server in the colours of the page: brightness is kept, hues come
// from the theme.

import { request } from "../../api/client";

/** Darkest to brightest, as red, green, blue. */
type Ramp = readonly (readonly [number, number, number])[];

export const RAMPS: Record<"light" | "dark", Ramp> = {
  dark: [
    [19, 22, 26],
    [38, 36, 66],
    [112, 45, 92],
    [214, 84, 60],
    [255, 176, 46],
    [255, 243, 196],
  ],
  light: [
    [255, 255, 255],
    [255, 228, 150],
    [250, 170, 70],
    [208, 74, 72],
    [98, 36, 92],
    [26, 22, 44],
  ],
};

function colour(ramp: Ramp, level: number): readonly [number, number, number] {
  const at = level * (ramp.length - 1);
  const index = Math.min(Math.floor(at), ramp.length - 2);
  const [low, high, part] = [ramp[index]!, ramp[index + 1]!, at - index];
  return [0, 1, 2].map((i) => low[i]! + (high[i]! - low[i]!) * part) as unknown as readonly [
    number,
    number,
    number,
  ];
}

/** A picture from the server, or one that is here already. */
export async function loadPicture(from: string | Blob): Promise<ImageBitmap> {
  return createImageBitmap(typeof from === "string" ? await (await request(from)).blob() : from);
}

/** Draws a picture recoloured, filling the canvas' own size. */
export function paint(canvas: HTMLCanvasElement, picture: ImageBitmap, ramp: Ramp): void {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(picture, 0, 0);
  const image = context.getImageData(0, 0, picture.width, picture.height);
  const table = Array.from({ length: 256 }, (_, level) => colour(ramp, level / 255));
  const { data } = image;
  for (let i = 0; i < data.length; i += 4) {
    const luma = Math.round(0.2126 * data[i]! + 0.7152 * data[i + 1]! + 0.0722 * data[i + 2]!);
    const [red, green, blue] = table[luma]!;
    data[i] = red;
    data[i + 1] = green;
    data[i + 2] = blue;
  }
  context.putImageData(image, 0, 0);
}
