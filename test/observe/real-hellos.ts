/** Real ClientHellos: the stored ones of fixtures/, and those of this Node's own client, taken live. */
import { readdirSync, readFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { type ConnectionOptions, connect } from "node:tls"
import { type ClientHello, readClientHello } from "../../src/observe/client-hello.ts"

const folder = new URL("./fixtures/", import.meta.url)

export function storedHello(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.hello`, folder)))
}

export function storedHelloNames(): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".hello"))
  return files.map((file) => file.replace(/\.hello$/, "")).sort()
}

/** Fails the test file at once if the bytes are not a whole ClientHello. */
export function parsed(bytes: Uint8Array): ClientHello {
  const hello = readClientHello(bytes)
  if (hello === "incomplete") throw new Error("the hello is incomplete")
  if ("fault" in hello) throw new Error(hello.why)
  return hello
}

/** What Node's client sends first with these options. */
export async function liveHello(options: ConnectionOptions): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const listener = createServer((socket) => {
    let received = Buffer.alloc(0)
    socket.on("error", () => {})
    socket.on("data", (part) => {
      received = Buffer.concat([received, part])
      if (readClientHello(received) === "incomplete") return
      resolve(received)
      socket.destroy()
    })
  })
  await new Promise<void>((listening) => listener.listen(0, "127.0.0.1", listening))
  const { port } = listener.address() as AddressInfo
  connect({ ...options, host: "127.0.0.1", port }).on("error", () => {})
  const bytes = await promise
  listener.close()
  return bytes
}
