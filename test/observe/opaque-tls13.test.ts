import t from "tap"
import { Tls13Judge } from "../../src/observe/opaque-tls13.ts"

type Step = [from: "client" | "server", length: number, type?: number]

function tally(
  steps: readonly Step[],
  { suite = 0x1301, earlyData = false, resumed = false } = {},
) {
  const judge = new Tls13Judge(suite, { earlyData, resumed })
  for (const [from, length, type = 23] of steps) {
    if (from === "client") judge.clientEnds({ type, length })
    else judge.serverBegins({ type, length })
    if (from === "server") judge.serverEnds({ type, length })
  }
  return judge.tally
}

/** EncryptedExtensions, Certificate, CertificateVerify, Finished. */
const serverFlight: Step[] = [
  ["server", 32],
  ["server", 1000],
  ["server", 281],
  ["server", 53],
]
const handshake: Step[] = [...serverFlight, ["client", 1, 20], ["client", 53]]
const tickets: Step[] = [
  ["server", 282],
  ["server", 282],
]

type Row = [string, Step[], Partial<ReturnType<typeof tally>>]

const rows: Row[] = [
  ["the server's flight alone", serverFlight, { finished: false, sent: 0 }],
  ["Finished and nothing more", [...handshake, ...tickets], { finished: true, sent: 0 }],
  [
    "Finished and close_notify: curl's pin",
    [...handshake, ["client", 19]],
    { finished: true, sent: 0 },
  ],
  [
    "request and answer",
    [...handshake, ...tickets, ["client", 317], ["server", 517]],
    { sent: 1, answered: true, clientAppBytes: 300, serverAppBytes: 500 },
  ],
  [
    "two tickets behind the request are no answer to it",
    [...handshake, ["client", 317], ...tickets],
    { sent: 1, answered: false, serverAppBytes: 0 },
  ],
  [
    "an answer behind such tickets is one",
    [...handshake, ["client", 317], ...tickets, ["server", 282]],
    { answered: true, serverAppBytes: 265 },
  ],
  [
    "a lone record that may be a ticket is an answer, but no bytes",
    [...handshake, ["client", 317], ["server", 300]],
    { answered: true, serverAppBytes: 0 },
  ],
  [
    "a first record too large for a ticket counts in full",
    [...handshake, ["client", 317], ["server", 1417]],
    { answered: true, serverAppBytes: 1400 },
  ],
  ["an alert is no answer", [...handshake, ["client", 317], ["server", 19]], { answered: false }],
  [
    "35 is an answer of an origin that does not pad: 18 bytes each way",
    [...handshake, ["client", 35], ...tickets, ["server", 35]],
    { sent: 1, answered: true, serverAppBytes: 18 },
  ],
  [
    "a ticket before the client's Finished: what comes later is an answer in full, Go",
    [...serverFlight, ["server", 147], ["client", 53], ["client", 317], ["server", 1017]],
    { answered: true, serverAppBytes: 1000 },
  ],
  [
    "a record of the flight that happens to be as long as a Finished makes no ticket of the Certificate",
    [
      ["server", 53],
      ["server", 1000],
      ["server", 281],
      ["server", 53],
      ["client", 53],
      ["client", 317],
      ["server", 1017],
    ],
    { answered: true, serverAppBytes: 0 },
  ],
  [
    "an alert-sized record before data was data",
    [...handshake, ["client", 19], ["client", 317]],
    { sent: 2, clientAppBytes: 302 },
  ],
  [
    "alerts and KeyUpdate at the end are none",
    [...handshake, ["client", 317], ["client", 22], ["client", 19]],
    { sent: 1, clientAppBytes: 300 },
  ],
  [
    "35 is data of a client that does not pad: gnutls-cli's GET",
    [...handshake, ["client", 35], ["server", 517]],
    { sent: 1, answered: true },
  ],
  [
    "a client certificate in records of its own",
    [...serverFlight, ["client", 900], ["client", 281], ["client", 53], ["client", 317]],
    { finished: true, sent: 1 },
  ],
  [
    "no client certificate, though one was asked for: the origin's first record refuses",
    [...serverFlight, ["client", 25], ["client", 53], ["server", 19]],
    { finished: true, sent: 0, refused: true },
  ],
  [
    "the same after the request",
    [...serverFlight, ["client", 25], ["client", 53], ["client", 317], ["server", 19]],
    { sent: 1, answered: false, refused: true },
  ],
  [
    "no client certificate, and the origin does without",
    [...serverFlight, ["client", 25], ["client", 53], ...tickets, ["server", 19]],
    { finished: true, refused: false },
  ],
  [
    "the same from an origin without tickets: its alert answers the client's",
    [...serverFlight, ["client", 25], ["client", 53], ["client", 19], ["server", 19]],
    { finished: true, refused: false },
  ],
  [
    "who goes on has refused nothing",
    [...serverFlight, ["client", 25], ["client", 53], ["server", 19], ["server", 917]],
    { finished: true, refused: false },
  ],
  [
    "a client certificate makes tickets longer, and two of them differ: OpenSSL",
    [
      ...serverFlight,
      ["client", 791],
      ["client", 95],
      ["client", 53],
      ["client", 317],
      ["server", 650],
      ["server", 666],
    ],
    { sent: 1, answered: false },
  ],
  [
    "a lone record that may be a ticket is none of an answer where a certificate was asked for: Go",
    [
      ...serverFlight,
      ["client", 791],
      ["client", 97],
      ["client", 53],
      ["client", 317],
      ["server", 913],
    ],
    { sent: 1, answered: false },
  ],
  [
    "client certificate and Finished in one record: the origin's going on tells",
    [...serverFlight, ["client", 1200], ...tickets, ["client", 317], ["server", 517]],
    { finished: true, sent: 1, clientAppBytes: 300, answered: true },
  ],
  [
    "a ticket between CertificateVerify and Finished: Go's origins with client certificates",
    [
      ...serverFlight,
      ["client", 423],
      ["client", 96],
      ["server", 529],
      ["client", 53],
      ["client", 19],
    ],
    { finished: true, sent: 0 },
  ],
  [
    "the same, but the origin refuses the certificate",
    [...serverFlight, ["client", 1200], ["server", 19]],
    { finished: false, alertBy: "origin" },
  ],
  [
    "an encrypted alert instead of a Finished: Go",
    [...serverFlight, ["client", 19]],
    { finished: false, alertBy: "client" },
  ],
  ["a padded one: JSSE", [...serverFlight, ["client", 35]], { finished: false, alertBy: "client" }],
  [
    "a plaintext one: OpenSSL",
    [...serverFlight, ["client", 2, 21]],
    { finished: false, alertBy: "client" },
  ],
  [
    "a plaintext one of the origin",
    [
      ["server", 32],
      ["server", 2, 21],
    ],
    { finished: false, alertBy: "origin" },
  ],
]

