import t from "tap"
import { Tls12Judge } from "../../src/observe/opaque-tls12.ts"

type Step = [from: "client" | "server", type: number, length: number]

const clientDone: Step[] = [
  ["client", 20, 1],
  ["client", 22, 40],
]
const serverDone: Step[] = [
  ["server", 20, 1],
  ["server", 22, 40],
]
const full = [...clientDone, ...serverDone]
const resumed = [...serverDone, ...clientDone]

function tally(steps: readonly Step[], suite = 0xc02f) {
  const judge = new Tls12Judge(suite)
  for (const [from, type, length] of steps) {
    if (from === "client") judge.clientEnds({ type, length })
    else judge.serverBegins({ type, length })
    if (from === "server") judge.serverEnds({ type, length })
  }
  return judge.tally
}

const rows: [string, Step[], Partial<ReturnType<typeof tally>>][] = [
  ["a full handshake and nothing more", full, { finished: true, sent: 0, answered: false }],
  ["a resumed one", resumed, { finished: true, sent: 0 }],
  [
    "request and answer, payloads without nonce and tag",
    [...full, ["client", 23, 324], ["server", 23, 524]],
    { sent: 1, answered: true, clientAppBytes: 300, serverAppBytes: 500 },
  ],
  [
    "a request that is not answered",
    [...full, ["client", 23, 324], ["server", 21, 26]],
    { sent: 1, answered: false },
  ],
  [
    "an origin that speaks first is not yet an answer",
    [...full, ["server", 23, 124], ["client", 23, 124]],
    { sent: 1, answered: false, serverAppBytes: 0 },
  ],
  [
    "encrypted alerts are not data",
    [...full, ["client", 21, 26], ["server", 21, 26]],
    { finished: true, sent: 0, alertBy: undefined },
  ],
  [
    "a client's alert before its Finished",
    [["client", 21, 2]],
    { alertBy: "client", finished: false },
  ],
  [
    "an origin's alert instead of its Finished",
    [...clientDone, ["server", 21, 2]],
    { alertBy: "origin" },
  ],
  [
    "an origin's warning before it goes on",
    [["server", 21, 2], ...full],
    { alertBy: undefined, finished: true },
  ],
  ["ChangeCipherSpec without Finished", [["client", 20, 1]], { finished: false }],
  [
    "false start: data between the two Finished",
    [...clientDone, ["client", 23, 324], ...serverDone, ["server", 23, 224]],
    { sent: 1, answered: true, serverAppBytes: 200 },
  ],
  [
    "a renegotiation is no data",
    [...full, ["server", 22, 30], ["client", 22, 300], ["client", 20, 17]],
    { finished: true, sent: 0 },
  ],
]

t.test("record types tell what a session of TLS 1.2 was used for", async (t) => {
  for (const [title, steps, expected] of rows) t.match(tally(steps), expected, title)
})

t.test("a record shorter than its own protection counts no bytes", async (t) => {
  t.match(tally([...full, ["client", 23, 20]], 0xc013), { sent: 1, clientAppBytes: 0 })
})
