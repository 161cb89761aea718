/** PROXY protocol headers made by hand, from the text of the specification. */
import { crc32c } from "../../src/observe/crc32c.ts"

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex")
export const stream4 = 0x11
export const stream6 = 0x21

export interface Version2 {
  versionAndCommand?: number
  family?: number
  addresses?: Buffer
  tlvs?: Buffer[]
  /** Appends a CRC32C TLV: right, or off by one bit. */
  checksum?: "right" | "wrong"
}

export function version2(given: Version2 = {}): Buffer {
  const { versionAndCommand = 0x21, family = stream4, addresses = pair4(), tlvs = [] } = given
  const parts = given.checksum ? [...tlvs, tlv(0x03, Buffer.alloc(4))] : tlvs
  const rest = Buffer.concat([addresses, ...parts])
  const head = Buffer.from([versionAndCommand, family, rest.length >> 8, rest.length & 255])
  const header = Buffer.concat([signature, head, rest])
  if (given.checksum) {
    const sum = crc32c(header) ^ (given.checksum === "wrong" ? 1 : 0)
    header.writeUInt32BE(sum >>> 0, header.length - 4)
  }
  return header
}

export function pair4(from = "192.0.2.7", to = "198.51.100.9", ports = [4321, 443]): Buffer {
  const octets = [from, to].flatMap((address) => address.split(".").map(Number))
  return Buffer.concat([Buffer.from(octets), ...ports.map(port)])
}

/** The addresses in 32 hexadecimal digits. */
export function pair6(from: string, to: string, ports = [4321, 443]): Buffer {
  return Buffer.concat([Buffer.from(from + to, "hex"), ...ports.map(port)])
}

export function tlv(type: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([type]), port(bytes.length), bytes])
}

/** PP2_TYPE_SSL: flags, the result of verification, TLVs of its own. */
export function ssl(verify: number, ...inner: Buffer[]): Buffer {
  return tlv(0x20, Buffer.concat([Buffer.from([7, 0, 0, 0, verify]), ...inner]))
}

function port(number: number): Buffer {
  return Buffer.from([number >> 8, number & 255])
}
