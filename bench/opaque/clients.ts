/** The clients: each is given a door and a play, and says what it did on each of its connections. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { connect as dial } from "node:net"
import { join } from "node:path"
import { type ConnectionOptions, connect } from "node:tls"
import { pause } from "./bed.ts"
import type { Files } from "./files.ts"
import { type Line, LineChild } from "./line-child.ts"
import type { Play } from "./plays.ts"

/** What a client knows of one connection; `null` where its program does not tell. */
export interface ClientSaw {
  handshake: boolean | null
  sent: number | null
  got: number | null
}

export interface Given {
  play: Play
  port: number
  name: string
  files: Files
  id: number
}

export interface Clients {
  run(given: Given): Promise<ClientSaw[] | null>
  close(): void
}

const scripted = ["java", "go", "python"] as const

/** Longest life of a program, in milliseconds. */
const longest = 12_000

export function startClients(files: Files): Clients {
  const children = new Map<string, LineChild>()
  // One for each version: what is asked of a child it answers in the order of asking.
  const childOf = ({ client, version }: Play) => {
    const stack = scripted.find((each) => each === client)
    const start = stack && files[stack]
    if (!start) return null
    const name = `${client} ${version}`
    const child =
      children.get(name) ?? new LineChild(client === "java" ? [...start, "client"] : start)
    children.set(name, child)
    return child
  }
  return {
    run: async (given) => {
      const { client } = given.play
      const child = childOf(given.play)
      if (child) return inRow(given, async () => sawOf(await child.ask(lineOf(given))))
      if (client === "node") return node(given)
      if (client === "curl") return curl(given)
      if (client === "wget") return wget(given)
      if (client === "openssl") return openssl(given)
      if (client === "gnutls") return gnutls(given)
      if (client === "chromium") return chromium(given)
      return null
    },
    close: () => {
      for (const child of children.values()) child.close()
    },
  }
}

async function inRow({ play }: Given, one: () => Promise<ClientSaw>): Promise<ClientSaw[]> {
  const saw: ClientSaw[] = []
  for (let time = 0; time < (play.times ?? 1); time++) saw.push(await one())
  return saw
}

function lineOf({ play, port, name, files, id }: Given): Line {
  return {
    id: String(id),
    port: String(port),
    name,
    v: play.version,
    ca: play.distrusts ? files.stranger : files.ca,
    pin: play.pin ? "1" : "0",
    alpn: play.alpn ?? "",
    steps: play.steps ?? "",
    close: play.close ?? "close",
    p12: play.certificate ? files.clientP12 : "",
    cert: play.certificate ? files.clientCert : "",
    key: play.certificate ? files.clientKey : "",
  }
}

function sawOf({ handshake, sent, got }: Line): ClientSaw {
  return { handshake: handshake === "1", sent: Number(sent ?? 0), got: Number(got ?? 0) }
}

