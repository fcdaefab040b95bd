// Where the cycles of a step and the bytes of an image go: the drill's image on an emulated Pico,
// each instruction by the source that it comes from. What the compiler calls by itself (a product
// of 64 bits, a division) counts to the part that called it. `-- lines <part>` shows its lines.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Image } from '../../firmware/image.ts'
import { drill } from '../boards/stand.ts'
import { atWork, smallImage, wholeImage } from './drill-image.ts'

/** A source file without its ending -> the part of the machine that it is of. */
const parts: readonly [part: string, files: RegExp][] = [
  ['loop', /^loop$/],
  ['safety kernel', /^(kernel|safety)$/],
  ['pins, converter, clocks', /^(board|machine-pins|cortex-m)$/],
  ['black box', /^black-box.*$/],
  ['bands and cycles', /^usage$/],
  ['store', /^(store|store-flash|log|outbox|counters|flash)$/],
  ['link', /^(link.*|cbor|host)$/],
  ['USB', /^usb$/],
  ['trips, self-test, calibration', /^(trip.*|selftest.*|calibration)$/],
  ['chain, key, crypto', /^(chain|identity|crypto|sha.*|ed25519.*|field|entropy|noise|bytes)$/],
  ['order of a step, start', /^(machine|start|image|memory|wasm.*|update)$/],
]
/** What the compiler calls by itself; part of it has no line numbers. */
const arithmetic = 'arithmetic of the compiler'
const ofCompiler = /^(\?\?|lib1funcs|libgcc\d?|bpabi.*|wasm-product)$/

const partOf = (path: string): string => {
  const file = basename(path).replace(/\.\w+$/, '')
  if (ofCompiler.test(file)) return arithmetic
  return parts.find(([, files]) => files.test(file))?.[0] ?? file
}

const tool = (name: string, args: readonly string[], input?: string): string =>
  execFileSync(`arm-none-eabi-${name}`, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    ...(input !== undefined && { input }),
  })

interface Place {
  part: string
  line: string
}

/** The source line of each instruction, innermost where it was inlined. */
const placesOf = (elf: string): Map<number, Place> => {
  const listing = tool('objdump', ['-d', '--no-show-raw-insn', elf])
  const addresses = [...listing.matchAll(/^ *([0-9a-f]+):\t/gm)].map(([, at = '']) => at)
  const lines = tool('addr2line', ['-e', elf], addresses.join('\n')).trim().split('\n')
  return new Map(
    addresses.map((address, i) => {
      const [, path = '', number] = /^(.*):(\d+|\?)/.exec(lines[i] ?? '') ?? []
      return [
        Number.parseInt(address, 16),
        { part: partOf(path), line: `${basename(path)}:${number}` },
      ]
    }),
  )
}

