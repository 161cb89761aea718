import { execFile } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer as createHttp1 } from "node:http"
import { createServer as createHttp2 } from "node:http2"
import { type AddressInfo, createConnection, createServer } from "node:net"
import { join } from "node:path"
import { type ConnectionOptions, connect, type TLSSocket, TLSSocket as Tls } from "node:tls"
import { promisify } from "node:util"
import t, { type Test } from "tap"
import { createLeafKeys, type LeafKind } from "../../src/ca/leaf-keys.ts"
import { LeafStore, type PresentedLeaf } from "../../src/ca/leaf-store.ts"
import { loadInspectionCa } from "../../src/ca/load.ts"
import {
  certificate,
  DAY,
  ecKey,
  newFolder,
  now,
  pkcs8,
  sensorCa,
  without,
  writePair,
} from "./made-ca.ts"

const run = promisify(execFile)
const dir = newFolder(t)
const keys = await createLeafKeys()
const ca = sensorCa(dir, "ec")
/** TLS clients go by the real clock, so their CA does too. */
const live = sensorCa(dir, "rsa", Date.now())

t.test("a known leaf is the same one again, a new name or kind or origin is another", (t) => {
  const store = new LeafStore({ ca, keys })
  const mirror = { dnsNames: ["a.com", "b.com"], ipAddresses: [] }
  const first = store.get({ name: "a.com", kind: "ec" }, now)
  t.equal(store.get({ name: "A.com.", kind: "ec" }, now + 1000), first)
  t.not(store.get({ name: "b.com", kind: "ec" }, now), first)
  t.equal(store.get({ name: "a.com", kind: "rsa" }, now).kind, "rsa")
  const mirrored = store.get({ name: "a.com", kind: "ec", originFingerprint: "00ff", mirror }, now)
  t.same(mirrored.names, ["a.com", "b.com"])
  t.equal(store.size, 4)
  t.match(first, { selfCheck: "ok", issuingCa: ca.fingerprint, names: ["a.com"] })
  t.end()
})

t.test("at its limit the store drops the leaf that was used least recently", (t) => {
  const store = new LeafStore({ ca, keys, limit: 2 })
  const get = (name: string) => store.get({ name, kind: "ec" }, now).fingerprint
  const [a, b] = [get("a.com"), get("b.com")]
  t.equal(get("a.com"), a)
  get("c.com")
  t.equal(store.size, 2)
  t.equal(get("a.com"), a)
  t.not(get("b.com"), b)
  t.end()
})

t.test("what is no name fills one place only and says that its leaf is bad", (t) => {
  const store = new LeafStore({ ca, keys })
  const first = store.get({ name: "", kind: "ec" }, now)
  t.equal(first.selfCheck, "name-not-covered")
  t.equal(store.get({ name: "a.com\0b.com", kind: "ec" }, now), first)
  t.equal(store.get({ name: "x".repeat(70_000), kind: "ec" }, now), first)
  t.equal(store.size, 1)
  t.end()
})

t.test("a leaf is renewed at a third of its life, and when the clock was set back", (t) => {
  const store = new LeafStore({ ca, keys })
  const get = (at: number) => store.get({ name: "a.com", kind: "ec" }, at)
  const first = get(now)
  const third = (first.notAfter - first.notBefore) / 3
  t.equal(get(first.notAfter - third - 1), first)
  const second = get(first.notAfter - third)
  t.not(second, first)
  t.ok(second.notAfter > first.notAfter)
  t.equal(store.size, 1)
  const back = get(now - 5 * DAY)
  t.not(back, second)
  t.ok(back.notBefore <= now - 5 * DAY || back.notBefore === ca.notBefore)
  t.end()
})

t.test("near its CA's end a leaf is kept, and after it minted once more to tell so", (t) => {
  const key = ecKey()
  const pem = certificate({ name: "Brief", key, notBefore: now - 9 * DAY, notAfter: now + 2 * DAY })
  const brief = loadInspectionCa({ ...writePair(dir, pem, pkcs8(key)), now })
  const store = new LeafStore({ ca: brief, keys })
  const get = (at: number) => store.get({ name: "a.com", kind: "ec" }, at)
  const first = get(now)
  t.equal(first.notAfter, now + 2 * DAY)
  t.equal(get(now + 2 * DAY), first)
  const dead = get(now + 3 * DAY)
  t.equal(dead.selfCheck, "expired")
  t.equal(get(now + 30 * DAY), dead)
  t.equal(get(now).selfCheck, "ok", "the clock was wrong and is right again")
  t.end()
})