async function node(given: Given): Promise<ClientSaw[]> {
  const { play, port, name, files } = given
  let session: Buffer | undefined
  return inRow(given, async () => {
    const saw = { handshake: false, sent: 0, got: 0 }
    const options: ConnectionOptions = {
      servername: name,
      ca: readFileSync(play.distrusts ? files.stranger : files.ca),
      minVersion: `TLSv${play.version}`,
      maxVersion: `TLSv${play.version}`,
    }
    if (play.certificate)
      Object.assign(options, {
        cert: readFileSync(files.clientCert),
        key: readFileSync(files.clientKey),
      })
    if (play.pin) options.checkServerIdentity = () => new Error("pin mismatch")
    if (session) options.session = session
    const raw = dial({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
    raw.on("error", () => {})
    const client = connect({ socket: raw, ...options })
    const over = new Promise<void>((resolve) => client.once("close", () => resolve()))
    client.on("error", () => {})
    client.on("session", (ticket: Buffer) => {
      session = ticket
    })
    client.on("data", (chunk: Buffer) => {
      saw.got += chunk.length
    })
    const connected = new Promise<void>((resolve) => client.once("secureConnect", resolve))
    await Promise.race([connected, over, pause(3_000)])
    saw.handshake = client.authorized && !client.destroyed
    if (saw.handshake) await act(play, saw, (bytes) => client.write(bytes), over)
    if (play.close === "rst") raw.resetAndDestroy()
    else if (play.close === "fin") raw.end()
    else client.end()
    await Promise.race([over, pause(300)])
    client.destroy()
    raw.destroy()
    return saw
  })
}

async function act(
  play: Play,
  saw: { sent: number; got: number },
  write: (bytes: Buffer) => unknown,
  over: Promise<void>,
): Promise<void> {
  for (const step of play.steps?.split(",") ?? []) {
    const n = Number(step.slice(1))
    if (step.startsWith("s")) {
      write(Buffer.from(`${"q".repeat(n - 1)}\n`))
      saw.sent += n
    } else if (step.startsWith("w")) await pause(n)
    else if (step === "e") await Promise.race([over, pause(1_000)])
    else {
      const want = Math.max(n, saw.got + 1)
      let ended = false
      void over.then(() => {
        ended = true
      })
      for (let i = 0; i < 400 && saw.got < want && !ended; i++) await pause(5)
    }
  }
}

/** Runs a program to its end; `input` feeds its standard input. */
async function program(
  command: string,
  args: string[],
  input: (write: (text: string) => void) => Promise<void> = async () => {},
  env: Record<string, string> = {},
): Promise<string> {
  const child = spawn(command, args, { stdio: "pipe", env: { ...process.env, ...env } })
  let out = ""
  const take = (part: Buffer) => {
    if (out.length < 500_000) out += part.toString("latin1")
  }
  child.stdout.on("data", take)
  child.stderr.on("data", take)
  child.stdin.on("error", () => {})
  const over = new Promise<void>((resolve) => {
    child.once("close", () => resolve())
    child.once("error", () => resolve())
  })
  const late = setTimeout(() => child.kill("SIGTERM"), longest)
  await Promise.race([over, input((text) => child.stdin.write(text))])
  child.stdin.end()
  await over
  clearTimeout(late)
  return out
}

const untold: ClientSaw = { handshake: null, sent: null, got: null }

async function curl({ play, port, name, files }: Given): Promise<ClientSaw[]> {
  const paths = (play.args ?? []).filter((each) => each.startsWith("/"))
  const flags = (play.args ?? []).filter((each) => !each.startsWith("/"))
  const urls = paths.flatMap((path) => ["-o", "/dev/null", `https://${name}:${port}${path}`])
  const certificate = play.certificate ? ["--cert", files.clientCert, "--key", files.clientKey] : []
  await program("curl", [
    "-s",
    "--max-time",
    "5",
    "--connect-to",
    `${name}:${port}:127.0.0.1:${port}`,
    "--cacert",
    play.distrusts ? files.stranger : files.ca,
    `--tlsv${play.version}`,
    "--tls-max",
    play.version,
    ...certificate,
    ...flags,
    ...urls,
  ])
  return [untold]
}

/** Its way to a name that no resolver knows is a proxy: the door is one. */
async function wget({ play, port, name, files }: Given): Promise<ClientSaw[]> {
  const args = [
    "-q",
    "--tries=1",
    "--timeout=5",
    "-O",
    "/dev/null",
    `--ca-certificate=${play.distrusts ? files.stranger : files.ca}`,
    `--secure-protocol=TLSv${play.version.replace(".", "_")}`,
    ...(play.certificate
      ? [`--certificate=${files.clientCert}`, `--private-key=${files.clientKey}`]
      : []),
    `https://${name}${play.args?.at(-1) ?? "/"}`,
  ]
  await program("wget", args, undefined, {
    https_proxy: `http://127.0.0.1:${port}`,
    no_proxy: "",
  })
  return [untold]
}

async function openssl(given: Given): Promise<ClientSaw[]> {
  const { play, port, name, files, id } = given
  const session = join(files.folder, `session-${id}`)
  const early = join(files.folder, "early")
  let time = 0
  return inRow(given, async () => {
    const saw = { handshake: false, sent: 0, got: 0 }
    const again = time++ > 0
    const args = [
      "s_client",
      "-connect",
      `127.0.0.1:${port}`,
      "-servername",
      name,
      "-CAfile",
      play.distrusts ? files.stranger : files.ca,
      "-verify_return_error",
      `-tls${play.version.replace(".", "_")}`,
      ...(play.certificate ? ["-cert", files.clientCert, "-key", files.clientKey] : []),
      ...((play.times ?? 1) > 1 ? [again ? "-sess_in" : "-sess_out", session] : []),
      ...(again && play.early ? ["-early_data", early] : []),
    ]
    const text = await program("openssl", args, async (write) => {
      await pause(250)
      await typed(play, saw, write)
      write("Q\n")
    })
    saw.handshake = /SSL handshake has read \d+ bytes/.test(text) && !/error:/i.test(text)
    if (!saw.handshake) saw.sent = 0
    // What it received stands among its own words: the origin's count is the better one.
    return { ...saw, got: null }
  })
}

async function gnutls(given: Given): Promise<ClientSaw[]> {
  const { play, port, name, files } = given
  const saw = { handshake: false, sent: 0, got: 0 }
  const args = [
    `--x509cafile=${play.distrusts ? files.stranger : files.ca}`,
    `--sni-hostname=${name}`,
    `--verify-hostname=${name}`,
    `--priority=NORMAL:-VERS-ALL:+VERS-TLS${play.version}`,
    ...(play.certificate
      ? [`--x509certfile=${files.clientCert}`, `--x509keyfile=${files.clientKey}`]
      : []),
    "-p",
    String(port),
    "127.0.0.1",
  ]
  const text = await program("gnutls-cli", args, async (write) => {
    await pause(250)
    await typed(play, saw, write)
  })
  saw.handshake = text.includes("Handshake was completed")
  if (!saw.handshake) saw.sent = 0
  return [{ ...saw, got: null }]
}

/** Steps as what is typed: a line ends each, and counts. */
async function typed(
  play: Play,
  saw: { sent: number },
  write: (text: string) => void,
): Promise<void> {
  for (const step of play.steps?.split(",") ?? []) {
    const n = Number(step.slice(1))
    if (step.startsWith("s")) {
      write(`${"q".repeat(n - 1)}\n`)
      saw.sent += n
    } else if (step === "k" || step === "K") write(`${step}\n`)
    else await pause(n)
    await pause(40)
  }
}

async function chromium({ play, port, name, files, id }: Given): Promise<ClientSaw[]> {
  const args = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    `--user-data-dir=${join(files.folder, `profile-${id}`)}`,
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    `--host-resolver-rules=MAP ${name}:443 127.0.0.1:${port}, MAP * ~NOTFOUND`,
    play.version === "1.2" ? "--ssl-version-max=tls1.2" : "--ssl-version-min=tls1.3",
    ...(play.distrusts ? [] : ["--ignore-certificate-errors"]),
    "--timeout=4000",
    "--dump-dom",
    `https://${name}${play.args?.at(-1) ?? "/"}`,
  ]
  await program("chromium", args)
  return []
}
