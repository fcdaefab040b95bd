// Key, challenge and update over the serial protocol, with the drill's whole image in a slot of an
// emulated Pico: the key is made once and never leaves, a signature does not move a single step,
// and a new image arrives, is tried and stays. The gate is low all the while.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildRelease, type Release } from '../../firmware/release.ts'
import { headBytes } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import {
  sendUpdate,
  type UpdateLink,
  type UpdateMessage,
  updateBody,
  updateKinds,
} from '../../firmware/update.ts'
import { concatBytes, utf8 } from '../../gateway/attestation/bytes.ts'
import { verifyEd25519 } from '../../gateway/attestation/ed25519.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import type { ToBoard } from '../../gateway/sources/serial/messages.ts'
import { type BoardMessage, encodeMessage } from '../../gateway/sources/serial/messages.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { messagesIn } from '../emu/hello.ts'
import { Pico } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import { board, newFlash, release } from './slots.ts'

const ms = 125_000
const stepCycles = 12_500
/** Four times as fast as the line at 115200, to save time. */
const byteCycles = 2700
const [done, stale, failed] = [0, 3, 7]
type Fields = Parameters<typeof encodeMessage>[1]

/** A gateway's end of the UART. */
class Wire {
  readonly pico: Pico
  readonly rose = new Set<number>()
  #said: number[] = []
  #number = 0
  #greeted = 0

  constructor(flash: ReturnType<typeof newFlash>, noise = true) {
    this.pico = new Pico({
      bin: flash.cells.slice(0, 256),
      flash,
      ...(noise && { noise: noiseOf(11) }),
      analogue: () => 2048,
      onUart: (byte) => {
        this.#said.push(byte)
      },
      onEdge: (pin, high) => high && this.rose.add(pin),
    })
  }

  send(kind: ToBoard, fields: Fields): void {
    const bytes = encodeFrame(encodeMessage(kind, fields, 1))
    let [at, next] = [0, 0]
    this.pico.run(200 * ms, () => {
      if (this.pico.cycles < next || !this.pico.feed(bytes[at] ?? 0)) return false
      at += 1
      next = this.pico.cycles + byteCycles
      return at === bytes.length
    })
  }

  /** Runs until a message is there that fits. */
  await<T extends BoardMessage['is']>(is: T, fits = (_: BoardMessage & { is: T }) => true) {
    type Wanted = BoardMessage & { is: T }
    let [seen, found] = [0, undefined as Wanted | undefined]
    this.pico.run(1500 * ms, () => {
      if (this.#said.length === seen || this.#said.at(-1) !== 0) return false
      seen = this.#said.length
      found = messagesIn(this.#said).find((one): one is Wanted => {
        return one.is === is && fits(one as Wanted)
      })
      return found !== undefined
    })
    return found
  }

