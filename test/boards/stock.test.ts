// The stock images as they are committed: they boot without any compiler, they are made of the loop
// and the machine file in the tree, and what they compute is what the twin computes.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasSlots, slotOf } from '../../firmware/compile.ts'
import { readImage } from '../../firmware/flash/images.ts'
import { pinnedIn } from '../../firmware/flash-image.ts'
import type { Manifest } from '../../firmware/manifest.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { headBytes, readHead, signedIn } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { rangesOf, readRun, runLine, runTwin } from '../emu/exercise.ts'
import { hellosIn } from '../emu/hello.ts'
import { Nrf51 } from '../emu/nrf51.ts'
import { Pico } from '../emu/pico.ts'
import { Qemu, type QemuBoard, qemuInstalled, qemuMachines } from '../emu/qemu.ts'
import { Stm32 } from '../emu/stm32f405.ts'
import { talkTo } from '../emu/talk.ts'
import { root } from '../tree.ts'
import { loadBoard, subjectOf, wasmOf } from './stand.ts'

const folder = join(root, 'firmware', 'images')
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Manifest
/** What the flash holds afterwards, from its start. */
const binOf = (name: string): Uint8Array => {
  const { files } = readImage(join(folder, `${name}.json`))
  return files.get('bin') ?? fromUf2(files.get('uf2') ?? new Uint8Array()).image
}
/** Of that, what the manifest calls the image; with a bootloader, what lies in slot A. */
const imageIn = (name: string): Uint8Array => {
  const { release, board } = manifestOf(name)
  const bin = binOf(name)
  if (release === undefined) return bin
  return signedIn(bin.subarray(slotOf(loadBoard(board), 0).at)).subarray(headBytes)
}

describe.each(names)('%s', (name) => {
  const manifest = manifestOf(name)

  test('is the image of its manifest, made of the machine file and the loop in the tree', async () => {
    const digest = createHash('sha256').update(imageIn(name)).digest('hex')
    expect(digest).toBe(manifest.digests.image)
    const profile = loadProfiles().profiles.get(manifest.machine)
    expect(profile && profileDigest(profile)).toBe(manifest.digests.profile)
    const build = await wasmOf(subjectOf(manifest.machine))
    expect(build.digest).toBe(manifest.digests.module)
  })
})

const namesOf = (purpose: Manifest['purpose']): string[] =>
  names.filter((name) => manifestOf(name).purpose === purpose)
const ofBoard = (purpose: Manifest['purpose'], board: string): string[] =>
  namesOf(purpose).filter((name) => manifestOf(name).board === board)
const ofPico = (purpose: Manifest['purpose']): string[] => ofBoard(purpose, 'rp2040-pico')

test('every machine that is wired to a board has its images', () => {
  const wired = [...loadProfiles().profiles.values()].flatMap(({ machine, boards = {} }) =>
    Object.keys(boards).map((board) => `${machine.replaceAll('_', '-')}-${board}`),
  )
  expect(namesOf('machine')).toEqual(wired.sort())
  expect(namesOf('exercise')).toEqual(wired.map((name) => `${name}-exercise`))
})

test.each(namesOf('machine'))('%s has a bootloader where its board takes updates', (name) => {
  const { board, release, sizes } = manifestOf(name)
  expect(release !== undefined).toBe(hasSlots(loadBoard(board)))
  if (release === undefined) return
  const bin = binOf(name)
  const head = readHead(signedIn(bin.subarray(slotOf(loadBoard(board), 0).at)))
  expect(head).toMatchObject({ version: 0, slot: 0, board, bytes: sizes.flash - headBytes })
  expect(release).toMatchObject({
    version: 0,
    slots: { a: Buffer.from(head.image).toString('hex') },
  })
  expect(release.key).toBeUndefined()
  expect(pinnedIn(loadBoard(board), bin)).toBeUndefined()
})

