/** `pinsensor baseline`: what a person sees of the baseline, and what they may say of it. */
import { hostname, userInfo } from "node:os"
import t, { type Test } from "tap"
import { baseline } from "../../src/cli/baseline.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { PairProfile } from "../../src/record/pair-profile.ts"
import { newDir } from "../evidence/fixtures.ts"

const day = 86_400_000
const account = `${userInfo().username}@${hostname()}`
const app = "com.example.bank"
const today = Math.floor(Date.now() / day)

/** Used by so many devices on each of so many days before today. */
function pair(destination: string, devices: number, days: number): PairProfile {
  const numbers = Array.from({ length: days }, (_, nth) => today - days + nth)
  return {
    app_id: app,
    destination,
    days: numbers.map((number) => ({
      day: number,
      used: Array.from({ length: devices }, (_, nth): [string, number] => [
        `d${nth}`,
        number * day + nth,
      ]),
      accepted: [],
      refused: [],
      connections: devices,
      bytes: 2048,
    })),
    stacks: [{ what: "t13d_x", at: (today - days) * day, device_id: "d0" }],
    signers: [],
    earliest: [(today - days) * day],
    last_ms: (today - 1) * day,
  }
}

function desk(t: Test) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const pairs = [pair("api.bank.example", 6, 4), pair("cdn.bank.example", 2, 4)]
  store.putPairProfiles(
    pairs.map((body) => ({
      tenant: "default",
      app_id: app,
      destination: body.destination,
      last_ms: body.last_ms,
      body,
    })),
  )
  const say = async (...args: string[]): Promise<string> => {
    const out = t.capture(process.stdout, "write", () => true)
    const notes = t.capture(process.stderr, "write", () => true)
    try {
      await baseline([...args, "--data", dir])
    } finally {
      out.restore()
      notes.restore()
    }
    return [...out(), ...notes()].map(({ args: [chunk] }) => String(chunk)).join("")
  }
  const rows = async (...args: string[]) =>
    (await say("list", "--json", ...args))
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Record<string, unknown> => JSON.parse(line))
  return { store, say, rows }
}

const because = ["--owner", "netops", "--reason", "the vendor says so"]
const cdn = ["--app", app, "--destination", "cdn.bank.example"]
const changes = (store: Store) => [...store.all("baseline-changes")]

