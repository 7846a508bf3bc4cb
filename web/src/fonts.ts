// The page's typefaces. They are fetched as data, because the content security policy has no place
// for fonts; until they are there the system's faces stand in. Instrument Sans and Besley are under
// the SIL Open Font Licence.

import besley from "@fontsource-variable/besley/files/besley-latin-wght-normal.woff2?url";
import instrumentSans from "@fontsource-variable/instrument-sans/files/instrument-sans-latin-wght-normal.woff2?url";

const FACES = [
  { family: "Besley", url: besley, weight: "400 900" },
  { family: "Instrument Sans", url: instrumentSans, weight: "400 700" },
];

export async function loadFonts(): Promise<void> {
  await Promise.all(
    FACES.map(async ({ family, url, weight }) => {
      const data = await (await fetch(url)).arrayBuffer();
      document.fonts.add(await new FontFace(family, data, { weight }).load());
    }),
  );
}