/** The server side as interception does it: a TLSSocket of its own over a raw socket. */
async function serve(
  t: Test,
  leaf: PresentedLeaf,
  onTls: (socket: TLSSocket) => void,
  alpn?: string,
) {
  const open = new Set<{ destroy(): void }>()
  const server = createServer((raw) => {
    open.add(raw)
    raw.on("error", () => {})
    const socket = new Tls(raw, {
      isServer: true,
      secureContext: leaf.secureContext(),
      ...(alpn && { ALPNProtocols: [alpn] }),
    })
    socket.on("error", () => {})
    onTls(socket)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  t.teardown(() => {
    for (const raw of open) raw.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const greet = (socket: TLSSocket) => socket.write("hello")
const leafFor = (name: string, kind: LeafKind) =>
  new LeafStore({ ca: live, keys }).get({ name, kind }, Date.now())

/** Connects, waits for the greeting (and so, in TLS 1.3, for tickets), and says what it saw. */
async function visit(port: number, options: ConnectionOptions = {}) {
  const socket = connect({ port, host: "127.0.0.1", ca: live.certPem, ...options })
  let session: Buffer | undefined
  socket.on("session", (latest) => {
    session = latest
  })
  await once(socket, "secureConnect")
  const seen = {
    version: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    fingerprint: socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase(),
    resumed: socket.isSessionReused(),
  }
  await once(socket, "data")
  socket.destroy()
  return { ...seen, session }
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const only = { minVersion: version, maxVersion: version }

  for (const kind of ["ec", "rsa"] as const) {
    t.test(
      `a ${version} client that trusts the CA accepts the ${kind} leaf, by name and address`,
      async (t) => {
        const leaf = leafFor("www.example.com", kind)
        const port = await serve(t, leaf, greet)
        const seen = await visit(port, { servername: "www.example.com", ...only })
        t.match(seen, { version, fingerprint: leaf.fingerprint })
        const byAddress = await serve(t, leafFor("127.0.0.1", kind), greet)
        t.equal((await visit(byAddress, only)).version, version)
        await t.rejects(visit(port, { servername: "other.example.com", ...only }), {
          code: "ERR_TLS_CERT_ALTNAME_INVALID",
        })
      },
    )
  }

  t.test(
    `a ${version} client with a session of before is shown the certificate again`,
    async (t) => {
      const port = await serve(t, leafFor("www.example.com", "ec"), greet)
      const options = { servername: "www.example.com", ...only }
      const { session } = await visit(port, options)
      if (session === undefined) return t.fail("the client got no session to present")
      const again = await visit(port, { ...options, session })
      t.equal(again.resumed, false)
      t.type(again.fingerprint, "string")
    },
  )
}

t.test("a client that does not trust the CA refuses", async (t) => {
  const port = await serve(t, leafFor("www.example.com", "ec"), greet)
  const stranger = visit(port, { servername: "www.example.com", ca: ca.certPem })
  await t.rejects(stranger, { code: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_/ })
})

const offers: Record<string, { options: ConnectionOptions; refused?: RegExp }> = {
  "X25519MLKEM768 alone": { options: { ecdhCurve: "X25519MLKEM768" } },
  "P-256 alone": { options: { ecdhCurve: "P-256" } },
  "TLS 1.1": {
    options: { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" },
    refused: /unsupported protocol/,
  },
  "CBC suites alone": {
    options: { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA" },
    refused: /no shared cipher/,
  },
  "key exchange without ECDHE": {
    options: { maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256" },
    refused: /no shared cipher/,
  },
}

t.test(
  "what is negotiated is AEAD with ECDHE from TLS 1.2 on, hybrid groups included",
  async (t) => {
    let fault = ""
    const port = await serve(t, leafFor("www.example.com", "ec"), (socket) => {
      socket.once("error", ({ message }) => {
        fault = message
      })
      greet(socket)
    })
    for (const [name, { options, refused }] of Object.entries(offers)) {
      const visited = visit(port, { servername: "www.example.com", ...options })
      if (refused) {
        await t.rejects(visited, name)
        t.match(fault, refused, name)
      } else await t.resolves(visited, name)
    }
  },
)

t.test("the client's order of ciphers counts", async (t) => {
  const port = await serve(t, leafFor("www.example.com", "ec"), greet)
  for (const [ciphers, chosen] of [
    ["TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"],
    ["TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"],
  ]) {
    const seen = await visit(port, { servername: "www.example.com", ...(ciphers && { ciphers }) })
    t.equal(seen.cipher, chosen)
  }
})

t.test("a client cannot renegotiate", async (t) => {
  const port = await serve(t, leafFor("www.example.com", "ec"), greet)
  const options = { servername: "www.example.com", maxVersion: "TLSv1.2" } as const
  const socket = connect({ port, host: "127.0.0.1", ca: live.certPem, ...options })
  await once(socket, "secureConnect")
  socket.renegotiate({}, () => {})
  const [error] = await once(socket, "error")
  t.match(error.message, /no renegotiation/i)
  socket.destroy()
})

t.test(
  "curl accepts the chain of a subordinate CA over HTTP/1.1 and HTTP/2",
  { skip: without("curl", "--version") },
  async (t) => {
    const root = { name: "Root", key: live.key }
    const sub = { name: "Issuing", key: ecKey("P-384") }
    const dates = { notBefore: Date.now() - DAY, notAfter: Date.now() + 90 * DAY }
    const subPem = certificate({ ...sub, issuer: root, ...dates })
    const files = writePair(dir, subPem, pkcs8(sub.key))
    const store = new LeafStore({ ca: loadInspectionCa({ ...files, now: Date.now() }), keys })
    const rootFile = join(dir, "curl-root.pem")
    writeFileSync(rootFile, certificate({ ...root, ...dates }))
    const origins = {
      "http/1.1": createHttp1((_, response) => response.end("over 1.1")),
      h2: createHttp2((_, response) => response.end("over 2")),
    }
    for (const [alpn, origin] of Object.entries(origins)) {
      await once(origin.listen(0, "127.0.0.1"), "listening")
      t.teardown(() => origin.close())
      const plain = origin.address() as AddressInfo
      for (const kind of ["ec", "rsa"] as const) {
        const leaf = store.get({ name: "www.example.com", kind }, Date.now())
        const relay = (socket: TLSSocket) => {
          const upstream = createConnection(plain.port, "127.0.0.1")
          upstream.on("error", () => {})
          socket.pipe(upstream).pipe(socket)
        }
        const port = await serve(t, leaf, relay, alpn)
        const { stdout } = await run("curl", [
          "-sS",
          alpn === "h2" ? "--http2" : "--http1.1",
          "--noproxy",
          "*",
          "--cacert",
          rootFile,
          "--resolve",
          `www.example.com:${port}:127.0.0.1`,
          "-w",
          " %{http_version} %{ssl_verify_result}",
          `https://www.example.com:${port}/`,
        ])
        t.equal(stdout, alpn === "h2" ? "over 2 2 0" : "over 1.1 1.1 0", `${alpn} ${kind}`)
      }
    }
  },
)

/** A client of the Java platform, whose certificate checks are its own and not OpenSSL's. */
const javaClient = `
import java.io.FileInputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

class Client {
  public static void main(String[] args) throws Exception {
    var anchors = KeyStore.getInstance(KeyStore.getDefaultType());
    anchors.load(null);
    try (var file = new FileInputStream(args[0])) {
      anchors.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    var trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(anchors);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    for (int i = 1; i < args.length; i += 2) {
      var address = InetAddress.getByAddress(args[i], new byte[] {127, 0, 0, 1});
      try (var socket = (SSLSocket) context.getSocketFactory().createSocket(address, Integer.parseInt(args[i + 1]))) {
        var parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        parameters.setServerNames(java.util.List.of(new SNIHostName(args[i])));
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        System.out.println("accepted");
      } catch (SSLException e) {
        System.out.println("refused");
      }
    }
  }
}`

t.test(
  "Java accepts leaves of either kind and checks their name",
  { skip: without("java", "-version") },
  async (t) => {
    const file = join(dir, "Client.java")
    writeFileSync(file, javaClient)
    const ec = await serve(t, leafFor("www.example.com", "ec"), greet)
    const rsa = await serve(t, leafFor("www.example.com", "rsa"), greet)
    const visits = ["www.example.com", ec, "www.example.com", rsa, "other.example.com", ec]
    const options = ["-XX:TieredStopAtLevel=1", file, live.certFile, ...visits.map(String)]
    const { stdout } = await run("java", options)
    t.equal(stdout, "accepted\naccepted\nrefused\n")
  },
)
