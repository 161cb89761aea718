/** The ustar format of POSIX.1-1988, as far as a handful of short-named files needs it. */

/** Bytes of a header and of a block. */
const block = 512

interface TarFile {
  name: string
  content: Buffer
}

/** `name` with its folder has at most 99 bytes. */
export function tarOf(
  files: readonly TarFile[],
  { folder, atMs }: { folder: string; atMs: number },
): Buffer {
  const parts = files.flatMap(({ name, content }) => [
    header(`${folder}/${name}`, content.length, atMs),
    content,
    Buffer.alloc((block - (content.length % block)) % block),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header(name: string, size: number, atMs: number): Buffer {
  if (Buffer.byteLength(name) > 99) throw new Error(`tar: the name ${name} is too long`)
  const made = Buffer.alloc(block)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`
  const fields: [number, string][] = [
    [0, name],
    [100, octal(0o600, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(Math.floor(atMs / 1000), 11)],
    [148, " ".repeat(8)],
    [156, "0"],
    [257, "ustar\0"],
    [263, "00"],
  ]
  for (const [at, text] of fields) made.write(text, at, "latin1")
  const sum = made.reduce((total, byte) => total + byte, 0)
  made.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return made
}
