/**
 * A real rsyslogd (Debian package rsyslog) on loopback, and what it parsed of each message.
 *
 * It runs in the foreground with a configuration of its own in a temporary folder, and writes every message as
 * one line of JSON: header fields, structured data as mmpstrucdata reads it, MSG as mmjsonparse does.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, globSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort, tcpAnswers } from "./free-port.ts"

const RSYSLOGD = "/usr/sbin/rsyslogd"
/** The TLS driver, in the folder of whatever architecture this is. */
const OSSL = "/usr/lib/*/rsyslog/lmnsd_ossl.so"

/** Why no rsyslog can be started here, or false. */
export function rsyslogMissing(needs: { tls: boolean } = { tls: false }): string | false {
  if (!existsSync(RSYSLOGD)) return "the Debian package rsyslog is missing"
  if (needs.tls && globSync(OSSL).length === 0)
    return "the Debian package rsyslog-openssl is missing"
  return false
}

export interface ReceivedMessage {
  /** The message as it came, frame and PRI included or not as the daemon keeps it. */
  raw: string
  pri: number
  timestamp: string
  hostname: string
  appName: string
  procid: string
  msgid: string
  /** Parameters of our structured data element, as the receiver unescaped them. */
  structured: ReceivedParams
  /** MSG as text, and as the receiver's own JSON parser read it; null if it could not. */
  msg: string
  json: ReceivedJson | null
}

/** The names that tests ask for; all others are there too. */
export interface ReceivedJson {
  summary?: unknown
  app_id?: unknown
  [name: string]: unknown
}

export interface ReceivedParams {
  alert_id?: string
  app_id?: string
  destination?: string
  [name: string]: string | undefined
}

export interface SyslogDaemon {
  tcpPort: number
  udpPort: number
  /** Only if started with certificates. */
  tlsPort: number
  received(): Promise<ReceivedMessage[]>
  /** Waits until at least `count` messages are there, up to 10 s, and gives all. */
  atLeast(count: number): Promise<ReceivedMessage[]>
  stop(): Promise<void>
  /** Starts it again on the same ports; what was received stays. */
  restart(): Promise<void>
}

/** PEM files for a TLS listener; clients must show a certificate of `ca`. */
export interface DaemonTls {
  ca: string
  cert: string
  key: string
}

export async function startRsyslog(options: { tls?: DaemonTls } = {}): Promise<SyslogDaemon> {
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-rsyslog-"))
  const ports = { tcpPort: await freePort(), udpPort: await freePort(), tlsPort: await freePort() }
  const output = join(folder, "received.ndjson")
  const places = { ...ports, address: "127.0.0.1", folder, output, tls: options.tls }
  const configuration = rsyslogConfiguration(places)
  await writeFile(join(folder, "rsyslog.conf"), configuration)
  let daemon: ChildProcess | null = null

  const start = async () => {
    const files = ["-f", join(folder, "rsyslog.conf"), "-i", join(folder, "pid")]
    daemon = spawn(RSYSLOGD, ["-n", ...files], { stdio: ["ignore", "ignore", "pipe"] })
    await tcpAnswers(ports.tcpPort, daemon)
  }
  const halt = () => end(daemon)
  const received = async () => (await jsonLines(output)).map(readRsyslogLine)
  await start()
  return {
    ...ports,
    received,
    atLeast: (count) => untilAtLeast(received, count),
    restart: async () => {
      await halt()
      await start()
    },
    stop: async () => {
      await halt()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function end(daemon: ChildProcess | null): Promise<void> {
  if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return
  const over = new Promise((resolve) => daemon.once("exit", resolve))
  daemon.kill("SIGTERM")
  const hurry = setTimeout(() => daemon.kill("SIGKILL"), 5_000)
  await over
  clearTimeout(hurry)
}

export async function jsonLines(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, "utf8").catch(() => "")
  const whole = text.slice(0, text.lastIndexOf("\n") + 1)
  return whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))
}

export async function untilAtLeast<T>(received: () => Promise<T[]>, count: number): Promise<T[]> {
  for (let tries = 0; tries < 200; tries++) {
    const messages = await received()
    if (messages.length >= count) return messages
    await sleep(50)
  }
  return received()
}

/** Where a daemon listens and writes. */
export interface DaemonPlaces {
  address: string
  tcpPort: number
  udpPort: number
  tlsPort: number
  /** For rsyslog's own files. */
  folder: string
  output: string
  tls: DaemonTls | undefined
}

/** The sample of docs/alerts.md, with other places. */
export function rsyslogConfiguration(places: DaemonPlaces): string {
  const { address, tcpPort, udpPort, tlsPort, folder, output, tls } = places
  const tlsInput = tls
    ? `input(type="imtcp" address="${address}" port="${tlsPort}"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"
      streamDriver.caFile="${tls.ca}"
      streamDriver.certFile="${tls.cert}"
      streamDriver.keyFile="${tls.key}")
`
    : ""
  return `global(workDirectory="${folder}")
module(load="imtcp")
module(load="imudp")
module(load="mmpstrucdata")
module(load="mmjsonparse")
input(type="imtcp" address="${address}" port="${tcpPort}")
input(type="imudp" address="${address}" port="${udpPort}")
${tlsInput}
template(name="parsed" type="list") {
  constant(value="{")
  property(outname="raw" name="rawmsg" format="jsonf") constant(value=",")
  property(outname="pri" name="pri" format="jsonf") constant(value=",")
  property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf") constant(value=",")
  property(outname="hostname" name="hostname" format="jsonf") constant(value=",")
  property(outname="appName" name="app-name" format="jsonf") constant(value=",")
  property(outname="procid" name="procid" format="jsonf") constant(value=",")
  property(outname="msgid" name="msgid" format="jsonf") constant(value=",")
  property(outname="msg" name="msg" format="jsonf") constant(value=",")
  constant(value="\\"parsed\\":") property(name="$!all-json")
  constant(value="}\\n")
}
if $app-name == "pinsensor" then {
  action(type="mmpstrucdata")
  action(type="mmjsonparse" cookie="" container="$!alert")
  action(type="omfile" file="${output}" template="parsed")
}
`
}

function readRsyslogLine(line: Record<string, unknown>): ReceivedMessage {
  const text = (name: string) => String(line[name])
  const { parsed } = line as {
    parsed: {
      "rfc5424-sd"?: Record<string, ReceivedParams>
      alert?: ReceivedJson
    }
  }
  const elements = Object.values(parsed["rfc5424-sd"] ?? {})
  return {
    raw: text("raw"),
    pri: Number(text("pri")),
    timestamp: text("timestamp"),
    hostname: text("hostname"),
    appName: text("appName"),
    procid: text("procid"),
    msgid: text("msgid"),
    structured: elements[0] ?? {},
    msg: text("msg"),
    json: parsed.alert && "record" in parsed.alert ? parsed.alert : null,
  }
}
