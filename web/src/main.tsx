// Where the page begins.

import { render } from "preact";
import { App } from "./ui/app";
import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/timeline.css";
import "./styles/chords.css";
import "./styles/deck.css";
import "./styles/panels.css";

render(<App />, document.getElementById("app")!);