  /** Forgets what was said, greets and accepts; the hello. */
  meet() {
    this.#said = []
    this.#greeted += 1
    this.send('greet', [this.#greeted])
    const hello = this.await('hello', ({ greeting }) => greeting === this.#greeted)
    this.send('accept', [this.#greeted])
    return hello
  }

  /** Greets again, as a gateway does every second, and sends; a command's number. */
  tell(kind: ToBoard, ...fields: Fields): number {
    this.#said = []
    this.send('greet', [this.#greeted])
    this.#number += 1
    this.send(kind, [this.#number, ...fields])
    return this.#number
  }

  code(kind: ToBoard, ...fields: Fields): number | undefined {
    const number = this.tell(kind, ...fields)
    return this.await('result', (one) => one.number === number)?.code
  }
}

const nothing = new Uint8Array()

const linkOf = (wire: Wire): UpdateLink => ({
  ask: (message: UpdateMessage) => {
    const number = wire.tell('update', updateKinds[message.kind], ...updateBody(message))
    return Promise.resolve(wire.await('update', (one) => one.number === number))
  },
  pause: () => {
    wire.pico.run(100 * ms)
    return Promise.resolve()
  },
})

describe.runIf(compilerInstalled())('the drill in slot A', () => {
  let made: Release
  let flash: ReturnType<typeof newFlash>
  let wire: Wire
  const { profile, machines, loopsFolder } = drill()
  const releaseOf = (version: number): Promise<Release> =>
    buildRelease({
      ...{ profile, loopsFolder, board, version, loops: machines.loops },
      ...{ profileDigest: profileDigest(profile), path: process.env['PATH'] },
      ...{ publicKey: release.publicKey, sign: (message) => release.sign(message) },
    })
  beforeAll(async () => {
    made = await releaseOf(1)
    flash = newFlash(fromUf2(made.uf2).image)
    wire = new Wire(flash)
  }, 120_000)
  afterAll(() => {
    for (const pin of [2, 3, 5]) expect(wire.rose.has(pin), `GP${pin}`).toBe(false)
  })
  const host = Uint8Array.from({ length: 32 }, (_, i) => i * 3)
  const nonce = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)

  test('makes its key once, of good noise and enough from the host, and keeps it', () => {
    expect(wire.meet()?.key).toBeUndefined()
    expect(wire.code('challenge', nonce)).toBe(failed)
    expect(wire.code('makeKey', host.slice(1))).toBe(failed)
    expect(wire.code('makeKey', host)).toBe(done)
    const key = wire.meet()?.key
    expect(key).toHaveLength(32)
    expect(wire.code('makeKey', host)).toBe(stale)
    wire = new Wire(flash)
    const hello = wire.meet()
    expect(hello).toMatchObject({ key, custody: 2, boot: 2 })
  })

  test('signs a challenge while every step begins when it must', () => {
    const key = wire.meet()?.key ?? nothing
    const starts: number[] = []
    const { pico } = wire
    // The first thing that a step does is to take its alarm.
    pico.onWrite((address) => address === 0x40054034 && starts.push(pico.cycles))
    const number = wire.tell('challenge', nonce)
    const answer = wire.await('response', (one) => one.number === number)
    const bytes = answer?.bytes ?? nothing
    const purpose = utf8('tenfold challenge 1\0')
    const signed = concatBytes(purpose, nonce, bytes.slice(0, 12))
    expect(verifyEd25519(bytes.slice(12), signed, key)).toBe(true)
    const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? 0))
    expect(gaps.length).toBeGreaterThan(1000)
    for (const gap of gaps) expect(Math.abs(gap - stepCycles)).toBeLessThan(250)
    expect(pico.resets).toBe(0)
  }, 120_000)

  test('takes an update over the wire, tries it, and keeps it', async () => {
    const next = await releaseOf(2)
    wire.meet()
    await sendUpdate({ images: next, running: 0, link: linkOf(wire) })
    const number = wire.tell('update', updateKinds.restart, 0, nothing)
    expect(wire.await('update', (one) => one.number === number)?.result).toBe(0)
    wire.pico.run(400 * ms, () => wire.pico.resets === 1)
    expect(wire.pico.resets).toBe(1)
    wire.pico.run(300 * ms)
    wire.meet()
    const confirm = wire.tell('update', updateKinds.confirm, 0, nothing)
    const state = wire.await('update', (one) => one.number === confirm)
    expect(state).toMatchObject({ result: 0, slot: 1, trial: 0 })
    wire = new Wire(flash)
    expect(wire.meet()?.boot).toBeGreaterThan(3)
    expect(next.b.length).toBeGreaterThan(headBytes)
  }, 300_000)

  test('makes no key where the noise stands still', () => {
    const still = new Wire(newFlash(fromUf2(made.uf2).image), false)
    expect(still.meet()?.key).toBeUndefined()
    expect(still.code('makeKey', host)).toBe(failed)
    expect(still.meet()?.key).toBeUndefined()
  })
})
