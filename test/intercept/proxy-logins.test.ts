/** Who uses the explicit proxy: passwords, what is remembered, and what clients are answered. */
import { createServer as createHttpServer } from "node:http"
import { connect } from "node:net"
import t from "tap"
import { hashPassword, isPassword, readPasswordHash } from "../../src/intercept/password-hash.ts"
import { ProxyLogins, readProxyUsers } from "../../src/intercept/proxy-logins.ts"
import { listening, received, type TestSensor, testSensor } from "../support/sensor.ts"

const stored = await hashPassword("pässword:with colon")
const users = readProxyUsers(`# people\n\nann:${stored}\n`, "users")
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
const right = basic("ann:pässword:with colon")
const wrong = basic("ann:guess")

t.test("a password is known again by its hash, and no other one is", async (t) => {
  const hash = readPasswordHash(stored)
  if (!hash) throw new Error("the hash cannot be read")
  t.ok(await isPassword("pässword:with colon", hash))
  t.notOk(await isPassword("pässword", hash))
  t.not(await hashPassword("pässword:with colon"), stored, "each has a salt of its own")
})

const salt = "A".repeat(22)
const lines: Record<string, [text: string, says: RegExp]> = {
  "no colon": ["ann\n", /line 1: not NAME:\$scrypt\$.*make the line with pinsensor proxy-user/],
  "a plain password": ["ann:secret\n", /line 1/],
  "a cost that nobody can pay": [`ann:$scrypt$ln=30,r=8,p=1$${salt}$${salt}\n`, /line 1/],
  "a cost that is none": [`ann:$scrypt$ln=1,r=8,p=1$${salt}$${salt}\n`, /line 1/],
  "a name with a control character": [`a\tn:${stored}\n`, /line 1/],
  "one user twice": [`ann:${stored}\n\nann:${stored}\n`, /line 3: user ann is there twice/],
  nobody: ["# nobody\n", /names nobody/],
}
for (const [name, [text, says]] of Object.entries(lines))
  t.test(`a file of users is refused with the line that is wrong: ${name}`, (t) => {
    t.throws(() => readProxyUsers(text, "users"), { message: says })
    t.end()
  })

const headers: Record<string, [header: string | undefined, user: string | null]> = {
  "the right password": [right, "ann"],
  "the scheme in another case": [right.replace("Basic", "bASIC"), "ann"],
  "a wrong password": [wrong, null],
  "somebody who is not in the file": [basic("bob:pässword:with colon"), null],
  "no header": [undefined, null],
  "another scheme": ["Bearer abc", null],
  "no base64": ["Basic %%%", null],
  "no colon": [basic("ann"), null],
  "no user": [basic(":pässword:with colon"), null],
  "a header of a mile": [`Basic ${"A".repeat(2_000)}`, null],
}
for (const [name, [header, user]] of Object.entries(headers))
  t.test(`only valid credentials make a user: ${name}`, async (t) => {
    const parts = { users, clock: () => 0 }
    const needed = new ProxyLogins({ ...parts, require: true })
    t.strictSame(await needed.check(header, "10.0.0.1"), user ? { user } : { refused: "unknown" })
    const optional = new ProxyLogins({ ...parts, require: false })
    t.strictSame(await optional.check(header, "10.0.0.1"), { user })
  })

t.test("what was verified is remembered for some minutes, what is wrong for one", async (t) => {
  let now = 0
  const logins = new ProxyLogins({ users, require: true, clock: () => now })
  const first = logins.check(right, "10.0.0.1")
  t.type(first, Promise)
  await Promise.all([first, logins.check(wrong, "10.0.0.1")])
  t.strictSame(logins.check(right, "10.0.0.9"), { user: "ann" }, "answered at once")
  t.strictSame(logins.check(wrong, "10.0.0.1"), { refused: "unknown" })
  now = 60_001
  t.type(logins.check(wrong, "10.0.0.1"), Promise, "and verified again later")
  t.strictSame(logins.check(right, "10.0.0.1"), { user: "ann" })
  now = 15 * 60_001
  t.type(logins.check(right, "10.0.0.1"), Promise)
})

