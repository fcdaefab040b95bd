// The self-test's injection in the drill's stock image on an emulated Pico: faults are put in the
// place of raw samples while the machine rests. The real kernel must trip within the stated times;
// no pin may move; afterwards nothing is latched and the drill works.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeName, levelTurns } from '../../firmware/kernel-constants.ts'
import { atRest, type Bench, cyclesPerUs, ms, pin, put } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { atWork, loop, safety, stepMs } from './bench.ts'
import { faultsOf } from './faults.ts'

const build = compilerInstalled()
const request = { begin: 1, end: 2, read: 3, still: 4, ask: 5, apply: 6 } as const
const powerPins = [pin.gate, pin.duty, pin.brake]
const faults = faultsOf(safety).filter(({ withinMs }) => withinMs < 1500)

describe.runIf(build)('the injection of a self-test', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })
  const at = (name: string): number => image.symbols.get(name) ?? 0
  const word = ({ pico }: Bench, name: string, index = 0): number => pico.read(at(name) + 4 * index)
  const send = ({ pico }: Bench, kind: keyof typeof request, to = [0, 0]): void => {
    const [index = 0, value = 0] = to
    pico.write(at('selftest_mail') + 4, index)
    pico.write(at('selftest_mail') + 8, value)
    pico.write(at('selftest_mail'), request[kind])
    const taken = pico.run(5 * ms, () => pico.read(at('selftest_mail')) === 0)
    expect(taken).toBe(true)
  }
  const give = (bench: Bench, readings: Readonly<Record<string, number>>, still: string[]): void =>
    loop.inputs.forEach(({ name, scale }, i) => {
      const value = readings[name]
      if (value === undefined) return
      const kind = still.includes(name) ? 'still' : 'read'
      send(bench, kind, [i, Math.round(value / scale)])
    })
  const ask = (bench: Bench, asks: Readonly<Record<string, number>>): void =>
    loop.outputs.forEach(({ name, scale }, i) => {
      send(bench, 'ask', [i, Math.round((asks[name] ?? 0) / scale)])
    })
  const rested = (flash?: W25q): Bench => {
    const bench = put(image, atRest(), flash)
    bench.pico.run(60 * ms)
    expect(word(bench, 'told')).toBe(1)
    return bench
  }

  test('each fault trips within its time, no pin moves, nothing stays', () => {
    const flash = new W25q({ times: quickTimes })
    const bench = rested(flash)
    const { pico } = bench
    send(bench, 'begin')
    expect([word(bench, 'selftest', 0), word(bench, 'selftest', 1)]).toEqual([1, 0])
    for (const fault of faults) {
      give(bench, { ...atWork, ...fault.before, trigger: 0, motor_current: 0 }, [])
      ask(bench, {})
      send(bench, 'apply')
      pico.run(40 * ms)
      expect([fault.what, word(bench, 'told')]).toEqual([fault.what, 1])
      give(bench, { ...atWork, ...fault.before }, [])
      ask(bench, { duty: 50 })
      send(bench, 'apply')
      pico.run(10 * ms)
      expect([fault.what, word(bench, 'told')]).toEqual([fault.what, 1])
      give(bench, { ...atWork, ...fault.before, ...fault.readings }, [...(fault.frozen ?? [])])
      ask(bench, { ...(fault.asks ?? { duty: 50 }) })
      send(bench, 'apply')
      const ended = pico.run((fault.withinMs + 5) * ms, () => word(bench, 'selftest', 3) === 1)
      expect([fault.what, ended]).toEqual([fault.what, true])
      expect(causeName(word(bench, 'told', 1), safety)).toBe(fault.cause)
      const took = word(bench, 'selftest', 2) * stepMs
      expect(took).toBeLessThanOrEqual(fault.withinMs + levelTurns * stepMs)
      expect(took).toBeGreaterThan(fault.notBeforeMs)
    }
    send(bench, 'end')
    // The loop rested meanwhile: it still waits until its rotor must have stopped.
    pico.run(2100 * ms)
    for (const one of powerPins) expect(bench.edges(one)).toEqual([])
    expect(word(bench, 'told')).toBe(1)
    expect(pico.read(0x40058010)).toBe(0)
    bench.volts.trigger = 2
    bench.volts.current = 1.8
    pico.run(20 * ms)
    expect(pico.level(pin.gate)).toBe(true)
    expect(word(rested(flash), 'told', 1)).toBe(0)
  })

  test('is refused while the hand pulls, or a trip is latched; ends with the hand on: still off', () => {
    const bench = rested()
    const { pico } = bench
    send(bench, 'read', [0, 5])
    expect(word(bench, 'selftest', 1)).toBe(1)
    send(bench, 'begin')
    bench.volts.trigger = 2
    pico.run(20 * ms)
    send(bench, 'end')
    pico.run(2500 * ms)
    for (const one of powerPins) expect(bench.edges(one)).toEqual([])
    send(bench, 'begin')
    expect([word(bench, 'selftest', 0), word(bench, 'selftest', 1)]).toEqual([0, 1])
    bench.volts.trigger = 0.3
    pico.run(60 * ms)
    bench.volts.trigger = 2
    pico.run(10 * ms)
    expect(pico.level(pin.gate)).toBe(true)
    bench.volts.current = 3.29
    pico.run(5 * ms)
    expect(word(bench, 'told')).toBe(2)
    bench.volts.trigger = 0.3
    pico.run(20 * cyclesPerUs)
    send(bench, 'begin')
    expect([word(bench, 'selftest', 0), word(bench, 'selftest', 1)]).toEqual([0, 1])
  })
})
