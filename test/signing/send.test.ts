// The gateway's sender and the board's receiver together, over a line that loses and doubles: the
// right image arrives, or the board's own reason does.
import { beforeAll, describe, expect, test } from 'vitest'
import { confirmUpdate, sendUpdate, type UpdateLink } from '../../firmware/update.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { bootloader, flashed, newFlash, signed, slotImage, stranger, Unit } from './slots.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A line to the unit's test build; `fate` says what becomes of each message. */
const lineTo = (unit: Unit, fate: () => 'lost' | 'unheard' | 'twice' | 'well'): UpdateLink => ({
  ask: (message) => {
    const what = fate()
    if (what === 'lost') return Promise.resolve(undefined)
    const line = {
      begin: () => `B ${message.kind === 'begin' ? hex(message.head) : ''}\n`,
      chunk: () =>
        message.kind === 'chunk'
          ? `C ${message.offset.toString(16).padStart(8, '0')} ${hex(message.data)}\n`
          : '',
      finish: () => 'F\n',
      confirm: () => 'Y\n',
    }[message.kind as 'begin' | 'chunk' | 'finish' | 'confirm']()
    if (what === 'twice') unit.ask(line)
    const answer = unit.ask(line).charCodeAt(0) - 97
    return Promise.resolve(what === 'unheard' ? undefined : { result: answer, next: 0 })
  },
  pause: () => Promise.resolve(),
})

describe.runIf(compilerInstalled())('an update from the gateway', () => {
  let images: { a: Uint8Array; b: Uint8Array }
  let unit: Unit
  beforeAll(() => {
    const [a, b] = [slotImage(0), slotImage(1)]
    images = { a: signed(a, { slot: 0, version: 3 }), b: signed(b, { slot: 1, version: 3 }) }
    unit = new Unit(newFlash(flashed(bootloader(), signed(a, { slot: 0, version: 2 }))))
  })

  test('arrives over a line that loses messages and answers, and sends some twice', async () => {
    let count = 0
    const fates = ['well', 'unheard', 'well', 'twice', 'lost'] as const
    // The signature is checked at each beginning: that one message goes well, to save time.
    const link = lineTo(unit, () => fates[count++ % fates.length] ?? 'well')
    const sent: number[] = []
    await sendUpdate({ images, running: 0, link, progress: (bytes) => sent.push(bytes) })
    expect(sent.at(-1)).toBe(images.b.length - 256)
    expect(unit.restart()).toBe('slot b version 3 trial')
    await confirmUpdate(link)
    expect(unit.restart()).toBe('slot b version 3')
  })

  test("gives the board's own reason, and what to do", async () => {
    const link = lineTo(unit, () => 'well')
    const a = signed(slotImage(0), { slot: 0, version: 4, signer: stranger })
    await expect(sendUpdate({ images: { ...images, a }, running: 1, link })).rejects.toMatchObject({
      code: 'update_signature',
      remedy: 'Sign with that key.',
    })
    const mixed = { a: images.b, b: images.a }
    await expect(sendUpdate({ images: mixed, running: 1, link })).rejects.toMatchObject({
      code: 'update_slot',
    })
  })

  test('waits while the machine is at work, and gives up after its patience', async () => {
    unit.ask('A 1\n')
    let pauses = 0
    const link = { ...lineTo(unit, () => 'well'), pause: async () => void pauses++ }
    const waiting = sendUpdate({ images, running: 1, link, patience: 3 })
    await expect(waiting).rejects.toMatchObject({ code: 'update_armed' })
    expect(pauses).toBe(4)
    const dead = { ask: async () => undefined, pause: async () => undefined }
    const silent = sendUpdate({ images, running: 1, link: dead, patience: 3 })
    await expect(silent).rejects.toMatchObject({ code: 'update_silent' })
  })
})
