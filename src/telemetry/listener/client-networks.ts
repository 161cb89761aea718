/** Which addresses may connect at all: asked before TLS, so a stranger costs one accept. */
import { BlockList, isIPv6 } from "node:net"

/** This machine and private networks (RFC 1918, RFC 4193, link-local), as `allow-client` of the proxy. */
const near = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
]

/** `networks` as the settings have them; empty: those near. */
export function clientNetworks(
  networks: readonly string[],
): (address: string | undefined) => boolean {
  const list = new BlockList()
  for (const network of networks.length > 0 ? networks : near) {
    const [base = "", length] = network.split("/")
    const family = isIPv6(base) ? "ipv6" : "ipv4"
    list.addSubnet(base, length === undefined ? (family === "ipv6" ? 128 : 32) : +length, family)
  }
  return (address) => {
    if (address === undefined) return false
    const [plain = ""] = address.split("%")
    // An IPv4-mapped address is looked up as the IPv4 one by BlockList itself.
    return list.check(plain, isIPv6(plain) ? "ipv6" : "ipv4")
  }
}