t.test("fails closed: a client that tries many passwords waits, and others do not", async (t) => {
  const logins = new ProxyLogins({ users, require: true, clock: () => 0 })
  const tries = [0, 1, 2, 3].map((one) => logins.check(basic(`ann:${one}`), "10.0.0.1"))
  t.strictSame(logins.check(basic("ann:4"), "10.0.0.1"), { refused: "busy" })
  const same = logins.check(basic("ann:3"), "10.0.0.1")
  t.type(same, Promise, "the same credentials are verified once for all who send them")
  t.strictSame(await logins.check(right, "10.0.0.2"), { user: "ann" })
  for (const verdict of await Promise.all([...tries, same]))
    t.strictSame(verdict, { refused: "unknown" })
  t.strictSame(await logins.check(basic("ann:4"), "10.0.0.1"), { refused: "unknown" })
})

const web = createHttpServer((request, response) => {
  const names = Object.keys(request.headers).filter((name) => name.startsWith("proxy-"))
  response.setHeader("connection", "close").end(`proxy headers: ${names}`)
})
const webPort = await listening(t, web)

async function said(sensor: TestSensor, bytes: string): Promise<string> {
  const socket = connect(sensor.port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(bytes)
  const { bytes: answer } = await received(socket)
  socket.destroy()
  return answer.toString("latin1")
}

const requests: Record<string, (header: string) => string> = {
  CONNECT: (header) => `CONNECT app.test:1 HTTP/1.1\r\nHost: x\r\n${header}\r\n`,
  "plain HTTP": (header) =>
    `GET http://web.test:${webPort}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n`,
  "a plain upgrade": (header) =>
    `GET http://web.test:${webPort}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${header}\r\n`,
}
const with_ = (require: boolean) => ({
  deps: { logins: new ProxyLogins({ users, require, clock: () => performance.now() }) },
})

for (const [name, request] of Object.entries(requests)) {
  t.test(`fails closed: without valid credentials there is no ${name}`, async (t) => {
    const sensor = await testSensor(t, with_(true))
    for (const header of ["", `Proxy-Authorization: ${wrong}\r\n`]) {
      const answer = await said(sensor, request(header))
      t.match(answer, /^HTTP\/1.1 407 /)
      t.match(answer, /\r\nproxy-authenticate: Basic realm="pinsensor"\r\n/i)
    }
    t.match(sensor.sensor.counts, { accepted: 2, unauthorized: 2, tunnels: 0, plain_http: 0 })
    t.same(sensor.attempts, [])
  })
  t.test(`where no credentials are required there is ${name} without them`, async (t) => {
    const sensor = await testSensor(t, with_(false))
    for (const header of ["", `Proxy-Authorization: ${wrong}\r\n`]) {
      const socket = connect(sensor.port, "127.0.0.1")
      socket.write(request(header))
      const answer = await new Promise((resolve) => socket.once("data", resolve))
      t.match(String(answer), /^HTTP\/1.1 200 /)
      socket.destroy()
    }
    t.equal(sensor.sensor.counts.unauthorized, 0)
  })
}

t.test("a user is recorded with the attempt, and nobody where nobody is asked", async (t) => {
  for (const [given, proxy_user] of [
    [with_(true), "ann"],
    [with_(false), "ann"],
    [{}, null],
  ] as const) {
    const sensor = await testSensor(t, given)
    const socket = connect(sensor.port, "127.0.0.1")
    socket.write(`${requests["CONNECT"]?.(`Proxy-Authorization: ${right}\r\n`)}`)
    t.match(String(await new Promise((resolve) => socket.once("data", resolve))), / 200 /)
    socket.destroy()
    t.match(await sensor.attempt(), { proxy_user })
  }
})

t.test("credentials for the proxy never reach an origin", async (t) => {
  for (const given of [with_(true), with_(false), {}]) {
    const sensor = await testSensor(t, given)
    const header = `Proxy-Authorization: ${right}\r\n`
    t.match(await said(sensor, `${requests["plain HTTP"]?.(header)}`), /proxy headers: $/)
    t.match(await said(sensor, `${requests["a plain upgrade"]?.(header)}`), /proxy headers: \r?\n?/)
  }
})
