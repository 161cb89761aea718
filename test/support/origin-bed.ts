/**
 * A bed of origins that are no good, after badssl.com's list: certificates by name, and an origin whose
 * behaviour can be changed between two contacts. Nothing here is trusted but what says so.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto"
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls"
import forge from "node-forge"
import { sequence, tagged } from "../../src/ca/der.ts"
import {
  basicConstraints,
  type Extension,
  extensionOids,
  extKeyUsage,
  keyUsage,
  serverAuth,
  subjectAltName,
} from "../../src/ca/extensions.ts"
import { readLeafName } from "../../src/ca/leaf-name.ts"
import { certificate, DAY, ecKey, type Issuer, pkcs8 } from "../ca/made-ca.ts"

const clientAuth = "1.3.6.1.5.5.7.3.2"
const now = Date.now()

export type Credentials = Required<Pick<TlsOptions, "key" | "cert">> & TlsOptions

/** The root that the sensor is told of (`origin-ca`). */
const rsaKey = (bits: number) => generateKeyPairSync("rsa", { modulusLength: bits }).privateKey
export const root: Issuer = { name: "Origin Root", key: rsaKey(2048) }
export const rootPem = certificate({ ...root, notBefore: now - 400 * DAY })
const stranger: Issuer = { name: "Nobody's Root", key: ecKey() }
const strangerPem = certificate({ ...stranger, notBefore: now - DAY })

const names = (...texts: string[]): Extension =>
  subjectAltName(
    texts.flatMap((text) => readLeafName(text) ?? []),
    false,
  )

interface Made {
  san?: string[]
  issuer?: Issuer
  key?: KeyObject
  notBefore?: number
  notAfter?: number
  extensions?: Extension[]
  subject?: string
  /** What is sent behind the leaf. */
  chain?: string
}

/** A leaf: good unless told otherwise. */
export function leaf(made: Made = {}): Credentials {
  const { key = ecKey(), san = ["origin.test"], issuer = root } = made
  const cert = certificate({
    name: made.subject ?? "leaf",
    key,
    issuer,
    notBefore: made.notBefore ?? now - DAY,
    notAfter: made.notAfter ?? now + 30 * DAY,
    extensions: made.extensions ?? [
      basicConstraints(false),
      extKeyUsage(serverAuth),
      names(...san),
    ],
  })
  return { key: pkcs8(key), cert: cert + (made.chain ?? "") }
}

/** A certificate between root and leaf; a CA unless its extensions say otherwise. */
export function intermediate(extensions?: Extension[]): Issuer & { pem: string } {
  const issuer = { name: `Intermediate ${Math.random()}`, key: ecKey() }
  const pem = certificate({
    ...issuer,
    issuer: root,
    notBefore: now - DAY,
    extensions: extensions ?? [basicConstraints({}), keyUsage("keyCertSign")],
  })
  return { ...issuer, pem }
}

function selfSigned(): Credentials {
  const key = ecKey()
  return leaf({ key, subject: "alone", issuer: { name: "alone", key } })
}

/** Signed with SHA-1, which our own writer does not know. */
function sha1(): Credentials {
  const pair = rsaKey(2048)
  const { n, e } = forgeKey(pair)
  const cert = forge.pki.createCertificate()
  cert.publicKey = forge.pki.setRsaPublicKey(n, e)
  cert.serialNumber = "4711"
  cert.validity.notBefore = new Date(now - DAY)
  cert.validity.notAfter = new Date(now + 30 * DAY)
  cert.setSubject([{ name: "commonName", value: "leaf" }])
  cert.setIssuer(forge.pki.certificateFromPem(rootPem).subject.attributes)
  cert.setExtensions([{ name: "subjectAltName", altNames: [{ type: 2, value: "origin.test" }] }])
  cert.sign(forgeKey(root.key), forge.md.sha1.create())
  return { key: pkcs8(pair), cert: forge.pki.certificateToPem(cert) }
}

function forgeKey(key: KeyObject): forge.pki.rsa.PrivateKey {
  return forge.pki.privateKeyFromPem(
    key.export({ type: "pkcs1", format: "pem" }).toString(),
  ) as forge.pki.rsa.PrivateKey
}

/** RFC 5280 section 4.2.1.10: only names below one domain. */
function permitted(domain: string): Extension {
  const subtree = sequence(tagged(2, Buffer.from(domain, "latin1")))
  return {
    oid: extensionOids.nameConstraints,
    critical: true,
    value: sequence(tagged(0, subtree)),
  }
}

function constrained(): Credentials {
  const issuer = intermediate([basicConstraints({}), permitted("elsewhere.test")])
  return leaf({ issuer, chain: issuer.pem })
}

function pathTooLong(): Credentials {
  const first = intermediate([basicConstraints({ pathLen: 0 }), keyUsage("keyCertSign")])
  const second: Issuer = { name: "second", key: ecKey() }
  const pem = certificate({ ...second, issuer: first, notBefore: now - DAY })
  return leaf({ issuer: second, chain: pem + first.pem })
}

function issuerNoCa(): Credentials {
  const issuer = intermediate([basicConstraints(false), names("origin.test")])
  return leaf({ issuer, chain: issuer.pem })
}

