/** The upstream proxy's credentials, from their file to the proxy and nowhere else. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { upstreamProxyCredentials } from "../../../src/cli/worker/upstream-proxy.ts"
import { UpstreamProxySettings } from "../../../src/intercept/upstream-proxy-settings.ts"
import { connectProxy } from "../../support/connect-proxy.ts"
import { startPinsensor } from "../../support/pinsensor.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-upstream-proxy-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const password = "correct horse battery"
const basic = Buffer.from(`sensor:${password}`).toString("base64")
const file = join(folder, "user")

t.test("the password is in no log, no record and no `config show`", async (t) => {
  writeFileSync(file, `sensor:${password}\n`, { mode: 0o600 })
  const proxy = connectProxy()
  // It says back what it was told, as a proxy that explains itself does.
  proxy.act = (socket) => {
    socket.end(`HTTP/1.1 407 No\r\nX-You-Said: ${proxy.heads.at(-1)?.replace(/\s+/g, " ")}\r\n\r\n`)
    return undefined
  }
  await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve))
  t.teardown(() => proxy.server.close())
  const { port } = proxy.server.address() as AddressInfo
  const sensor = await startPinsensor({
    log: "debug",
    "upstream-proxy": { url: `http://127.0.0.1:${port}`, "user-file": file },
    hosts: { "origin.test": ["192.0.2.1"] },
  })
  t.teardown(() => sensor.remove())
  const tunnelled = "CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\nno TLS at all"
  const plain = "GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n"
  const answers = [await said(sensor.proxy, tunnelled), await said(sensor.proxy, plain)]
  t.match(answers[1], /^HTTP\/1\.1 502 /)
  t.equal(proxy.heads.length, 2)
  for (const head of proxy.heads)
    t.match(head, new RegExp(`proxy-authorization: Basic ${basic}`, "i"))
  const shown = await sensor.verb("config", "show")
  t.match(shown, file, "the file is named")
  await sensor.stop()
  t.match(
    sensor.log.find(({ msg }) => msg === "upstream-proxy-failed"),
    { because: "upstream-proxy 407" },
  )
  const attempts = await sensor.records("attempts")
  t.match(attempts, [{ outcome: "not-tls", upstream: { reason: "upstream-proxy 407" } }])
  const everything = JSON.stringify([answers, shown, sensor.log, sensor.errors(), attempts])
  for (const secret of [password, basic]) t.notOk(everything.includes(secret))
})

t.test("a file that cannot be used is named, and nothing of it", async (t) => {
  const rows: [title: string, text: string | null, message: RegExp][] = [
    ["none", null, /user-file: .* cannot be read \(ENOENT\)/],
    ["no colon", `${password}\n`, /one line is needed, user:password/],
    ["several lines", `sensor:${password}\nother:x\n`, /one line/],
    ["nothing", "", /one line/],
  ]
  for (const [title, text, message] of rows) {
    if (text === null) rmSync(file, { force: true })
    else writeFileSync(file, text)
    const settings = { url: "http://proxy.test:3128", "user-file": file }
    try {
      upstreamProxyCredentials({ "upstream-proxy": UpstreamProxySettings.parse(settings) })
      t.fail(title)
    } catch (error) {
      t.match(String(error), message, title)
      t.notOk(String(error).includes(password))
    }
  }
})

async function said(proxy: string, text: string): Promise<string> {
  const [host, port] = proxy.split(":")
  const socket = connect(Number(port), host)
  socket.on("error", () => {})
  socket.write(text)
  let answer = ""
  for await (const chunk of socket) answer += chunk
  return answer
}
