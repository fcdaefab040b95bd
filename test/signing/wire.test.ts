// Key, challenge and update over the serial protocol, with the drill's whole image in a slot of an
// emulated Pico: the key is made once and never leaves, a signature does not move a single step,
// and a new image arrives, is tried and stays. The gate is low all the while.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildRelease, type Release } from '../../firmware/release.ts'
import { headBytes } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { sendUpdate, updateKinds } from '../../firmware/update.ts'
import { concatBytes, utf8 } from '../../gateway/attestation/bytes.ts'
import { verifyEd25519 } from '../../gateway/attestation/ed25519.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { board, newFlash, release } from './slots.ts'
import { linkOf, ms, nothing, type PicoWire, picoWire } from './wire.ts'

const stepCycles = 12_500
const [done, stale, failed] = [0, 3, 7]

describe.runIf(compilerInstalled())('the drill in slot A', () => {
  let made: Release
  let flash: ReturnType<typeof newFlash>
  let wire: PicoWire
  const { profile, machines, loopsFolder } = drill()
  const releaseOf = (version: number): Promise<Release> =>
    buildRelease({
      ...{ profile, loopsFolder, board, version, loops: machines.loops },
      ...{ profileDigest: profileDigest(profile), path: process.env['PATH'] },
      ...{ publicKey: release.publicKey, sign: (message) => release.sign(message) },
    })
  beforeAll(async () => {
    made = await releaseOf(1)
    flash = newFlash(fromUf2(made.files.get('uf2') ?? nothing).image)
    wire = picoWire(flash)
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
    wire = picoWire(flash)
    const hello = wire.meet()
    expect(hello).toMatchObject({ key, custody: 2, boot: 2 })
  })

  test('signs a challenge while every step begins when it must', () => {
    const key = wire.meet()?.key ?? nothing
    const starts: number[] = []
    const { chip: pico } = wire
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
    wire.chip.run(400 * ms, () => wire.chip.resets === 1)
    expect(wire.chip.resets).toBe(1)
    wire.chip.run(300 * ms)
    wire.meet()
    const confirm = wire.tell('update', updateKinds.confirm, 0, nothing)
    const state = wire.await('update', (one) => one.number === confirm)
    expect(state).toMatchObject({ result: 0, slot: 1, trial: 0 })
    wire = picoWire(flash)
    expect(wire.meet()?.boot).toBeGreaterThan(3)
    expect(next.b.length).toBeGreaterThan(headBytes)
  }, 300_000)

  test('makes no key where the noise stands still', () => {
    const still = picoWire(newFlash(fromUf2(made.files.get('uf2') ?? nothing).image), {
      noise: false,
    })
    expect(still.meet()?.key).toBeUndefined()
    expect(still.code('makeKey', host)).toBe(failed)
    expect(still.meet()?.key).toBeUndefined()
  })
})