/** Certificates that must not be trusted for `origin.test`, and our word for why. */
export const badCertificates: readonly [name: string, reason: string, made: () => Credentials][] = [
  ["expired", "expired", () => leaf({ notBefore: now - 9 * DAY, notAfter: now - DAY })],
  ["not yet valid", "not-yet-valid", () => leaf({ notBefore: now + DAY })],
  ["for another name", "wrong-name", () => leaf({ san: ["other.test"] })],
  [
    "for names below its own",
    "wrong-name",
    () => leaf({ san: ["*.origin.test", "a.origin.test"] }),
  ],
  [
    "with its name as common name only",
    "wrong-name",
    () => leaf({ subject: "origin.test", extensions: [basicConstraints(false)] }),
  ],
  ["self-signed", "self-signed", selfSigned],
  [
    "of a root that nobody knows",
    "unknown-root",
    () => leaf({ issuer: stranger, chain: strangerPem }),
  ],
  ["without the intermediate", "incomplete-chain", () => leaf({ issuer: intermediate() })],
  ["signed with SHA-1", "weak-signature", sha1],
  ["with a key of RSA-1024", "weak-key", () => leaf({ key: rsaKey(1024) })],
  ["outside its CA's name constraints", "name-constraint", constrained],
  [
    "for clients only",
    "wrong-purpose",
    () => leaf({ extensions: [extKeyUsage(clientAuth), names("origin.test")] }),
  ],
  ["of an issuer that is no CA", "wrong-purpose", issuerNoCa],
  ["below a CA that may have no CA below", "path-too-long", pathTooLong],
  [
    "a CA's own",
    "ca-as-leaf",
    () => leaf({ extensions: [basicConstraints({}), names("origin.test")] }),
  ],
]

/** What an origin does with a connection. */
export type Mood = (socket: Socket) => void

export interface MoodyOrigin {
  server: Server
  mood: Mood
  /** Plaintext of clients that reached it. */
  got: string
}

/** Speaks TLS, says something unasked, and notes what it hears. */
export function speaks(origin: { got: string }, options: TlsOptions): Mood {
  const tls = createTlsServer(options, (socket: TLSSocket) => {
    socket.on("error", () => {})
    socket.write("said by the origin")
    socket.on("data", (chunk) => {
      origin.got += chunk.toString("latin1")
    })
    socket.on("end", () => socket.end())
  })
  tls.on("tlsClientError", () => {})
  return (socket) => tls.emit("connection", socket)
}

/** An origin on one port, whose behaviour is exchanged while it stands. */
export function moodyOrigin(): MoodyOrigin {
  const origin: MoodyOrigin = {
    server: createServer((socket) => origin.mood(socket)),
    mood: (socket) => socket.destroy(),
    got: "",
  }
  return origin
}

/** A TLS 1.2 ServerHello that chooses TLS_RSA_WITH_RC4_128_SHA, offered or not. */
const rc4Hello = Buffer.concat([
  Buffer.from([22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3]),
  Buffer.alloc(32, 7),
  Buffer.from([0, 0, 5, 0]),
])

const afterHello =
  (then: Mood): Mood =>
  (socket) => {
    socket.on("error", () => {})
    socket.once("data", () => then(socket))
  }

const rsaLeaf = () => leaf({ key: rsaKey(2048) })
const weak = (ciphers: string): TlsOptions => ({ ciphers: `${ciphers}:@SECLEVEL=0` })
const only = (version: NonNullable<TlsOptions["maxVersion"]>): TlsOptions => ({
  minVersion: version,
  maxVersion: version,
})

/** Origins whose handshake cannot be had, and our word for why. */
export const badHandshakes: readonly [
  name: string,
  expected: { status: string; reason: string | RegExp },
  made: (origin: MoodyOrigin) => Mood,
][] = [
  [
    "speaks TLS 1.0 only",
    { status: "failed", reason: "alert 70" },
    (origin) => speaks(origin, { ...leaf(), ...only("TLSv1"), ...weak("ALL") }),
  ],
  [
    "speaks TLS 1.1 only",
    { status: "failed", reason: "alert 70" },
    (origin) => speaks(origin, { ...leaf(), ...only("TLSv1.1"), ...weak("ALL") }),
  ],
  [
    "has CBC suites only",
    { status: "failed", reason: "alert 40" },
    (origin) =>
      speaks(origin, { ...leaf(), ...only("TLSv1.2"), ...weak("ECDHE-ECDSA-AES128-SHA256") }),
  ],
  [
    "exchanges keys by static RSA only",
    { status: "failed", reason: "alert 40" },
    (origin) => speaks(origin, { ...rsaLeaf(), ...only("TLSv1.2"), ...weak("AES128-GCM-SHA256") }),
  ],
  [
    "has finite-field Diffie-Hellman only",
    { status: "failed", reason: "alert 40" },
    (origin) =>
      speaks(origin, {
        ...rsaLeaf(),
        ...only("TLSv1.2"),
        ...weak("DHE-RSA-AES128-GCM-SHA256"),
        dhparam: "auto",
      }),
  ],
  [
    "chooses RC4 although it was not offered",
    { status: "failed", reason: "unoffered-cipher" },
    () => afterHello((socket) => void socket.write(rc4Hello)),
  ],
  [
    "speaks SSH",
    { status: "failed", reason: "not-tls" },
    () => afterHello((socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n")),
  ],
  [
    "speaks HTTP",
    { status: "failed", reason: "not-tls" },
    () => afterHello((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  ],
  [
    "closes at once",
    { status: "failed", reason: /^closed-in-handshake$|^ECONNRESET$|^EPIPE$/ },
    () => (socket) => socket.destroy(),
  ],
  [
    "closes after the hello",
    { status: "failed", reason: "closed-in-handshake" },
    () => afterHello((socket) => void socket.end()),
  ],
  [
    "resets",
    { status: "failed", reason: "ECONNRESET" },
    () => afterHello((socket) => void socket.resetAndDestroy()),
  ],
  [
    "hangs",
    { status: "unreachable", reason: "handshake-timed-out" },
    () => (socket) => socket.resume(),
  ],
]
