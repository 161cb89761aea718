/**
 * Who lives in the lab's world, as data: origins, devices, apps. The addresses are loopback: one
 * stands for each device.
 */
import type { InspectionCaTrust } from "../record/posture.ts"

export type OriginKind = "public" | "bad-certificate" | "wants-client-certificate"

/** Every name of the world, and which origin stands behind it. */
export const hosts = {
  "api.bank.example": "public",
  "www.news.example": "public",
  "cdn.shop.example": "public",
  "tiles.maps.example": "public",
  "gw.chat.example": "public",
  "old.intranet.example": "bad-certificate",
  "vault.corp.example": "wants-client-certificate",
} as const satisfies Record<string, OriginKind>
export type Host = keyof typeof hosts

export const originWords: Record<OriginKind, string> = {
  public: "h2 and http/1.1, certificate of the lab's public CA",
  "bad-certificate": "certificate of a CA that nobody trusts",
  "wants-client-certificate": "demands a certificate of the client",
}

export interface Device {
  device_id: string
  platform: "android" | "ios"
  address: string
  inspection_ca: ReturnType<typeof InspectionCaTrust.parse>
  supervised: boolean
  user: string
}

export const devices = {
  "pixel-1": {
    device_id: "pixel-1",
    platform: "android",
    address: "127.0.0.21",
    inspection_ca: "user-store",
    supervised: false,
    user: "ana@lab.example",
  },
  "iphone-1": {
    device_id: "iphone-1",
    platform: "ios",
    address: "127.0.0.22",
    inspection_ca: "mdm-trusted",
    supervised: true,
    user: "ben@lab.example",
  },
  "pixel-2": {
    device_id: "pixel-2",
    platform: "android",
    address: "127.0.0.23",
    inspection_ca: "absent",
    supervised: false,
    user: "cleo@lab.example",
  },
  "pixel-3": {
    device_id: "pixel-3",
    platform: "android",
    address: "127.0.0.24",
    inspection_ca: "user-store",
    supervised: false,
    user: "dan@lab.example",
  },
  "galaxy-1": {
    device_id: "galaxy-1",
    platform: "android",
    address: "127.0.0.25",
    inspection_ca: "user-store",
    supervised: false,
    user: "eve@lab.example",
  },
} as const satisfies Record<string, Device>
export type DeviceId = keyof typeof devices

/** `curl` only where it is installed; a client of node:tls plays the same part elsewhere. */
export type Program = "curl" | "node"

export interface App {
  app_id: string
  name: string
  platform: "android" | "ios"
  /** In the CONNECT request. */
  user_agent: string
  category: string
  program: Program
}

export const apps = {
  wallet: {
    app_id: "com.example.wallet",
    name: "Wallet",
    platform: "android",
    user_agent: "Wallet/3.1",
    category: "game",
    program: "curl",
  },
  loyalty: {
    app_id: "com.example.loyalty",
    name: "Loyalty",
    platform: "ios",
    user_agent: "Loyalty/7.0",
    category: "shopping",
    program: "node",
  },
  reader: {
    app_id: "com.example.reader",
    name: "Reader",
    platform: "android",
    user_agent: "Reader/2.4",
    category: "news",
    program: "curl",
  },
  viewer: {
    app_id: "com.example.viewer",
    name: "Viewer",
    platform: "android",
    user_agent: "Viewer/1.0",
    category: "media",
    program: "curl",
  },
  explorer: {
    app_id: "com.example.explorer",
    name: "Explorer",
    platform: "android",
    user_agent: "Explorer/9.9",
    category: "browser",
    program: "node",
  },
} as const satisfies Record<string, App>
export type AppName = keyof typeof apps
