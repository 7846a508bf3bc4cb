// Starts and stops the real server for the journeys: a new data folder, a port of its own, the
// model that is built into the program.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A port that nobody uses now; the server needs the same one again after it was killed. */
async function freePort(): Promise<number> {
  return new Promise((found) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => found(typeof address === "object" && address ? address.port : 0));
    });
  });
}

export class Server {
  url = "";
  private process: ChildProcess | null = null;
  private port = 0;
  private folder = "";
  private log = "";

  /** Starts the program that `MUSTOOL` names and waits until it answers. */
  async start(): Promise<void> {
    const program = process.env.MUSTOOL;
    if (!program) throw new Error("MUSTOOL does not name the program to test; see web/test.sh");
    this.folder ||= mkdtempSync(join(tmpdir(), "mustool-web-"));
    this.port ||= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    const flags = ["serve", "--listen", `127.0.0.1:${this.port}`, "--store", this.folder];
    const child = spawn(program, flags, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (this.log += data.toString()));
    this.process = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`mustool serve ended with ${child.exitCode}: ${this.log}`);
      const live = await fetch(`${this.url}/health/live`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (live) return;
      await new Promise((next) => setTimeout(next, 50));
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    if (!child) return;
    this.process = null;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await gone;
  }

  /** Kills it at once, as a power cut would; `start` begins again with the same data. */
  kill = () => this.end("SIGKILL");

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    if (this.folder) rmSync(this.folder, { recursive: true, force: true });
  }
}
