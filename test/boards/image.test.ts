// The build of an image: the same bytes everywhere, limits that are kept, and errors that name the
// place and the remedy.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BuildError } from '../../firmware/build.ts'
import { crc32 } from '../../firmware/compile.ts'
import { buildImage, type ImageRequest } from '../../firmware/image.ts'
import { checkImage } from '../../firmware/image-check.ts'
import { ToolError } from '../../firmware/tool-error.ts'
import { fromUf2, toUf2 } from '../../firmware/uf2.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { Pico } from '../emu/pico.ts'
import { ms, pin, put } from './pins.ts'
import { compilerInstalled, drill, imageOf, loadBoard, longestStep } from './stand.ts'

const build = compilerInstalled()
const subject = drill()

const request = (changed: Partial<ImageRequest> = {}): ImageRequest => ({
  profile: subject.profile,
  profileDigest: '0'.repeat(64),
  loops: subject.machines.loops,
  board: loadBoard('rp2040-pico'),
  purpose: 'machine',
  ...changed,
})

/** Every finding of a build that must fail, one a line. */
const refused = async (changed: Partial<ImageRequest>): Promise<string> => {
  const error: unknown = await buildImage(request(changed)).catch((caught: unknown) => caught)
  if (!(error instanceof BuildError)) throw error
  return error.message
}

type Wiring = NonNullable<Profile['boards']>[string]
const rewired = (change: (wiring: Wiring) => Partial<Wiring>): Profile => {
  const wiring = subject.profile.boards?.['rp2040-pico']
  if (wiring === undefined) throw new Error('no wiring')
  return { ...subject.profile, boards: { 'rp2040-pico': { ...wiring, ...change(wiring) } } }
}
const withPin = (signal: string, pin: string): Profile =>
  rewired(({ pins }) => ({ pins: { ...pins, [signal]: { ...pins[signal], pin } } }))

