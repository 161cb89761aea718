/** An entry of the app register: what the operator declares of an app. No MDM has this. */
import { z } from "zod"
import { AnyTimestamp, common, Platform } from "./common.ts"

const text = z.string().min(1).nullable().default(null)

export const App = z.strictObject({
  ...common,
  app_id: z.string().min(1),
  platform: Platform,
  name: text,
  signer_sha256: text,
  /** finance, authentication, messaging, game, ...: the operator's own words. */
  category: text,
  /** What it is on the network: client-of-own-backend, browser, vpn, media, ... */
  network_role: text,
  /** Declared secure transport: whether it pins. `undeclared` is what DC0114 asks for. */
  declared_transport: z.enum(["pins", "does-not-pin", "undeclared"]).default("undeclared"),
  /** Host patterns (`*.bank.example`), addresses or networks that the app is approved to use. */
  approved_destinations: z.array(z.string()).default([]),
  /** CONNECT User-Agents that describe this app: exact, or with a trailing `*`. */
  user_agents: z.array(z.string()).default([]),
  owner: text,
  review_at: AnyTimestamp.nullable().default(null),
  /** Who declared it so, for the audit: `anna@host`; null where a file or a source did. */
  declared_by: text,
  /** The operator took the declaration back; what was declared before is history. */
  withdrawn: z.boolean().default(false),
})
export type App = z.infer<typeof App>
