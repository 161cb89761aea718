import fc from "fast-check"
import t from "tap"
import { readDetail } from "../../../src/identity/radius/detail.ts"

function stanza(...lines: string[]): string {
  return ["Sat Nov 21 11:27:24 2026", ...lines.map((line) => `\t${line}`)].join("\n")
}

const session = ['Acct-Session-Id = "s1"', "Timestamp = 1795260444"]

t.test("a stanza is what it says of a session", async (t) => {
  const is = readDetail(
    stanza(
      "Acct-Status-Type = Start",
      'Acct-Session-Id = "s1"',
      'User-Name = "ACME\\\\ann \\"a\\""',
      "Framed-IP-Address = 10.9.0.5",
      "Framed-IPv6-Prefix = 2001:db8:1:2::/64",
      "Delegated-IPv6-Prefix = 2001:db8:100::/56",
      "Framed-IPv6-Address = 2001:db8:1:2::77",
      "Framed-IPv6-Prefix = 2001:db8:1:2::/64",
      'Calling-Station-Id = "3C-22-FB-00-00-07"',
      'Called-Station-Id = "AA-BB-CC-00-00-01:corp wifi"',
      "NAS-IP-Address = 10.0.0.1",
      'NAS-Identifier = "ap-7"',
      'Event-Timestamp = "Nov 21 2026 11:20:00 UTC"',
      "Timestamp = 1795260444",
    ),
  )
  t.same(is, {
    status: "start",
    nas: "10.0.0.1 ap-7",
    nasNames: ["10.0.0.1", "ap-7"],
    session: "s1",
    user: 'ACME\\ann "a"',
    mac: "3c:22:fb:00:00:07",
    ssid: "corp wifi",
    addresses: ["10.9.0.5", "2001:db8:1:2::77", "2001:db8:1:2::/64", "2001:db8:100::/56"],
    at: Date.parse("2026-11-21T11:20:00Z"),
    lasted: null,
  })
})

t.test("a MAC is read however the network writes it", async (t) => {
  for (const mac of [
    "3C-22-FB-00-00-07",
    "3c22.fb00.0007",
    "3c:22:fb:00:00:07",
    "3C22FB000007",
    "3c22fb-000007",
  ]) {
    const lines = ["Acct-Status-Type = Start", ...session, `Calling-Station-Id = "${mac}"`]
    t.match(readDetail(stanza(...lines)), { mac: "3c:22:fb:00:00:07" }, mac)
  }
  const lines = ["Acct-Status-Type = Start", ...session, 'Calling-Station-Id = "203.0.113.7"']
  t.match(readDetail(stanza(...lines)), { mac: null }, "a VPN client's public address")
})

t.test(
  "when it happened is told by the clock of the NAS, or by what came and how late",
  async (t) => {
    const came = 1_795_260_444_000
    const rows: [name: string, lines: string[], at: number][] = [
      ["in UTC", ['Event-Timestamp = "Nov 21 2026 11:20:00 UTC"'], came - 444_000],
      ["as a number", ["Event-Timestamp = 1795260000"], came - 444_000],
      ["by when it came", [], came],
      ["less the delay", ["Acct-Delay-Time = 44"], came - 44_000],
    ]
    for (const [name, lines, at] of rows)
      t.match(
        readDetail(stanza("Acct-Status-Type = Alive", ...session, ...lines)),
        { status: "interim", at },
        name,
      )
    const berlin = [
      "Sat Nov 21 12:27:24 2026",
      "\tAcct-Status-Type = Stop",
      '\tAcct-Session-Id = "s1"',
      '\tEvent-Timestamp = "Nov 21 2026 12:20:00 CET"',
      "\tAcct-Session-Time = 60",
      "\tTimestamp = 1795260444",
    ].join("\n")
    t.match(readDetail(berlin), { at: came - 444_000, lasted: 60_000 }, "local time, by the header")
  },
)

t.test("what cannot be used is told apart from what is not meant", async (t) => {
  const rows: [name: string, text: string, is: object][] = [
    ["authentication", stanza('User-Name = "ann"'), { other: "no Acct-Status-Type" }],
    [
      "another type",
      stanza("Acct-Status-Type = Tunnel-Start", ...session),
      { other: "Tunnel-Start" },
    ],
    [
      "no session",
      stanza("Acct-Status-Type = Start", "Timestamp = 1795260444"),
      { fault: /Acct-Session-Id/ },
    ],
    ["no time", stanza("Acct-Status-Type = Start", 'Acct-Session-Id = "s1"'), { fault: /time/ }],
    [
      "a NAS that starts has no session",
      stanza(
        "Acct-Status-Type = Accounting-On",
        "NAS-IP-Address = 10.0.0.1",
        "Timestamp = 1795260444",
      ),
      { status: "nas", nas: "10.0.0.1" },
    ],
    [
      "addresses that are none",
      stanza(
        "Acct-Status-Type = Start",
        ...session,
        "Framed-IP-Address = 255.255.255.254",
        "Framed-IPv6-Prefix = ::/0",
      ),
      { addresses: [] },
    ],
  ]
  for (const [name, text, is] of rows) t.match(readDetail(text), is, name)
})

t.test("no text makes reading throw", async () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "\tAcct-Status-Type = Start",
      "\tTimestamp = 9999999999",
      '\tAcct-Session-Id = "',
      '\tEvent-Timestamp = "Xyz 99 9999 99:99:99 UTC"',
    ),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const said = readDetail(lines.join("\n"))
      return !("at" in said) || Number.isSafeInteger(said.at)
    }),
  )
})