const withElf = <T>(image: Image, use: (elf: string) => T): T => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-profile-'))
  try {
    const elf = join(folder, 'image.elf')
    writeFileSync(elf, image.elf)
    return use(elf)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class Tally {
  readonly sums = new Map<string, number>()
  add(name: string, amount: number): void {
    this.sums.set(name, (this.sums.get(name) ?? 0) + amount)
  }
  of(name: string): number {
    return this.sums.get(name) ?? 0
  }
  get largestFirst(): string[] {
    return [...this.sums].sort(([, a], [, b]) => b - a).map(([name]) => name)
  }
  get total(): number {
    return [...this.sums.values()].reduce((sum, value) => sum + value, 0)
  }
}

interface Cycles {
  step: Tally
  thread: Tally
  called: Tally
  lines: Tally
  steps: number
}

/** A tenth of a second at work, instruction by instruction. */
const cyclesOf = (image: Image, places: ReadonlyMap<number, Place>): Cycles => {
  const pico = atWork(image)
  const step = new Tally()
  const thread = new Tally()
  const called = new Tally()
  const lines = new Tally()
  const caller = { step: '', thread: '' }
  let [steps, was] = [0, pico.inInterrupt]
  let [at, from, slept] = [pico.programCounter, pico.cycles, pico.asleep]
  pico.run(0.1 * 125e6, () => {
    const took = pico.cycles - from - (pico.asleep - slept)
    const { part, line } = places.get(at) ?? { part: 'elsewhere', line: '' }
    const mode = was ? 'step' : 'thread'
    if (part !== arithmetic) caller[mode] = part
    else called.add(`${mode} ${caller[mode]}`, took)
    ;(was ? step : thread).add(caller[mode], took)
    lines.add(`${mode} ${caller[mode]} ${line}`, took)
    if (pico.inInterrupt && !was) steps += 1
    was = pico.inInterrupt
    ;[at, from, slept] = [pico.programCounter, pico.cycles, pico.asleep]
    return false
  })
  return { step, thread, called, lines, steps }
}

interface Bytes {
  code: Tally
  constants: Tally
  state: Tally
}

/** @param stateAt Address behind code and constants. */
const bytesOf = (elf: string, places: ReadonlyMap<number, Place>, stateAt: number): Bytes => {
  const [code, constants, state] = [new Tally(), new Tally(), new Tally()]
  const sources = new Map(
    [...tool('nm', ['-l', elf]).matchAll(/^[0-9a-f]+ \w (\S+)\t(\S+):\d+$/gm)].map(
      ([, name = '', path = '']) => [name, partOf(path)] as const,
    ),
  )
  const symbols = tool('readelf', ['-s', '-W', elf])
  const objects = /([0-9a-f]{8}) +(\d+) OBJECT .* (\S+)$/gm
  const data = new Set<number>()
  for (const [, at = '', size = '', name = ''] of symbols.matchAll(objects)) {
    const address = Number.parseInt(at, 16)
    if (data.has(address)) continue
    for (let i = 0; i < Number(size); i += 2) data.add(address + i)
    const to = address < stateAt ? constants : state
    to.add(sources.get(name) ?? 'tables of the compiler', Number(size))
  }
  const addresses = [...places.keys()].filter((at) => !data.has(at)).sort((a, b) => a - b)
  for (const [i, address] of addresses.entries()) {
    // An instruction, or a word that a function keeps among them.
    code.add(
      places.get(address)?.part ?? '',
      Math.min((addresses[i + 1] ?? address + 2) - address, 4),
    )
  }
  return { code, constants, state }
}

const row = (cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(32) : String(cell).padStart(9))).join(' | ')} |`

const printCycles = ({ step, thread, called, steps }: Cycles): void => {
  const per = (cycles: number): string => (cycles / steps).toFixed(0)
  console.log(row(['cycles a step, 20 kHz', 'step', 'called', 'thread']))
  const names = new Set([...step.largestFirst, ...thread.largestFirst])
  for (const name of names) {
    const arithmetic = called.of(`step ${name}`)
    console.log(row([name, per(step.of(name)), per(arithmetic), per(thread.of(name))]))
  }
  console.log(row(['all', per(step.total), '', per(thread.total)]))
}

const printBytes = ({ code, constants, state }: Bytes): void => {
  console.log(row(['bytes, without crypto and rings', 'code', 'constants', 'state']))
  const names = new Set([...code.largestFirst, ...constants.largestFirst, ...state.largestFirst])
  for (const name of names) {
    console.log(row([name, code.of(name), constants.of(name), state.of(name)]))
  }
  console.log(row(['all', code.total, constants.total, state.total]))
}

const main = async (): Promise<void> => {
  const [asked, ...words] = process.argv.slice(2)
  const subject = drill()
  const fast = await wholeImage(subject, 20_000, true)
  const cycles = withElf(fast, (elf) => cyclesOf(fast, placesOf(elf)))
  if (asked === 'lines') {
    const wanted = cycles.lines.largestFirst.filter((name) => name.includes(words.join(' ')))
    for (const name of wanted.slice(0, 60)) {
      console.log((cycles.lines.of(name) / cycles.steps).toFixed(1).padStart(8), name)
    }
    return
  }
  printCycles(cycles)
  const small = await smallImage(subject, true)
  printBytes(
    withElf(small, (elf) => bytesOf(elf, placesOf(elf), small.symbols.get('link_code_end') ?? 0)),
  )
}

await main()
