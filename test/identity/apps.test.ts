import t from "tap"
import { AppIndex } from "../../src/identity/apps.ts"
import { app, clock } from "./given.ts"

const register = [
  app("shop", {
    user_agents: ["Shop/4.2", "ShopApp/*"],
    approved_destinations: ["api.shop.example", "*.cdn.example", "192.0.2.0/24"],
  }),
  app("bank", {
    user_agents: ["Bank/*"],
    approved_destinations: ["*.cdn.example", "2001:db8::/32"],
  }),
  app("shop", { platform: "ios", user_agents: ["Shop/4.2"], approved_destinations: ["*.example"] }),
  app("other", { tenant: "other", user_agents: ["Shop/4.2"] }),
]
const index = new AppIndex(register, { tenant: "acme" })

t.test("a User-Agent describes the apps that registered it, exactly or by its start", async (t) => {
  const rows: [userAgent: string, platform: "android" | "ios" | "unknown", apps: string[]][] = [
    ["Shop/4.2", "android", ["android shop"]],
    ["Shop/4.2", "ios", ["ios shop"]],
    ["Shop/4.2", "unknown", ["android shop", "ios shop"]],
    ["Shop/4.20", "android", []],
    ["shop/4.2", "android", []],
    ["ShopApp/9 (Android 15)", "android", ["android shop"]],
    ["ShopApp/", "android", ["android shop"]],
    ["MyShopApp/9", "android", []],
    ["okhttp/4.12.0", "android", []],
  ]
  for (const [userAgent, platform, apps] of rows) {
    const found = index
      .byUserAgent(userAgent, platform)
      .map((one) => `${one.platform} ${one.app_id}`)
    t.same(found.sort(), apps, `${userAgent} on ${platform}`)
  }
})

t.test("a destination is covered by names, names below, networks", async (t) => {
  const rows: [host: string, apps: string[]][] = [
    ["api.shop.example", ["shop"]],
    ["API.shop.example.", ["shop"]],
    ["x.api.shop.example", []],
    ["img.cdn.example", ["bank", "shop"]],
    ["cdn.example", []],
    ["192.0.2.77", ["shop"]],
    ["::ffff:192.0.2.77", ["shop"]],
    ["2001:db8::1", ["bank"]],
    ["198.51.100.1", []],
  ]
  for (const [host, apps] of rows)
    t.same(
      index
        .approvedFor(host, "android")
        .flatMap((ids) => [...ids])
        .sort(),
      apps,
      host,
    )
})

t.test("an entry that cannot be used is complained of, the others still work", async (t) => {
  const faulty = new AppIndex(
    [
      app("a", { user_agents: ["*"], approved_destinations: [".example.org", "good.example"] }),
      app("b", { observed_at: clock("2:00"), approved_destinations: ["new.example"] }),
      app("b", { observed_at: clock("1:00"), approved_destinations: ["old.example"] }),
    ],
    { tenant: "acme" },
  )
  t.match(faulty.complaints, [/fits every app/, /a: host pattern "\.example\.org"/])
  t.same(faulty.byUserAgent("Anything/1", "android"), [])
  t.equal(faulty.approvedFor("good.example", "android").length, 1)
  t.equal(faulty.approvedFor("new.example", "android").length, 1)
  t.equal(faulty.approvedFor("old.example", "android").length, 0, "only the latest record counts")
})