t.test("record lengths tell what a session of TLS 1.3 was used for", async (t) => {
  for (const [title, steps, expected] of rows) t.match(tally(steps), expected, title)
})

const jsse: Row[] = [
  [
    "a pin failure of OkHttp: 85, 35, 35",
    [
      ["client", 85],
      ["client", 35],
      ["client", 35],
    ],
    { sent: 0 },
  ],
  [
    "a request and then both alerts",
    [
      ["client", 85],
      ["client", 317],
      ["server", 1500],
      ["client", 35],
      ["client", 35],
    ],
    { sent: 1, answered: true, clientAppBytes: 300 },
  ],
  [
    "a padded KeyUpdate",
    [
      ["client", 85],
      ["client", 38],
    ],
    { sent: 0 },
  ],
  [
    "OpenSSL's Finished of this suite is not padded",
    [
      ["client", 69],
      ["client", 35],
    ],
    { sent: 1 },
  ],
]

/** EncryptedExtensions, Certificate, CertificateVerify, Finished of JSSE under SHA-384. */
const paddedFlight: Step[] = [
  ["server", 65],
  ["server", 436],
  ["server", 112],
  ["server", 85],
]

const ofJsse: Row[] = [
  [
    "its ticket behind the request is no answer",
    [
      ["client", 69],
      ["client", 317],
      ["server", 709],
    ],
    { sent: 1, answered: false },
  ],
  [
    "nor are its padded alerts",
    [
      ["client", 69],
      ["client", 317],
      ["server", 707],
      ["server", 35],
      ["server", 35],
    ],
    { sent: 1, answered: false },
  ],
  [
    "what comes behind the ticket is",
    [
      ["client", 69],
      ["client", 317],
      ["server", 709],
      ["server", 1033],
    ],
    { answered: true },
  ],
  [
    "its padded alert refuses a client certificate",
    [
      ["client", 25],
      ["client", 69],
      ["server", 35],
    ],
    { refused: true },
  ],
  [
    "a ticket with a client certificate in it is longer than any other",
    [
      ["client", 791],
      ["client", 96],
      ["client", 69],
      ["client", 317],
      ["server", 1473],
    ],
    { sent: 1, answered: false },
  ],
]

