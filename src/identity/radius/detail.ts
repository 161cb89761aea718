/**
 * A stanza of a FreeRADIUS `detail` file. In: its lines. Out: what accounting says of a session, or
 * why it cannot be used. Attributes: RFC 2866 (accounting), RFC 2869 (Event-Timestamp), RFC 3162 and
 * RFC 4818 (IPv6 prefixes), RFC 6911 (Framed-IPv6-Address).
 */
import { readPrefix } from "../address-key.ts"
import { canonicalMac } from "../mac.ts"

export interface Accounting {
  status: "start" | "interim" | "stop" | "nas"
  /** Who accounts: addresses and name of the access point, switch or gateway, as it tells them itself. Behind NAT
   * only all of them together tell two apart. */
  nas: string
  nasNames: string[]
  session: string
  user: string | null
  mac: string | null
  /** After the last colon of Called-Station-Id, as access points send it. */
  ssid: string | null
  /** Addresses and prefixes that the session has. */
  addresses: string[]
  /** Epoch milliseconds. */
  at: number
  /** How long the session has lasted, in milliseconds; null where it is not said. */
  lasted: number | null
}

/** `other`: a stanza that is none of accounting (authentication, Failed, Tunnel-Start). */
export type DetailReading = Accounting | { other: string } | { fault: string }

/** Attributes of one stanza that are looked at; a packet has at most 4 KiB. */
const mostLines = 400
/** Addresses of one session. */
const mostAddresses = 16

const statuses = new Map<string, Accounting["status"]>([
  ["Start", "start"],
  ["Interim-Update", "interim"],
  ["Alive", "interim"],
  ["Stop", "stop"],
  ["Accounting-On", "nas"],
  ["Accounting-Off", "nas"],
])

export function readDetail(stanza: string): DetailReading {
  const [header = "", ...lines] = stanza.split("\n", mostLines)
  const attributes = new Map<string, string[]>()
  for (const line of lines) {
    const [, name, value] = /^\s+([A-Za-z0-9-]{1,64}) \+?:?= (.{1,2048})$/.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    const values = attributes.get(name)
    if (values) values.push(unquoted(value))
    else attributes.set(name, [unquoted(value)])
  }
  const one = (name: string) => attributes.get(name)?.[0] ?? null
  const said = one("Acct-Status-Type")
  if (said === null) return { other: "no Acct-Status-Type" }
  const status = statuses.get(said)
  if (!status) return { other: said }
  const at = timeOf(header, one)
  if (at === null) return { fault: "it has no time: neither Event-Timestamp nor Timestamp" }
  const named = (...names: string[]) =>
    names.flatMap((name) => one(name) ?? []).map((name) => name.slice(0, 256))
  const ownNames = named("NAS-IP-Address", "NAS-IPv6-Address", "NAS-Identifier")
  const nasNames = [...ownNames, ...named("Client-IP-Address")]
  const session = one("Acct-Session-Id") ?? (status === "nas" ? "" : null)
  if (session === null) return { fault: "it has no Acct-Session-Id" }
  const lasted = digits(one("Acct-Session-Time"))
  const calling = one("Calling-Station-Id")
  return {
    status,
    nas: (ownNames.length > 0 ? ownNames : nasNames).join(" "),
    nasNames,
    session: session.slice(0, 256),
    user: one("User-Name")?.slice(0, 256) || null,
    mac: calling === null ? null : canonicalMac(calling.trim()),
    ssid: /^[0-9A-Fa-f:.-]{12,17}:(.{1,64})$/.exec(one("Called-Station-Id") ?? "")?.[1] ?? null,
    addresses: addressesOf(attributes),
    at,
    lasted: lasted === null ? null : lasted * 1_000,
  }
}

function addressesOf(attributes: ReadonlyMap<string, readonly string[]>): string[] {
  const names = [
    "Framed-IP-Address",
    "Framed-IPv6-Address",
    "Framed-IPv6-Prefix",
    "Delegated-IPv6-Prefix",
  ]
  const all = names.flatMap((name) => attributes.get(name) ?? [])
  const usable = all.filter((text) => {
    const prefix = text.length > 64 ? null : readPrefix(text)
    // 255.255.255.255 and .254 ask for an address (RFC 2865 section 5.8); a network of all is nobody's.
    return (
      prefix !== null && prefix.bits >= 16 && !/^(?:0\.0\.0\.0|255\.255\.255\.25[45])/.test(text)
    )
  })
  return [...new Set(usable)].slice(0, mostAddresses)
}

/** When it happened: by the clock of whoever accounts, else when it came less the delay it tells of. */
function timeOf(header: string, one: (name: string) => string | null): number | null {
  const came = digits(one("Timestamp"))
  const offset = came === null ? null : zoneOffset(header, came)
  const happened = eventTime(one("Event-Timestamp"), offset)
  if (happened !== null) return happened
  if (came === null) return null
  return (came - (digits(one("Acct-Delay-Time")) ?? 0)) * 1_000
}

/** `Nov 21 2026 10:00:00 UTC`, or seconds since 1970. The names of zones are ambiguous: other than UTC
 * they are taken to mean what the clock of the header means. */
function eventTime(text: string | null, offsetMs: number | null): number | null {
  if (text === null) return null
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000
  const [, local = "", zone = ""] = /^(\w{3} [\d ]\d \d{4} [\d:]{8}) ?(\S{0,8})$/.exec(text) ?? []
  const asUtc = Date.parse(`${local} UTC`)
  if (Number.isNaN(asUtc)) return null
  if (zone === "UTC" || zone === "GMT") return asUtc
  return offsetMs === null ? null : asUtc - offsetMs
}

/** How far local time is ahead of UTC where the file is written: from the line above a stanza,
 * `Sat Nov 21 10:00:00 2026`, and the seconds since 1970 inside; in quarters of an hour. */
function zoneOffset(header: string, came: number): number | null {
  const [, day = "", time = "", year = ""] =
    /^\w{3} (\w{3} [\d ]\d) ([\d:]{8}) (\d{4})$/.exec(header.trim()) ?? []
  const asUtc = Date.parse(`${day} ${year} ${time} UTC`)
  if (Number.isNaN(asUtc)) return null
  const quarter = 900_000
  const offset = Math.round((asUtc - came * 1_000) / quarter) * quarter
  return Math.abs(offset) <= 14 * 3_600_000 ? offset : null
}

function digits(text: string | null): number | null {
  return text !== null && /^\d{1,10}$/.test(text) ? Number(text) : null
}

/** FreeRADIUS writes strings in quotes, with backslashes before quotes and before themselves. */
function unquoted(text: string): string {
  const inner = /^"(.*)"$/.exec(text)?.[1]
  return inner === undefined ? text : inner.replace(/\\(["\\])/g, "$1")
}
