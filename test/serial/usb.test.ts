// The drill's image as a USB serial port: enumerated by a host, greeted over USB, and by the same
// frames over its UART; the port that a gateway was heard on last is the one that is spoken on.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { Line } from '../../gateway/sources/serial/line.ts'
import { protocol } from '../../gateway/sources/serial/messages.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { Pico } from '../emu/pico.ts'
import { UsbHost } from '../emu/usb-host.ts'

const build = compilerInstalled()
const ms = 125_000

/** A gateway's line whose clock is the board's; counts what reaches its log. */
const lineTo = (pico: Pico, write: (bytes: Uint8Array) => void) => {
  const topics: string[] = []
  const machines = new Map(
    [...loadProfiles().profiles.values()].map((one) => [one.machine, prepareMachine(one)]),
  )
  const line = new Line({
    ...{ unit: undefined, machines, protocol, epoch: 'e', write, note: () => {} },
    clock: {
      nowUs: () => 1_700_000_000_000_000 + Math.round(pico.us),
      monotonicMs: () => pico.us / 1000,
      sleep: () => Promise.resolve(),
    },
    nonce: () => 1 + Math.floor(pico.us),
    claim: () => true,
    dictionaries: new Map(),
    emit: (record, done) => {
      topics.push(record.topic.split('/').at(-1) ?? '')
      done()
    },
  })
  return { line, topics }
}

describe.runIf(build)('over USB', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })

  const start = () => {
    const uart: number[] = []
    const pico = new Pico({
      ...{ bin: image.bin, analogue: () => 2048 },
      onUart: (byte) => uart.push(byte),
    })
    const host = new UsbHost(pico.usb)
    expect(pico.run(100 * ms, () => host.isOpen)).toBe(true)
    return { pico, host, uart }
  }

  test('it is a serial port with the number of its chip', () => {
    const { host } = start()
    const [, about, head, configuration, languages, maker, product, serial, coding] = host.answers
    expect([...(about ?? [])].slice(0, 8)).toEqual([18, 1, 0, 2, 0xef, 2, 1, 64])
    expect([head?.length, configuration?.length, head?.[2]]).toEqual([9, 75, 75])
    const types: number[] = []
    for (let at = 0; at < 75; at += configuration?.[at] ?? 75)
      types.push(configuration?.[at + 1] ?? 0)
    expect(types).toEqual([2, 11, 4, 0x24, 0x24, 0x24, 0x24, 5, 4, 5, 5])
    const text = (bytes?: Uint8Array) => Buffer.from(bytes ?? []).toString('utf16le', 2)
    expect([...(languages ?? [])]).toEqual([4, 3, 9, 4])
    expect([maker, product, serial].map(text)).toEqual([
      ...['Tenfold', 'cordless_drill', 'e6605838832d912a'],
    ])
    expect(coding).toHaveLength(7)
  })

  test('it is greeted, learnt and heard; the UART takes over when it is greeted there', () => {
    const { pico, host, uart } = start()
    const usb = lineTo(pico, (bytes) => host.send(bytes))
    host.onData = (bytes) => usb.line.receive(bytes)
    const hellosBefore = uart.length
    for (let i = 0; i < 600 && usb.topics.length < 12; i += 1) {
      usb.line.tick()
      pico.run(ms)
    }
    // Items come when there is something to tell.
    const live = (topics: readonly string[]): string[] => topics.filter((one) => one !== 'item')
    expect(live(usb.topics).slice(0, 3)).toEqual(['hello', 'report', 'report'])
    expect(usb.line.status()).toMatchObject({ state: 'speaking', damaged: 0, malformed: 0 })
    expect(uart.length).toBe(hellosBefore)
    // Nothing of one port reaches the other's frames.
    for (const byte of [0, 5, 6, 7]) pico.feed(byte)

    const waiting: number[] = []
    const other = lineTo(pico, (bytes) => waiting.push(...bytes))
    host.request([0x21, 0x22, 0, 0, 0])
    const since = uart.length
    let taken = since
    for (let i = 0; i < 5000 && other.topics.length < 5; i += 1) {
      other.line.tick()
      if (waiting.length > 0 && pico.feed(waiting[0] as number)) waiting.shift()
      pico.run(ms)
      other.line.receive(Uint8Array.from(uart.slice(taken)))
      taken = uart.length
    }
    expect(live(other.topics).slice(0, 2)).toEqual(['hello', 'report'])
    expect(pico.resets).toBe(0)
  }, 120_000)
})
