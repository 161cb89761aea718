/** One lease as a server's file tells it. */
import { readPrefix } from "../address-key.ts"
import { canonicalMac } from "../mac.ts"

export interface Lease {
  /** An address, or a prefix that was delegated. */
  address: string
  /** The client's hardware address; null where the server does not know it. */
  mac: string | null
  /** When the client asked last, in epoch milliseconds; null where the file does not tell. */
  asked: number | null
  /** When it ends; null: never. */
  ends: number | null
  /** Whether the client has it: `gone` is released or declined, `expired` ended as was known before. */
  state: "held" | "gone" | "expired"
}

export interface Fault {
  fault: string
}

/** Strings of network clients: longer ones are none of ours. */
export const longestField = 1_024

/**
 * The hardware address within a DUID of type 1 or 3 (RFC 8415 sections 11.2 and 11.4): that of some
 * interface of the client, for Ethernet and Wi-Fi (hardware type 1).
 */
export function macOfDuid(duid: string): string | null {
  const digits = duid.toLowerCase().replace(/[:-]/g, "")
  const found = /^(?:00010001[0-9a-f]{8}|00030001)([0-9a-f]{12})$/.exec(digits)
  return found?.[1] ? canonicalMac(found[1]) : null
}

export function isAddress(text: string, family: 4 | 6): boolean {
  if (text.length > 64) return false
  return readPrefix(text) !== null && text.includes(":") === (family === 6)
}

/** Seconds since 1970 as digits; null for anything else, and what lies beyond the year 9999. */
export function seconds(text: string | undefined): number | null {
  if (!text || !/^\d{1,12}$/.test(text)) return null
  const value = Number(text)
  return value < 253_402_300_800 ? value : null
}