t.test("list shows what is baseline, how it got there, and what the others lack", async (t) => {
  const { say, rows } = desk(t)
  const text = await say("list")
  t.match(text, /learned +com\.example\.bank +api\.bank\.example/)
  t.match(text, /1 pair; 1 more are none \(--all/)
  t.notMatch(text, /cdn/)
  t.match(await say("list", "--all"), /none +com\.example\.bank +cdn.*used by 2 of 5 devices/)
  const [api, lacking] = await rows("--all")
  t.match(api, { by: "learned", baseline: true, devices: 6, days: 4, refused_by: 0 })
  t.equal(api?.["since"], new Date((today - 2) * day).toISOString(), "the third day")
  t.match(lacking, { by: "missing", baseline: false, why: "used by 2 of 5 devices" })
  t.equal((await rows("--destination", "*.bank.example", "--by", "missing")).length, 1)
  t.equal((await rows("--app", "org.other", "--all")).length, 0)
})

t.test("what is said by hand is kept with who, why and until when, and shown", async (t) => {
  const { store, say, rows } = desk(t)
  await say("add", ...cdn, ...because, "--expires", "90d", "--on-behalf-of", "Eve")
  t.match(changes(store)[0], {
    what: "added",
    app_id: app,
    destination: "cdn.bank.example",
    owner: "netops",
    reason: "the vendor says so",
    who: `${account} on behalf of Eve`,
  })
  t.match((await rows("--by", "added"))[0], { baseline: true, destination: "cdn.bank.example" })
  await say(
    "remove",
    "--app",
    app,
    "--destination",
    "*.Bank.Example",
    ...because,
    "--expires",
    "9d",
  )
  t.equal(changes(store)[1]?.destination, "*.bank.example")
  const removed = await rows("--by", "removed")
  t.strictSame(
    removed.map(({ destination }) => destination),
    ["api.bank.example", "cdn.bank.example", "*.bank.example"],
  )
  const shown = await say("show", ...cdn)
  t.match(shown, /no baseline\n +removed by netops until .*the vendor says so/)
  t.match(shown, /said of it:\n.*cdn.bank.example added by .*Eve for netops/)
  t.match(shown, /used by 2, accepted by 0, refused by 0; 2 connections, 2.0 KiB/)
  await say("withdraw", "--app", app, "--destination", "*.bank.example", ...because)
  t.equal((await rows("--by", "removed")).length, 0)
})

t.test("a freeze is for an app or for all, and ends when it is thawed", async (t) => {
  const { say } = desk(t)
  t.match(await say("freeze", "--all", ...because, "--expires", "30d"), /of every app is frozen/)
  t.match(await say("list"), /frozen since .* by netops until/)
  await t.rejects(say("thaw", "--app", app, ...because), { message: /thaw --all` ends that/ })
  t.match(await say("thaw", "--all", ...because), /learned again/)
  t.notMatch(await say("list"), /frozen/)
  await t.rejects(say("thaw", "--all", ...because), { message: /not frozen/ })
})

t.test("what cannot be done says what to do", async (t) => {
  const { store, say } = desk(t)
  const rows: [string[], RegExp][] = [
    [["ad"], /say: pinsensor baseline list\|show\|add/],
    [["add", "--app", app, ...because, "--expires", "9d"], /--destination: a host/],
    [["add", "--destination", "a.example", ...because, "--expires", "9d"], /--app, by its id/],
    [["add", ...cdn, "--reason", "x", "--expires", "9d"], /--owner: a person or a team/],
    [["add", ...cdn, "--owner", "x", "--expires", "9d"], /--reason/],
    [["add", ...cdn, ...because], /--expires, as in 90d/],
    [["add", ...cdn, ...because, "--expires", "2y"], /neither a duration nor a time/],
    [["add", "--app", app, "--destination", "https://x/", ...because, "--expires", "1d"], /host/],
    [["withdraw", ...cdn, ...because], /nothing was said of cdn\.bank\.example/],
    [["withdraw", ...cdn, ...because, "--expires", "1d"], /leave it out/],
    [["freeze", ...because, "--expires", "1d"], /--app ID, or --all/],
    [["freeze", "--all", "--app", app, ...because, "--expires", "1d"], /not both/],
    [["freeze", ...cdn, ...because, "--expires", "1d"], /all destinations of an app/],
    [["show", "--app", app], /baseline show --app ID --destination HOST/],
    [["show", "--app", app, "--destination", "x.example"], /never seen at x\.example/],
    [["list", "--by", "hand"], /none of learned, added/],
  ]
  for (const [args, message] of rows) await t.rejects(say(...args), { message }, args.join(" "))
  t.strictSame(changes(store), [])
  t.match(
    await say("add", "--app", "org.x", "--destination", "x.example", ...because, "--expires", "1d"),
    /note: nothing was seen of app org\.x yet/,
  )
})

t.test("no app is known to use all names of a suffix, or half of the Internet", async (t) => {
  const { say, store } = desk(t)
  for (const destination of ["*.com", "*.co.uk", "*.github.io", "0.0.0.0/0", "::/0"])
    await t.rejects(
      say("add", "--app", app, "--destination", destination, ...because, "--expires", "30d"),
      /--destination: ".*" (covers every name below|names neither).*; name the app's own hosts/,
      destination,
    )
  t.strictSame(changes(store), [])
  await say("remove", "--app", app, "--destination", "*.com", ...because, "--expires", "30d")
  t.match(changes(store), [{ what: "removed" }], "that alerts more")
})
