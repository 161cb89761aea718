/**
 * Lease files of Kea 2 (memfile: kea-leases4.csv, kea-leases6.csv), a journal: the last row of an
 * address counts. In: the header, a row. Out: the lease, or why the row cannot be used.
 * Columns are found by name, for they differ between versions.
 */
import { canonicalMac } from "../mac.ts"
import { type Fault, isAddress, type Lease, longestField, macOfDuid, seconds } from "./lease.ts"

export type KeaColumns = ReadonlyMap<string, number>

/** 0xffffffff seconds (RFC 2131 section 3.3) last for ever. */
const infinite = 0xffff_ffff
const reclaimed = "2"

/** Null for a line that is no header of Kea's. */
export function readKeaHeader(line: string): KeaColumns | null {
  const names = line.split(",")
  const columns = new Map(names.map((name, index) => [name.trim(), index]))
  const needed = ["address", "valid_lifetime", "expire"]
  return needed.every((name) => columns.has(name)) ? columns : null
}

export function readKeaRow(line: string, columns: KeaColumns, family: 4 | 6): Lease | Fault {
  const cells = line.split(",")
  if (cells.length > columns.size) return { fault: "it has more cells than the header" }
  const cell = (name: string): string => {
    const text = cells[columns.get(name) ?? -1] ?? ""
    return text.length > longestField ? "" : unescaped(text)
  }
  const bare = cell("address")
  if (!isAddress(bare, family) || bare.includes("/")) return { fault: "address is none" }
  const [lifetime, expire] = [seconds(cell("valid_lifetime")), seconds(cell("expire"))]
  if (lifetime === null || expire === null || expire < (lifetime === infinite ? 0 : lifetime))
    return { fault: "valid_lifetime and expire are no times" }
  const length = cell("prefix_len")
  const delegated = family === 6 && cell("lease_type") === "2"
  if (delegated && !/^(?:12[0-8]|1[01]\d|\d?\d)$/.test(length))
    return { fault: "prefix_len is no length of a prefix" }
  const state = cell("state")
  return {
    address: delegated ? `${bare}/${length}` : bare,
    mac: canonicalMac(cell("hwaddr")) ?? macOfDuid(cell("duid")),
    asked: (expire - lifetime) * 1_000,
    ends: lifetime === infinite ? null : expire * 1_000,
    // A lifetime of 0 is how a deletion is written: its `expire` is when the client last asked.
    state:
      state === reclaimed
        ? "expired"
        : lifetime === 0 || !["0", ""].includes(state)
          ? "gone"
          : "held",
  }
}

/** Kea writes what would break its lines as `&#x2c`. */
function unescaped(text: string): string {
  if (!text.includes("&#x")) return text
  return text.replace(/&#x([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
