/**
 * Pseudonyms: the same stable word in place of each name of a device or a person, in every record.
 *
 * In: a key, records as JSON, who is known by which word. Out: the records without names. HMAC-SHA256 under
 * the key: without it nobody can try names one after the other. It must not know where the key is kept.
 */
import { createHmac } from "node:crypto"
import { NameReplacer } from "./replace-names.ts"

export const pseudonymKinds = ["device", "user", "serial", "udid", "imei", "mac", "mdm"] as const
export type NameKind = (typeof pseudonymKinds)[number] | "address" | "network"

/** Fields that name a device, a person or where a device is. Operators (`who`, `owner`) are none of these. */
const fields: Readonly<Record<string, NameKind>> = {
  device_id: "device",
  device_ids: "device",
  user: "user",
  proxy_user: "user",
  client_cn: "user",
  serial: "serial",
  udid: "udid",
  imei: "imei",
  wifi_mac: "mac",
  mdm_id: "mdm",
  client_ip: "address",
  address: "address",
  client_network: "address",
}
/** How a device is called of which only the address is known. */
const unbound = "address:"
/** What no name holds: text is looked through word by word. */
const between = /[\s"'`(),;<>[\]{}|=]+/
/** A host and its port. */
const withPort = /^(.+):\d{1,5}$/

export interface PseudonymParts {
  /** 32 random bytes. */
  key: Uint8Array
  /** One spelling for each address. */
  canonicalAddress: (address: string) => string
  /** What a word of a sentence names, if anything that is stored; null: nothing. */
  known: (word: string) => NameKind | null
}

export class Pseudonyms {
  readonly #parts: PseudonymParts

  constructor(parts: PseudonymParts) {
    this.#parts = parts
  }

  /** `pn-device-7k3q...`; of an address an address in fd00::/8 (RFC 4193), so that it stays one for whoever reads
   * it: nobody's, and the same for the same client. */
  of(kind: NameKind, value: string): string {
    if (kind === "device" && value.startsWith(unbound))
      return `${unbound}${this.of("address", value.slice(unbound.length))}`
    if (kind === "address" && value.includes("/")) {
      const [address = "", bits] = value.split("/")
      const isHost = bits === (address.includes(":") ? "128" : "32")
      return isHost ? `${this.of("address", address)}/128` : this.of("network", value)
    }
    const mac = createHmac("sha256", this.#parts.key).update(`${kind}\n${this.#spelt(kind, value)}`)
    if (kind !== "address") return `pn-${kind}-${mac.digest("hex").slice(0, 24)}`
    const groups = `fd${mac.digest("hex").slice(0, 30)}`.match(/.{4}/g) ?? []
    return this.#parts.canonicalAddress(groups.join(":"))
  }

  /** A record as JSON, its keys in their order. */
  inRecord(json: string): string {
    const record = JSON.parse(json)
    const own = new Map<string, string>()
    this.#collect(record, "", own)
    const replacer = new NameReplacer(own)
    return JSON.stringify(this.#rewritten(record, "", "", replacer))
  }

  #collect(value: unknown, within: string, own: Map<string, string>): void {
    if (typeof value !== "object" || value === null) return
    for (const [key, one] of Object.entries(value)) {
      const kind = kindOf(key, within)
      for (const name of kind === null ? [] : Array.isArray(one) ? one : [one])
        if (typeof name === "string" && kind !== null) own.set(name, this.of(kind, name))
      this.#collect(one, Array.isArray(value) ? within : key, own)
    }
  }

  #rewritten(value: unknown, key: string, within: string, replacer: NameReplacer): unknown {
    if (typeof value === "string") {
      const kind = kindOf(key, within)
      return kind === null ? this.#inWords(replacer.inWords(value)) : this.of(kind, value)
    }
    if (Array.isArray(value)) return value.map((one) => this.#rewritten(one, key, within, replacer))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.#rewritten(one, name, key, replacer)]),
    )
  }

  /** Names of others in a sentence. One word alone is a field of its own, and not looked up. */
  #inWords(text: string): string {
    if (!/\s/.test(text)) return text
    const others = new Map<string, string>()
    for (const word of text.split(between)) {
      for (const one of formsOf(word)) {
        const kind = this.#parts.known(one)
        if (kind !== null) others.set(one, this.of(kind, one))
      }
    }
    return others.size === 0 ? text : new NameReplacer(others).inWords(text)
  }

  #spelt(kind: NameKind, value: string): string {
    if (kind === "device") return value
    if (kind === "address") return this.#parts.canonicalAddress(value)
    const lower = value.toLowerCase()
    return kind === "mac" ? lower.replaceAll(/[:.-]/g, "") : lower
  }
}

function kindOf(key: string, within: string): NameKind | null {
  if (key === "ip") return within === "device" ? "address" : null
  return Object.hasOwn(fields, key) ? (fields[key] ?? null) : null
}

/** A word as it stands, and without what a sentence puts to it. */
function formsOf(word: string): string[] {
  const bare = word.replace(/[.:!?]+$/, "")
  const host = withPort.exec(bare)?.[1]
  const address = bare.startsWith(unbound) ? bare.slice(unbound.length) : undefined
  return [...new Set([word, bare, host, address])].filter(
    (one) => one !== undefined && one !== "",
  ) as string[]
}