describe.runIf(build)('an image', () => {
  test('is the same bytes, built twice in different folders from nothing', async () => {
    const folders = ['a', 'another-much-longer-name'].map((name) =>
      mkdtempSync(join(tmpdir(), `tenfold-${name}-`)),
    )
    try {
      const [one, two] = await Promise.all(
        folders.map((cacheFolder) => buildImage(request({ cacheFolder }))),
      )
      expect(Buffer.compare(one?.bin ?? Buffer.of(1), two?.bin ?? Buffer.of())).toBe(0)
      expect(Buffer.compare(one?.elf ?? Buffer.of(1), two?.elf ?? Buffer.of())).toBe(0)
      expect(one?.manifest).toEqual(two?.manifest)
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    }
  }, 300_000)

  test('begins with a second stage whose checksum the chip accepts', async () => {
    const { bin, uf2 } = await imageOf(subject, 'rp2040-pico', 'machine')
    const view = new DataView(bin.buffer, bin.byteOffset)
    expect(view.getUint32(252, true)).toBe(crc32(bin.subarray(0, 252)))
    const read = fromUf2(uf2 ?? new Uint8Array())
    expect(read.at).toBe(0x10000000)
    expect(read.family).toBe(0xe48bff56)
    expect(Buffer.compare(read.image.subarray(0, bin.length), bin)).toBe(0)
  })

  test('keeps to what its manifest says', async () => {
    const { bin, manifest } = await imageOf(subject, 'rp2040-pico', 'machine')
    expect(manifest.sizes.flash).toBe(bin.length)
    expect(manifest.stack.bound).toBeLessThanOrEqual(manifest.stack.reserved)
    expect(manifest.stack.bound).toBeGreaterThan(100)
    expect(manifest.unproven.length).toBeGreaterThan(4)
    expect(manifest.limits).toEqual(subject.spec.constants)
  })

  test('uses no more stack at work than the bound', async () => {
    const { bin, manifest, symbols } = await imageOf(subject, 'rp2040-pico', 'machine')
    const volts: Record<number, number> = { 0: 2048, 1: 2048, 2: 1200 }
    const pico = new Pico({ bin, analogue: (channel) => volts[channel] ?? 0 })
    const top = symbols.get('link_stack_top') ?? 0
    let lowest = top
    pico.run(125_000 * 60, () => {
      // Boot2 and the chip's own start use no stack of ours.
      const at = pico.stackPointer
      if (at >= 0x20000000 && at <= top) lowest = Math.min(lowest, at)
      return false
    })
    expect(top - lowest).toBeGreaterThan(50)
    expect(top - lowest).toBeLessThanOrEqual(manifest.stack.bound)
  })

  test('takes no longer for a whole step at work than its board says', async () => {
    const image = await imageOf(subject, 'rp2040-pico', 'machine')
    const { pico, volts } = put(image)
    pico.run(2100 * ms)
    Object.assign(volts, { trigger: 1.8, current: 1.8 })
    let [worst, since] = [0, 0]
    let inside = false
    pico.run(250 * ms, () => {
      if (pico.inInterrupt !== inside) {
        inside = !inside
        if (inside) since = pico.cycles
        else worst = Math.max(worst, pico.cycles - since)
      }
      return false
    })
    expect(pico.level(pin.gate)).toBe(true)
    expect(worst).toBeGreaterThan(longestStep(image) / 4)
    expect(worst).toBeLessThanOrEqual(longestStep(image))
  })

  test('sets the reset selection, without which the watchdog would reset nothing', async () => {
    const { bin } = await imageOf(subject, 'rp2040-pico', 'machine')
    const pico = new Pico({ bin })
    const written = new Map<number, number>()
    pico.onWrite((address, value) => written.set(address, value))
    pico.run(125_000 * 20)
    expect(written.get(0x40010008)).toBe(0x1fffc)
  })

  test('takes blocks out of reset only when their clocks run, as silicon needs it', async () => {
    const { bin } = await imageOf(subject, 'rp2040-pico', 'machine')
    const pico = new Pico({ bin })
    const order: string[] = []
    pico.onWrite((address, value) => {
      if (address === 0x40008048 && (value & 0x800) !== 0) order.push('clk_peri')
      if (address === 0x40008060 && (value & 0x800) !== 0) order.push('clk_adc')
      if (address === 0x4000f000 && (value & 1) !== 0) order.push('ADC')
      if (address === 0x4000f000 && (value & (1 << 22)) !== 0) order.push('UART0')
    })
    pico.run(125_000 * 5)
    expect(order).toEqual(['clk_peri', 'clk_adc', 'ADC', 'UART0'])
  })

  test('that calls too deeply is refused', async () => {
    const board = { ...loadBoard('rp2040-pico'), stackBytes: 128 }
    expect(await refused({ board })).toMatch(/stack can get \d+ bytes deep, 128 are reserved/)
  })
})

describe('a wrong machine file', () => {
  const cases: [what: string, profile: Profile, message: RegExp][] = [
    ['a pin that the board lacks', withPin('bridge', 'GP44'), /pins\/bridge: .* has no pin GP44/],
    ['a pin that is taken', withPin('bridge', 'GP0'), /pins\/bridge: GP0 is taken: UART/],
    ['a pin without a converter', withPin('trigger', 'GP8'), /pins\/trigger: GP8 has no analogue/],
    ['sides of two PWM slices', withPin('brake', 'GP7'), /not the two sides A and B of one PWM/],
    ['no pins for this board', { ...subject.profile, boards: {} }, /pins on this board are not/],
    [
      'a signal without a pin',
      rewired(({ pins: { trigger: _, ...pins } }) => ({ pins })),
      /pins\/trigger: is missing: the loop needs this signal/,
    ],
    ['a PWM that does not divide the clock', rewired(() => ({ pwmHz: 30_000 })), /30000 Hz/],
    [
      'a rate that the PWM does not hold',
      { ...subject.profile, loops: { drive: { ...subject.spec, rateHz: 8000 } } },
      /a rate of 8000 Hz does not divide/,
    ],
  ]

  test.each(cases)('%s: is refused with the place', async (_what, profile, message) => {
    expect(await refused({ profile })).toMatch(message)
  })

  test('a board without drivers for pins says so', async () => {
    const board = { ...loadBoard('microbit'), drivesPins: false }
    expect(await refused({ board })).toMatch(/only the test build/)
  })
})

