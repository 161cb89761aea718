/** The real listeners of telemetry on loopback, over a real store, with a clock that the test sets. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { openWebhook } from "../../src/cli/collector/webhook.ts"
import { Config, type ConfigInput } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import type { SourceHealth } from "../../src/record/source-health.ts"
import type { Keeper } from "../../src/source/source.ts"
import type { Receiver } from "../../src/telemetry/receiver.ts"
import { signature } from "../../src/telemetry/webhook/signature.ts"

export const secret = "0123456789abcdef0123456789abcdef"
export const noon = Date.parse("2026-11-21T12:00:00.000Z")

export interface Answered {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Record<string, unknown>
}

export interface TelemetryBed {
  folder: string
  store: Store
  log: { level: string; event: string; fields: Record<string, unknown> }[]
  /** HOST:PORT of each listener. */
  listen: string[]
  clock: { now: number }
  events(): AppEvent[]
  /** Everything stored, as text: to compare before and after. */
  everything(): string
  /** Sources whose health is written. */
  states(): string[]
  health(name: string): SourceHealth
  post(body: string | Buffer, over?: Posted): Promise<Answered>
  /** Ends the listeners: what they did not write yet of their health is written. */
  stop(): Promise<void>
  close(): Promise<void>
}

export interface Posted {
  key?: string
  secret?: string
  /** Unix seconds. */
  timestamp?: string
  signature?: string
  path?: string
  headers?: Record<string, string>
  listener?: number
  /** PEM of the CA that the listener's certificate is of. */
  ca?: string
  cert?: string
  clientKey?: string
  method?: string
}

/** A producer `vendor-x` with the key `k1`, unless the test gives others. */
export function webhook(over: Record<string, unknown> = {}) {
  return {
    listen: "127.0.0.1:0",
    senders: [
      { name: "vendor-x", sources: ["vendor-x"], keys: [{ id: "k1", secret: { file: "k1.key" } }] },
    ],
    ...over,
  }
}

export async function telemetryBed(
  sources: (folder: string) => Record<string, unknown>,
  wrap: (keeper: Keeper) => Keeper = (keeper) => keeper,
  folder = mkdtempSync(join(tmpdir(), "pinsensor-telemetry-")),
): Promise<TelemetryBed> {
  writeFileSync(join(folder, "k1.key"), `${secret}\n`)
  const text = JSON.stringify(sources(folder)).replaceAll('"file":"', `"file":"${folder}/`)
  const input = { tenant: "t1", site: "hq", "sensor-id": "s1", sources: JSON.parse(text) }
  const config = Config.parse(input satisfies ConfigInput)
  const store = openStore(folder)
  const clock = { now: noon }
  const log: TelemetryBed["log"] = []
  const receivers = openWebhook(config, (name, kind) => ({
    name,
    keeper: wrap(new SourceKeeper({ store, name, kind, tenant: "t1", clock: () => clock.now })),
    common: { tenant: "t1", site: "hq", sensor_id: "s1", v: 1 },
    clock: () => clock.now,
    random: Math.random,
    log: (level, event, fields) => log.push({ level, event, fields }),
  })) as Receiver[]
  for (const receiver of receivers) await receiver.start()
  const listen = receivers.map((receiver) => receiver.listen() ?? "")
  const stop = async () => {
    await Promise.all(receivers.map((receiver) => receiver.stop()))
  }
  return {
    folder,
    store,
    log,
    listen,
    stop,
    clock,
    events: () => [...store.all("app-events")],
    everything: () =>
      (["app-events", "devices", "postures", "bindings", "register", "findings"] as const)
        .map((kind) => [...store.bodies(kind)].join("\n"))
        .join("\n"),
    states: () => store.sources.all().map(({ name }) => name),
    health: (name) => {
      const found = store.sources.all().find((state) => state.name === name)
      if (!found) throw new Error(`no health of ${name}`)
      return found.health
    },
    post: (body, over = {}) => {
      const bytes = typeof body === "string" ? Buffer.from(body) : body
      const timestamp = over.timestamp ?? String(Math.floor(clock.now / 1_000))
      const headers = {
        "content-type": "application/x-ndjson",
        "x-pinsensor-key": over.key ?? "k1",
        "x-pinsensor-timestamp": timestamp,
        "x-pinsensor-signature":
          over.signature ?? signature(over.secret ?? secret, timestamp, bytes),
        ...over.headers,
      }
      return send(listen[over.listener ?? 0] ?? "", { ...over, headers }, bytes)
    },
    close: async () => {
      await stop()
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function send(listen: string, over: Posted, body: Buffer): Promise<Answered> {
  const tls = over.ca !== undefined
  const request = (tls ? httpsRequest : httpRequest)({
    host: listen.slice(0, listen.lastIndexOf(":")),
    port: Number(listen.slice(listen.lastIndexOf(":") + 1)),
    path: over.path ?? "/v1/events",
    method: over.method ?? "POST",
    headers: { "content-length": String(body.length), ...over.headers },
    agent: false,
    ...(tls ? { ca: over.ca, servername: "localhost" } : {}),
    ...(over.cert ? { cert: over.cert, key: over.clientKey } : {}),
  })
  return new Promise((resolve, reject) => {
    request.on("error", reject)
    request.on("response", (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", reject)
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: JSON.parse(Buffer.concat(chunks).toString() || "{}"),
        }),
      )
    })
    request.end(body)
  })
}

let count = 0

/** An event of vendor-x, one minute before noon. */
export function native(over: Record<string, unknown> = {}): Record<string, unknown> {
  count += 1
  return {
    v: 1,
    event_id: `e-${count}`,
    source: "vendor-x",
    observed_at: "2026-11-21T11:59:00.250Z",
    device: { mdm_id: "m-17" },
    app: { id: "com.example.bank", version: "4.2" },
    type: "network_connect",
    dest: { host: "api.bank.example", port: 443, src_port: 40_123 },
    ...over,
  }
}

export function ndjson(...events: unknown[]): string {
  return events
    .map((event) => `${typeof event === "string" ? event : JSON.stringify(event)}\n`)
    .join("")
}
