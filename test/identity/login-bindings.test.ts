import t from "tap"
import { AppIndex } from "../../src/identity/apps.ts"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import { joinDevice } from "../../src/identity/join.ts"
import { LoginBindings } from "../../src/identity/login-bindings.ts"
import { Binding } from "../../src/record/binding.ts"
import { attempt, binding, clock, device, flow } from "./given.ts"

const settings = { tenant: "acme", windowMs: 300_000 }
const inventory = new DeviceIndex(
  [
    device("ann-phone", { user: "Ann" }),
    device("bob-phone", { user: "bob" }),
    device("bob-tablet", { user: "bob" }),
    device("carl-phone", { user: "carl" }),
  ],
  [],
  { tenant: "acme" },
)
const login = (id: string, time: string, proxy_user: string | null, client_ip = "10.0.0.5") =>
  attempt(id, time, { proxy_user, client_ip })
const spans = (bindings: readonly Binding[]) =>
  bindings.map(({ device_id, valid_from, valid_to }) => [device_id, valid_from, valid_to])

t.test("a login binds the address to the one device of its user, for a while", (t) => {
  const [made, ...more] = new LoginBindings(settings).of([login("a", "10:00", "ANN")], inventory)
  t.strictSame(more, [])
  t.match(Binding.parse(made), {
    source: "proxy-user",
    confidence: 0.6,
    site: "berlin",
    address: "10.0.0.5",
    device_id: "ann-phone",
    valid_from: clock("10:00"),
    valid_to: clock("10:05"),
  })
  t.end()
})

const nothing: Record<string, ReturnType<typeof login>> = {
  "without a user": login("a", "10:00", null),
  "of somebody inventory does not know": login("a", "10:00", "eve"),
  "of somebody with two devices": login("a", "10:00", "bob"),
  "of another tenant": attempt("a", "10:00", { proxy_user: "ann", tenant: "other" }),
}
for (const [name, fact] of Object.entries(nothing))
  t.test(`a connection binds nothing: ${name}`, (t) => {
    t.strictSame(new LoginBindings(settings).of([fact], inventory), [])
    t.end()
  })

t.test("a binding is stated again when half of it is over, not with each connection", (t) => {
  const logins = new LoginBindings(settings)
  const times = ["10:00", "10:01", "10:02", "10:03", "10:04", "10:20"]
  const made = times.flatMap((time) => logins.of([login(time, time, "ann")], inventory))
  t.strictSame(spans(made), [
    ["ann-phone", clock("10:00"), clock("10:05")],
    ["ann-phone", clock("10:00"), clock("10:08")],
    ["ann-phone", clock("10:20"), clock("10:25")],
  ])
  t.end()
})

t.test("the same facts make the same records, and late ones are bound too", (t) => {
  const facts = [login("b", "10:02", "ann"), login("a", "10:00", "ann"), flow("c", "10:01")]
  const once = new LoginBindings(settings).of(facts, inventory)
  t.strictSame(new LoginBindings(settings).of(facts, inventory), once)
  const late = new LoginBindings(settings)
  late.of([login("b", "10:02", "ann")], inventory)
  t.strictSame(spans(late.of([login("a", "9:59", "ann")], inventory)), [
    ["ann-phone", clock("9:59"), clock("10:02")],
  ])
  t.end()
})

/** Logins and other bindings -> the devices that the connections are joined to. */
function joined(logins: ReturnType<typeof login>[], others: Binding[] = []) {
  const made = new LoginBindings(settings).of(logins, inventory)
  const bindings = new BindingIndex([...others, ...made], { tenant: "acme" })
  const apps = new AppIndex([], { tenant: "acme" })
  const whose = ["ann-phone", "carl-phone", "address:10.0.0.5"].map((device_id) => {
    const input = { device_id, attempts: logins, flows: [], app_events: [] }
    const evidence = joinDevice({ ...input, bindings, devices: inventory, apps })
    return [device_id, evidence.attempts.map(({ fact }) => fact.id)] as const
  })
  return Object.fromEntries(whose)
}

t.test("the whole way: user, device, binding, join", (t) => {
  t.strictSame(joined([login("a", "10:00", "ann"), login("b", "10:30", "carl")]), {
    "ann-phone": ["a"],
    "carl-phone": ["b"],
    "address:10.0.0.5": [],
  })
  t.strictSame(
    joined([login("a", "10:00", "ann"), login("b", "10:01", "carl")]),
    {
      "ann-phone": ["a"],
      "carl-phone": [],
      "address:10.0.0.5": ["b"],
    },
    "once a second user is there the address is shared",
  )
  const certified = binding("x", "10.0.0.5", "carl-phone", ["9:00", "12:00"], {
    source: "device-certificate",
  })
  t.strictSame(
    joined([login("a", "10:00", "ann")], [certified]),
    {
      "ann-phone": [],
      "carl-phone": ["a"],
      "address:10.0.0.5": [],
    },
    "a certificate is surer than a login",
  )
  t.end()
})
