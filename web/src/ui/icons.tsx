// The page's icons, drawn on a grid of 20 with a stroke of 1.6. All are decoration: the button that
// holds one has words.

import type { ComponentChildren } from "preact";

function Icon({ children, filled = false }: { children: ComponentChildren; filled?: boolean }) {
  return (
    <svg class={filled ? "icon filled" : "icon"} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const Play = () => (
  <Icon filled>
    <path d="M6 3.8v12.4a.6.6 0 0 0 .9.5l10-6.2a.6.6 0 0 0 0-1l-10-6.2a.6.6 0 0 0-.9.5z" />
  </Icon>
);
export const Pause = () => (
  <Icon filled>
    <path d="M5 4h3.4v12H5zM11.6 4H15v12h-3.4z" />
  </Icon>
);
export const Loop = () => (
  <Icon>
    <path d="M4 9V8a3 3 0 0 1 3-3h8m0 0-2.5-2.5M15 5l-2.5 2.5M16 11v1a3 3 0 0 1-3 3H5m0 0 2.5 2.5M5 15l2.5-2.5" />
  </Icon>
);
export const Undo = () => (
  <Icon>
    <path d="M4 8h8a4 4 0 0 1 0 8H8M4 8l3.5-3.5M4 8l3.5 3.5" />
  </Icon>
);
export const Redo = () => (
  <Icon>
    <path d="M16 8H8a4 4 0 0 0 0 8h4m4-8-3.5-3.5M16 8l-3.5 3.5" />
  </Icon>
);
export const Plus = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
);
export const Minus = () => (
  <Icon>
    <path d="M4 10h12" />
  </Icon>
);
export const Close = () => (
  <Icon>
    <path d="m5 5 10 10M15 5 5 15" />
  </Icon>
);
export const Dice = () => (
  <Icon>
    <rect x="3.5" y="3.5" width="13" height="13" rx="3" />
    <path d="M7.2 7.2h.01M12.8 7.2h.01M10 10h.01M7.2 12.8h.01M12.8 12.8h.01" />
  </Icon>
);
export const Pin = () => (
  <Icon>
    <path d="M7 3.5h6M8 3.5v5l-2.5 3h9l-2.5-3v-5M10 11.5v5" />
  </Icon>
);
export const Table = () => (
  <Icon>
    <rect x="3" y="4" width="14" height="12" rx="1.5" />
    <path d="M3 8.2h14M3 12.1h14M8 8.2V16" />
  </Icon>
);
export const Download = () => (
  <Icon>
    <path d="M10 3.5v9m0 0 3.5-3.5M10 12.5 6.5 9M4 16.5h12" />
  </Icon>
);
export const Copy = () => (
  <Icon>
    <rect x="7" y="7" width="9.5" height="9.5" rx="1.5" />
    <path d="M13 7V5A1.5 1.5 0 0 0 11.5 3.5H5A1.5 1.5 0 0 0 3.5 5v6.5A1.5 1.5 0 0 0 5 13h2" />
  </Icon>
);
export const Link = () => (
  <Icon>
    <path d="M8.5 11.5a3 3 0 0 0 4.3 0l2.6-2.6a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.6 2.6a3 3 0 0 0 4.3 4.3l.9-.9" />
  </Icon>
);
export const Code = () => (
  <Icon>
    <path d="m7 6-4 4 4 4m6-8 4 4-4 4" />
  </Icon>
);
export const Compare = () => (
  <Icon>
    <path d="M3.5 15 7 5l3.5 10M4.7 11.7h4.6M13 15V6h2a2 2 0 0 1 0 4.2h-2m2.2 0a2.4 2.4 0 0 1 0 4.8H13" />
  </Icon>
);
export const Gear = () => (
  <Icon>
    <path d="M3 6h8M15 6h2M3 14h2M9 14h8" />
    <circle cx="13" cy="6" r="2" />
    <circle cx="7" cy="14" r="2" />
  </Icon>
);
export const Help = () => (
  <Icon>
    <path d="M7.2 7.4A2.8 2.8 0 1 1 10 10.4v1.4M10 14.8h.01" />
  </Icon>
);
export const Sun = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M15.3 4.7l-1.4 1.4M6.1 13.9l-1.4 1.4" />
  </Icon>
);
export const Moon = () => (
  <Icon>
    <path d="M16.5 11.8A6.8 6.8 0 0 1 8.2 3.5a6.8 6.8 0 1 0 8.3 8.3z" />
  </Icon>
);
export const Trash = () => (
  <Icon>
    <path d="M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5" />
  </Icon>
);
export const Speaker = () => (
  <Icon>
    <path d="M3.5 8v4h2.7l4 3.5v-11l-4 3.5zM13 7.5a3.5 3.5 0 0 1 0 5M15 5.2a6.8 6.8 0 0 1 0 9.6" />
  </Icon>
);
export const Split = () => (
  <Icon>
    <path d="M10 3v14M7 7 4 10l3 3M13 7l3 3-3 3" />
  </Icon>
);
export const Pencil = () => (
  <Icon>
    <path d="m4 16 .8-3.6L13 4.2a1.4 1.4 0 0 1 2 0l.8.8a1.4 1.4 0 0 1 0 2L7.6 15.2z" />
  </Icon>
);
export const Left = () => (
  <Icon>
    <path d="m12 5-5 5 5 5" />
  </Icon>
);
export const Right = () => (
  <Icon>
    <path d="m8 5 5 5-5 5" />
  </Icon>
);
export const Search = () => (
  <Icon>
    <circle cx="9" cy="9" r="5" />
    <path d="m13 13 3.5 3.5" />
  </Icon>
);
export const Note = () => (
  <Icon filled>
    <ellipse cx="7.5" cy="14.5" rx="3.2" ry="2.3" transform="rotate(-20 7.5 14.5)" />
    <path d="M9.7 13.5V3.5h1.3v10z" />
  </Icon>
);
export const Warning = () => (
  <Icon>
    <path d="M10 3.5 17 16H3zM10 8.2v3.6M10 14h.01" />
  </Icon>
);

/** The mark: four chords of different height, as on the timeline. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
    <rect x="1" y="11" width="5" height="12" rx="1.5" class="mark-a" />
    <rect x="8" y="5" width="5" height="18" rx="1.5" class="mark-b" />
    <rect x="15" y="14" width="5" height="9" rx="1.5" class="mark-c" />
    <rect x="22" y="8" width="5" height="15" rx="1.5" class="mark-d" />
  </svg>
);
