// How a board's line fares, as doctor, /metrics, the page and alerts are told: a port that is not
// there, one where nobody answers, one that speaks garbage, a board that is refused, one that is
// heard. On real pseudo-terminals.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LinkHealth } from '../../gateway/core/link.ts'
import { create } from '../../gateway/sources/serial/index.ts'
import { FakeBoard } from './board.ts'
import { profile } from './stand.ts'
import { sleep, socatInstalled, Wire } from './wire.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const wired = async (): Promise<Wire> => {
  const wire = new Wire()
  await wire.start()
  stops.push(() => wire.stop())
  return wire
}

/** Answers what a gateway asks, in turn. */
const answering = (wire: Wire): FakeBoard => {
  const board = new FakeBoard(profile, (bytes) => wire.send(bytes))
  let answered = 0
  wire.onBytes = (bytes) => {
    board.hear(bytes)
    for (; answered < board.heard.length; answered += 1) {
      const { kind, fields } = board.heard[answered] ?? { kind: 'ack', fields: [] }
      if (kind === 'greet') board.sayHello(Number(fields[0]))
      if (kind === 'askSchema') board.saySchema(Number(fields[0]), 200)
    }
  }
  return board
}

const sourceOn = async (path: string) => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-serial-links-'))
  const notes: string[] = []
  const source = create(
    { ports: [{ path }] },
    {
      ...{ profiles: [profile], clock: systemClock(), folder, secret: () => '' },
      ...{ random: (n: number) => randomBytes(n), note: (line: string) => void notes.push(line) },
    },
  )
  await source.start((_, done) => setImmediate(done))
  stops.push(async () => {
    await source.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const link = (): LinkHealth => (source.links?.() ?? [])[0] as LinkHealth
  const said = async (part: string): Promise<LinkHealth> => {
    while (!link().said.includes(part)) await sleep(20)
    return link()
  }
  return { notes, link, said }
}

describe.runIf(socatInstalled())('a line', { timeout: 120_000 }, () => {
  test('that is heard, is unplugged, and is heard again', async () => {
    const wire = await wired()
    const board = answering(wire)
    const { link, said } = await sourceOn(wire.path)
    const heard = await said('is heard, on rp2040-pico')
    expect(heard).toMatchObject({ peer: wire.path, isConnected: true, isTrouble: false })
    board.report()
    while ((link().heardUs ?? 0) < heard.sinceUs) await sleep(20)
    await wire.unplug()
    expect(await said('(port_absent)')).toMatchObject({ isConnected: false, isTrouble: true })
    expect(link().sinceUs).toBeGreaterThan(heard.sinceUs)
    await wire.plug()
    expect(await said('is heard')).toMatchObject({ isConnected: true, isTrouble: false })
  })

  test('board_silent: it is open, and nobody answers; said once', async () => {
    const wire = await wired()
    const { notes, said } = await sourceOn(wire.path)
    const silent = await said('(board_silent)')
    expect(silent).toMatchObject({ isConnected: false, isTrouble: true, heardUs: undefined })
    await sleep(1000)
    expect(notes.filter((line) => line.includes('board_silent'))).toHaveLength(1)
    answering(wire)
    expect(await said('is heard')).toMatchObject({ isConnected: true })
  })

  test('board_garbled: what comes is no word of a board', async () => {
    const wire = await wired()
    const { notes, said } = await sourceOn(wire.path)
    const babble = setInterval(() => wire.send(randomBytes(100)), 50)
    stops.push(() => clearInterval(babble))
    expect(await said('(board_garbled)')).toMatchObject({ isConnected: false, isTrouble: true })
    expect(notes.join()).toContain('Compare the speed of both')
  })

  test('a board of another machine or profile is refused, and counts as away', async () => {
    const wire = await wired()
    const board = answering(wire)
    board.hello = { 3: new Uint8Array(32).fill(9) }
    const { link, said } = await sourceOn(wire.path)
    await said('(profile_mismatch)')
    expect(link()).toMatchObject({ isConnected: false, isTrouble: true })
    expect(link().said).toContain('Flash the board with the present profile')
  })
})
