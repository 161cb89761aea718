/**
 * One connection through the running sensor, as a client makes it: CONNECT, then TLS that trusts the
 * inspection CA and, should the connection be spliced, the public roots too. It is recorded as any other is.
 */
import { connect, isIP, type Socket } from "node:net"
import { rootCertificates, type TLSSocket, connect as tlsConnect } from "node:tls"
import type { Config } from "../../config.ts"
import { endpoint } from "../../intercept/listeners.ts"
import { findCa } from "../inspection-ca.ts"
import { type Diagnosis, fail, failed, ok } from "./diagnosis.ts"
import { hasCa } from "./look-at-ca.ts"

/** The whole of it, in milliseconds. */
const within = 15_000
/** An answer to CONNECT is shorter. */
const longestAnswer = 8 * 1024

export async function lookThrough(config: Config, target: string, now: number): Promise<Diagnosis> {
  const about = `through the sensor to ${target}`
  if (config.listen === null)
    return fail(
      about,
      "there is no explicit proxy",
      "set listen, or try with a client of the network",
    )
  if (!hasCa(config)) return fail(about, "there is no inspection CA", "start the sensor first")
  const { host, port } = targetOf(target)
  const sockets: Socket[] = []
  const late = setTimeout(() => {
    sockets.at(-1)?.destroy(new Error(`no answer within ${within / 1_000} s`))
  }, within)
  try {
    const { ca } = findCa(config, now)
    const socket = connect(endpoint(config.listen))
    sockets.push(socket)
    const answer = await askTunnel(socket, `${host}:${port}`)
    if (!/^HTTP\/1\.[01] 200\b/.test(answer))
      return fail(about, `the sensor answers: ${answer}`, "see docs/interception.md, and its log")
    const trusted = [ca.certPem, ...rootCertificates]
    const secure = startTls(socket, host, trusted)
    sockets.push(secure)
    await secured(secure)
    const leaf = secure.getPeerX509Certificate()
    const issuer = leaf?.issuer.replaceAll("\n", ", ") ?? "unknown"
    const inspected = leaf?.verify(ca.publicKey) ?? false
    const how = inspected ? "inspected" : `not inspected (certificate of ${issuer})`
    return ok(about, `${how}, ${secure.getProtocol()}, ${secure.alpnProtocol || "no ALPN"}`)
  } catch (error) {
    return failed(
      about,
      error,
      "is the sensor running? see its log for what became of the connection",
    )
  } finally {
    clearTimeout(late)
    // The one on top takes what is below it along.
    sockets.at(-1)?.destroy()
  }
}

function targetOf(target: string): { host: string; port: number } {
  const [, host = target, port = "443"] = /^(.*?)(?::(\d+))?$/.exec(target) ?? []
  return { host, port: Number(port) }
}

function askTunnel(socket: Socket, authority: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ""
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("the sensor closed the connection")))
    socket.once("connect", () =>
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`),
    )
    socket.on("data", function read(bytes: Buffer) {
      answer += bytes.toString("latin1")
      if (!answer.includes("\r\n\r\n") && answer.length < longestAnswer) return
      socket.off("data", read)
      resolve(answer.split("\r\n", 1)[0] ?? "")
    })
  })
}

function startTls(socket: Socket, name: string, ca: string[]): TLSSocket {
  return tlsConnect({
    socket,
    ca,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ALPNProtocols: ["h2", "http/1.1"],
  })
}

function secured(secure: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    // Of OpenSSL's text only the reason says something to a person.
    secure.once("error", (error) => {
      const reason: unknown = Reflect.get(error, "reason")
      reject(typeof reason === "string" ? new Error(`TLS failed: ${reason}`) : error)
    })
    secure.once("close", () => reject(new Error("the handshake was broken off")))
    secure.once("secureConnect", resolve)
  })
}
