// Where the page begins.

import { render } from "preact";
import { loadFonts } from "./fonts";
import { App } from "./ui/app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/timeline.css";
import "./styles/panels.css";

// A page without its typefaces is still a page.
loadFonts().catch(() => undefined);
render(<App />, document.getElementById("app")!);
