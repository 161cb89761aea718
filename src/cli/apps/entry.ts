/** An entry of the app register as a person writes it: the declarations, without what only we know. */
import type { App } from "../../record/app.ts"

/** Fields that a person declares, in the order in which files and tables show them. */
export const declared = [
  "app_id",
  "platform",
  "name",
  "signer_sha256",
  "category",
  "network_role",
  "declared_transport",
  "approved_destinations",
  "user_agents",
  "owner",
  "review_at",
] as const satisfies readonly (keyof App)[]

export type DeclaredField = (typeof declared)[number]
export type Declaration = Pick<App, DeclaredField>

/** What tells entries apart: one app may come from two signers. */
export function keyOf({ platform, app_id, signer_sha256 }: Declaration): string {
  return `${platform} ${app_id} ${signer_sha256 ?? "-"}`
}

export function titleOf({ platform, app_id, signer_sha256 }: Declaration): string {
  const signer = signer_sha256 === null ? "" : ` (signer ${signer_sha256.slice(0, 12)})`
  return `${platform} ${app_id}${signer}`
}

/** As a file holds it: what is not declared is left out. */
export function shortForm(app: Declaration): Partial<Declaration> {
  return Object.fromEntries(
    declared.flatMap((field) => {
      const value = app[field]
      const empty =
        value === null || value === "undeclared" || (Array.isArray(value) && value.length === 0)
      return empty ? [] : [[field, value]]
    }),
  )
}
