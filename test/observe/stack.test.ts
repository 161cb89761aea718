import t from "tap"
import { ja4 } from "../../src/observe/ja4.ts"
import { stackKey } from "../../src/observe/stack.ts"
import { type Extension, emptyExtension, helloBytes, sniExtension } from "./hello-bytes.ts"
import { liveHello, parsed, storedHello, storedHelloNames } from "./real-hellos.ts"

const stored = (name: string) => parsed(storedHello(name))

t.test("a client has one key with and without SNI, ALPN or a ticket", async (t) => {
  const plain = stackKey(parsed(await liveHello({})))
  t.equal(stackKey(parsed(await liveHello({ servername: "app.example" }))), plain, "SNI")
  t.equal(stackKey(parsed(await liveHello({ ALPNProtocols: ["h2"] }))), plain, "ALPN")
  t.equal(stackKey(stored("chromium-156-h2")), stackKey(stored("chromium-156-h2-no-sni")))
  const [fresh, resumed] = [stored("node-24-h2"), stored("node-24-h2-resumed")]
  t.not(ja4(fresh), ja4(resumed), "the raw JA4 does change with resumption")
  t.equal(stackKey(fresh), stackKey(resumed))
})

t.test("what depends on the connection does not change the key", async (t) => {
  const key = (...extensions: Extension[]) =>
    stackKey(parsed(helloBytes({ extensions: [emptyExtension(23), ...extensions] })))
  t.equal(key(sniExtension("a.b")), key())
  for (const type of [21, 41, 42, 44, 0x0a0a]) t.equal(key(emptyExtension(type)), key(), `${type}`)
  for (const type of [35, 45, 27]) t.not(key(emptyExtension(type)), key(), `${type} is the stack's`)
})

t.test("different stacks have different keys", async (t) => {
  const names = storedHelloNames().filter((name) => !/no-sni|resumed/.test(name))
  const keys = new Set(names.map((name) => stackKey(stored(name))))
  t.equal(keys.size, names.length)
  t.not(
    stackKey(parsed(await liveHello({ maxVersion: "TLSv1.2" }))),
    stackKey(parsed(await liveHello({}))),
  )
})

t.test("a key has the shape of a JA4 and cannot be taken for one", async (t) => {
  for (const name of storedHelloNames()) {
    t.match(stackKey(stored(name)), /^t1[23]x\d{4}00_[0-9a-f]{12}_[0-9a-f]{12}$/, name)
  }
})
