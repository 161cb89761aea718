import t from "tap"
import { SecondHello } from "../../src/observe/second-hello.ts"
import {
  bytes,
  type emptyExtension,
  helloBytes,
  helloMessage,
  inRecords,
  sniExtension,
  vector16,
  versionsExtension,
} from "./hello-bytes.ts"
import { parsed } from "./real-hellos.ts"

const modern = versionsExtension([0x0304])
const hello = (name: string, ...more: ReturnType<typeof emptyExtension>[]) =>
  helloBytes({ extensions: [sniExtension(name), modern, ...more] })
const message = (name: string) => helloMessage({ extensions: [sniExtension(name), modern] })
const first = hello("app.test")
const nameless = helloBytes({ extensions: [modern] })
const changeCipherSpec = bytes([20, 3, 3, 0, 1, 1])
const earlyData = bytes([23, 3, 3], vector16(new Uint8Array(300).fill(22)))
const padding = { type: 21, body: new Uint8Array(40_000) }

t.test(
  "a second ClientHello says the name of the first, or the connection does not go on",
  async (t) => {
    const rows: [what: string, sent: Uint8Array, goesOn: boolean][] = [
      ["nothing more", first, true],
      ["the same again", bytes(first, changeCipherSpec, first), true],
      ["the same in another case", bytes(first, hello("APP.test.")), true],
      ["early data before it", bytes(first, earlyData, changeCipherSpec, first), true],
      ["the same, longer and in several records", bytes(first, hello("app.test", padding)), true],
      ["another name", bytes(first, changeCipherSpec, hello("other.test")), false],
      ["another name behind early data", bytes(first, earlyData, hello("other.test")), false],
      ["no name", bytes(first, nameless), false],
      ["another that is no name", bytes(first, hello("not a name")), false],
      [
        "another name in the first one's record",
        inRecords(bytes(message("app.test"), message("b.test"))),
        false,
      ],
      [
        "another name in records of one byte",
        bytes(first, inRecords(message("other.test"), 1)),
        false,
      ],
      ["another kind of message", bytes(first, inRecords(bytes([16, 0, 0, 2, 1, 1]))), false],
      ["one that cannot be read", bytes(first, inRecords(bytes([1, 0, 0, 3, 1, 2, 3]))), false],
      ["one that is too long", bytes(first, inRecords(bytes([1, 2, 0, 0]))), false],
      ["a third one", bytes(first, first, first), false],
      ["one that is not whole yet", bytes(first, hello("other.test").subarray(0, 60)), true],
    ]
    for (const [what, sent, goesOn] of rows)
      for (const step of [sent.length, 1, 7]) {
        const watch = new SecondHello(parsed(first))
        let on = true
        for (let at = 0; at < sent.length; at += step)
          on = watch.client(sent.subarray(at, at + step))
        t.equal(on, goesOn, `${what}, in pieces of ${step}`)
      }
    const watch = new SecondHello(parsed(nameless))
    t.equal(watch.client(bytes(nameless, hello("app.test"))), false, "a name where there was none")
  },
)
