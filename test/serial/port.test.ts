// Real ports: pseudo-terminals that vanish, come back and babble, and the boards that QEMU runs, on
// the pseudo-terminal that QEMU makes.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Source } from '../../gateway/core/source.ts'
import { create } from '../../gateway/sources/serial/index.ts'
import { readSerialHealth, type SerialHealth } from '../../gateway/sources/serial/status.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { type QemuBoard, qemuInstalled, qemuMachines } from '../emu/qemu.ts'
import { FakeBoard } from './board.ts'
import { sleep, socatInstalled, Wire } from './wire.ts'

const profiles = [...loadProfiles().profiles.values()]
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Stand {
  topics: string[]
  notes: string[]
  folder: string
  source: Source
  /** As doctor sees it. */
  health: () => SerialHealth['ports'][number] | undefined
}

const sourceOn = async (path: string, unit?: string): Promise<Stand> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-port-'))
  const notes: string[] = []
  const topics: string[] = []
  const ports = [{ path, ...(unit !== undefined && { unit }) }]
  const source = create(
    { ports },
    {
      ...{ profiles, clock: systemClock(), random: (n: number) => randomBytes(n), folder },
      ...{ secret: () => '', note: (line: string) => void notes.push(line) },
    },
  )
  await source.start((record, done) => {
    topics.push(record.topic.split('/').at(-1) ?? '')
    setImmediate(done)
  })
  stops.push(async () => {
    await source.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { topics, notes, folder, source, health: () => readSerialHealth(folder)?.ports[0] }
}
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await sleep(20)
}

describe.runIf(socatInstalled())('a port', () => {
  const wired = async (): Promise<{ wire: Wire; board: FakeBoard }> => {
    const profile = profiles.find(({ machine }) => machine === 'cordless_drill')
    if (profile === undefined) throw new Error('no drill')
    const wire = new Wire()
    await wire.start()
    stops.push(() => wire.stop())
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
    return { wire, board }
  }

  test('that is not there, vanishes and comes back is opened again by itself', async () => {
    const { wire, board } = await wired()
    await wire.unplug()
    const { topics, notes, health } = await sourceOn(wire.path)
    await until(() => health()?.trouble !== undefined)
    expect(health()).toMatchObject({
      isOpen: false,
      trouble: expect.stringMatching(/no serial port.*\(port_absent\)/),
    })
    for (let times = 1; times <= 2; times += 1) {
      await wire.plug()
      await until(() => board.count('accept') >= times)
      board.report()
      await until(() => topics.filter((topic) => topic === 'report').length === times)
      await wire.unplug()
      await until(() => notes.length >= 2 * times)
    }
  }, 60_000)

  test('that babbles is held back, and neither memory nor time goes to it', async () => {
    const { wire, board } = await wired()
    const { health } = await sourceOn(wire.path)
    await until(() => board.count('accept') === 1)
    const clock = systemClock()
    const begun = clock.monotonicMs()
    let turns = 0
    for (let i = 0; i < 40; i += 1) {
      wire.send(randomBytes(64 * 1024))
      await sleep(20)
      turns += 1
    }
    await until(() => (health()?.heldBack ?? 0) > 0)
    const { bytes = 0 } = health() ?? {}
    const seconds = (clock.monotonicMs() - begun) / 1000
    expect(turns).toBe(40)
    // What is read at once when it is stopped comes on top: at most 64 KiB a second.
    expect(bytes).toBeLessThan((Math.ceil(seconds) + 1) * (128 + 64) * 1024)
  }, 60_000)
})

describe.runIf(compilerInstalled() && qemuInstalled())('boards in QEMU', () => {
  test.each(['microbit', 'stm32f405'] as const)(
    '%s reports on its pseudo-terminal',
    async (name) => {
      const path = await boot(name)
      const { topics, health } = await sourceOn(path, 'rig-1')
      await until(() => topics.filter((topic) => topic === 'report').length > 20)
      expect(topics[0]).toBe('hello')
      await until(() => (health()?.line?.reports ?? 0) > 20)
      expect(health()?.line).toMatchObject({ state: 'speaking', unit: 'rig-1', board: name })
      expect(health()?.line).toMatchObject({ damaged: 0, malformed: 0, boardLost: 0 })
    },
    240_000,
  )
})

/** Starts the rig's image; gives the path of the pseudo-terminal. */
const boot = async (name: QemuBoard): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-rig-'))
  const { elf } = await imageOf(drill(), name, 'rig')
  const file = join(folder, 'image.elf')
  writeFileSync(file, elf)
  const args = ['-M', qemuMachines[name].machine, '-display', 'none', '-monitor', 'none']
  const child = spawn('qemu-system-arm', [...args, '-serial', 'pty', '-kernel', file])
  stops.push(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString()
    })
  }
  const where = (): string | undefined => /redirected to (\S+)/.exec(text)?.[1]
  await until(() => where() !== undefined)
  return where() ?? ''
}
