// Light or dark: as the system has it, unless chosen here. The stylesheet reads `data-theme`.

import { computed, effect, signal } from "@preact/signals";
import { preferences } from "../state/view";

const system = window.matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", (event) => (systemDark.value = event.matches));

export const dark = computed(() =>
  preferences.value.theme === "system" ? systemDark.value : preferences.value.theme === "dark",
);

effect(() => {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
});