test('an unknown board is named with its nearest', () => {
  expect(() => loadBoard('rp2040-pica')).toThrow(/did you mean "rp2040-pico"/)
})

test('without the compiler the error gives the command that installs it', async () => {
  const error: unknown = await buildImage(request({ path: '/nowhere' })).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(ToolError)
  expect((error as ToolError).remedy).toMatch(/apt-get install .*gcc-arm-none-eabi/)
})

describe('the check of a listing', () => {
  const places: Readonly<Record<string, number>> = { a: 16, 'a.constprop.1': 16, b: 32 }
  const code = (name: string, ...lines: string[]): string => {
    const at = places[name] ?? (name === 'step_interrupt' ? 48 : 0)
    const hex = (address: number): string => address.toString(16)
    const body = lines.map((line, i) => ` ${hex(at + i)}:\t${line}`)
    return [`${hex(at).padStart(8, '0')} <${name}>:`, ...body, ''].join('\n')
  }
  const messages = (listing: string): string[] =>
    checkImage(listing, '', 32).findings.map(({ what }) => what)

  test('finds fused multiplies', () => {
    const bad = ['vfma.f32\ts0, s1, s2', 'vmla.f32\ts0, s1, s2', 'vfnms.f32\ts0, s1, s2']
    for (const line of bad) expect(messages(code('f', line))).toHaveLength(1)
    for (const line of ['vmul.f32\ts0, s1, s2', 'vadd.f32\ts0, s1, s2', 'mla\tr0, r1, r2, r3']) {
      expect(messages(code('f', line))).toEqual([])
    }
  })

  test('finds recursion and calls through a pointer', () => {
    const a = code('main', 'bl\t10 <a>') + code('a', 'bl\t20 <b>') + code('b', 'bl\t10 <a>')
    expect(messages(a)).toContain('recursion: a -> b -> a')
    expect(messages(code('main', 'bl\t0 <main>'))).toContain('recursion: main -> main')
    expect(messages(code('main', 'bl\t8 <main+0x8>'))).toEqual([])
    expect(messages(code('main', 'blx\tr3'))).toEqual(['a call through a pointer'])
    expect(messages(code('main', 'bx\tlr'))).toEqual([])
  })

  test('adds up the deepest path, the exceptions on top', () => {
    const listing =
      code('main', 'push\t{r4, r5, lr}', 'sub\tsp, #20', 'bl\t10 <a>', 'bl\t20 <b>') +
      code('a', 'push\t{r4-r7, lr}') +
      code('b', 'push\t{lr}', 'b.w\t10 <a>')
    // main 12 + 20, b 4, a 20.
    expect(checkImage(listing, '', 32).stackBytes).toBe(56)
    const usage = 'image.c:1:1:main\t64\tstatic\n'
    expect(checkImage(listing, usage, 32).stackBytes).toBe(88)
    const copy = code('a.constprop.1', 'add\tsp, r4')
    const copies = `${code('main', 'bl\t10 <a.constprop.1>')}${copy}`
    const large = ['8', '1616', '24'].map((bytes) => `image.c:2:2:a.constprop\t${bytes}\tstatic\n`)
    expect(checkImage(copies, large.join(''), 32).stackBytes).toBe(1616)
    const step = `${listing}${code('step_interrupt', 'vpush\t{d8-d9}')}`
    expect(checkImage(step, usage, 32).stackBytes).toBe(88 + 36 + 16)
  })
})

test('UF2 gives back what went in, and a damaged file is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.nat(), (image, at) => {
      const file = toUf2(image, 0x10000000 + (at & 0xfff00), 7)
      expect(fromUf2(file).image.subarray(0, image.length)).toEqual(image)
      // Payload is not protected: UF2 has no checksum. The marks of each block are.
      const block = 512 * (at % (file.length / 512))
      for (const where of [0, 5, 17, 509]) {
        const damaged = file.slice()
        damaged[block + where] = (damaged[block + where] ?? 0) ^ 0x41
        expect(() => fromUf2(damaged)).toThrow(RangeError)
      }
    }),
  )
})
