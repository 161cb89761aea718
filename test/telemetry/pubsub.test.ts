import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { androidmanagement_v1 } from "@googleapis/androidmanagement"
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose"
import t from "tap"
import {
  type Answered,
  noon,
  send,
  type TelemetryBed,
  telemetryBed,
  webhook,
} from "../support/telemetry.ts"

type Batch = androidmanagement_v1.Schema$BatchUsageLogEvents

const issuer = "https://accounts.google.com"
const audience = "https://sensor.example/v1/pubsub/android-management"
const account = "pusher@project.iam.gserviceaccount.com"
const device = "enterprises/LC00x/devices/3f8a"
const { privateKey, publicKey } = await generateKeyPair("RS256")
const stranger = await generateKeyPair("RS256")
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "2026", alg: "RS256", use: "sig" }] }
let keysDown = false
const keyServer = createServer((_, response) => {
  response.statusCode = keysDown ? 500 : 200
  response.end(JSON.stringify(jwks))
}).listen(0, "127.0.0.1")
await once(keyServer, "listening")
t.teardown(() => keyServer.close())
const keysUrl = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/certs`

const pubsub = (over: Record<string, unknown> = {}) => ({
  pubsub: {
    enabled: true,
    audience,
    "service-account": account,
    "keys-url": keysUrl,
    listener: { listen: "127.0.0.1:0" },
    ...over,
  },
})

/** What a phone's batch looks like; type-checked against Google's published types. */
const phone: Batch = {
  device,
  user: "enterprises/LC00x/users/u1",
  retrievalTime: "2026-11-21T11:59:58Z",
  usageLogEvents: [
    {
      eventId: "1",
      eventTime: "2026-11-21T11:30:00.123456789Z",
      eventType: "CONNECT",
      connectEvent: {
        packageName: "com.example.bank",
        destinationIpAddress: "203.0.113.10",
        destinationPort: 443,
      },
    },
    {
      eventId: "2",
      eventTime: "2026-11-21T11:29:59.5Z",
      eventType: "DNS",
      dnsEvent: {
        packageName: "com.example.bank",
        hostname: "api.bank.example",
        ipAddresses: ["203.0.113.10", "203.0.113.11"],
        totalIpAddressesReturned: "12",
      },
    },
    {
      eventId: "3",
      eventTime: "2026-11-21T11:31:00Z",
      eventType: "KEYGUARD_SECURED",
      keyguardSecuredEvent: {},
    },
    {
      eventId: "4",
      eventTime: "2026-11-21T11:32:00Z",
      eventType: "KEYGUARD_DISMISSED",
      keyguardDismissedEvent: {},
    },
    {
      eventId: "5",
      eventTime: "2026-11-21T11:33:00Z",
      eventType: "APP_PROCESS_START",
      appProcessStartEvent: { processInfo: { packageNames: ["com.example.bank"], pid: 12 } },
    },
    {
      eventId: "6",
      eventTime: "2026-11-21T11:34:00Z",
      eventType: "CERT_VALIDATION_FAILURE",
      certValidationFailureEvent: { failureReason: "mismatch" },
    },
    { eventTime: "2026-11-21T11:35:00Z", eventType: "KEYGUARD_SECURED", keyguardSecuredEvent: {} },
  ],
}

t.test("usage logs become app events, and say no more than the API does", async (t) => {
  const bed = await telemetryBed(() => pubsub())
  t.teardown(() => bed.close())
  const { status, body } = await push(bed, phone)
  t.strictSame([status, body], [200, { accepted: 7, known: 0, rejected: 0 }])
  const events = bed.events()
  t.strictSame(
    events.map(({ type, app, dest, state, trust }) => [
      type,
      app.id,
      dest?.host ?? null,
      dest?.ip ?? null,
      dest?.port ?? null,
      state?.device_locked ?? null,
      trust,
    ]),
    [
      ["network_connect", "com.example.bank", null, "203.0.113.10", 443, null, null],
      ["dns_lookup", "com.example.bank", "api.bank.example", null, null, null, null],
      ["device_state", null, null, null, null, true, null],
      ["device_state", null, null, null, null, false, null],
      ["amapi.app_process_start", "com.example.bank", null, null, null, null, null],
      ["amapi.cert_validation_failure", null, null, null, null, null, null],
      ["device_state", null, null, null, null, true, null],
    ],
  )
  t.equal(events[0]?.observed_at, "2026-11-21T11:30:00.123Z")
  for (const event of events) {
    t.equal(event.device.mdm_id, "3f8a", "as the poller names it")
    t.equal(event.source, "android-management")
    t.equal(event.received_at, "2026-11-21T12:00:00.000Z")
  }
  await bed.stop()
  t.match(bed.health("pubsub"), {
    state: "ok",
    taken: 7,
    unknown_types: { "amapi.app_process_start": 1, "amapi.cert_validation_failure": 1 },
  })
})

t.test(
  "a message that is delivered again, and a batch that is published again, add nothing",
  async (t) => {
    const bed = await telemetryBed(() => pubsub())
    t.teardown(() => bed.close())
    await push(bed, phone, { id: "m-1" })
    const before = bed.everything()
    t.match((await push(bed, phone, { id: "m-1" })).body, { accepted: 0, known: 7 })
    t.equal(bed.everything(), before)
    // Only the event that has no id of its own cannot be told from a second one.
    t.match((await push(bed, phone, { id: "m-2" })).body, { accepted: 1, known: 6 })
  },
)

t.test("who has no good token changes nothing", async (t) => {
  const bed = await telemetryBed(() => pubsub())
  t.teardown(() => bed.close())
  const seconds = noon / 1_000
  const refused: Record<string, string> = {
    "another key": await token({ key: stranger.privateKey }),
    "another audience": await token({ audience: "https://other.example/" }),
    "another issuer": await token({ issuer: "https://issuer.example" }),
    "another account": await token({ claims: { email: "mallory@x.iam.gserviceaccount.com" } }),
    "an e-mail that is not verified": await token({ claims: { email_verified: false } }),
    "a token that is over": await token({ issuedAt: seconds - 7_200, expires: seconds - 3_600 }),
    "a key that is not published": await token({ kid: "2025" }),
    "no signature at all": `${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`,
    "no token": "",
  }
  for (const [name, bearer] of Object.entries(refused))
    t.equal((await push(bed, phone, { bearer })).status, 401, name)
  t.equal(bed.everything().trim(), "")
  await bed.stop()
  t.equal(bed.health("pubsub").rejected, Object.keys(refused).length)
})

t.test("while the issuer's keys cannot be had a push is neither taken nor lost", async (t) => {
  keysDown = true
  const bed = await telemetryBed(() => pubsub())
  t.teardown(() => bed.close())
  t.equal((await push(bed, phone)).status, 503)
  keysDown = false
  t.match((await push(bed, phone)).body, { accepted: 7 })
  t.equal(bed.events().length, 7)
})

t.test(
  "what can never be read is acknowledged and counted, so that it does not come for days",
  async (t) => {
    const bed = await telemetryBed(() => pubsub())
    t.teardown(() => bed.close())
    const [connect] = phone.usageLogEvents ?? []
    const wrong = [
      null,
      "x",
      { ...connect, eventTime: "noon" },
      { ...connect, eventType: undefined },
      { ...connect, eventTime: "2027-01-01T00:00:00Z" },
      { ...connect, connectEvent: { destinationPort: 1e9 } },
    ]
    const { status, body } = await push(bed, { device, usageLogEvents: [...wrong, connect] })
    t.strictSame([status, body], [200, { accepted: 1, known: 0, rejected: wrong.length }])
    t.match(await push(bed, { usageLogEvents: [connect] }), { status: 200, body: { rejected: 1 } })
    t.match(await push(bed, undefined), { status: 200, body: { rejected: 1 } })
    t.equal((await push(bed, phone, { wrap: false })).status, 400, "a push without envelope")
    t.equal(bed.events().length, 1)
  },
)

t.test("other notifications are acknowledged and counted by their type", async (t) => {
  const bed = await telemetryBed(() => pubsub())
  t.teardown(() => bed.close())
  for (const type of ["ENROLLMENT", "STATUS_REPORT", "STATUS_REPORT", "test"])
    t.equal((await push(bed, { name: device, state: "ACTIVE" }, { type })).status, 200)
  await bed.stop()
  t.strictSame(bed.health("pubsub").unknown_types, {
    "amapi.notification.enrollment": 1,
    "amapi.notification.status_report": 2,
    "amapi.notification.test": 1,
  })
})

t.test(
  "webhook and Pub/Sub may share a listener, and each asks for its own credentials",
  async (t) => {
    const bed = await telemetryBed(() => ({ webhook: webhook(), ...pubsub({ listener: null }) }))
    t.teardown(() => bed.close())
    t.equal(bed.listen.length, 1)
    t.equal((await push(bed, phone)).status, 200)
    const signed = await bed.post("{}", { path: "/v1/pubsub/android-management" })
    t.equal(signed.status, 401)
  },
)

interface Pushed {
  id?: string
  type?: string
  bearer?: string
  wrap?: boolean
}

async function push(bed: TelemetryBed, payload: unknown, over: Pushed = {}): Promise<Answered> {
  const message = {
    data: Buffer.from(JSON.stringify(payload) ?? "not json").toString("base64"),
    messageId: over.id ?? "2070443601311540",
    message_id: over.id ?? "2070443601311540",
    publishTime: "2026-11-21T11:59:59.9Z",
    attributes: { notificationType: over.type ?? "USAGE_LOGS" },
  }
  const envelope = { message, subscription: "projects/p/subscriptions/s" }
  const body = JSON.stringify(over.wrap === false ? payload : envelope)
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${over.bearer ?? (await token({}))}`,
  }
  return send(
    bed.listen[0] ?? "",
    { path: "/v1/pubsub/android-management", headers },
    Buffer.from(body),
  )
}

interface Token {
  key?: CryptoKey
  kid?: string
  audience?: string
  issuer?: string
  issuedAt?: number
  expires?: number
  claims?: Record<string, unknown>
}

function token(over: Token): Promise<string> {
  const seconds = noon / 1_000
  return new SignJWT({ email: account, email_verified: true, sub: "1", ...over.claims })
    .setProtectedHeader({ alg: "RS256", kid: over.kid ?? "2026" })
    .setIssuer(over.issuer ?? issuer)
    .setAudience(over.audience ?? audience)
    .setIssuedAt(over.issuedAt ?? seconds)
    .setExpirationTime(over.expires ?? seconds + 3_600)
    .sign(over.key ?? privateKey)
}