interface Watched {
  onUart: (byte: number) => void
  onEdge: (pin: number) => void
}
/** Runs an image for a while, with every reading in its middle; gives the resets. */
const boots: Record<string, (bin: Uint8Array, watched: Watched) => number> = {
  'rp2040-pico': (bin, watched) => {
    const pico = new Pico({ bin, analogue: () => 2048, ...watched })
    pico.run(125_000 * 100)
    return pico.resets
  },
  stm32f405: (bin, watched) => {
    const chip = new Stm32({ bin, analogue: () => 2048, ...watched })
    chip.run(168_000 * 100)
    return chip.resets
  },
  microbit: (bin, watched) => {
    const chip = new Nrf51({ bin, analogue: () => 512, ...watched })
    chip.run(16_000 * 1000)
    return chip.resets
  },
}

test.each(namesOf('machine'))('%s boots with everything off', (name) => {
  const { machine, board, digests } = manifestOf(name)
  const { profile, loop, spec } = subjectOf(machine)
  const said: number[] = []
  const edges: number[] = []
  const onUart = (byte: number): void => void said.push(byte)
  const resets = boots[board]?.(binOf(name), { onUart, onEdge: (pin) => void edges.push(pin) })
  expect(hellosIn(said)).toMatchObject([
    { firmware: digests.module, profile: digests.profile, reason: 0, boot: 1 },
  ])
  const { gate, pins } = profile.boards?.[board] ?? { gate: '', pins: {} }
  const power = [gate, ...loop.outputs.map(({ name }) => pins[spec.channels[name] ?? '']?.pin)]
  expect(power.length).toBeGreaterThan(1)
  for (const pin of power) expect(edges).not.toContain(loadBoard(board).pins[pin ?? '']?.number)
  expect(resets).toBe(0)
})

test.each(ofPico('exercise'))('%s computes what the twin computes', async (name) => {
  const subject = subjectOf(manifestOf(name).machine)
  const { wasm } = await wasmOf(subject)
  const drive = { seed: 3, steps: 10_000, ranges: rangesOf(subject.loop) }
  const pico = new Pico({ bin: binOf(name) })
  pico.ask('', 10_000_000)
  const { hash, last } = readRun(pico.ask(runLine(drive), drive.steps * 20_000))
  expect({ hash, last }).toEqual(runTwin(wasm, subject.loop, drive))
})

test.each(ofBoard('exercise', 'stm32f405'))('%s computes what the twin computes', async (name) => {
  const subject = subjectOf(manifestOf(name).machine)
  const { wasm } = await wasmOf(subject)
  const drive = { seed: 3, steps: 10_000, ranges: rangesOf(subject.loop) }
  const ask = talkTo((onUart) => new Stm32({ bin: binOf(name), onUart }))
  ask('')
  const { hash, last } = readRun(ask(runLine(drive), drive.steps * 20_000))
  expect({ hash, last }).toEqual(runTwin(wasm, subject.loop, drive))
})

const boardOf = (name: string): QemuBoard | undefined => {
  const { board } = manifestOf(name)
  return board === 'stm32f405' || board === 'microbit' ? board : undefined
}
const ofQemu = namesOf('exercise').filter((name) => boardOf(name) !== undefined)

test('every test build is run by an emulator', () => {
  const boards = new Set(['rp2040-pico', ...Object.keys(qemuMachines)])
  for (const name of namesOf('exercise')) expect(boards).toContain(manifestOf(name).board)
  expect(ofQemu.length).toBeGreaterThanOrEqual(2)
})

test.runIf(qemuInstalled()).each(ofQemu)(
  '%s, the HEX itself, computes in QEMU what the twin computes',
  async (name) => {
    const subject = subjectOf(manifestOf(name).machine)
    const { wasm } = await wasmOf(subject)
    const drive = { seed: 3, steps: 10_000, ranges: rangesOf(subject.loop) }
    const board = boardOf(name)
    if (board === undefined) throw new Error(name)
    const machine = await Qemu.startHex(board, readFileSync(join(folder, `${name}.hex`)))
    try {
      const { hash, last } = readRun(await machine.ask(runLine(drive)))
      expect({ hash, last }).toEqual(runTwin(wasm, subject.loop, drive))
    } finally {
      await machine.stop()
    }
  },
  120_000,
)