t.test("an origin on JSSE is known by the padding of its Finished", async (t) => {
  for (const [title, steps, expected] of ofJsse)
    t.match(tally([...paddedFlight, ...steps], { suite: 0x1302 }), expected, title)
})

t.test("JSSE's padded records are seen through, for SHA-384 and for SHA-256", async (t) => {
  for (const [title, steps, expected] of jsse) {
    t.match(tally([...serverFlight, ...steps], { suite: 0x1302 }), expected, title)
  }
  const steps: Step[] = [...serverFlight, ["client", 69], ["client", 35], ["client", 35]]
  t.match(tally(steps, { suite: 0x1303 }), { finished: true, sent: 0 })
})

t.test("early data, before and after the ServerHello, is no use of the session", async (t) => {
  const accepted: Step[] = [
    ["client", 417],
    ["server", 32],
    ["server", 53],
    ["client", 417],
    ["client", 21],
    ["client", 53],
  ]
  t.match(tally(accepted, { earlyData: true }), { finished: true, sent: 0, clientAppBytes: 0 })
  const then: Step[] = [...accepted, ["client", 317], ["server", 1517]]
  t.match(tally(then, { earlyData: true }), { sent: 1, clientAppBytes: 300, answered: true })
})

t.test(
  "with early data under way the origin's own flight is not taken for a Finished",
  async (t) => {
    const steps: Step[] = [
      ["client", 417],
      ["server", 32],
      ["server", 53],
    ]
    t.match(tally(steps, { earlyData: true }), { finished: false })
  },
)

t.test(
  "on resumption a lone answer is one, and counts once no second ticket can follow",
  async (t) => {
    const steps: Step[] = [
      ["server", 23],
      ["server", 53],
      ["client", 53],
      ["client", 317],
    ]
    const answered: Step[] = [...steps, ["server", 1017]]
    t.match(tally(answered, { resumed: true }), { answered: true, pendingBytes: 1000 })
    const tickets: Step[] = [...steps, ["server", 284], ["server", 284]]
    t.match(tally(tickets, { resumed: true }), { answered: false, pendingBytes: 0 }, "GnuTLS")
    t.match(tally(steps, { resumed: true }), { sent: 1, answered: false })
  },
)

t.test("CCM_8 has its own lengths", async (t) => {
  const steps: Step[] = [...serverFlight, ["client", 45], ["client", 11], ["client", 14]]
  t.match(tally(steps, { suite: 0x1305 }), { finished: true, sent: 0 })
  t.match(tally([...steps, ["client", 109]], { suite: 0x1305 }), { sent: 3, clientAppBytes: 107 })
})
