import t from "tap"
import { hostName } from "../../src/observe/server-name.ts"

const kept: [string, string, string][] = [
  ["case is folded", "App.Example", "app.example"],
  ["one final dot goes", "app.example.", "app.example"],
  ["underscores are in real zones", "_dmarc.app.example", "_dmarc.app.example"],
  ["A-labels stay as they are", "xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["a single label is a name", "intranet", "intranet"],
  ["digits that are not the last label", "1.2.3.app", "1.2.3.app"],
]

const refused: [string, string][] = [
  ["nothing", ""],
  ["only a dot", "."],
  ["two final dots", "app.example.."],
  ["an empty label", "app..example"],
  ["a label of 64", `${"a".repeat(64)}.example`],
  ["more than 253 characters", `${"a.".repeat(127)}example`],
  ["an IPv4 address", "192.0.2.1"],
  ["an IPv4 address as one number", "3221225985"],
  ["an IPv4 address in hexadecimal", "0x7f.0x1"],
  ["an IPv6 address", "2001:db8::1"],
  ["UTF-8", "b\xc3\xbccher.example"],
  ["a space", "app example"],
  ["a line feed", "app.example\nsrc=10.0.0.1"],
  ["a zero byte", "app.example\0.evil"],
  ["a wildcard", "*.example"],
]

t.test("a host name is kept in one form", async (t) => {
  for (const [title, raw, name] of kept) t.equal(hostName(raw), name, title)
})

t.test("what is no host name is refused", async (t) => {
  for (const [title, raw] of refused) t.equal(hostName(raw), undefined, title)
})
