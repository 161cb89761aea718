/** What must hold of the judge of opaque sessions: real sessions, changed and cut at will. */
import { readdirSync, readFileSync } from "node:fs"
import {
  type OpaqueEnd,
  OpaqueSession,
  type OpaqueVerdict,
} from "../../../src/observe/opaque-session.ts"
import { type Chunk, serverHelloRecord } from "../../observe/recorded-session.ts"
import { realHellos } from "./hello-inputs.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"
import { oneRecord } from "./stream-targets.ts"
import { type FuzzTarget, must, mustEqual, partsOf } from "./target.ts"

const folder = new URL("../../observe/fixtures/", import.meta.url)

/** The stored sessions: a line for each chunk, who sent it and its bytes in hex. */
export const realSessions: readonly (readonly Chunk[])[] = readdirSync(folder)
  .filter((file) => file.endsWith(".session"))
  .sort()
  .map((file) =>
    readFileSync(new URL(file, folder), "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const [from, hex = ""] = line.split(" ")
        return { from: from === "client" ? "client" : "server", bytes: Buffer.from(hex, "hex") }
      }),
  )

export const opaqueSession: FuzzTarget = {
  name: "opaque-session",
  share: 600_000,
  input: (random) => encoded(random.oneIn(4) ? madeUp(random) : changed(random)),
  check: (input, random) => {
    const chunks = decoded(input)
    const end: OpaqueEnd = {
      by: random.pick(["client", "origin", "sensor", "unknown"] as const),
      how: random.pick(["fin", "rst", "timeout", "unknown"] as const),
    }
    const whole = judged(chunks, end)
    const cut = judged(
      chunks.flatMap(({ from, bytes }) =>
        partsOf(bytes, random.cuts(bytes.length)).map((part) => ({ from, bytes: part })),
      ),
      end,
    )
    mustEqual(outcomeOf(cut), outcomeOf(whole), "a verdict, cut or not")
    if (!whole.settled && !cut.settled) mustEqual(cut, whole, "and all that goes with it")
    withinBounds(whole, chunks)
    return whole.verdict !== "failed"
  },
}

/** In the order of time: who (one byte), length (two bytes), bytes. */
export function encoded(chunks: readonly Chunk[]): Uint8Array {
  return Buffer.concat(
    chunks.flatMap(({ from, bytes }) => [
      Uint8Array.of(from === "client" ? 0 : 1, bytes.length >> 8, bytes.length & 0xff),
      bytes,
    ]),
  )
}

export function decoded(input: Uint8Array): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = 0; at < input.length; ) {
    const length = ((input[at + 1] ?? 0) << 8) | (input[at + 2] ?? 0)
    const from = input[at] === 0 ? "client" : "server"
    chunks.push({ from, bytes: input.subarray(at + 3, at + 3 + length) })
    at += 3 + length
  }
  return chunks
}

const most = 0xffff

/** A real session with some of its chunks changed, left out, turned round or sent twice. */
function changed(random: Random): Chunk[] {
  const chunks = [...random.pick(realSessions)]
  for (let left = random.below(4); left > 0; left--) {
    const at = random.below(chunks.length + 1)
    const chunk = chunks[at]
    if (!chunk) continue
    const others = random.pick(realSessions).map(({ bytes }) => bytes)
    const turned = { ...chunk, from: random.pick(["client", "server"] as const) }
    const bytes = () => mutated(chunk.bytes, others, random).subarray(0, most)
    const by = random.pick([
      () => [{ ...chunk, bytes: bytes() }],
      () => [{ ...chunk, bytes: bytes() }],
      () => [],
      () => [chunk, chunk],
      () => [turned],
      () => [chunk, { from: turned.from, bytes: oneRecord(random) }],
    ])
    chunks.splice(at, 1, ...by())
  }
  return chunks
}

function madeUp(random: Random): Chunk[] {
  const chunks: Chunk[] = []
  if (!random.oneIn(10)) chunks.push({ from: "client", bytes: random.pick(realHellos) })
  if (!random.oneIn(5))
    chunks.push({
      from: "server",
      bytes: serverHelloRecord(
        random.pick([0x0304, 0x0304, 0x0303, 0x0302]),
        random.pick([0x1301, 0x1302, 0x1305, 0xc02b, 0xc013, 0x4242]),
      ),
    })
  for (let left = random.below(14); left > 0; left--) {
    const from = random.pick(["client", "server"] as const)
    chunks.push({ from, bytes: random.oneIn(3) ? telling(random) : oneRecord(random) })
  }
  return chunks
}

/** Records whose lengths mean something in TLS 1.3: Finished, alerts, tickets, requests. */
function telling(random: Random): Uint8Array {
  const length = random.pick([19, 22, 35, 38, 53, 69, 85, 74, 282, 217, 218, 600])
  return Buffer.concat([
    Uint8Array.of(23, 3, 3, length >> 8, length & 0xff),
    new Uint8Array(length),
  ])
}

type Judged = OpaqueVerdict & { settled: boolean }

function judged(chunks: readonly Chunk[], end: OpaqueEnd): Judged {
  const session = new OpaqueSession()
  let settled = false
  for (const { from, bytes } of chunks) {
    session[from](bytes)
    must(session.settled || !settled, "what is settled stays so")
    settled = session.settled
  }
  return { ...session.verdict(end), settled }
}

function outcomeOf({ verdict, reason, strong, tlsVersion, cipherSuite }: Judged) {
  return { verdict, reason, strong, tlsVersion, cipherSuite }
}

const reasons =
  /^(answered|no-answer|no-application-data|not-tls|no-server-hello|malformed-server-hello|server-alert|rejected-in-handshake|aborted-in-handshake|origin-closed-in-handshake|sensor-closed-in-handshake|timed-out-in-handshake)$/

function withinBounds(judged: Judged, chunks: readonly Chunk[]): void {
  const sent = (from: Chunk["from"]) =>
    chunks.reduce((sum, chunk) => sum + (chunk.from === from ? chunk.bytes.length : 0), 0)
  must(reasons.test(judged.reason), `a reason has a known name: ${judged.reason}`)
  must(!judged.strong || judged.verdict === "used", "only what was used was strongly used")
  must(judged.estimated === (judged.tlsVersion ?? 0) >= 0x0304, "TLS 1.3 is estimated")
  must(judged.clientAppBytes <= sent("client"), "no more payload than bytes, of the client")
  must(judged.serverAppBytes <= sent("server"), "no more payload than bytes, of the origin")
  must(judged.clientAppBytes >= 0 && judged.serverAppBytes >= 0, "and never less than none")
}
