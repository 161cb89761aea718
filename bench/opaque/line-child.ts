/** A child that speaks in lines of key=value, both ways. */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"

export type Line = Record<string, string>

/** Most lines that wait for a reader. */
const most = 1_000

export class LineChild {
  readonly #child: ChildProcess
  readonly #lines: Line[] = []
  #reader: ((line: Line) => void) | null = null
  #waiting: ((line: Line) => void) | null = null

  constructor([command = "", ...args]: string[]) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] })
    const { stdout } = this.#child
    if (stdout) createInterface({ input: stdout }).on("line", (text) => this.#take(lineOf(text)))
    this.#child.once("exit", () => this.#take({ error: "gone" }))
    this.#child.once("error", () => this.#take({ error: "not started" }))
    this.#child.stdin?.on("error", () => {})
  }

  #take(line: Line): void {
    if (this.#reader) return this.#reader(line)
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) waiting(line)
    else if (this.#lines.length < most) this.#lines.push(line)
  }

  line(): Promise<Line> {
    const next = this.#lines.shift()
    if (next) return Promise.resolve(next)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  each(reader: (line: Line) => void): void {
    this.#reader = reader
    for (const line of this.#lines.splice(0)) reader(line)
  }

  /** One line there, one line back. */
  ask(line: Line): Promise<Line> {
    const words = Object.entries(line).map(([key, value]) => `${key}=${value}`)
    this.#child.stdin?.write(`${words.join(" ")}\n`)
    return this.line()
  }

  close(): void {
    this.#child.stdin?.end()
    this.#child.kill()
  }
}

function lineOf(text: string): Line {
  return Object.fromEntries(
    text
      .split(" ")
      .filter((part) => part.includes("="))
      .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  )
}
