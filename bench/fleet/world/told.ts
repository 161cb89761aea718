/** What sources tell of phones, apps and addresses: inventory records with the times they are told at. */
import { createHash } from "node:crypto"
import type { App as AppRecord } from "../../../src/record/app.ts"
import type { Binding } from "../../../src/record/binding.ts"
import type { Device } from "../../../src/record/device.ts"
import type { Posture } from "../../../src/record/posture.ts"
import { type App, holdsAt, hour, minute, type Phone, type Profile, type World } from "./model.ts"

/** A record, and when the store gets it. */
export type Told =
  | { at: number; kind: "devices"; record: Device }
  | { at: number; kind: "postures"; record: Posture }
  | { at: number; kind: "bindings"; record: Binding }
  | { at: number; kind: "apps"; record: AppRecord }

export function toldOf(world: World): Told[] {
  return [
    ...world.apps.filter(({ inRegister }) => inRegister).map((app) => appTold(app, world)),
    ...world.phones.flatMap((phone) => [
      deviceTold(phone, world),
      ...bindingsTold(phone, world),
      ...posturesTold(phone, world),
    ]),
  ]
}

function common(world: World, id: string, at: number, sensor: string, tenant = world.tenant) {
  const observed_at = new Date(at).toISOString()
  return {
    tenant,
    site: world.site,
    sensor_id: sensor,
    v: 1 as const,
    id,
    observed_at,
  }
}

function appTold(app: App, world: World): Told {
  const id = `app-${app.id}`
  const domains = app.hosts.filter(({ repeats, share }) => repeats > 1 || share === 1)
  return {
    at: world.start,
    kind: "apps",
    record: {
      ...common(world, id, world.start, "register"),
      app_id: app.id,
      platform: app.platform,
      name: app.name,
      signer_sha256: null,
      category: app.category,
      network_role: app.role,
      declared_transport: app.declaredPins ? "pins" : "undeclared",
      approved_destinations: app.expected
        ? [...app.checks.keys()]
        : domains.map(({ place }) => place.host),
      user_agents: app.platform === "ios" && app.role !== "browser" ? [`${app.name}/*`] : [],
      owner: null,
      review_at: null,
      declared_by: null,
      withdrawn: false,
    },
  }
}

function deviceTold(phone: Phone, world: World): Told {
  return {
    at: world.start + phone.enrolledAfter,
    kind: "devices",
    record: {
      ...common(
        world,
        `device-${phone.id}`,
        world.start + phone.enrolledAfter,
        "mdm",
        phone.tenant,
      ),
      device_id: phone.id,
      platform: phone.platform,
      os_version: phone.osVersion,
      model: null,
      mdm_id: phone.mdm ? `mdm-${phone.id}` : null,
      serial: null,
      udid: null,
      imei: null,
      wifi_mac: macOf(phone),
      user: `user-of-${phone.id}`,
      groups: [],
      source: "import",
      ownership: "company",
    },
  }
}

/** One for each address, up to the next; told at its beginning, hours late, or never. */
function bindingsTold(phone: Phone, world: World): Told[] {
  return phone.addresses.flatMap(({ from, value }, i): Told[] => {
    if (value.told === "never") return []
    const to = phone.addresses[i + 1]?.from ?? null
    const byMac = value.told === "mac" || value.told === "made-up-mac"
    const id = `binding-${phone.id}-${i}`
    return [
      {
        at: value.told === "late" ? from + 3 * hour : from,
        kind: "bindings",
        record: {
          ...common(world, id, from, "leases", phone.tenant),
          realm: null,
          address: value.ip,
          valid_from: new Date(from).toISOString(),
          valid_to: to === null ? null : new Date(to).toISOString(),
          device_id: byMac ? null : phone.id,
          source: value.told === "vpn" ? "vpn" : "dhcp",
          confidence: value.told === "vpn" ? 0.95 : 0.9,
          shared: false,
          names: byMac
            ? { ...nameless, wifi_mac: value.told === "mac" ? macOf(phone) : madeUpMac(phone, i) }
            : null,
          flags: value.told === "made-up-mac" ? ["locally-administered-mac"] : [],
        },
      },
    ]
  })
}

/** MDM looks at a phone now and then, and tells what it saw some minutes later. */
function posturesTold(phone: Phone, world: World): Told[] {
  const { mdm } = phone
  if (!mdm) return []
  const told: Told[] = []
  const first = world.start + phone.enrolledAfter
  for (let at = first; at < world.end; at += mdm.every)
    for (const [profile, trust] of phone.trust) {
      if (phone.trust.size > 1 && profile !== "work") continue
      const seen = at === first ? at : at + mdm.offset
      const { anchor } = holdsAt(trust, seen)
      told.push({
        at: seen + (at === first ? 0 : 10 * minute),
        kind: "postures",
        record: {
          ...common(
            world,
            `posture-${phone.id}-${profile}-${told.length}`,
            seen,
            "mdm",
            phone.tenant,
          ),
          device_id: phone.id,
          profile,
          managed: phone.managed,
          supervised: phone.platform === "ios" ? phone.supervised : null,
          compliant: phone.compliant,
          jailbroken: false,
          inspection_ca: anchor,
          apps_partial: phone.listsManagedOnly,
          apps: appsOf(phone, profile, seen),
          source: "import",
        },
      })
    }
  return told
}

function appsOf(phone: Phone, profile: Profile, at: number) {
  return phone.apps
    .filter((installed) => installed.profile === profile && installed.since <= at)
    .filter(({ managed }) => managed || !phone.listsManagedOnly)
    .map((installed) => ({
      app_id: installed.app.id,
      name: null,
      version: holdsAt(installed.version, at),
      signer_sha256: phone.platform === "android" ? holdsAt(installed.signer, at) : null,
      managed: installed.managed,
    }))
}

const nameless = {
  wifi_mac: null,
  user: null,
  serial: null,
  udid: null,
  imei: null,
  mdm_id: null,
}

/** One for each phone, of a registered vendor. */
function macOf({ id }: Phone): string {
  return macFrom("00", id)
}

/** The locally administered bit is set: another for each network and time. */
function madeUpMac({ id }: Phone, number: number): string {
  return macFrom("06", `${id} ${number}`)
}

function macFrom(first: string, name: string): string {
  const digits = createHash("sha256").update(name).digest("hex").slice(0, 10)
  return [first, ...(digits.match(/../g) ?? [])].join(":")
}
