/** The judge on the traces of real sessions that bench/opaque left: it must not become worse. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import t from "tap"
import { judgedTrace, type SessionTrace, TraceRecorder, wordsOf } from "./session-trace.ts"

interface Session {
  client: string
  version: "1.2" | "1.3"
  origin: string
  story: string
  trace: SessionTrace
  truth: { class: string; strong: boolean }
}

const file = join(import.meta.dirname, "fixtures", "opaque-sessions.ndjson.gz")
const sessions: Session[] = gunzipSync(readFileSync(file))
  .toString()
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line))
const judged = sessions.map((session) => ({ ...session, said: judgedTrace(session.trace) }))
const wrong = judged.filter(
  ({ truth, said }) => truth.class !== said.verdict || truth.strong !== said.strong,
)

/** What docs/outcomes.md says of the judge, session by session. */
const knownLimits = [
  /^1\.3 .*: (5 bytes, answered by 2|2 bytes each way, three times)$/,
  /^1\.3 go\.notickets: (used|resumes and uses) /,
  /^1\.3 gnutls\.noticket: (echo|resumes and uses) /,
]

t.test("real sessions of nine clients and five stacks of origins are told apart", async (t) => {
  t.ok(sessions.length >= 896, `${sessions.length} sessions`)
  for (const version of ["1.2", "1.3"])
    for (const verdict of ["used", "sent-only", "established-unused", "failed"]) {
      const some = sessions.some((one) => one.version === version && one.truth.class === verdict)
      t.ok(some, `TLS ${version}: ${verdict}`)
    }
  t.same(
    wrong.filter(({ version }) => version === "1.2").map(({ story }) => story),
    [],
    "TLS 1.2: all are right",
  )
  const right = 1 - wrong.length / sessions.length
  t.ok(right >= 0.97, `class and strength: ${right}`)
  const classes = judged.filter(({ truth, said }) => truth.class === said.verdict).length
  t.ok(classes / sessions.length >= 0.99, `class: ${classes} of ${sessions.length}`)
})

t.test("what is judged wrongly is of the sorts that the docs name", async (t) => {
  const others = wrong
    .map(({ version, origin, story, client }) => ({
      client,
      text: `${version} ${origin}: ${story}`,
    }))
    .filter(({ text }) => !knownLimits.some((limit) => limit.test(text)))
  t.same(others, [])
})

t.test("nothing is called used that was not: this is what a control flow rests on", async (t) => {
  const worse = judged.filter(
    ({ truth, said }) =>
      said.verdict === "used" && ["established-unused", "failed"].includes(truth.class),
  )
  t.same(
    worse.map(({ client, story }) => `${client}: ${story}`),
    [],
  )
  const stronger = judged.filter(({ truth, said }) => said.strong && !truth.strong)
  t.same(
    stronger.map(({ client, story }) => `${client}: ${story}`),
    [],
    "none is called strongly used that was not",
  )
})

t.test("a trace says of a session what its bytes say", async (t) => {
  const recorder = new TraceRecorder()
  recorder.client(Uint8Array.from([22, 3, 1, 0, 2, 1, 0, 23, 3, 3, 0, 9, 1, 2]))
  const { records } = recorder.trace({ by: "client", how: "fin" })
  t.equal(records, "c22:2 c23:9/2")
  t.same(
    wordsOf("c22:2 s23:16401*2 c23:9/2").map(({ from, length, cut }) => [from, length, cut]),
    [
      ["c", 2, null],
      ["s", 16401, null],
      ["s", 16401, null],
      ["c", 9, 2],
    ],
  )
})
