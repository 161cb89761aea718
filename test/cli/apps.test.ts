/** `pinsensor apps`: the register as people keep it, and what was seen beside it. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { apps } from "../../src/cli/apps.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { AppEvent } from "../../src/record/app-event.ts"
import { Device } from "../../src/record/device.ts"
import { Posture } from "../../src/record/posture.ts"
import { iso, newDir } from "../evidence/fixtures.ts"

const day = 86_400_000
const signer = "ab".repeat(32)
const common = { tenant: "default", site: "hq", sensor_id: "test", v: 1 } as const

interface Said {
  out: string
  errors: string
}

async function say(t: Test, dir: string, ...args: string[]): Promise<Said> {
  const out = t.capture(process.stdout, "write", () => true)
  const errors = t.capture(process.stderr, "write", () => true)
  try {
    await apps([...args, "--data", dir])
  } finally {
    out.restore()
    errors.restore()
  }
  const text = (calls: { args: unknown[] }[]) => calls.map(({ args }) => String(args[0])).join("")
  return { out: text(out()), errors: text(errors()) }
}

function file(dir: string, name: string, text: string): string {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

const bank = `apps:
  - app_id: com.example.bank
    platform: android
    signer_sha256: ${"AB:".repeat(31)}AB
    category: finance
    network_role: client-of-own-backend
    declared_transport: pins
    approved_destinations: ["*.bank.example", api.bank.example]
    owner: payments
    review_at: 2099-01-01T00:00:00Z
`

t.test(
  "a file is taken over whole, shown as a difference, and twice changes nothing",
  async (t) => {
    const dir = newDir(t)
    const path = file(dir, "register.yaml", bank)
    const dry = await say(t, dir, "import", path, "--dry-run")
    t.match(dry.out, /^\+ android com\.example\.bank \(signer abababababab\)/)
    t.match(dry.out, /nothing was taken over/)
    t.match((await say(t, dir, "list")).out, /no app is declared/)

    t.match((await say(t, dir, "import", path)).out, /1 added, 0 changed, 0 the same/)
    t.match((await say(t, dir, "import", path)).out, /^0 added, 0 changed, 1 the same/)
    file(dir, "register.yaml", bank.replace("api.bank", "www.bank").replace("payments", "wallets"))
    const changed = (await say(t, dir, "import", path, "--on-behalf-of", "anna")).out
    t.match(changed, /~ android com\.example\.bank/)
    t.match(changed, /approved_destinations: -api\.bank\.example \+www\.bank\.example/)
    t.match(changed, /owner: payments -> wallets/)
    file(dir, "register.yaml", bank)
    t.match(
      (await say(t, dir, "import", path)).out,
      /1 changed/,
      "what stood before can stand again",
    )

    const store = openStore(dir)
    t.teardown(() => store.close())
    t.equal(store.current("apps").length, 1)
    t.equal(store.current("apps")[0]?.signer_sha256, signer, "a fingerprint as tools print it")
    const history = [...store.all("apps")].map(({ declared_by }) => declared_by)
    t.equal(history.length, 3, "the register keeps its history")
    t.match(history[1], / on behalf of anna$/)
  },
)

t.test("what a file does not name stays, unless the file is to replace it all", async (t) => {
  const dir = newDir(t)
  await say(t, dir, "import", file(dir, "a.yaml", bank))
  const other = file(dir, "b.csv", "app_id,platform,owner\ncom.example.game,ios,fun\n")
  const added = await say(t, dir, "import", other)
  t.match(added.out, /1 not in the file \(they stay/)
  t.match(added.errors, /b\.csv:2: warning: ios com\.example\.game: review_at: is missing/)
  t.match((await say(t, dir, "list")).out, /2 of 2 declared apps/)
  t.match((await say(t, dir, "import", other, "--replace")).out, /^- android com\.example\.bank/m)
  t.match((await say(t, dir, "list")).out, /1 of 1 declared apps/)
  await say(t, dir, "import", file(dir, "a.yaml", bank))
  t.match((await say(t, dir, "list")).out, /2 of 2/, "what was withdrawn can be declared again")
})

const broken: { name: string; text: string; says: RegExp }[] = [
  { name: "no YAML", text: "apps: [", says: /x\.yaml:1: / },
  { name: "no list", text: "apps: {a: 1}", says: /x\.yaml:1: the file must hold apps:/ },
  { name: "another key beside", text: `${bank}rules: []\n`, says: /rules: no key here/ },
  { name: "a misspelt field", text: bank.replace("owner", "ownr"), says: /x\.yaml:2: ownr/ },
  {
    name: "a platform that is none",
    text: bank.replace("android", "symbian"),
    says: /:2: platform/,
  },
  { name: "a signer that is none", text: bank.replace(/AB:/, ""), says: /signer_sha256: "/ },
  {
    name: "every host of a suffix",
    text: bank.replace("*.bank.example", "*.com"),
    says: /own hosts/,
  },
  { name: "no host", text: bank.replace("*.bank.example", "x:443"), says: /no scheme or port/ },
  { name: "an agent for all", text: `${bank}    user_agents: ["*"]\n`, says: /more than this app/ },
  { name: "one app twice", text: bank + bank.slice(6), says: /x\.yaml:11: .*twice; keep one/ },
]

for (const { name, text, says } of broken)
  t.test(`a file with ${name} is refused whole, with the line`, async (t) => {
    const dir = newDir(t)
    const good = "apps:\n  - app_id: a\n    platform: ios\n"
    await say(t, dir, "import", file(dir, "good.yaml", good))
    const errors = t.capture(process.stderr, "write", () => true)
    const path = file(dir, "x.yaml", text)
    await t.rejects(apps(["import", path, "--replace", "--data", dir]), /nothing was taken over/)
    t.match(
      errors()
        .map(({ args }) => String(args[0]))
        .join(""),
      says,
    )
    errors.restore()
    t.match((await say(t, dir, "list")).out, /1 of 1/)
  })

t.test("what is listed as YAML imports as it is", async (t) => {
  const dir = newDir(t)
  await say(t, dir, "import", file(dir, "a.yaml", bank))
  const { out } = await say(t, dir, "list", "--yaml")
  t.match((await say(t, dir, "import", file(dir, "again.yaml", out))).out, /^0 added, 0 changed, 1/)
})

function seen(store: Store, now: number) {
  const phones = ["1", "2", "3"].map((n) =>
    Device.parse({
      ...common,
      id: `d${n}`,
      observed_at: iso(now - 9 * day),
      device_id: `mdm:${n}`,
      platform: "android",
      serial: `S${n}`,
    }),
  )
  store.append("devices", phones)
  store.append(
    "postures",
    phones.map(({ device_id, id }) =>
      Posture.parse({
        ...common,
        id: `p${id}`,
        observed_at: iso(now - 8 * day),
        device_id,
        managed: true,
        apps: [
          { app_id: "com.example.bank", managed: true, signer_sha256: "cd".repeat(32) },
          { app_id: "com.example.chat", managed: true, name: "Chat" },
          { app_id: "com.example.toy", managed: false },
        ],
      }),
    ),
  )
  const event = (n: string, days: number, app: string, host: string) =>
    AppEvent.parse({
      ...common,
      id: `e${n}${days}${app}${host}`.replaceAll(".", ""),
      event_id: `e${n}${days}${app}${host}`,
      source: "edr",
      observed_at: iso(now - days * day),
      received_at: iso(now),
      device: { serial: `S${n}` },
      app: { id: app },
      type: "network_connect",
      dest: { host },
    })
  store.append(
    "app-events",
    ["1", "2", "3"].flatMap((n, index) => [
      event(n, 1 + (index % 2), "com.example.bank", "pay.rival.example"),
      event(n, 1 + (index % 2), "com.example.bank", "api.bank.example"),
      event(n, 1, "com.example.chat", "chat.example"),
    ]),
  )
}

t.test(
  "what was seen and is not declared is suggested, and imported only by a person",
  async (t) => {
    const dir = newDir(t)
    await say(t, dir, "import", file(dir, "a.yaml", bank))
    const store = openStore(dir)
    seen(store, Date.now())
    store.close()
    const { out } = await say(t, dir, "review")
    t.match(out, /^undeclared +android com\.example\.chat: managed on 3 of 3 devices/m)
    t.notMatch(out, /com\.example\.toy/, "an app that MDM does not manage")
    t.match(out, /^signer +android com\.example\.bank: was seen 3 times from signer cdcd/m)
    t.match(
      out,
      /^destination +android com\.example\.bank: goes to pay\.rival\.example, on at least 3/m,
    )
    t.notMatch(out, /chat\.example,/, "one day is too little")

    const yaml = (await say(t, dir, "review", "--yaml")).out
    t.match(yaml, /approved by nobody/)
    t.notMatch(yaml, /cdcd/, "a strange signer is not written down as if it were approved")
    const taken = await say(t, dir, "import", file(dir, "suggested.yaml", yaml))
    t.match(taken.out, /\+pay\.rival\.example/)
    t.match(taken.errors, /warning: android com\.example\.chat: owner/)
    const again = (await say(t, dir, "review")).out
    t.match(again, /^signer/, "the stranger is told still")
    t.match(again, /^due .*com\.example\.chat: owner: .*; review_at: .*is missing/m)
    t.match(again, / 1 due of 2 declared apps/)
  },
)

t.test("a review moves the date, and says who looked", async (t) => {
  const dir = newDir(t)
  await say(t, dir, "import", file(dir, "a.yaml", bank.replace("2099", "2020")))
  t.match((await say(t, dir, "list", "--due")).out, /^FLAGS.*\nREVIEW-DUE/)
  t.match((await say(t, dir, "review")).out, /^due .*review_at: 2020-01-01 has passed/m)
  await t.rejects(say(t, dir, "review", "com.example.bank"), /say until when it stands/)
  await t.rejects(say(t, dir, "review", "com.example.no", "--next", "30d"), /is not declared/)
  await t.rejects(say(t, dir, "review", "com.example.bank", "--next", "3000d"), /at most 366d/)
  const done = await say(t, dir, "review", "com.example.bank", "--next", "180d", "--owner", "ops")
  t.match(done.out, /stands until 20/)
  const [entry] = JSON.parse(`[${(await say(t, dir, "list", "--json")).out.trim()}]`)
  t.match(entry, { owner: "ops", flags: [], declared_by: /@/ })
  t.ok(readFileSync(join(dir, "evidence.sqlite")).length > 0)
})
