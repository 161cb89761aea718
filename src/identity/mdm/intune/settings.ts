/** What the operator configures of Microsoft Intune. */
import { z } from "zod"
import { Secret } from "../../../source/secret.ts"
import { MdmUrl, polled } from "../poll-settings.ts"

/** Hosts of Microsoft's national clouds: Graph, and where its tokens come from. */
export const intuneClouds = {
  global: { graph: "https://graph.microsoft.com", authority: "https://login.microsoftonline.com" },
  "us-government": {
    graph: "https://graph.microsoft.us",
    authority: "https://login.microsoftonline.us",
  },
  "us-dod": {
    graph: "https://dod-graph.microsoft.us",
    authority: "https://login.microsoftonline.us",
  },
  china: {
    graph: "https://microsoftgraph.chinacloudapi.cn",
    authority: "https://login.chinacloudapi.cn",
  },
} as const

export const IntuneSettings = z.strictObject({
  kind: z.literal("intune"),
  ...polled,
  cloud: z.enum(["global", "us-government", "us-dod", "china"]).default("global"),
  /** Instead of the cloud's own hosts: for a gateway in between, or a trial. */
  "graph-url": MdmUrl.nullable().default(null),
  "authority-url": MdmUrl.nullable().default(null),
  /** Directory (tenant) id or its domain. */
  "tenant-id": z.string().regex(/^[A-Za-z0-9.-]{1,128}$/),
  "client-id": z.string().regex(/^[A-Za-z0-9.-]{1,128}$/),
  "client-secret": Secret,
  "page-size": z.int().min(1).max(1_000).default(500),
  /** Detected apps that are looked up on all devices: exact names as Intune shows them. Each costs a
   * list of all devices that have it in every full sweep. */
  "detected-apps": z.array(z.string().min(1).max(200)).max(500).default([]),
  /** Configuration profiles (id or name) that carry the inspection CA. Asking costs a twentieth of a
   * request for each device that is read. */
  "inspection-ca": z
    .strictObject({ profiles: z.array(z.string().min(1).max(200)).min(1).max(50) })
    .nullable()
    .default(null),
})
export type IntuneSettings = z.infer<typeof IntuneSettings>
